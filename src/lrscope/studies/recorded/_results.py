"""From any records to results, as far as they were recorded. All axes but the learning rate count as repetitions.

====================  ===============================================================================================
path                  Dataset
====================  ===============================================================================================
curves/<name>         (lr, step) of `lrscope.analysis.over_seeds`, for each quantity that is one number a step
ended                 (lr, seed) outcome, diverged_at, and the mean of the last losses, by which they are judged
gradients             (lr, step, layer) of `lrscope.analysis.over_seeds`: norm of the gradient
gradient_norms        (layer, lr) the same norm: first, median, largest and last of the steps
fluctuation/<name>    (lr, neuron) normalised fluctuation in the first network of each rate
inactive/<name>       (lr, layer) of `lrscope.analysis.over_seeds`: share of inactive neurons
participation         (quantity, layer, lr) neurons, and the share that is inactive
lives                 (layer, lr) numbers of neurons: never active, dead at the end, ...
dead                  (lr, step, layer) of `lrscope.analysis.over_seeds`: share of neurons that are dead or not born
active/<number>       (step, neuron) share of the samples that activate each neuron, for one network a rate
survival              (lr, layer, step) of `lrscope.analysis.survival`
====================  ===============================================================================================

Attributes: ``networks``, ``quantities`` and ``layers``, which are tables; ``labels``, axis -> value of each member;
``repeated``, whether a rate has several networks; ``files``, a `FileIndex` each; ``steps``, the first and the last;
``recording``, seconds of recording and training; ``missing``, a sentence for each part that could not be had. ``every``
of a node says of how many recorded steps one was used.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import xarray as xr

from lrscope import analysis, store
from lrscope.errors import InputError
from lrscope.records import (
    DIVERGED_AT,
    LAST_LOSSES,
    LOSS,
    MEMBER,
    STEP,
    VALUES,
    Labelled,
    of_quantity,
    on_grid,
    outcomes,
    quantities,
    step_dimension,
)
from lrscope.studies._words import percent, rate

LR, SEED = "lr", "seed"
POINTS = 1000
"""Points of a curve at most."""
COLUMNS = 400
"""Columns of an image at most."""
READ_BYTES = 2**28
"""About so much is read of one quantity: of longer records every second, third, ... step."""
FLUCTUATING = ("weights", "biases", "activations", "weight_gradients", "bias_gradients")
"""Quantities whose fluctuation is shown."""
INACTIVE = 0.1
"""A neuron whose normalised fluctuation lies below it is inactive."""
WINDOWS = 50
"""A neuron is dead once it is silent for one in so many recorded steps."""
RATES_SHOWN = 8
"""Learning rates that are drawn, at most; of more some are chosen evenly."""
TIMES = ("recording_seconds", "training_seconds")
"""What a Recorder writes down of its cost."""
ONE_STEP = "one step"
"""Outcome of a network of which one loss was recorded: nothing can be said about how it went on."""
MEGA = 1e6


def analyse(records: Mapping[str, xr.Dataset], options: Any) -> xr.DataTree:
    """Return what the records (member, step, ...) of the files say."""
    (whole,) = records.values()
    axes = [axis for axis in whole.attrs.get("axes", []) if axis in whole.coords]
    labels = {axis: whole[axis].values.tolist() for axis in axes}
    files = [store.summary(Path(file)) for file in options.files]
    source = _regrouped(whole, axes)
    nodes: dict[str, xr.Dataset] = {}
    missing = [f"When it was recorded: {warning}" for warning in whole.attrs.get("warnings", [])]
    for title, part in _PARTS.items():
        try:
            nodes |= part(source)
        except InputError as error:  # not recorded, or not as the analysis needs it: layers at different steps, say
            missing.append(f"{title}: {error}")
    steps = [source[dim].values for dim in source.coords if str(dim).startswith(STEP)]
    results = xr.DataTree.from_dict(nodes)
    results.attrs = {
        "networks": _networks(source, labels),
        "quantities": _quantities(source, files),
        "layers": _layers(source),
        "labels": labels,
        "repeated": source.sizes[MEMBER] > len(np.unique(source[LR])),
        "files": files,
        "steps": (min(values[0] for values in steps), max(values[-1] for values in steps)),
        "recording": _recording(source),
        "missing": missing,
    }
    return results


def curve_names(records: xr.Dataset) -> list[str]:
    """Return the names of what is one number a step for the whole network, the losses first."""
    names = [
        str(name)
        for name, array in records.items()
        if len(array.dims) == 2
        and array.dims[0] == MEMBER
        and str(array.dims[1]).startswith(STEP)
        and array.dtype.kind == "f"
        and name not in (DIVERGED_AT, "rate_reason", *TIMES)
    ]
    return sorted(names, key=lambda name: not name.endswith(LOSS))


def evenly(count: int, most: int) -> np.ndarray:
    """Return places of `most` of `count` things, evenly chosen, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _regrouped(records: xr.Dataset, axes: Sequence[str]) -> xr.Dataset:
    """Return records on the axes ``lr`` and ``seed``, the number of a network among those of the same rate."""
    lrs = xr.Variable(MEMBER, ["not recorded"] * records.sizes[MEMBER], {"long_name": "learning rate"})
    if LR in records.coords and records[LR].dims == (MEMBER,):
        recorded = records[LR].variable
        if recorded.dtype.kind not in "fiu" or bool(np.isfinite(recorded.values).all()):
            lrs = recorded
    numbers = pd.Series(lrs.values).groupby(lrs.values).cumcount().values
    own = [name for name in {*axes, SEED, LR} if name in records.coords]
    result = records.drop_vars(own).assign_coords({LR: lrs, SEED: (MEMBER, numbers, {"long_name": "repetition"})})
    if DIVERGED_AT in result:  # of one step, so that it stays whole when steps are left out
        array = result[DIVERGED_AT]
        last = array.max(step_dimension(array)).expand_dims({"step_end": 1}, 1).assign_attrs(array.attrs)
        result = result.drop_vars(DIVERGED_AT).assign({DIVERGED_AT: last})
    return result.assign_attrs(axes=[LR, SEED])


