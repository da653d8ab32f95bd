"""From an experiment to the pieces that run: which members go together, with what data, measured at which steps."""

import dataclasses
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lrscope.data import Arrays, DataSet
from lrscope.errors import InputError, must_be
from lrscope.probes import Loss
from lrscope.records import MEMBER, STEP
from lrscope.training._experiment import Experiment, holds_nothing_out
from lrscope.training._network import Batch

CPU_BYTES = 16 * 2**20
"""Working set of a chunk on a CPU: 12 of the CNNs on digits. Larger ones fall out of the cache while activations are
recorded, smaller ones spend their time between the operations."""
GPU_SHARE = 0.4
"""Share of a GPU's free memory that a chunk may take."""


@dataclass(frozen=True)
class Tensors:
    """What networks learn from, and what is kept for validation from them, if anything is.

    Attributes
    ----------
    train, validation : (sample, ...); with a dimension for the members before if each has its own
    """

    train: Batch
    validation: Batch | None = None

    def shapes(self) -> tuple[torch.Size, ...]:
        """Return the shapes of all tensors."""
        both = [self.train] + ([self.validation] if self.validation else [])
        return tuple(tensor.shape for batch in both for tensor in (batch.inputs, batch.targets))


DataSets = dict[tuple[Any, ...], Tensors]
"""Data that was loaded, by the values of the sweep's axes that are fields of it."""
_Numbered = tuple[int, Tensors]


@dataclass(frozen=True)
class Members:
    """Some members of an experiment that are trained together: their columns and their data.

    Attributes
    ----------
    columns : ``member``, every axis of the sweep, ``init_seed``, ``order_seed``, ``noise_seed``; one entry a member
    data : tensors (sample, ...) if `shared`, else (member, sample, ...)
    shared : whether all members learn from the same samples
    """

    columns: dict[str, np.ndarray]
    data: Tensors
    shared: bool

    def __len__(self) -> int:
        return len(self.columns[MEMBER])

    @property
    def samples(self) -> int:
        """Samples that each member learns from."""
        return self.data.train.inputs.shape[0 if self.shared else 1]

    def example(self, samples: int) -> Batch:
        """Return the first samples of the first member."""
        both = self.data.train.inputs, self.data.train.targets
        inputs, targets = both if self.shared else (tensor[0] for tensor in both)
        return Batch(inputs[:samples], targets[:samples])


def columns_of(experiment: Experiment) -> dict[str, np.ndarray]:
    """Return the columns of all members, the three seeds included."""
    columns = experiment.sweep.members()
    common = columns.get("seed", np.zeros_like(columns[MEMBER]))
    seeds = {name: columns.get(name, common) for name in ("init_seed", "order_seed", "noise_seed")}
    return {**columns, **seeds}


def _groups(
    experiment: Experiment, columns: dict[str, np.ndarray], device: torch.device, sets: DataSets
) -> list[list[_Numbered]]:
    """Return the members grouped by the shapes of their data: pairs of their number and their data."""
    axes = [axis for axis in experiment.sweep.axes if axis in experiment.data_fields()]
    by_shape: dict[tuple[Any, ...], list[_Numbered]] = {}
    keys = list(zip(*(columns[axis].tolist() for axis in axes), strict=True)) or [()] * len(columns[MEMBER])
    for number, key in enumerate(keys):
        if key not in sets:
            data = (
                dataclasses.replace(experiment.data, **dict(zip(axes, key, strict=True))) if axes else experiment.data
            )
            sets[key] = _tensors(data, experiment, device)
        by_shape.setdefault(sets[key].shapes(), []).append((number, sets[key]))
    return list(by_shape.values())


