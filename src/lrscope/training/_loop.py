"""Training an experiment: its chunks in pieces, in this process or by the workers of an engine."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace

import cloudpickle
import numpy as np
import torch
import xarray as xr

from lrscope import records
from lrscope.engines import Engine, InProcess
from lrscope.errors import must_be
from lrscope.training._blocks import Measured
from lrscope.training._chunks import Chunks, Cut, Piece, advanced, ready
from lrscope.training._experiment import Estimate, Experiment
from lrscope.training._plan import fitting
from lrscope.training._prepared import Prepared
from lrscope.training._state import from_arrays, to_arrays

Checkpoint = Mapping[str, np.ndarray]
_TRAINED = ("step", "parameters", "buffers")
BLOCK_BYTES = 64 * 2**20
"""The blocks that are gathered at a time are closed when their records together reach this size ..."""
BLOCK_SECONDS = 20.0
"""... or at this age, so that a slow training, too, loses little when it is killed."""
PIECE_SECONDS = 1.0
"""How long a worker trains before it hands over what it measured: the pause between two signs of progress ..."""
PIECE_STATE_BYTES = 16 * 2**20
"""... for each of so many bytes of the state, which travels with each piece."""


def train(
    experiment: Experiment, *, device: str = "auto", chunk_size: int | None = None, engine: Engine | None = None
) -> xr.Dataset:
    """Return the records of an experiment, in memory, with a dimension for each axis of its sweep.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    chunk_size : members trained at once; by default as many as fit the cache or the GPU's memory
    engine : where to train, see `lrscope.engines`; in this process by default

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
    blocks = stream(experiment, device=device, chunk_size=chunk_size, engine=engine)
    return records.on_grid(records.concatenate(blocks))


def stream(
    experiment: Experiment,
    *,
    device: str = "auto",
    chunk_size: int | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
) -> "Stream":
    """Return an iterator of blocks (member, step, ...) that trains as it is consumed.

    Parameters
    ----------
    checkpoint : the ``state`` of an earlier stream of the same experiment: training continues after it
    progress : called with the networks times steps that are done, and of all; after every step in this process, about
        once a second with an engine
    engine : where to train; in this process by default, and where less is to do than its workers take to start. It is
        not shut down
    """
    if chunk_size is not None and (isinstance(chunk_size, bool) or chunk_size < 1):
        raise must_be("chunk_size", "a positive integer", chunk_size)
    return Stream(experiment, device_of(device), chunk_size, checkpoint, progress, engine)


