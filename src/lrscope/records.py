"""The waist of lrscope: what a measurement is called, how it is labelled, and how blocks of it join.

Everything above this module is an `xarray.Dataset`:

block
    what training yields: dimensions ``member`` (the networks of one chunk) and ``step`` (a range of steps), and
    after them the dimensions of the variable itself. Along ``member`` stand the coordinates of the sweep
    (``shape``, ``lr``, ``seed``, ...) beside the member's number in the sweep.
records
    the same for a whole experiment. `on_grid` turns ``member`` into one dimension for each axis of the sweep.

A variable measured at another cadence than the rest has a step dimension of its own, ``step_<cadence>``.
Step ``k`` is the moment after ``k`` updates: loss, gradients, activations and weights of one step belong to the
same parameters. Values measured after a member diverged are NaN.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from lrscope.errors import InputError, must_be, unknown

MEMBER = "member"
STEP = "step"
DIVERGED_AT = "diverged_at"
"""Name of the variable (member, step): first step with a loss or gradient that is not finite; -1 before."""
LOSS = "loss"
VALUES = "values"
STD = "std"
RATE_REASONS = (
    "unchanged",
    "trial step",
    "raised: aligned",
    "lowered: turned",
    "held at its lower bound",
    "held at its upper bound",
    "unchanged: gradient not finite",
    "lowered: too sharp",
    "raised: less sharp",
)
"""What the numbers of the variable ``rate_reason`` mean."""
LAST_LOSSES = 20
"""How many of the last recorded losses are averaged to tell a converged member (Sohl-Dickstein, 2402.06184)."""


Labelled = TypeVar("Labelled", xr.Dataset, xr.DataArray)


@dataclass(frozen=True)
class Variable:
    """The label of one recorded variable.

    Attributes
    ----------
    name : unique in a file, and best legal in C++: ``weights_encoder_0``
    quantity : what is measured: ``weights``, ``biases``, ``weight_gradients``, ``bias_gradients``,
        ``activations``, ``activation_gradients``, ``loss``, ``learning_rate``, ``gradient_norm``, ...
    statistic : ``values``, or what was computed of them: ``mean``, ``std``, ``min``, ``max``, ``active``
    dims : dimensions after (member, step), e.g. ``("neuron_encoder_0", "input_encoder_0")``; a neuron comes first
        in parameters, a sample in full activations
    layer, module : dotted path (``encoder.0``) and the top-level module (``encoder``); empty if of the whole network
    long_name, units : for axis labels
    """

    name: str
    quantity: str
    long_name: str
    units: str = "1"
    statistic: str = VALUES
    dims: tuple[str, ...] = ()
    layer: str = ""
    module: str = ""

    @property
    def attrs(self) -> dict[str, str]:
        """The `attrs` of the variable's DataArray."""
        return {name: value for name, value in vars(self).items() if name not in ("name", "dims")}


def identifier(layer: str) -> str:
    """Return a layer's path as it stands in variable and dimension names: ``encoder.0`` is ``encoder_0``."""
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in layer)


def check_name(what: str, name: str) -> None:
    """Make sure that something can be recorded under a name.

    Parameters
    ----------
    what : has the name, for the error

    Raises
    ------
    InputError : the name is empty, begins with ``/``, or has characters that cannot be printed: readers of ROOT files
        would not find it.
    """
    if not name or name.startswith("/") or not name.isprintable():
        raise must_be(f"the name of {what}", "printable text that does not begin with /", name, "Choose another name.")


def step_dimension(array: xr.DataArray | xr.Dataset | xr.Variable) -> str:
    """Return the name of the step dimension of a recorded variable: ``step``, or ``step_<cadence>``."""
    for dim in array.dims:
        if dim == STEP or str(dim).startswith(f"{STEP}_"):
            return str(dim)
    raise InputError(f"the variable must have a step dimension; got {tuple(map(str, array.dims))}.")