def _curves(source: xr.Dataset) -> dict[str, xr.Dataset]:
    names = curve_names(source)
    if not names:
        raise InputError("neither the loss nor any other number of the whole network was recorded.")
    nodes = {}
    for name in names:
        array = on_grid(source[[name]].compute())[name]
        if not _has_one_step(array):
            short, every = _thinned(array)
            node = quote(name, safe="")  # of a tree, where / makes another level
            nodes[f"curves/{node}"] = analysis.over_seeds(short, log=_is_log(name, array)).assign_attrs(every=every)
    ended = _ended(source)
    return nodes if ended is None else nodes | {"ended": on_grid(ended)}


def _gradients(source: xr.Dataset) -> dict[str, xr.Dataset]:
    names = [name for name in analysis.GRADIENTS if VALUES in _statistics(source, name)]
    if not names:
        raise InputError("the values of gradients were not recorded (with the probe Gradients).")
    some, every = _read(source, *names)
    norms = on_grid(analysis.layer_norms(some, names))
    dim = step_dimension(norms)
    mean = norms.mean(SEED)
    known = mean.notnull()
    of_steps = {
        "first": mean.isel({dim: known.argmax(dim)}).drop_vars(dim),
        "median": mean.median(dim),
        "largest": mean.max(dim),
        "last": mean.isel({dim: known.cumsum(dim).argmax(dim)}).drop_vars(dim),
    }
    nodes = {"gradient_norms": xr.Dataset(of_steps).drop_attrs()}
    if not _has_one_step(norms):
        short, again = _thinned(norms.assign_attrs(long_name="norm of the gradient"))
        nodes["gradients"] = analysis.over_seeds(short, log=True).assign_attrs(every=every * again, of=names)
    return nodes


def _fluctuations(source: xr.Dataset) -> dict[str, xr.Dataset]:
    nodes, counts, most = {}, {}, 1
    for quantity in FLUCTUATING:
        if {"std", VALUES}.isdisjoint(_statistics(source, quantity)):
            continue
        some, every = _read(source, quantity)
        values = on_grid(analysis.fluctuation(some, quantity))
        if bool(values.notnull().any()):
            most = max(most, every)
            nodes[f"fluctuation/{quantity}"] = values.isel({SEED: 0}).to_dataset(name="fluctuation")
            inactive = analysis.participation(values, INACTIVE, "layer")
            nodes[f"inactive/{quantity}"] = analysis.over_seeds(inactive["share"], bounds=(0, 1))
            counts[quantity.replace("_", " ")] = xr.Dataset(
                {"neurons": inactive["neurons"].max(SEED), "share": inactive["share"].mean(SEED)}
            )
    if not nodes:
        raise InputError("weights, biases, gradients or activations were not recorded at two steps or more.")
    layers = dict.fromkeys(layer for one in counts.values() for layer in one["layer"].values.tolist())
    whole = xr.concat(
        [one.drop_vars("module").reindex(layer=list(layers)) for one in counts.values()],
        pd.Index(list(counts), name="quantity"),
    )
    return nodes | {"participation": whole.assign_attrs(every=most)}


