"""The members of an experiment in chunks, and the training of one chunk from any of its states.

What happens here depends on the experiment, the device and the cut alone. So it may happen in any process: `advanced`
is what engines run.
"""

import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from lrscope.optim import is_controller
from lrscope.records import DIVERGED_AT
from lrscope.sweep import INIT_SCALE
from lrscope.training._blocks import BlockBuffer, Measured
from lrscope.training._ensemble import Ensemble, StepKind
from lrscope.training._experiment import Experiment
from lrscope.training._graph import Graphs
from lrscope.training._plan import Orders, chunked, timetable
from lrscope.training._prepared import Prepared, initial
from lrscope.training._state import State, Values, from_arrays, to_arrays

Arrays = Mapping[str, np.ndarray]
STEP_SECONDS, KIB_SECONDS = 0.5e-3, 1.2e-6
"""About how long a step takes on one core: for its calls, and for each KiB that a member needs."""


@dataclass(frozen=True)
class Piece:
    """Some steps of one chunk.

    Attributes
    ----------
    start, step : first step, and the first one that is still to be taken
    state : after the steps: tensors, or the arrays of `to_arrays`
    measured : in them
    """

    start: int
    step: int
    state: dict[str, Any]
    measured: Measured


class Chunks:
    """The chunks of an experiment.

    Parameters
    ----------
    chunk_size, at_least : members of a chunk at most; chunks at least, where there are members
    prepared : what is shared with trainings of the same experiment over other sweeps
    recorded : whether probes measure

    Attributes
    ----------
    members, tables, buffers : of each chunk
    total : networks times steps
    """

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        chunk_size: int,
        at_least: int,
        prepared: Prepared,
        *,
        recorded: bool = True,
    ) -> None:
        self.experiment, self._device, self._prepared = experiment, device, prepared
        self._at_least, self._recorded = at_least, recorded
        each = prepared.bytes_each
        self.members = list(chunked(experiment, device, chunk_size, each, at_least, sets=prepared.sets))
        tables = {samples: timetable(experiment, samples) for samples in {one.samples for one in self.members}}
        self.tables = [tables[members.samples] for members in self.members]
        self.total = sum(len(members) * table.total for members, table in zip(self.members, self.tables, strict=True))
        self.buffers = [BlockBuffer(experiment.probes, prepared.network.structure, table) for table in self.tables]
        self._ensembles: dict[int, Ensemble] = {}

    def __len__(self) -> int:
        return len(self.members)

    def ensemble(self, number: int) -> Ensemble:
        """Return the members of a chunk as one; it is kept, with what it has traced, until they are trained."""
        if number not in self._ensembles:
            shared = self._prepared
            self._ensembles[number] = Ensemble(
                self.experiment,
                self.members[number],
                shared.network,
                shared.groups,
                shared.graphs,
                self._kinds(number),
                shared.bytes_each,
            )
        return self._ensembles[number]

    def _kinds(self, number: int) -> dict[StepKind, int]:
        """Return how many steps a chunk and those like it will take with the same graphs in one process."""
        alike = sum(len(members) == len(self.members[number]) for members in self.members)
        uses = self._prepared.uses * math.ceil(alike / self._at_least)  # one process in so many trains each of them
        steps: dict[StepKind, int] = {}
        for (due, samples), count in self.tables[number].kinds().items():
            kind = due if self._recorded else (), samples
            steps[kind] = steps.get(kind, 0) + uses * count
        return steps

    def initial_state(self, number: int) -> State:
        """Return the state of a chunk before its first step."""
        columns = self.members[number].columns
        parameters, buffers = initial(self.experiment, columns["init_seed"], self._device)
        if INIT_SCALE in columns:
            parameters = parameters * torch.from_numpy(columns[INIT_SCALE]).to(parameters)[:, None]
        return self.ensemble(number).initial_state(parameters, buffers)

    def orders(self, number: int) -> Orders:
        """Return which samples make up the batches of a chunk."""
        members, table = self.members[number], self.tables[number]
        batch_size = self.experiment.batch_size or members.samples
        return Orders(members.columns["order_seed"], members.samples, batch_size, table.per_epoch)

    def trace(self) -> Graphs:
        """Trace every kind of step that the members will take, and return all that is traced."""
        sizes: set[tuple[int, tuple[torch.Size, ...]]] = set()
        for number, members in enumerate(self.members):
            if (size := (len(members), members.data.shapes())) in sizes:
                continue
            sizes.add(size)
            ensemble, state, first = self.ensemble(number), self.initial_state(number), self.orders(number).at(0)
            for due, samples in self.tables[number].kinds():
                order = first[:, :samples].to(self._device) if self.experiment.batch_size else None
                ensemble.trace(state, due if self._recorded else (), order)
        return self._prepared.graphs

    def steps(self, number: int, state: State, start: int) -> Iterator[tuple[int, tuple[int, ...], State, Values]]:
        """Train a chunk to its end; this is the only training loop.

        Yields
        ------
        step : number of the step
        due : numbers of the probes that measured at it
        state : after the step
        values : what was measured, (member, ...)
        """
        table, ensemble, orders = self.tables[number], self.ensemble(number), self.orders(number)
        schedule = self.experiment.schedule
        controlled = is_controller(schedule)
        for step in range(start, table.total):
            due = table.due(step) if self._recorded else ()
            factor = 1.0 if controlled else schedule.factor(step, table.total)
            order = orders.at(step).to(self._device) if self.experiment.batch_size else None
            state, values = ensemble.step(state, step, factor, due, order)
            yield step, due, state, values
        self._ensembles.pop(number, None)

    def advance(
        self,
        number: int,
        state: State,
        start: int,
        seconds: float,
        nbytes: int,
        proceed: Callable[[int], bool] = lambda _networks: True,
    ) -> Piece:
        """Train a chunk until so many seconds have passed, its records reach `nbytes`, or it is trained.

        Parameters
        ----------
        proceed : called after every step with the number of networks that took it; False ends the piece
        """
        buffer, until, step = self.buffers[number], time.monotonic() + seconds, start
        for this, due, after, values in self.steps(number, state, start):
            buffer.add(this, due, values)
            state, step = after, this + 1
            further = proceed(len(self.members[number]))
            if not further or buffer.nbytes >= nbytes or time.monotonic() > until:
                break
        return Piece(start, step, state, buffer.taken(state[DIVERGED_AT].cpu().numpy()))

    def seconds(self) -> float:
        """Return about how long one core takes for everything, without measuring it."""
        each = self._prepared.bytes_each / 2**10 * KIB_SECONDS
        both = zip(self.members, self.tables, strict=True)
        return sum(table.total * (STEP_SECONDS + len(members) * each) for members, table in both)

    def cost_of_one(self, number: int, steps: int) -> tuple[float, float]:
        """Return the bytes and seconds of one member of a chunk; measuring counts as often as something is due."""
        members, table, buffer = self.members[number], self.tables[number], self.buffers[number]
        ensemble, state = self.ensemble(number), self.initial_state(number)
        order = self.orders(number).at(0).to(self._device) if self.experiment.batch_size else None

        def median_seconds(due: tuple[int, ...]) -> tuple[float, Values]:
            times = []
            for _ in range(steps + 1):
                before = time.perf_counter()
                _, values = ensemble.step(state, 0, 1.0, due, order)
                times.append(time.perf_counter() - before)
            return float(np.median(times[1:])), values

        bare, _ = median_seconds(())
        everything, values = median_seconds(tuple(range(len(self.experiment.probes))))
        run_bytes = buffer.bytes_of_run(values)
        share = run_bytes / (sum(value.nbytes for value in values.values()) * table.total)
        seconds = table.total * (bare + share * (everything - bare))
        return run_bytes / len(members), seconds / len(members)