def completed(records: xr.Dataset) -> xr.Dataset:
    """Return records that say everything about themselves: each variable the attributes of a `Variable`, and ``axes``.

    Of what is missing, ``quantity`` and ``long_name`` are the name of the variable, ``axes`` are the coordinates along
    ``member``.

    Raises
    ------
    InputError : an attribute is no text; ``axes`` are no coordinates along ``member``; something of a layer has no
        dimension of its neurons.
    """
    described = records.copy()
    along = [str(name) for name, coord in records.coords.items() if coord.dims == (MEMBER,) and name != MEMBER]
    axes = described.attrs.setdefault("axes", along)
    if not isinstance(axes, list) or not set(map(str, axes)) <= set(along):
        raise must_be('attrs["axes"]', f"a list of coordinates along {MEMBER} ({', '.join(along) or 'none'})", axes)
    for name in described.data_vars:
        array = described.variables[name]  # `data_vars` would look through all coordinates for each of them
        array.attrs = Variable(str(name), str(name), str(name).replace("_", " ")).attrs | array.attrs
        for key in Variable.__dataclass_fields__:
            if key in array.attrs and not isinstance(array.attrs[key], str):
                raise must_be(f"attrs[{key!r}] of {name}", "a text", array.attrs[key])
        if array.attrs["layer"] and not any(str(dim).startswith("neuron_") for dim in array.dims):
            raise must_be(f"{name}, which is of a layer,", "along its neurons, neuron_<layer>", array.dims)
    return described


def new_block(
    values: Mapping[str, np.ndarray],
    variables: Mapping[str, Variable],
    steps: Mapping[str, np.ndarray],
    members: Mapping[str, np.ndarray],
    sweep_attrs: Mapping[str, Mapping[str, str]],
    step_dims: Mapping[str, str],
) -> xr.Dataset:
    """Return a block, labelled.

    Parameters
    ----------
    values : name -> array (member, step, *variable.dims)
    variables : name -> its label
    steps : step dimension -> step numbers
    members : ``member`` and each axis of the sweep -> one entry a member
    sweep_attrs : axis -> attrs (``long_name``, ``units``, ``scale``)
    step_dims : name -> step dimension of that variable
    """
    data = {
        name: ((MEMBER, step_dims[name], *variables[name].dims), array, variables[name].attrs)
        for name, array in values.items()
    }
    coords: dict[str, object] = {MEMBER: (MEMBER, members[MEMBER], {"long_name": "member of the ensemble"})}
    coords |= {axis: (MEMBER, members[axis], dict(attrs)) for axis, attrs in sweep_attrs.items()}
    coords |= {dim: (dim, numbers, {"long_name": "step", "units": "updates"}) for dim, numbers in steps.items()}
    return xr.Dataset(data, coords=coords, attrs={"axes": list(sweep_attrs)})


def concatenate(blocks: Iterable[xr.Dataset]) -> xr.Dataset:
    """Return all blocks as one Dataset (member, step, ...): blocks of the same members join along their steps.

    Members ascend, whatever the order of the blocks of different members.
    Where members have fewer steps or samples than others, `missing` values stand. Each value is copied at most twice;
    once more where samples are filled up.

    Raises
    ------
    InputError : there is no block.
    """
    chunks: dict[tuple[int, ...], list[xr.Dataset]] = {}
    for block in blocks:
        chunks.setdefault(tuple(block[MEMBER].values.tolist()), []).append(block)
    if not chunks:
        raise InputError("there must be at least one block to concatenate; got none.")
    joined = [_join_steps(chunks[members]) for members in sorted(chunks)]
    if len(joined) == 1:
        return joined[0]
    fill = {str(name): missing(array.dtype) for name, array in joined[0].data_vars.items()}
    whole = xr.concat(
        _filled_up(joined, fill),
        MEMBER,
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
        fill_value=fill,
    )
    ascending = bool((np.diff(whole[MEMBER]) > 0).all())
    return whole if ascending else whole.sortby(MEMBER)


def _filled_up(parts: list[xr.Dataset], fill: Mapping[str, Any]) -> list[xr.Dataset]:
    """Return the parts with the largest size of each dimension that has no coordinate, such as samples."""
    sizes: dict[Hashable, int] = {}
    for part in parts:
        sizes |= {dim: max(size, sizes.get(dim, 0)) for dim, size in part.sizes.items() if dim not in part.coords}
    lacking = [{dim: (0, sizes[dim] - size) for dim, size in part.sizes.items() if dim in sizes} for part in parts]
    return [
        part.pad(widths, constant_values=fill) if any(width for _, width in widths.values()) else part
        for part, widths in zip(parts, lacking, strict=True)
    ]


