"""A recorder for anybody's own training loop: the same probes, and the same files, as the ensembles have."""

import os
import sys
import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, Unpack

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import InputError, must_be
from lrscope.probes import Activations, Every, Probe, structure_of
from lrscope.recorder import _clock
from lrscope.recorder._accounting import Accounting
from lrscope.recorder._attaching import (
    checked_optimizer,
    fitting,
    heard,
    is_left_out,
    number,
    scalar,
    sweep_of,
    unwrapped,
)
from lrscope.recorder._budget import Cost
from lrscope.recorder._choice import chosen, spread
from lrscope.recorder._file import RecordsFile
from lrscope.recorder._frame import dtype_of
from lrscope.recorder._idle import Idle
from lrscope.recorder._kernel import kernel_for
from lrscope.recorder._listening import Listener
from lrscope.recorder._options import Options, settings_of
from lrscope.recorder._sentences import MUST_BE_TOLD, NO_MORE_UPDATES, NOT_TOLD, NOTHING_HEARD, NOTHING_RECORDED
from lrscope.recorder._sheet import Sheet
from lrscope.recorder._slow import keep_gradient, wants_gradients
from lrscope.recorder._timetable import NOTHING, Timetable, groups_of
from lrscope.specification import to_json

_RECORDS = 16
"""Where fewer records than this would fit the size budget, spreads are recorded instead of values."""