def _lives(source: xr.Dataset) -> dict[str, xr.Dataset]:
    if "activations" not in quantities(source):
        raise InputError("activations were not recorded (with the probe Activations).")
    some, every = _read(source, "activations")
    arrays = of_quantity(some, "activations")
    if all(map(_has_one_step, arrays)):
        raise InputError("activations were recorded at one step; two or more are needed.")
    steps = max(some.sizes[step_dimension(array)] for array in arrays)
    lives = on_grid(analysis.lives(some, window=ceil(steps / WINDOWS)))
    negative = {str(a.attrs["layer"]): bool((a < 0).any()) for a in arrays if a.attrs["statistic"] == "min"}
    silent = (lives["state"] != 1).where(lives["state"].notnull()).assign_attrs(long_name="neurons without life")
    share, _ = _thinned(analysis.share(silent))
    notes = {"every": every, "window": lives.attrs["window"], "negative": negative}
    nodes = {"lives": _counted_lives(lives).assign_attrs(notes), "dead": analysis.over_seeds(share, bounds=(0, 1))}
    if "active" in _statistics(source, "activations"):
        nodes |= _active(some, lives)
    if bool((lives["ever_dead"] > 0).any()):
        nodes["survival"], _ = _thinned(analysis.survival(lives, "layer"), COLUMNS)
    return nodes


_PARTS: Mapping[str, Callable[[xr.Dataset], dict[str, xr.Dataset]]] = {
    "Training": _curves,
    "Gradients by layer": _gradients,
    "Fluctuations": _fluctuations,
    "Life of the neurons": _lives,
}
"""What is looked for; each function returns its nodes, or raises an InputError that says why there are none."""


def _counted_lives(lives: xr.Dataset) -> xr.Dataset:
    """Return numbers of neurons (layer, lr), those of all networks of a rate together."""
    known = lives["dead_share"].notnull()
    flags = {
        "neurons": known,
        "never active": known & (lives["born"] < 0),
        "ever died": known & (lives["deaths"] > 0),
        "dead at the end": known & (lives["died"] >= 0),
        "deaths": lives["deaths"].where(known, 0),
        "revivals": lives["revivals"].where(known, 0),
    }
    counts = xr.Dataset(flags).drop_attrs().sum(SEED).groupby("layer").sum("neuron")
    return counts.sel(layer=list(dict.fromkeys(lives["layer"].values.tolist()))).transpose("layer", LR)