def missing(dtype: np.dtype) -> float:
    """Return what stands where nothing was recorded: NaN, -1, the largest unsigned value, False.

    Examples
    --------
    >>> missing(np.dtype("int64"))
    -1
    """
    if dtype.kind == "f":
        return np.nan
    if dtype.kind == "u":
        return np.iinfo(dtype).max
    return -1 if dtype.kind == "i" else False


def _join_steps(parts: list[xr.Dataset]) -> xr.Dataset:
    pieces = []
    for dim in dict.fromkeys(step_dimension(array) for part in parts for array in part.values()):
        names = [[name for name, array in part.items() if dim in array.dims] for part in parts]
        having = [part[some] for part, some in zip(parts, names, strict=True) if some]
        pieces.append(xr.concat(having, dim, data_vars="minimal", coords="minimal", compat="override", join="exact"))
    return xr.merge(pieces, compat="override", join="outer", combine_attrs="override")


def on_grid(records: Labelled) -> Labelled:
    """Return records, or the result of an analysis, with a dimension for each axis of the sweep instead of ``member``.

    (member, step, ...) becomes (shape, lr, seed, step, ...). Numbers ascend, names keep the order of the sweep. A
    combination that was not trained is NaN. Without axes, ``member`` stays.
    """
    axes = list(records.attrs["axes"])
    if not axes:
        return records
    if len(axes) == 1:
        grid = records.drop_vars(MEMBER).swap_dims({MEMBER: axes[0]}).transpose(*axes, ...)
        return grid if grid[axes[0]].dtype.kind in "OUT" else grid.sortby(axes[0])
    by_axes = records.drop_vars(MEMBER).set_index(member=axes)  # MEMBER; its type wants a keyword
    grid = by_axes.unstack(MEMBER)
    for axis in axes:
        if records[axis].dtype.kind in "OUT":
            grid = grid.sel({axis: list(dict.fromkeys(records[axis].values.tolist()))})
        grid[axis].attrs.update(records[axis].attrs)
    return grid.transpose(*axes, ...)


def of_quantity(records: xr.Dataset, quantity: str) -> list[xr.DataArray]:
    """Return the variables of a quantity, in the order of the layers.

    Raises
    ------
    InputError : no such quantity was recorded; the nearest recorded one is named.
    """
    chosen = [array for array in records.data_vars.values() if array.attrs.get("quantity") == quantity]
    if not chosen:
        raise unknown("quantity", quantity, quantities(records))
    return chosen


def quantities(records: xr.Dataset) -> list[str]:
    """Return the names of the recorded quantities, in order of appearance."""
    named = (array.attrs.get("quantity") for array in records.data_vars.values())
    return list(dict.fromkeys(quantity for quantity in named if quantity))


def outcomes(records: xr.Dataset) -> xr.Dataset:
    """Return how each member ended.

    Returns
    -------
    outcome : (member) ``converged``: finite to the end, and the mean of the last 20 recorded
        losses lies below the first; ``not improved``: finite, but it does not; ``diverged``.
    diverged_at : (member) first step with a loss or gradient that is not finite, -1 if there was none
    """
    dim = step_dimension(records[DIVERGED_AT])
    diverged_at = records[DIVERGED_AT].max(dim)
    loss = records[LOSS]
    loss_dim = step_dimension(loss)
    late = loss.isel({loss_dim: slice(-LAST_LOSSES, None)}).mean(loss_dim)
    improved = late < loss.isel({loss_dim: 0})
    outcome = xr.where(diverged_at >= 0, "diverged", xr.where(improved, "converged", "not improved"))
    axes = {"axes": records.attrs["axes"]} if "axes" in records.attrs else {}
    return xr.Dataset({"outcome": outcome, DIVERGED_AT: diverged_at}, attrs=axes)
