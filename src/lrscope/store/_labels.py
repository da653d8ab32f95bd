"""What a tree of records says about itself: dimensions, types, attributes; as JSON beside the tree.

A tree holds everything with one step dimension, and has an entry for each (member, step).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import numpy as np
import xarray as xr
from pydantic import TypeAdapter

from lrscope.errors import InputError, must_be
from lrscope.records import MEMBER, STEP, check_name, step_dimension

FORMAT = 2
HEADER = "lrscope"
"""Name of the TObjString that holds the format's version and the metadata."""
COMPLETE = "complete"
"""Name of the TObjString that stands in a file which was closed, not killed."""
WARNINGS = "warnings"
"""Name of the TObjString that says what the file lacks, if anything is known to be missing."""
RECORDS = "records"
PART = "+"
"""Between the name of a tree and the number of a further one, with more variables of the same entries."""
LABELS = "labels_"
DIGESTS = "digests_"
"""Trees with the checksums of the blocks."""
SUMMARIES = "summaries"


@dataclass(frozen=True)
class Label:
    """Dimensions, type, size after (member, step), and attributes of one variable or coordinate."""

    dims: list[str]
    dtype: str
    shape: list[int] = field(default_factory=list)
    attrs: dict[str, object] = field(default_factory=dict)
    values: list[object] | None = None
    """Of a coordinate that is the same for all entries; floats as text, so that NaN has a form."""


@dataclass(frozen=True)
class TreeLabels:
    """Everything needed to make a Dataset of the branches of one tree again."""

    step: str
    variables: dict[str, Label]
    columns: dict[str, Label]
    """Coordinates with a branch: one value an entry."""
    constants: dict[str, Label]
    """Coordinates after (member, step): in this JSON only."""
    attrs: dict[str, object]


def stored(dtype: np.dtype) -> np.dtype:
    """Return the type of a branch: that of the variable, but for int8, whose arrays ROOT would read as text."""
    return np.dtype("int16") if dtype == np.dtype("int8") else dtype


def has_branch(label: Label) -> bool:
    """Return whether a variable has elements; ROOT knows no array of length zero."""
    return 0 not in label.shape


def tree_name(step_dim: str) -> str:
    """Return the tree of a step dimension: ``step`` is in ``records``, ``step_at_last`` in ``records_at_last``."""
    return RECORDS + object_name(step_dim.removeprefix(STEP))


def object_name(name: str) -> str:
    """Return a name as it stands in a directory of ROOT, where ``/`` and ``;`` have a meaning: as in a URL.

    Examples
    --------
    >>> object_name("val/loss")
    'val%2Floss'
    """
    return quote(name, safe="")


def by_step_dimension(block: xr.Dataset) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in block.data_vars:
        groups.setdefault(step_dimension(block.variables[name]), []).append(str(name))
    return groups


def labels_of(block: xr.Dataset, step_dim: str, names: list[str]) -> TreeLabels:
    """Return the labels of the variables `names` of a block, all of which have the dimension `step_dim`."""
    if MEMBER not in block.coords or step_dim not in block.coords:
        raise must_be("the block", f"labelled by the coordinates {MEMBER} and {step_dim}", list(map(str, block.coords)))
    # variables are looked at without the coordinates that xarray would collect for each of them
    variables = {name: block.variables[name] for name in names}
    dims = {dim for variable in variables.values() for dim in variable.dims}
    coords = {str(name): block.variables[name] for name in block.coords if set(block.variables[name].dims) <= dims}
    columns = {name for name, coord in coords.items() if coord.dims in ((MEMBER,), (step_dim,))}
    constants = {name for name, coord in coords.items() if not {MEMBER, step_dim} & set(coord.dims)}
    lost = set(coords) - columns - constants
    if lost:
        raise must_be("a coordinate", f"along {MEMBER}, {step_dim} or other dimensions alone", sorted(lost)[0])
    for name in (*variables, *columns):
        check_name("a variable or coordinate", name)
    return TreeLabels(
        step=step_dim,
        variables={name: _label(name, variable) for name, variable in variables.items()},
        columns={name: _label(name, coord) for name, coord in coords.items() if name in columns},
        constants={name: _constant(name, coord) for name, coord in coords.items() if name in constants},
        attrs=_jsonable("the block", block.attrs),
    )


def _label(name: str, array: xr.Variable) -> Label:
    dims = [str(dim) for dim in array.dims if dim != MEMBER and not _is_step(dim)]
    if array.dtype.kind not in "biuU" and array.dtype.name not in ("float32", "float64"):
        remedy = "Convert it before it is recorded."
        raise must_be(name, "bool, integer, float32 or float64", str(array.dtype), remedy)
    along = [str(dim) for dim in array.dims if dim == MEMBER or _is_step(dim)]
    return Label(
        dims=along + dims,
        dtype="str" if array.dtype.kind == "U" else array.dtype.name,
        shape=[array.sizes[dim] for dim in dims],
        attrs=_jsonable(name, array.attrs),
    )


def _constant(name: str, coord: xr.Variable) -> Label:
    label = _label(name, coord)
    values = [str(value) if isinstance(value, float) else value for value in coord.values.ravel().tolist()]
    return replace(label, values=values)


def _is_step(dim: object) -> bool:
    return dim == STEP or str(dim).startswith(f"{STEP}_")


def _jsonable(name: str, attrs: Mapping[object, object]) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(to_json(f"attrs of {name}", attrs))
    return decoded


def to_json(name: str, content: object) -> str:
    """Return `content` as strict JSON (no NaN); numpy's numbers and arrays become plain ones."""
    try:
        return json.dumps(content, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must have a JSON form; got {error}.") from error


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")


TREE_LABELS = TypeAdapter(TreeLabels)
"""Labels to and from JSON."""
