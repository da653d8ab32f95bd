"""Records as TensorBoard's event files: a run for each member, its scalars at every step, histograms of its layers.

Event files hold one record after the other, so nothing but what is being written is in memory. They are written under
a name that TensorBoard does not look at, and get theirs when they are whole.
"""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from lrscope.errors import StoreError, must_be
from lrscope.records import MEMBER, VALUES, step_dimension
from lrscope.store import open_records, record_files

_NAME = "events.out.tfevents.0000000000.lrscope"
"""Always the same, so that an export replaces the one before."""
_PART = "unfinished.lrscope"
_VERSION = "brain.Event:2"
_SLAB_BYTES = 2**26
_BINS = 30


def export_tensorboard(
    *records: str | Path | Iterable[str | Path], out: str | Path | None = None, histograms: int = 50
) -> Path:
    """Write the records of trainings as TensorBoard's event files, and return their folder.

    Each member has a folder of its own, named by its place in the sweep: ``lr=0.001,seed=3``; members whose names
    differ only in characters that a folder cannot have, or not at all, are numbered (``run=a_b``, ``run=a_b,2``). In it
    are

    - the scalars of each recorded step, as float32, with the name of the variable as tag; NaN stays NaN;
    - histograms of the variables of layers, over all their elements, with tags such as ``weights/encoder.0``; what is
      not finite does not count, and a step without a finite value has none;
    - the values of the axes, as hyperparameters.

    Their time is that of the records, the same for all of a member. An export replaces the one before in that folder.

    Parameters
    ----------
    records : each the folder of a run, a file of records, or several files that continue each other
    out : folder for the event files; ``tensorboard`` beside the first records by default
    histograms : steps that have histograms, at most, spread evenly from the first to the last

    Raises
    ------
    InputError : no records, or a negative number of histograms.
    StoreError : the event files cannot be written.
    """
    if histograms < 0:
        raise must_be("histograms", "0 or a positive integer", histograms)
    files = [record_files(paths) for paths in records or ((),)]
    folder = Path(out) if out is not None else files[0][0].parent / "tensorboard"
    parts = [(open_records(some), some[-1].stat().st_mtime) for some in files]
    names = _folder_names(_axes(opened, member) for opened, _ in parts for member in range(opened.sizes[MEMBER]))
    unfinished = [folder / name / _PART for name in names]
    try:
        first = 0
        for opened, time in parts:
            own = unfinished[first : first + opened.sizes[MEMBER]]
            _write(opened, own, time, histograms)
            first += len(own)
        _remove_earlier(folder, set(names))
        for path in unfinished:
            path.replace(path.with_name(_NAME))
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror}). Give another folder with --out.") from error
    finally:
        for path in unfinished:
            if path.exists():
                path.unlink()
    return folder


def _axes(records: xr.Dataset, member: int) -> dict[str, str | int | float]:
    return {axis: records[axis].values[member].item() for axis in records.attrs["axes"] or [MEMBER]}


def _folder_names(members: Iterable[dict[str, str | int | float]]) -> list[str]:
    """Return a name for each member, no two the same, with a number after it if need be.

    Some file systems take capitals and small letters for the same.
    """
    taken: dict[str, str] = {}
    for axes in members:
        name = re.sub(r"[^\w.,=+-]", "_", ",".join(f"{axis}={value}" for axis, value in axes.items()))
        names = itertools.chain([name], (f"{name},{number}" for number in itertools.count(2)))
        free = next(one for one in names if one.casefold() not in taken)
        taken[free.casefold()] = free
    return list(taken.values())


def _write(records: xr.Dataset, paths: Sequence[Path], time: float, histograms: int) -> None:
    """Write the event file of each member; `time` is that of all events, in seconds since 1970."""
    for member, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        about = hparams_pb(_axes(records, member), trial_id=path.parent.name, start_time_secs=time)
        _append(path, [Event(wall_time=time, file_version=_VERSION), Event(wall_time=time, summary=about)])
    scalars: dict[str, list[str]] = {}
    layers: list[tuple[str, str]] = []
    for name, array in records.data_vars.items():
        if array.ndim == 2:
            scalars.setdefault(step_dimension(array), []).append(str(name))
        elif array.attrs.get("layer"):
            layers.append((step_dimension(array), str(name)))
    for dim, names in scalars.items():
        for member, steps, arrays in _slabs(records, dim, names, np.arange(records.sizes[dim])):
            values = (
                [
                    Summary.Value(tag=tag, simple_value=float(array[step]))
                    for tag, array in zip(names, arrays, strict=True)
                ]
                for step in range(len(steps))
            )
            _append(paths[member], _events(time, steps, values))
    for dim, name in layers:
        tag, count = _tag(records[name]), records.sizes[dim]
        chosen = np.unique(np.linspace(0, count - 1, min(count, histograms)).round().astype(int))
        for member, steps, (content,) in _slabs(records, dim, [name], chosen):
            _append(paths[member], _events(time, steps, (_histogram_value(tag, values) for values in content)))


def _events(time: float, steps: np.ndarray, values: Iterable[list[Summary.Value]]) -> Iterator[Event]:
    for step, some in zip(steps.tolist(), values, strict=True):
        if some:
            yield Event(wall_time=time, step=step, summary=Summary(value=some))


def _append(path: Path, events: Iterable[Event]) -> None:
    with path.open("ab") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def _remove_earlier(folder: Path, names: set[str]) -> None:
    """Remove what an earlier export wrote for members that are no longer there."""
    for file in folder.glob(f"*/{_NAME}"):
        if file.parent.name not in names:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()


def _slabs(
    records: xr.Dataset, dim: str, names: Sequence[str], positions: np.ndarray
) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
    """Yield a member, some of its steps and the values (step, ...) of each variable; some 64 MB at a time are read."""
    arrays = [records[name].transpose(MEMBER, dim, ...) for name in names]
    entry = sum(array.dtype.itemsize * math.prod(array.shape[2:]) for array in arrays)
    entries = max(1, _SLAB_BYTES // entry)
    members = min(records.sizes[MEMBER], entries)
    steps = max(1, entries // members)
    for first, start in itertools.product(range(0, records.sizes[MEMBER], members), range(0, len(positions), steps)):
        some = positions[start : start + steps]
        values = [array.isel({MEMBER: slice(first, first + members), dim: some}).values for array in arrays]
        for member in range(len(values[0])):
            yield first + member, records[dim].values[some], [array[member] for array in values]


def _tag(array: xr.DataArray) -> str:
    quantity, statistic = array.attrs["quantity"], array.attrs["statistic"]
    return f"{quantity if statistic == VALUES else f'{quantity}_{statistic}'}/{array.attrs['layer']}"


def _histogram_value(tag: str, array: np.ndarray) -> list[Summary.Value]:
    """Return the histogram of the finite elements of an array, if there are any."""
    values = array[np.isfinite(array)].astype(float)
    if not len(values):
        return []
    with np.errstate(all="ignore"):  # squares, or the width of the whole range, may be too large for a number
        edges = np.linspace(values.min(), values.max(), _BINS + 1)
        if not (np.diff(edges) > 0).all():  # too close to differ, or too far apart for a number
            edges = np.array([values.min(), values.max()])
        counts, _ = np.histogram(values, edges)
        total, squares = values.sum(), (values**2).sum()
    histogram = HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=total,
        sum_squares=squares,
        bucket=counts.tolist(),
        bucket_limit=edges[1:].tolist(),
    )
    return [Summary.Value(tag=tag, histo=histogram)]