@dataclass(frozen=True)
class Cut:
    """What makes the same chunks in every process.

    Attributes
    ----------
    experiment, graphs : pickled; steps that are traced already, if any
    """

    experiment: bytes
    device: str
    chunk_size: int
    at_least: int
    graphs: bytes = b""


def ready() -> None:
    """Do nothing: a worker that is asked to has imported PyTorch and this file."""


def advanced(cut: Cut, number: int, state: Arrays | None, start: int, seconds: float, nbytes: int) -> Piece:
    """Train a chunk for a while, in whatever process this is called; see `Chunks.advance`.

    Parameters
    ----------
    state : as arrays by name (`to_arrays`); None before the first step

    Returns
    -------
    piece : with a state of this form
    """
    chunks = _chunks_of(cut)
    before = chunks.initial_state(number) if state is None else from_arrays(state, torch.device(cut.device))
    piece = chunks.advance(number, before, start, seconds, nbytes)
    return replace(piece, state=to_arrays(piece.state))


@lru_cache(maxsize=2)
def _chunks_of(cut: Cut) -> Chunks:
    """Return the chunks, made once in a process, with everything that they have traced."""
    experiment: Experiment = pickle.loads(cut.experiment)
    device = torch.device(cut.device)
    prepared = Prepared(experiment, device, graphs=pickle.loads(cut.graphs) if cut.graphs else None)
    return Chunks(experiment, device, cut.chunk_size, cut.at_least, prepared)