class Stream(Iterator[xr.Dataset]):
    """Blocks of records as they are measured, and the state of the training after the last one.

    With an engine each worker trains a chunk at a time, piece by piece: a piece is a pure function of the state before
    it. If a worker dies, its piece is trained again, so nothing is lost or counted twice.

    Parameters
    ----------
    experiment, chunk_size, checkpoint, progress, engine : as `stream`
    """

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        chunk_size: int | None = None,
        checkpoint: Checkpoint | None = None,
        progress: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.experiment = experiment
        self._device = device
        self._state = dict(checkpoint or {})
        self._progress = progress or (lambda _done, _total: None)
        self._stopping = False
        prepared = Prepared(experiment, device)
        size = int(self._state.get("chunk_size", chunk_size or fitting(device, prepared.bytes_each)))
        at_least = int(self._state.get("chunks_at_least", 1))
        self._chunks = Chunks(experiment, device, size, at_least, prepared)
        self._engine = (
            engine if engine and worth_starting(engine, self._chunks.seconds(), len(experiment.sweep)) else None
        )
        workers = self._engine.workers if self._engine else 1
        if self._engine:
            for _ in range(min(workers, len(experiment.sweep))):
                self._engine.submit(ready)  # while they start, this process checks and traces
        prepared.check_lifted()
        there = (self._engine.device if self._engine else "") or device.type
        if self._engine and "chunk_size" not in self._state and not chunk_size:
            if there == "cuda":  # the memory of a worker's GPU counts
                size = self._engine.submit(fitting, torch.device(there), prepared.bytes_each).result()
            at_least = workers
            self._chunks = Chunks(experiment, device, size, at_least, prepared)
        self._state |= {"chunk_size": np.array(size), "chunks_at_least": np.array(at_least)}
        self._cut = Cut(cloudpickle.dumps(experiment) if self._engine else b"", there, size, at_least)
        self._workers = min(workers, len(self._chunks))
        self._measured: dict[int, list[Measured]] = {number: [] for number in range(len(self._chunks))}
        self._block_began: dict[int, float] = {}
        self._steps = {number: self._first_step(number) for number in range(len(self._chunks))}
        self._latest = {number: self._resumed(number) for number in self._unfinished() if self._steps[number]}
        self.total = self._chunks.total
        self._done = sum(len(self._chunks.members[number]) * step for number, step in self._steps.items())
        self._blocks = self._by_workers(self._engine) if self._engine else self._in_this_process()

    @property
    def state(self) -> dict[str, np.ndarray]:
        """What `stream` needs to continue after the last block: arrays by name.

        ``chunk/<number>/parameters`` holds the parameters (member, parameter) of the members of a chunk, in the order
        of ``named_parameters``; in the end they are the trained networks.
        """
        return dict(self._state)

    @property
    def finished(self) -> bool:
        """Whether every member has taken its last step and its records have been handed out."""
        return all(self._first_step(number) == self._last(number) for number in self._steps)

    @property
    def done(self) -> int:
        """Networks times steps that are done; of ``total``."""
        return self._done

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine or InProcess())

    def stop(self) -> None:
        """Ask the training to end: the blocks in hand come out, then no more."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _in_this_process(self) -> Iterator[xr.Dataset]:
        for number in self._unfinished():
            arrays = self._latest.pop(number, None)
            state = from_arrays(arrays, self._device) if arrays else self._chunks.initial_state(number)
            while self._steps[number] < self._last(number) and not self._stopping:
                self._block_began[number] = time.monotonic()
                limits = BLOCK_SECONDS, BLOCK_BYTES
                piece = self._chunks.advance(number, state, self._steps[number], *limits, self._counted)
                state = piece.state
                yield from self._block(number, replace(piece, state=to_arrays(state)))

    def _by_workers(self, engine: Engine) -> Iterator[xr.Dataset]:
        waiting = deque(self._unfinished())
        if self._cut.device == self._device.type:
            self._cut = replace(self._cut, graphs=cloudpickle.dumps(self._chunks.trace()))
        running: dict[Future[Piece], int] = {}

        def begin(number: int) -> None:
            state = self._latest.get(number)
            state_bytes = sum(array.nbytes for array in state.values()) if state else 0
            seconds = PIECE_SECONDS * max(1.0, state_bytes / PIECE_STATE_BYTES)
            nbytes = BLOCK_BYTES // self._workers
            self._block_began.setdefault(number, time.monotonic())
            running[engine.submit(advanced, self._cut, number, state, self._steps[number], seconds, nbytes)] = number

        try:
            while running or (waiting and not self._stopping):
                while waiting and len(running) < self._workers and not self._stopping:
                    begin(waiting.popleft())
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number, piece = running.pop(future), future.result()
                    blocks = list(self._block(number, piece))
                    if piece.step < self._last(number) and not self._stopping:
                        begin(number)  # the worker continues before the block is handed out, which may take its time
                    self._counted(len(self._chunks.members[number]) * (piece.step - piece.start))
                    yield from blocks
        finally:
            for future in running:
                future.cancel()

    def _unfinished(self) -> list[int]:
        return [number for number, step in self._steps.items() if step < self._last(number)]

    def _last(self, number: int) -> int:
        return self._chunks.tables[number].total

    def _first_step(self, number: int) -> int:
        """Return the step at which a chunk continues."""
        return int(self._state.get(f"chunk/{number}/step", 0))

    def _counted(self, networks: int) -> bool:
        """Count what was done; return whether the training goes on."""
        self._done += networks
        self._progress(self._done, self.total)
        return not self._stopping

    def _block(self, number: int, piece: Piece) -> Iterator[xr.Dataset]:
        """Take a piece, and yield the block of its chunk if that is full, old or the last."""
        measured = self._measured[number]
        measured.append(piece.measured)
        self._steps[number], self._latest[number] = piece.step, piece.state
        full = sum(each.nbytes for each in measured) >= BLOCK_BYTES // self._workers
        ends = self._stopping or piece.step == self._last(number)
        if not (full or ends or time.monotonic() - self._block_began[number] >= BLOCK_SECONDS):
            return
        members, buffer = self._chunks.members[number], self._chunks.buffers[number]
        block = buffer.block(members, self.experiment.sweep, measured) if any(m.values for m in measured) else None
        self._measured[number] = []
        del self._block_began[number]
        self._keep(number, piece)
        if block is not None:
            yield block

    def _keep(self, number: int, piece: Piece) -> None:
        """Remember where a chunk stands; of one that is done only that, and the trained networks."""
        prefix = f"chunk/{number}/"
        others = {name: array for name, array in self._state.items() if not name.startswith(prefix)}
        done = piece.step == self._last(number)
        kept = {name: array for name, array in piece.state.items() if not done or name.split("/")[0] in _TRAINED}
        self._state = {**others, f"{prefix}step": np.array(piece.step)}
        self._state |= {f"{prefix}{name}": array for name, array in kept.items()}

    def _resumed(self, number: int) -> dict[str, np.ndarray]:
        """Return the state of a chunk in the checkpoint, checked."""
        prefix = f"chunk/{number}/"
        arrays = {name.removeprefix(prefix): array for name, array in self._state.items() if name.startswith(prefix)}
        del arrays["step"]
        needed = {name: array.shape for name, array in to_arrays(self._chunks.initial_state(number)).items()}
        for name, shape in needed.items():
            got = arrays[name].shape if name in arrays else "nothing"
            if got != shape:
                raise must_be("checkpoint", "a state of the same experiment", f"{got} for {name}, which is {shape}")
        return {name: arrays[name] for name in needed}


def worth_starting(engine: Engine, seconds: float, members: int) -> bool:
    """Return whether the workers of an engine save more time than they take to start.

    Parameters
    ----------
    seconds : that one core takes for everything
    members : networks, which can be trained side by side
    """
    return not engine.startup_seconds or seconds * (1 - 1 / min(engine.workers, members)) > engine.startup_seconds


def estimate(
    experiment: Experiment, *, device: str = "auto", steps: int = 10, engine: Engine | None = None
) -> Estimate:
    """Return what a run will cost: the size of its records exactly, its time from a few steps trained in this process.

    Parameters
    ----------
    steps : measured steps; the first, which is slower, comes before them
    engine : where the run will train
    """
    there = device_of(device)
    prepared = Prepared(experiment, there)
    prepared.check_lifted()
    chunks = Chunks(experiment, there, fitting(there, prepared.bytes_each), 1, prepared)
    kinds: dict[tuple[torch.Size, ...], tuple[float, float]] = {}
    record_bytes, seconds = 0.0, 0.0
    for number, members in enumerate(chunks.members):
        one = members.example(1)
        shapes = (one.inputs.shape, one.targets.shape, torch.Size([members.samples]))
        if shapes not in kinds:
            kinds[shapes] = chunks.cost_of_one(number, steps)
        record_bytes += kinds[shapes][0] * len(members)
        seconds += kinds[shapes][1] * len(members)
    count = sum(map(len, chunks.members))
    if engine and worth_starting(engine, seconds, count):
        seconds = seconds / min(engine.workers, count) + engine.startup_seconds
    return Estimate(count, max(table.total for table in chunks.tables), round(record_bytes), seconds)


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