def _active(some: xr.Dataset, lives: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return the active shares (step, neuron) of the first network of some rates, each with its title."""
    member = np.flatnonzero((some[SEED] == 0).values)
    shares = on_grid(analysis.by_neuron(some.isel(member=member), "activations", "active")).isel({SEED: 0})
    nodes = {}
    for place in evenly(shares.sizes[LR], RATES_SHOWN):
        short, _ = _thinned(analysis.arranged(shares.isel({LR: place})), COLUMNS)
        one = lives.isel({LR: place, SEED: 0})
        known = one["dead_share"].notnull()
        dead = float(((one["died"] >= 0) & known).sum() / known.sum()) if bool(known.any()) else np.nan
        title = f"lr {rate(one[LR].item())}: {percent(dead)} dead"
        nodes[f"active/{place}"] = short.to_dataset(name="share").assign_attrs(title=title)
    return nodes


def _ended(source: xr.Dataset) -> xr.Dataset | None:
    """Return how each network ended (member); None where loss or divergence were not recorded."""
    if not {LOSS, DIVERGED_AT} <= set(source):
        return None
    ended = outcomes(source[[LOSS, DIVERGED_AT]].compute())
    dim = step_dimension(source[LOSS])
    ended["late_loss"] = source[LOSS].isel({dim: slice(-LAST_LOSSES, None)}).mean(dim)
    if _has_one_step(source[LOSS]):
        ended["outcome"] = xr.where(ended["outcome"] == "diverged", "diverged", ONE_STEP)
    return ended


def _networks(source: xr.Dataset, labels: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return a row a network: its place in the sweep, how it ended, and the last number of every curve."""
    columns: dict[str, Any] = {"network": range(source.sizes[MEMBER]), **labels}
    ended = _ended(source)
    if ended is not None:
        columns["outcome"] = ended["outcome"].values
        columns["diverged at step"] = ended[DIVERGED_AT].where(ended[DIVERGED_AT] >= 0).values
    for name in curve_names(source):
        array = source[name].compute()
        dim = step_dimension(array)
        finite = array.notnull() & (abs(array) < np.inf)
        last = array.isel({dim: finite.cumsum(dim).argmax(dim)}).where(finite.any(dim))
        columns[f"last {_with_unit(name, array)}"] = last.values
    return pd.DataFrame(columns)


def _quantities(source: xr.Dataset, files: Iterable[store.FileIndex]) -> pd.DataFrame:
    """Return a row for each quantity, statistic and cadence that was recorded."""
    trees = [tree for file in files for tree in file.trees.values()]
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, array in source.items():
        if name != DIVERGED_AT:
            group = (array.attrs["quantity"], array.attrs["statistic"], step_dimension(array))
            groups.setdefault(group, []).append(str(name))
    rows = []
    for (quantity, statistic, dim), names in groups.items():
        steps = source[dim].values
        numbers = sum(source[name].isel({MEMBER: 0, dim: 0}).size for name in names)
        between = float(np.median(np.diff(steps))) if len(steps) > 1 else None
        size = sum(tree.packed_bytes(name) for tree in trees for name in names) / MEGA
        rows.append((quantity, statistic, len(names), numbers, len(steps), steps[0], steps[-1], between, size))
    columns = ("quantity", "statistic", "layers", "numbers a step", "steps", "first", "last", "every", "MB")
    return pd.DataFrame(rows, columns=columns)


def _layers(source: xr.Dataset) -> pd.DataFrame:
    """Return a row a layer: its neurons, and which quantities were recorded of it."""
    rows: dict[str, dict[str, Any]] = {}
    for array in source.values():
        layer = array.attrs.get("layer")
        if layer:
            row = rows.setdefault(
                layer, {"layer": layer, "module": array.attrs["module"], "neurons": None, "recorded": {}}
            )
            row["recorded"][array.attrs["quantity"].replace("_", " ")] = None
            sizes = [size for dim, size in array.sizes.items() if str(dim).startswith("neuron_")]
            row["neurons"] = sizes[0] if sizes else row["neurons"]
    listed = [{**rows[layer], "recorded": ", ".join(rows[layer]["recorded"])} for layer in _in_order(rows)]
    return pd.DataFrame(listed, columns=["layer", "module", "neurons", "recorded"])


def _in_order(layers: Iterable[str]) -> list[str]:
    """Return layers as they were recorded, those that are only numbered in their module by their numbers.

    Examples
    --------
    >>> _in_order(["encoder.0", "encoder.10", "head", "encoder.2"])
    ['encoder.0', 'encoder.2', 'encoder.10', 'head']
    """
    named = [layer.rpartition(".") for layer in layers]
    modules = list(dict.fromkeys(module for module, _, _ in named))
    place = {parts: (modules.index(parts[0]), int(parts[2]) if parts[2].isdecimal() else 0) for parts in named}
    return ["".join(parts) for parts in sorted(named, key=place.__getitem__)]


def _recording(source: xr.Dataset) -> tuple[float, float] | None:
    """Return the seconds that recording and training took, all networks together; None where that is not known."""
    if not set(TIMES) <= set(source) or _has_one_step(source[TIMES[0]]):  # one record: the time to explore the model
        return None
    recording, training = (float(source[name].max(step_dimension(source[name])).sum()) for name in TIMES)
    return recording, training


def _read(source: xr.Dataset, *wanted: str) -> tuple[xr.Dataset, int]:
    """Return the variables of some quantities, and of how many recorded steps one was kept."""
    names = [str(name) for name, array in source.items() if array.attrs.get("quantity") in wanted]
    every = ceil(max(source[names].nbytes, 1) / READ_BYTES)
    steps = {step_dimension(source[name]) for name in names}
    kept = [*names, *({DIVERGED_AT} & set(source))]
    return source[kept].isel({dim: slice(None, None, every) for dim in steps}), every


def _statistics(source: xr.Dataset, quantity: str) -> set[str]:
    return {str(a.attrs["statistic"]) for a in source.values() if a.attrs.get("quantity") == quantity}


def _thinned(array: Labelled, points: int = POINTS) -> tuple[Labelled, int]:
    """Return every n-th step, so that no more than `points` are left, and n."""
    dim = step_dimension(array)
    every = max(1, ceil(array.sizes[dim] / points))
    return array.isel({dim: slice(None, None, every)}), every


def _has_one_step(array: xr.DataArray) -> bool:
    return bool(array.sizes[step_dimension(array)] < 2)


def _is_log(name: str, array: xr.DataArray) -> bool:
    """Tell whether a quantity has a logarithmic axis, and geometric means: it spans a factor of 10, and is no share."""
    finite = array.where(np.isfinite(array))
    spans = bool(finite.min() > 0) and bool(finite.max() > 10 * finite.min())
    return spans and not name.endswith("accuracy") and array.attrs.get("units") != "degrees"


def _with_unit(name: str, array: xr.DataArray) -> str:
    units, words = str(array.attrs.get("units", "1")), name.replace("val_", "validation ").replace("_", " ")
    return words if units in ("1", "") else f"{words} [{units}]"
