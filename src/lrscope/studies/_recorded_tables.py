"""The tables of the report of any file of records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lrscope.records import DIVERGED_AT, MEMBER, step_dimension
from lrscope.report import Table
from lrscope.studies._cells import number, places
from lrscope.studies._recorded_view import LR, SEED, TIMES, View, has_one_step
from lrscope.studies._recorded_words import with_unit
from lrscope.studies._words import percent, short

MEGA = 1e6


def _table(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> Table:
    frame = pd.DataFrame(list(rows), columns=list(columns))
    return Table(name, title, lambda _results: frame, note=note)


def networks(view: View, arrays: Mapping[str, xr.DataArray], outcome: xr.Dataset | None) -> Table:
    """Return a row a network: its place in the sweep, how it ended, and the last value of every curve."""
    rows = []
    for member in range(view.networks):
        place = {axis: view.records[axis].values[member].item() for axis in (LR, SEED)}
        labels = [values[member] for values in view.labels.values()]
        rows.append((member, *labels, *_ended(outcome, place), *_last(arrays, place)))
    ends = ("outcome", "diverged at step") if outcome is not None else ()
    columns = ("network", *view.labels, *ends, *(f"last {with_unit(name, array)}" for name, array in arrays.items()))
    note = "Last: the last recorded value that is a number."
    return _table("networks", "Every network", columns, rows, note)


def norms(found: xr.DataArray) -> Table:
    """Return the norm of each layer: at the first and the last step, and the middle one of all."""
    columns = ("layer", "lr", "first", "median", "largest", "last")
    rows = []
    for place in places(found, ("layer", LR)):
        curve = found.sel(place).mean(SEED).dropna(step_dimension(found))
        several = (curve[0], curve.median(), curve.max(), curve[-1]) if curve.size else [np.nan] * 4
        rows.append((*place.values(), *map(number, several)))
    return _table("gradient_norms", "Gradient norms by layer", columns, rows, "Mean over the networks of a rate.")


def participation(found: Mapping[str, xr.Dataset]) -> Table:
    """Return the share of inactive neurons: a row a quantity, layer and rate."""
    columns = ("quantity", "layer", "lr", "neurons", "share inactive")
    rows = [
        (
            quantity.replace("_", " "),
            *place.values(),
            _count(part["neurons"].sel(place).max()),
            number(part["share"].sel(place).mean()),
        )
        for quantity, part in found.items()
        for place in places(part["share"], ("layer", LR))
    ]
    return _table("participation", "Inactive neurons by layer", columns, rows, "Mean over the networks of a rate.")


def lives(found: xr.Dataset) -> Table:
    """Return how many neurons were never active, died, came back: a row a layer and rate, all networks together."""
    columns = ("layer", "lr", "neurons", "never active", "ever died", "dead at the end", "deaths", "revivals")
    known = found["dead_share"].notnull()
    numbers = {
        "neurons": known,
        "never active": known & (found["born"] < 0),
        "ever died": known & (found["deaths"] > 0),
        "dead at the end": known & (found["died"] >= 0),
        "deaths": found["deaths"].where(known, 0),
        "revivals": found["revivals"].where(known, 0),
    }
    names = found["layer"].values
    rows = [
        (layer, lr, *(int(array.isel(neuron=names == layer).sel({LR: lr}).sum()) for array in numbers.values()))
        for layer in dict.fromkeys(names.tolist())
        for lr in found[LR].values.tolist()
    ]
    note = "Neurons of all networks of a rate. Dead at the end: at their last recorded step, the never active included."
    return _table("lives", "Lives of the neurons by layer", columns, rows, note)


def quantities(view: View) -> Table:
    """Return what was recorded: a row a quantity, statistic and cadence."""
    columns = ("quantity", "statistic", "layers", "numbers a step", "steps", "first", "last", "every", "MB")
    packed = _packed(view)
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, array in view.records.items():
        if name != DIVERGED_AT:
            group = (array.attrs["quantity"], array.attrs["statistic"], step_dimension(array))
            groups.setdefault(group, []).append(str(name))
    rows = [
        (*group[:2], len(names), sum(_numbers(view, name) for name in names), *_cadence(view, group[2]),
         sum(packed.get(name, 0) for name in names) / MEGA)
        for group, names in groups.items()
    ]  # fmt: skip
    note = "Every: steps from one record to the next, at the median. MB: in the files, compressed."
    return _table("recorded", "What was recorded", columns, rows, note)


def layers(view: View) -> Table:
    """Return a row a layer: its neurons, and which quantities were recorded of it."""
    found: dict[str, dict[str, Any]] = {}
    for array in view.records.values():
        layer = array.attrs.get("layer")
        if layer:
            row = found.setdefault(layer, {"part": array.attrs["part"], "neurons": None, "quantities": {}})
            row["quantities"][array.attrs["quantity"].replace("_", " ")] = None
            sizes = [size for dim, size in array.sizes.items() if str(dim).startswith("neuron_")]
            row["neurons"] = sizes[0] if sizes else row["neurons"]
    rows = [(layer, row["part"], row["neurons"], ", ".join(row["quantities"])) for layer, row in found.items()]
    return _table("layers", "The layers", ("layer", "part", "neurons", "recorded"), rows)


def cost(view: View) -> str:
    """Return in words how large the files are, and what recording has cost if the metadata tell."""
    size = sum(file.size_bytes for file in view.files) / MEGA
    words = [f"{'The file takes' if len(view.files) == 1 else 'The files take'} {size:.1f} MB."]
    words += _seconds(view)
    told = view.metadata.get("cost")
    if isinstance(told, str):
        words.append(told)
    elif isinstance(told, Mapping):
        listed = "; ".join(f"{str(name).replace('_', ' ')}: {_text(value)}" for name, value in told.items())
        words.append(f"What recording has cost: {listed}.")
    if "command" in view.metadata:
        words.append(f"Written by: {view.metadata['command']}")
    return " ".join(words)


def _seconds(view: View) -> list[str]:
    """Say how long recording took, where a recorder has written it down.

    Of a single record it would be the time in which the model was explored, as a share of itself.
    """
    if not set(TIMES) <= set(view.records) or has_one_step(view.records[TIMES[0]]):
        return []
    recording, training = (float(view.records[name].max(step_dimension(view.records[name])).sum()) for name in TIMES)
    share = f", {percent(recording / training)} of the time," if training > 0 else ""
    return [f"Recording took {short(recording)} of {short(training)} s{share} until the last record."]


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _ended(outcome: xr.Dataset | None, place: Mapping[str, Any]) -> tuple[Any, ...]:
    if outcome is None:
        return ()
    step = int(outcome[DIVERGED_AT].sel(place))
    return str(outcome["outcome"].sel(place).item()), step if step >= 0 else None


def _last(arrays: Mapping[str, xr.DataArray], place: Mapping[str, Any]) -> Iterator[float | None]:
    for array in arrays.values():
        finite = array.sel(place).values
        finite = finite[np.isfinite(finite)]
        yield float(finite[-1]) if len(finite) else None


def _packed(view: View) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for file in view.files:
        for tree in file.trees:
            for variable in tree.variables:
                sizes[variable.name] = sizes.get(variable.name, 0) + variable.packed_bytes
    return sizes


def _numbers(view: View, name: str) -> int:
    dims = view.records[name].sizes
    return int(np.prod([size for dim, size in dims.items() if dim != MEMBER and not str(dim).startswith("step")]))


def _cadence(view: View, dim: str) -> tuple[int, int | None, int | None, float | None]:
    steps = view.records[dim].values
    between = float(np.median(np.diff(steps))) if len(steps) > 1 else None
    return len(steps), int(steps[0]), int(steps[-1]), between


def _count(value: xr.DataArray) -> int | None:
    return int(value) if np.isfinite(value) else None