def chunked(
    experiment: Experiment,
    device: torch.device,
    chunk_size: int | None,
    bytes_each: int,
    at_least: int = 1,
    *,
    sets: DataSets | None = None,
) -> Iterator[Members]:
    """Yield the members chunk by chunk.

    Parameters
    ----------
    chunk_size : members of a chunk at most; by default as many as fit
    bytes_each : that one member needs while it trains
    at_least : chunks at least, where there are members: the workers that train them side by side
    sets : data that is loaded already; what is loaded here is added
    """
    columns = columns_of(experiment)
    for group in _groups(experiment, columns, device, {} if sets is None else sets):
        limit = min(chunk_size or fitting(device, bytes_each), math.ceil(len(group) / at_least))
        for piece in np.array_split(np.arange(len(group)), _pieces(len(group), limit, at_least)):
            numbers, data = zip(*(group[position] for position in piece), strict=True)
            yield _members({name: values[list(numbers)] for name, values in columns.items()}, list(data))


def _pieces(members: int, limit: int, workers: int) -> int:
    """Return into how many pieces of at most `limit` to cut, fewer than twice as many as needed.

    The workers, which take piece after piece, shall end soon. Pieces of equal size share their traced steps.
    """

    def cost(pieces: int) -> tuple[int, bool, int]:
        size, larger = divmod(members, pieces)
        longest = size * math.ceil(pieces / workers) + math.ceil(larger / workers)
        return longest, larger > 0, pieces

    least = math.ceil(members / limit)
    return min(range(least, min(2 * least, members + 1)), key=cost)


