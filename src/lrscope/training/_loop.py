"""The training loop: the only one."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import numpy as np
import torch
import xarray as xr

from lrscope import records
from lrscope.errors import must_be
from lrscope.optim import hyperparameters, is_controller
from lrscope.records import DIVERGED_AT
from lrscope.training._blocks import Gatherer
from lrscope.training._ensemble import Columns, Ensemble, Expected, Recipe
from lrscope.training._experiment import Estimate, Experiment
from lrscope.training._lanes import lanes_of, threads_for
from lrscope.training._plan import (
    SMALL_BYTES,
    Members,
    Orders,
    Timetable,
    chunked,
    fitting,
    timetable,
)
from lrscope.training._prepared import Prepared, initial
from lrscope.training._state import State, Values, from_arrays, to_arrays

Checkpoint = Mapping[str, np.ndarray]
Arrived = tuple[xr.Dataset, int, dict[str, np.ndarray]]
"""A block, the number of its chunk, and the state of the chunk behind it."""
_TRAINED = ("step", "parameters", "buffers")
BLOCK_BYTES = 64 * 2**20
"""The blocks that are gathered at a time are closed when their records together reach this size ..."""
BLOCK_SECONDS = 20.0
"""... or at this age, so that a slow training, too, loses little when it is killed."""


def train(experiment: Experiment, *, device: str = "auto", chunk_size: int | None = None) -> xr.Dataset:
    """Return the records of an experiment, in memory, with a dimension for each axis of its sweep.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    chunk_size : members trained at once; by default as many as fit the cache or the GPU's memory

    Returns
    -------
    records : Dataset (*axes, step, ...); see `lrscope.records`. For records that do not fit in memory write the blocks
        of `stream` to a file (`lrscope.store`).

    Raises
    ------
    InputError : something in the experiment does not fit together, or there is no such device.

    Examples
    --------
    >>> from lrscope.data import Shape
    >>> from lrscope.models import Autoencoder
    >>> from lrscope.training import Sweep
    >>> experiment = Experiment(data=Shape("circle"), model=Autoencoder(), sweep=Sweep(lr=[1e-3, 1e-2]), epochs=5)
    >>> train(experiment).loss.sizes
    Frozen({'lr': 2, 'step': 5})
    """
    return records.on_grid(records.concatenate(stream(experiment, device=device, chunk_size=chunk_size)))


def stream(
    experiment: Experiment,
    *,
    device: str = "auto",
    chunk_size: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "Stream":
    """Return an iterator of blocks (member, step, ...) that trains as it is consumed.

    Parameters
    ----------
    checkpoint : the ``state`` of an earlier stream of the same experiment: training goes on behind it
    progress : called after every step with the networks times steps that are done, and of all
    """
    if chunk_size is not None and (isinstance(chunk_size, bool) or chunk_size < 1):
        raise must_be("chunk_size", "a positive integer", chunk_size)
    return Stream(experiment, device_of(device), chunk_size, checkpoint, progress)


class Stream(Iterator[xr.Dataset]):
    """Blocks of records as they are measured, and the state of the training after the last one.

    On a CPU as many chunks are trained side by side as there are threads, each by a thread of its own: that is faster
    than threads that share every operation, and far less sensitive to whatever else the machine does.

    Parameters
    ----------
    experiment, chunk_size, checkpoint, progress : as `stream`
    prepared : what is shared with trainings of the same experiment over other sweeps
    trained : called with the members of each chunk behind their last update, and what they put out then
        (`Ensemble.evaluated`); by any of the threads
    """

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        chunk_size: int | None,
        checkpoint: Checkpoint | None,
        progress: Callable[[int, int], None] | None,
        prepared: Prepared | None = None,
        trained: Callable[[Members, Values], None] | None = None,
    ) -> None:
        self.experiment = experiment
        self._device = device
        self._state = dict(checkpoint or {})
        self._progress = progress or (lambda _done, _total: None)
        self._trained = trained
        self._counting = threading.Lock()
        self._stopping = False
        prepared = prepared or Prepared(experiment, device)
        self._network, self._graphs, self._uses = prepared.network, prepared.graphs, prepared.uses
        self._bytes_each = bytes_each = prepared.bytes_each
        if "chunk_size" not in self._state:
            self._state["chunk_size"] = np.array(chunk_size or fitting(device, bytes_each))
            self._state["chunks_at_least"] = np.array(1 if chunk_size else lanes_of(device))
        cut = int(self._state["chunk_size"]), bytes_each, int(self._state["chunks_at_least"])
        self._chunks = list(chunked(experiment, device, *cut, sets=prepared.sets))
        self._lanes = min(len(self._chunks), lanes_of(device))
        largest = max(map(len, self._chunks)) * bytes_each
        self._threads = 1 if largest <= SMALL_BYTES else max(1, torch.get_num_threads() // self._lanes)
        self._tables = [timetable(experiment, members.samples) for members in self._chunks]
        self.total = sum(len(members) * table.total for members, table in zip(self._chunks, self._tables, strict=True))
        self._gatherers = [Gatherer(experiment.probes, self._network.structure, table) for table in self._tables]
        self._done = sum(len(members) * self._first_step(number) for number, members in enumerate(self._chunks))
        self._blocks = self._all_blocks()

    @property
    def state(self) -> dict[str, np.ndarray]:
        """What `stream` needs to go on behind the last block: arrays by name.

        ``chunk/<number>/parameters`` holds the parameters (member, parameter) of the members of a chunk, in the order
        of ``named_parameters``; in the end they are the trained networks.
        """
        return dict(self._state)

    @property
    def finished(self) -> bool:
        """Whether every member has taken its last step and its records have been handed out."""
        return all(self._first_step(number) == table.total for number, table in enumerate(self._tables))

    @property
    def done(self) -> int:
        """Networks times steps that are done; of ``total``."""
        return self._done

    def stop(self) -> None:
        """Ask the training to end: the blocks in hand come out, then no more."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def estimate(self, steps: int) -> Estimate:
        """Return what the whole run will cost, from `steps` steps of the first chunk of each kind of data."""
        kinds: dict[tuple[torch.Size, ...], tuple[float, float]] = {}
        record_bytes, seconds = 0.0, 0.0
        with threads_for(self._lanes, self._threads) as pool:
            for number, members in enumerate(self._chunks):
                one = members.example(1)
                shapes = (one.inputs.shape, one.targets.shape, torch.Size([members.samples]))
                if shapes not in kinds:
                    kinds[shapes] = pool.submit(self._cost_of_one, number, members, steps).result()
                record_bytes += kinds[shapes][0] * len(members)
                seconds += kinds[shapes][1] * len(members) / self._lanes
        longest = max(table.total for table in self._tables)
        return Estimate(sum(map(len, self._chunks)), longest, round(record_bytes), seconds)

    def _cost_of_one(self, number: int, members: Members, steps: int) -> tuple[float, float]:
        """Return the bytes and seconds of one member of a chunk; measuring counts as often as something is due."""
        table, gatherer = self._tables[number], self._gatherers[number]
        ensemble, state = self._started(number)
        order = self._orders(members, table).at(0).to(self._device) if self.experiment.batch_size else None

        def median_seconds(due: tuple[int, ...]) -> tuple[float, dict[str, torch.Tensor]]:
            times = []
            for _ in range(steps + 1):
                before = time.perf_counter()
                _, values = ensemble.step(state, 0, 1.0, due, order)
                times.append(time.perf_counter() - before)
            return float(np.median(times[1:])), values

        bare, _ = median_seconds(())
        everything, values = median_seconds(tuple(range(len(self.experiment.probes))))
        run_bytes = gatherer.bytes_of_run(values)
        share = run_bytes / (sum(value.nbytes for value in values.values()) * table.total)
        seconds = table.total * (bare + share * (everything - bare))
        return run_bytes / len(members), seconds / len(members)

    def _all_blocks(self) -> Iterator[xr.Dataset]:
        """Train the chunks, some at a time, and yield their blocks in turn."""
        waiting = [number for number, table in enumerate(self._tables) if self._first_step(number) < table.total]
        training = (self._blocks_of(number, *self._started(number)) for number in waiting)
        with threads_for(self._lanes, self._threads) as pool:
            try:
                first = islice(training, self._lanes)
                active = deque((blocks, pool.submit(next, blocks, None)) for blocks in first)
                while active:
                    blocks, coming = active.popleft()
                    arrived = coming.result()
                    if arrived is None and not self._stopping:
                        active.extend((blocks, pool.submit(next, blocks, None)) for blocks in islice(training, 1))
                    if arrived is not None:
                        active.append((blocks, pool.submit(next, blocks, None)))
                        block, number, state = arrived
                        self._keep(number, state)
                        yield block
            finally:
                self._stopping = True  # whoever ends early does not wait for whole blocks

    def _blocks_of(self, number: int, ensemble: Ensemble, state: State) -> Iterator[Arrived]:
        """Train one chunk and yield its blocks, each with the state of the chunk behind it."""
        members, table, gatherer = self._chunks[number], self._tables[number], self._gatherers[number]
        orders = self._orders(members, table)
        born = time.monotonic()
        for step in range(self._first_step(number), table.total):
            if self._stopping and not gatherer.nbytes:
                return
            due = table.due(step)
            order = orders.at(step).to(self._device) if self.experiment.batch_size else None
            state, values = ensemble.step(state, step, self._factor(step, table.total), due, order)
            gatherer.add(step, due, values)
            self._count(len(members))
            full = gatherer.nbytes >= BLOCK_BYTES // self._lanes or time.monotonic() - born > BLOCK_SECONDS
            if gatherer.nbytes and (full or self._stopping or step + 1 == table.total):
                block = gatherer.block(members, self.experiment.sweep, state[DIVERGED_AT].cpu().numpy())
                yield block, number, {"step": np.array(step + 1)} | to_arrays(state)
                born = time.monotonic()
            if self._stopping:
                return
        if self._trained:
            self._trained(members, {**ensemble.evaluated(state), DIVERGED_AT: state[DIVERGED_AT]})

    def _factor(self, step: int, total: int) -> float:
        """Return the factor of the learning rate; a controller has its own way to it."""
        schedule = self.experiment.schedule
        return 1.0 if is_controller(schedule) else schedule.factor(step, total)

    def _count(self, networks: int) -> None:
        with self._counting:
            self._done += networks
            self._progress(self._done, self.total)

    def _first_step(self, number: int) -> int:
        """Return the step at which a chunk goes on."""
        return int(self._state.get(f"chunk/{number}/step", 0))

    def _orders(self, members: Members, table: Timetable) -> Orders:
        batch_size = self.experiment.batch_size or members.samples
        return Orders(members.columns["order_seed"], members.samples, batch_size, table.per_epoch)

    def _keep(self, number: int, state: Mapping[str, np.ndarray]) -> None:
        """Remember where a chunk stands; of one that is done only that, and the trained networks."""
        prefix = f"chunk/{number}/"
        others = {name: array for name, array in self._state.items() if not name.startswith(prefix)}
        done = int(state["step"]) == self._tables[number].total
        own = {name: array for name, array in state.items() if not done or name.startswith(_TRAINED)}
        self._state = others | {prefix + name: array for name, array in own.items()}

    def _started(self, number: int) -> tuple[Ensemble, State]:
        """Return a chunk's ensemble and its state: fresh, or as the checkpoint has it."""
        experiment, members = self.experiment, self._chunks[number]
        columns = _columns(experiment, members, self._device)
        data = members.data, members.shared
        ensemble = Ensemble(self._network, _recipe(experiment), columns, *data, self._graphs, self._expected(number))
        state = ensemble.initial_state(*initial(experiment, members.columns["init_seed"], self._device))
        if not self._first_step(number):
            return ensemble, state
        prefix = f"chunk/{number}/"
        own = {name.removeprefix(prefix): array for name, array in self._state.items() if name.startswith(prefix)}
        _refuse_other(own, state)
        return ensemble, from_arrays(own, state)

    def _expected(self, number: int) -> Expected:
        """Return how many steps a chunk and those like it take with the same graphs."""
        alike = sum(len(members) == len(self._chunks[number]) for members in self._chunks)
        uses = self._uses * math.ceil(alike / self._lanes)  # graphs are compiled once in each process
        return Expected({kind: uses * count for kind, count in self._tables[number].kinds().items()}, self._bytes_each)


