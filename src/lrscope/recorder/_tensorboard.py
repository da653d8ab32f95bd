"""Records as TensorBoard's event files: a run for each member, its scalars at every step, histograms of its layers.

Event files hold one record after the other, so nothing but what is being written is in memory. They are written under
a name that TensorBoard does not look at, and get theirs when they are whole.
"""

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    taken: set[str] = set()
    parts = [_part(some, folder, taken) for some in files]
    runs = [run for _, some in parts for run in some]
    try:
        for opened, some in parts:
            _write(opened, some, histograms)
        _finish(runs)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror}). Give another folder with --out.") from error
    finally:
        for run in runs:
            if run.part.exists():
                run.part.unlink()
    return folder


def _part(files: list[Path], folder: Path, taken: set[str]) -> tuple[xr.Dataset, list["_Run"]]:
    """Return the records of files that belong together, and where each of their members is written."""
    records = open_records(files)
    return records, _runs(records, folder, files[-1].stat().st_mtime, taken)


def _write(records: xr.Dataset, runs: list["_Run"], histograms: int) -> None:
    for run in runs:
        run.begin()
    for names, dim in _scalars(records).items():
        for members, steps, values in _slabs(records, dim, names, np.arange(records.sizes[dim])):
            for number, member in enumerate(members):
                runs[member].append(steps, (_scalar_values(names, values, number, step) for step in range(len(steps))))
    for name, dim in _layers(records).items():
        tag, chosen = _tag(records[name]), _spread(records.sizes[dim], histograms)
        for members, steps, (arrays,) in _slabs(records, dim, (name,), chosen):
            for number, member in enumerate(members):
                runs[member].append(steps, (_histogram_value(tag, array) for array in arrays[number]))


def _finish(runs: list["_Run"]) -> None:
    _remove_earlier(runs)
    for run in runs:
        run.finish()


def _remove_earlier(runs: list["_Run"]) -> None:
    """Remove what an earlier export wrote for members that are no longer there."""
    now = {run.folder for run in runs}
    for file in runs[0].folder.parent.glob(f"*/{_NAME}"):
        if file.parent not in now:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()


@dataclass(frozen=True)
class _Run:
    """The event file of one member.

    Attributes
    ----------
    folder : of the member
    axes : axis -> its value
    time : of all events, in seconds since 1970
    """

    folder: Path
    axes: dict[str, str | int | float]
    time: float

    @property
    def part(self) -> Path:
        """The file while it is written."""
        return self.folder / _PART

    def begin(self) -> None:
        """Write what stands at the beginning of an event file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.part.unlink(missing_ok=True)
        about = hparams_pb(self.axes, trial_id=self.folder.name, start_time_secs=self.time)
        self._write([Event(wall_time=self.time, file_version=_VERSION), Event(wall_time=self.time, summary=about)])

    def append(self, steps: np.ndarray, values: Iterable[list[Summary.Value]]) -> None:
        """Write the values of each step, if there are any."""
        pairs = zip(steps.tolist(), values, strict=True)
        self._write(Event(wall_time=self.time, step=step, summary=Summary(value=some)) for step, some in pairs if some)

    def finish(self) -> None:
        """Give the file its name."""
        self.part.replace(self.folder / _NAME)

    def _write(self, events: Iterable[Event]) -> None:
        with self.part.open("ab") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())


def _runs(records: xr.Dataset, folder: Path, time: float, taken: set[str]) -> list[_Run]:
    """Return where each member of records is written, and note the names as taken."""
    runs: list[_Run] = []
    for number in range(records.sizes[MEMBER]):
        axes = {axis: records[axis].values[number].item() for axis in records.attrs["axes"] or [MEMBER]}
        name = ",".join(f"{axis}={value}" for axis, value in axes.items())
        runs.append(_Run(folder / _free(re.sub(r"[^\w.,=+-]", "_", name), taken), axes, time))
    return runs


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other member has, with a number after it if need be, and note it as taken.

    Some file systems take capitals and small letters for the same.
    """
    names = itertools.chain([name], (f"{name},{number}" for number in itertools.count(2)))
    free = next(one for one in names if one.casefold() not in taken)
    taken.add(free.casefold())
    return free


def _scalars(records: xr.Dataset) -> dict[tuple[str, ...], str]:
    """Return the names of the variables with one number a member and step -> their step dimension."""
    by_dim: dict[str, list[str]] = {}
    for name, array in records.data_vars.items():
        if array.ndim == 2:
            by_dim.setdefault(step_dimension(array), []).append(str(name))
    return {tuple(names): dim for dim, names in by_dim.items()}


def _layers(records: xr.Dataset) -> dict[str, str]:
    """Return the name of each variable of a layer with several numbers a member and step -> its step dimension."""
    arrays = records.data_vars.items()
    return {str(name): step_dimension(array) for name, array in arrays if array.ndim > 2 and array.attrs.get("layer")}


def _spread(count: int, most: int) -> np.ndarray:
    """Return at most so many positions of `count`, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _tag(array: xr.DataArray) -> str:
    quantity, statistic = array.attrs["quantity"], array.attrs["statistic"]
    return f"{quantity if statistic == VALUES else f'{quantity}_{statistic}'}/{array.attrs['layer']}"


def _slabs(
    records: xr.Dataset, dim: str, names: tuple[str, ...], positions: np.ndarray
) -> Iterator[tuple[range, np.ndarray, list[np.ndarray]]]:
    """Yield members, steps and the values (member, step, ...) of each variable, some 64 MB at a time.

    Parameters
    ----------
    names : of variables with the step dimension `dim`
    positions : along `dim`, of the steps to read
    """
    arrays = [records[name].transpose(MEMBER, dim, ...) for name in names]
    each = sum(array.dtype.itemsize * math.prod(array.shape[2:]) for array in arrays)
    members = records.sizes[MEMBER]
    together = max(1, min(members, _SLAB_BYTES // each))
    for start in range(0, members, together):
        some = range(start, min(start + together, members))
        pieces = math.ceil(len(positions) / max(1, _SLAB_BYTES // (each * len(some))))
        for piece in np.array_split(positions, pieces) if pieces else ():
            where = {MEMBER: slice(some.start, some.stop), dim: piece}
            yield some, records[dim].values[piece], [array.isel(where).values for array in arrays]


def _scalar_values(names: tuple[str, ...], values: list[np.ndarray], member: int, step: int) -> list[Summary.Value]:
    pairs = zip(names, values, strict=True)
    return [Summary.Value(tag=name, simple_value=float(array[member, step])) for name, array in pairs]


def _histogram_value(tag: str, array: np.ndarray) -> list[Summary.Value]:
    """Return the histogram of the finite elements of an array, if there are any."""
    values = array[np.isfinite(array)].astype(float)
    if not len(values):
        return []
    with np.errstate(all="ignore"):  # squares, or the width of the whole range, may be too large for a number
        counts, edges = np.histogram(values, _edges(values.min(), values.max()))
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


def _edges(low: float, high: float) -> np.ndarray:
    """Return the edges of equal bins, of one bin if these are too close to differ."""
    edges = np.linspace(low, high, _BINS + 1)
    return edges if (np.diff(edges) > 0).all() else np.array([low, high])