def fitting(device: torch.device, bytes_each: int) -> int:
    """Return how many members, of so many bytes each, fit the cache of a core or the GPU's memory; at least one."""
    working_bytes = int(torch.cuda.mem_get_info(device)[0] * GPU_SHARE) if device.type == "cuda" else CPU_BYTES
    return max(1, working_bytes // max(bytes_each, 1))


def _members(columns: dict[str, np.ndarray], sets: list[Tensors]) -> Members:
    if all(one is sets[0] for one in sets):
        return Members(columns, sets[0], True)
    validation = [one.validation for one in sets if one.validation]
    train = _stacked([one.train for one in sets])
    return Members(columns, Tensors(train, _stacked(validation) if validation else None), False)


def _stacked(batches: list[Batch]) -> Batch:
    return Batch(*(torch.stack([getattr(one, name) for one in batches]) for name in ("inputs", "targets")))


def _tensors(data: DataSet, experiment: Experiment, device: torch.device) -> Tensors:
    arrays: Arrays = data.arrays()
    if experiment.batch_size and experiment.batch_size > len(arrays.inputs):
        raise must_be("batch_size", f"at most the {len(arrays.inputs)} samples", experiment.batch_size)
    validation: Arrays | None = data.validation() if hasattr(data, "validation") else None
    if validation is None and experiment.needs_validation():
        raise holds_nothing_out(data)
    return Tensors(_batch(arrays, experiment, device), _batch(validation, experiment, device) if validation else None)


def _batch(arrays: Arrays, experiment: Experiment, device: torch.device) -> Batch:
    return Batch(*(_tensor(array, experiment.dtype, device) for array in (arrays.inputs, arrays.targets)))


def _tensor(array: np.ndarray, dtype: str, device: torch.device) -> torch.Tensor:
    # NumPy knows more types of numbers than PyTorch, which also warns of arrays that must not be written
    kind = dtype if np.issubdtype(array.dtype, np.floating) else "int64"
    return torch.from_numpy(np.require(array, kind, ["C", "W"])).to(device)


@dataclass(frozen=True)
class Timetable:
    """When each probe measures.

    Attributes
    ----------
    total, per_epoch : steps of the training, and of one epoch
    batch, last_batch : samples of a step, and of the last one of an epoch
    dims : number of a probe -> its step dimension
    steps : step dimension -> steps, ascending
    """

    total: int
    per_epoch: int
    batch: int
    last_batch: int
    dims: dict[int, str]
    steps: dict[str, np.ndarray]

    def due(self, step: int) -> tuple[int, ...]:
        """Return the numbers of the probes that measure at a step."""
        at_step = {dim for dim, steps in self.steps.items() if _contains(steps, step)}
        return tuple(number for number, dim in self.dims.items() if dim in at_step)

    def kinds(self) -> dict[tuple[tuple[int, ...], int], int]:
        """Return how many steps have the same probes due and the same number of samples: (due, samples) -> steps."""
        measured = np.zeros((self.total, len(self.steps) + 1), dtype=bool)
        for column, steps in enumerate(self.steps.values()):
            measured[steps, column] = True
        measured[self.per_epoch - 1 :: self.per_epoch, -1] = True
        first, counts = np.unique(measured, axis=0, return_index=True, return_counts=True)[1:]
        kinds: dict[tuple[tuple[int, ...], int], int] = {}
        for step, count in zip(first.tolist(), counts.tolist(), strict=True):
            samples = self.last_batch if measured[step, -1] else self.batch
            key = self.due(step), samples
            kinds[key] = kinds.get(key, 0) + count
        return kinds


def timetable(experiment: Experiment, samples: int) -> Timetable:
    """Return when each probe of an experiment measures; probes with the same steps share a step dimension.

    Raises
    ------
    InputError : a probe that would never measure.
    """
    batch = experiment.batch_size or samples
    per_epoch = math.ceil(samples / batch)
    total = experiment.steps or (experiment.epochs or 0) * per_epoch
    order = sorted(range(len(experiment.probes)), key=lambda number: not isinstance(experiment.probes[number], Loss))
    dims: dict[int, str] = {}
    steps: dict[str, np.ndarray] = {}
    for number in order:
        when = experiment.probes[number].when
        due = when.steps(total, per_epoch)
        if not len(due):
            remedy = "Choose another cadence, for example when=every(1)."
            raise InputError(f"a probe with cadence {when.label} must measure at least once in {total} steps. {remedy}")
        same = [dim for dim, others in steps.items() if np.array_equal(others, due)]
        dims[number] = same[0] if same else (STEP if not steps else f"{STEP}_{when.label}")
        steps[dims[number]] = due
    last_batch = samples - (per_epoch - 1) * batch
    return Timetable(total, per_epoch, batch, last_batch, dict(sorted(dims.items())), steps)


def _contains(steps: np.ndarray, step: int) -> bool:
    position = int(np.searchsorted(steps, step))
    return position < len(steps) and int(steps[position]) == step


def batch_order(seed: int, epoch: int, samples: int) -> torch.Tensor:
    """Return the order (sample) in which a member goes through its data in one epoch.

    It is ``torch.randperm`` of a generator seeded by the order seed and the epoch, so that it can be had without
    going through the epochs before.
    """
    digest = hashlib.blake2b(f"{seed} {epoch}".encode(), digest_size=7).digest()
    return torch.randperm(samples, generator=torch.Generator().manual_seed(int.from_bytes(digest, "big")))


class Orders:
    """Which samples make up each member's batch, step by step; an epoch's permutations are drawn once.

    Parameters
    ----------
    seeds : (member) order seeds
    """

    def __init__(self, seeds: np.ndarray, samples: int, batch_size: int, per_epoch: int) -> None:
        self._unique, self._row_of = np.unique(seeds, return_inverse=True)
        self._samples, self._batch_size, self._per_epoch = samples, batch_size, per_epoch
        self._epoch = -1
        self._orders = torch.empty(0)

    def at(self, step: int) -> torch.Tensor:
        """Return the samples (member, sample) of a step; the last batch of an epoch may be smaller."""
        epoch, number = divmod(step, self._per_epoch)
        if epoch != self._epoch:
            self._orders = torch.stack([batch_order(int(seed), epoch, self._samples) for seed in self._unique])
            self._epoch = epoch
        return self._orders[self._row_of, number * self._batch_size : (number + 1) * self._batch_size]