class Recorder:
    """Records what happens inside a model while somebody's own loop trains it; a context manager.

    Step ``k`` is the moment after ``k`` updates, as everywhere in lrscope: parameters and gradients are taken before
    the update (by a hook of the optimiser), the activations are those of the last training pass before it, and
    ``step`` gives the loss. Nothing of the training is changed: with and without a Recorder it is the same to the bit.

    Parameters
    ----------
    model : any module; of a compiled or parallel one the module inside
    path : of the ROOT file, which must not exist yet
    optimizer : what updates the model; its hook tells when an update is made, and its groups the learning rates
    probes : from `lrscope.probes`; weights, biases, gradients, activations, loss, rate, norm and angle of the gradient
        and size of the update by default
    when : cadence of all probes that are not given one of their own; every step by default
    options : ``include`` and ``exclude`` (shell patterns of layers), ``time_budget`` (share of the loop's time, e.g.
        0.05) and ``size_budget`` (``"200 MB"`` or bytes), which thin the cadence so that they are kept, ``labels``
        (``{"seed": 3}``; ``lr`` is the optimiser's by default), ``steps_per_epoch`` for cadences by epochs,
        ``first_step`` (updates that were made before, of a training that is resumed), ``compression``

    Raises
    ------
    InputError : an argument that is not allowed, or a probe that needs what a foreign loop does not give.
    StoreError : the file cannot be written; also from ``step``, when the disk is full: what was written stays.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from lrscope.store import open_records
    >>> model = nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with TemporaryDirectory() as folder:
    ...     with Recorder(model, f"{folder}/mine.root", optimizer) as recorder:
    ...         for _ in range(5):
    ...             optimizer.zero_grad()
    ...             loss = model(torch.ones(8, 3)).square().mean()
    ...             loss.backward()
    ...             optimizer.step()
    ...             recorder.step(loss=loss)
    ...     open_records(f"{folder}/mine.root")["weights_network"].sizes
    Frozen({'member': 1, 'step': 5, 'neuron_network': 1, 'input_network': 3})
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | os.PathLike[str],
        optimizer: Optimizer,
        probes: Iterable[Probe] | None = None,
        when: Any = Every(),  # noqa: B008  frozen
        **options: Unpack[Options],
    ) -> None:
        self.settings = settings_of(options)
        self._model = unwrapped(model)
        self._optimizer = checked_optimizer(optimizer, self._model)
        self._probes = fitting(chosen(probes, when, self.settings), self._model, self.settings.include)
        self._sweep = sweep_of(self._optimizer, self.settings)
        self._file = RecordsFile(path, self._metadata(), self.settings.compression, self._sweep)
        self._account = Accounting(self.settings, self._file)
        self._sheet: Sheet | None = None
        self._heard: dict[str, Tensor] = {}
        self._first_gradients: dict[str, Tensor] = {}
        self._now = self._soon = NOTHING
        self._take_probes(self._probes)
        self._always = not self._account.limited and self._timetable.always
        self._spread = self._captured = self._stopped = self._closed = False
        self._settled, self._missed_at = True, -1
        self._idle = Idle()
        self._rates: list[float] = []
        kernel_for(dtype_of(self._model.parameters()))  # is compiled now, and not during the first step
        self._listener = Listener(self._model, self._hear)
        self._handle = self._optimizer.register_step_pre_hook(self._idle.hook(self._before_update))
        self._listener.active = True  # the first pass tells what the model is made of

    def step(self, loss: Tensor | float, **metrics: Tensor | float) -> None:
        """Say that a step of the loop is done: call it behind ``optimizer.step()``.

        Parameters
        ----------
        loss : of the step's batch, before the update
        metrics : other numbers of this step, such as ``accuracy``. Those that are given at the first step belong to
            the cadence of the loss; others, and those named ``val_...``, are recorded whenever they are given.

        Raises
        ------
        InputError : the loss is not one number.
        StoreError : the file cannot be written. Nothing is recorded from then on; the loop may go on.
        """
        idle = self._idle
        if idle.steps and idle.updated and not metrics:
            idle.steps, idle.updated, self._listener.deaf = idle.steps - 1, False, False
            self._account.update_idly()
        elif not self._stopped:
            self._end_step(loss, metrics)

    def _end_step(self, loss: Tensor | float, metrics: dict[str, Tensor | float]) -> None:
        began = _clock.now()
        if not self._idle.updated:
            self._account.skip()
            self._listener.begin()
            return
        step, self._idle.updated, self._listener.deaf = self._account.updates, False, False
        self._account.update()
        self._settled, told = False, self._captured or bool(metrics)
        try:
            if told:
                self._complete(step, loss, metrics, began)
        finally:
            self._listener.begin()
            if not self._always:
                self._plan()
        now = self._account.end_step(began)
        if told:
            self._flush_if_due(now)
        self._settled = True

    def note(self, **metrics: Tensor | float) -> None:
        """Record numbers measured now, with the parameters as they are behind the last update.

        Unlike those given to ``step``, which belong to the parameters before the update: this is the place for the
        loss of validation samples, measured between two steps.
        """
        if not self._stopped and self._sheet is not None:
            for name, value in metrics.items():
                self._sheet.note(self._account.updates, name, number(name, value))
            self._flush_if_due(_clock.now())

    def begin_pass(self) -> None:
        """Say that a new training pass begins.

        That is noticed when the model is called. It must be said only where its parts are called by themselves, and
        several passes make one update: of these the last is recorded.
        """
        self._listener.begin()

    def leave_out(self) -> None:
        """Say instead of ``step`` that the optimiser was called and changed nothing: the step is counted as skipped."""
        if self._idle.updated:
            self._idle.updated = self._listener.deaf = False
            self._account.skip()
            self._listener.begin()

    @property
    def updated(self) -> bool:
        """Whether an update was made that ``step`` has not been told of."""
        return self._idle.updated

    @property
    def cost(self) -> Cost:
        """What recording has cost so far."""
        return self._account.cost(self._sheet, spread=self._spread)

    def close(self) -> None:
        """Write what is left and complete the file; the model and the optimiser are as they were."""
        if self._closed:
            return
        self._detach()
        self._flush()
        if not self._closed:
            self._closed = True
            self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._account.recorded or kind is None:
            self.close()
        elif not self._closed:
            self._detach()
            self._closed = True
            self._file.give_up(error or KeyboardInterrupt())

    def _before_update(self) -> None:
        """Take the step that is about to end: parameters and gradients belong together now."""
        if self._stopped or is_left_out(self._optimizer):
            return
        if self._idle.updated:
            self._miss_a_step()
        began = _clock.now()
        self._account.begin(began - self._listener.seconds)
        self._idle.updated = self._listener.deaf = True
        self._captured = bool(self._now) or self._sheet is None or self._sheet.slow.follows
        if self._captured or self._soon:
            self._capture(self._sheet or self._begun())
        self._account.spent += _clock.now() - began + self._listener.seconds
        self._listener.seconds = 0.0

    def _miss_a_step(self) -> None:
        """Leave out an update that `step` was not told of: somebody interrupted it. Two on end are a mistake."""
        if self._missed_at == self._account.updates:
            self._detach()
            raise InputError(MUST_BE_TOLD)
        self._missed_at = self._account.updates
        warnings.warn(NOT_TOLD, RuntimeWarning, stacklevel=7)
        self.leave_out()

    def _capture(self, sheet: Sheet) -> None:
        """Copy parameters and gradients, or keep the gradient for the angle of the step behind."""
        step, scale = self._account.updates, getattr(self._optimizer, "grad_scale", None)
        self._captured = bool(self._now) or sheet.slow.follows
        if self._captured:
            self._rates = [float(group["lr"]) for group in self._optimizer.param_groups]
            if not self._settled:
                self._flush_if_due(_clock.now())
            sheet.capture(step, self._now, scale)
        elif sheet.layout.angles & self._soon:
            sheet.frames.remember(step, scale)

    def _complete(self, step: int, loss: Tensor | float, metrics: dict[str, Tensor | float], began: float) -> None:
        """Keep a step that was captured, and the numbers that came with it."""
        assert self._sheet is not None
        numbers = {name: number(name, value) for name, value in metrics.items()}
        self._sheet.begin(numbers)
        if not self._captured:
            self._sheet.complete_numbers(step, numbers)
            return
        spent = self._account.spent
        seconds = spent, self._account.elapsed(began)
        self._sheet.complete(step, self._now, scalar(loss), self._rates, seconds, numbers)
        if self._now:
            self._account.record(step, spent + _clock.now() - began, self._sheet)

    def _plan(self) -> None:
        """Decide about the step behind the next one; an angle needs the gradient of the step before."""
        self._now, self._soon = self._soon, self._due(self._account.updates + 1)
        if bool(self._now) != self._listener.active:
            self._listener.active = bool(self._now)
        if self._sheet is not None and not (self._now or self._soon or self._account.limited):
            until = int(min(self._timetable.idle_until, sys.maxsize))
            idle = until - 2 - self._account.updates  # an angle needs the gradient of the step before
            self._idle.steps = 0 if self._sheet.slow.follows else max(0, idle)
            self._captured = False

    def _due(self, step: int) -> frozenset[str]:
        """Return the step dimensions that are recorded at a step."""
        due = self._timetable.due(step, self._account.factor)
        if not due or not self._account.limited or self._sheet is None:
            return due
        allowed = self._account.allows(self._sheet.bytes_of(due), self._sheet, coming=int(bool(self._soon)))
        return due if allowed else NOTHING

    def _hear(self, path: str, output: Tensor) -> None:
        """Keep what the layers put out in the first pass, which tells what there is."""
        self._heard[path] = output.detach().clone()
        if wants_gradients(self._probes):
            keep_gradient(self._first_gradients, path, output)

    def _begun(self) -> Sheet:
        try:
            return self._explored()
        except InputError as error:
            self._fail(error)
            raise

    def _explored(self) -> Sheet:
        """Return where everything is kept, once the first pass has told what the model is made of."""
        outputs = {path: torch.empty_like(one, device="meta") for path, one in self._heard.items()}
        structure = structure_of(self._model, outputs)
        if not outputs and any(isinstance(probe, Activations) for probe in self._probes):
            warnings.warn(NOTHING_HEARD, RuntimeWarning, stacklevel=4)
        self._take_probes(heard(self._probes, self._model, structure))
        named = dict(self._model.named_parameters())
        parameters = [named[one.name] for one in structure.parameters]
        sheet = Sheet(structure, self._groups, parameters, self._sweep.axes)
        if self.settings.size_budget and _RECORDS * sheet.bytes_of(sheet.gathered) > self.settings.size_budget:
            self._take_probes(spread(self._probes))
            sheet = Sheet(structure, self._groups, parameters, self._sweep.axes)
            self._spread = True
        self._check_size(sheet)
        self._sheet = sheet
        for path, output in self._heard.items():
            sheet.hear(path, output)
        self._heard.clear()
        sheet.slow.gradients = self._first_gradients
        self._listener.hear = sheet.hear
        if sheet.paths is not None:
            self._listener.only(sheet.paths)
        return sheet

    def _take_probes(self, probes: Iterable[Probe]) -> None:
        """Measure by these from the step in hand on."""
        self._probes = tuple(probes)
        self._groups = groups_of(self._probes)
        self._timetable = Timetable(self._groups, self.settings.steps_per_epoch)
        step = self._account.updates
        self._now = self._due(step)
        self._soon = NOTHING if self._account.by_time else self._due(step + 1)

    def _check_size(self, sheet: Sheet) -> None:
        """Refuse a size that is less than what two records and the file around them take."""
        size, least = self.settings.size_budget, self._file.least(sheet)
        if size is not None and size < least:
            remedy = "Give more, or record less: fewer probes, or fewer layers by include and exclude."
            allowed = f"at least {-(-least // 1000)} kB for this model and these probes"
            raise must_be("size_budget", allowed, size, remedy)

    def _flush_if_due(self, now: float) -> None:
        if self._sheet is not None and self._file.due(self._sheet, now):
            self._flush()

    def _flush(self) -> None:
        """Hand what was gathered to the thread that writes."""
        began = _clock.now()
        if self._sheet is not None and not self._closed:
            try:
                self._file.write(self._sheet, final=self._stopped)
            except Exception as error:
                self._fail(error)
                raise
        self._account.spent += _clock.now() - began

    def _fail(self, error: Exception) -> None:
        self._detach()
        self._closed = True
        self._file.give_up(error)

    def _detach(self) -> None:
        self._stopped, self._idle.steps = True, 0
        self._listener.close()
        self._handle.remove()

    def _finish(self) -> None:
        if self._file.flushed:
            self._file.complete()
            if self._account.idle > self.cost.steps:
                warnings.warn(NO_MORE_UPDATES.format(self._account.idle), RuntimeWarning, stacklevel=4)
            return
        error = InputError(NOTHING_RECORDED.format(self._file.path, self.cost.steps, self._account.skipped))
        self._file.give_up(error)  # without a block it removes the file
        warnings.warn(str(error), RuntimeWarning, stacklevel=4)

    def _metadata(self) -> dict[str, Any]:
        return {
            "recorder": {
                "model": f"{type(self._model).__module__}.{type(self._model).__qualname__}",
                "optimizer": type(self._optimizer).__name__,
                "probes": to_json(self._probes),
                "time_budget": self.settings.time_budget,
                "size_budget": self.settings.size_budget,
            }
        }