def _refuse_other(checkpoint: Checkpoint, state: State) -> None:
    """Raise an error where a checkpoint does not have the arrays of a state, or others."""
    wanted = {name: array.shape for name, array in to_arrays(state).items()}
    for name, shape in wanted.items():
        found = checkpoint[name].shape if name in checkpoint else "nothing"
        if found != shape:
            raise must_be("checkpoint", "a state of the same experiment", f"{found} for {name}, which is {shape}")


def estimate(experiment: Experiment, *, device: str = "auto", steps: int = 10) -> Estimate:
    """Return what a run will cost: the size of its records exactly, its time from a few steps trained on this machine.

    Parameters
    ----------
    steps : measured steps; the first, which is slower, comes before them
    """
    return Stream(experiment, device_of(device), None, None, None).estimate(steps)


def _recipe(experiment: Experiment) -> Recipe:
    controller = experiment.schedule if is_controller(experiment.schedule) else None
    return Recipe(experiment.optimizer, hyperparameters(experiment.optimizer), controller, experiment.probes)


def _columns(experiment: Experiment, members: Members, device: torch.device) -> Columns:
    varied = [name for name in ("lr", *hyperparameters(experiment.optimizer)) if name in members.columns]
    numbers = {name: torch.tensor(members.columns[name], dtype=torch.float64, device=device) for name in varied}
    return Columns(numbers, torch.tensor(members.columns["noise_seed"], device=device))


def device_of(name: str) -> torch.device:
    """Return the device that is meant by ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    InputError : another name, or ``cuda`` where PyTorch finds none.

    Examples
    --------
    >>> device_of("cpu")
    device(type='cpu')
    """
    if name not in ("auto", "cpu", "cuda"):
        raise must_be("device", "auto, cpu or cuda", name)
    if name == "cuda" and not torch.cuda.is_available():
        raise must_be("device", "a device of this machine", name, "PyTorch finds no CUDA here: use auto or cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
