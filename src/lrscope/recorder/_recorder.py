"""A recorder for anyone's own training loop: the same probes, and the same files, as the ensembles have."""

import os
import time
import uuid
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from torch import Tensor, compiler, nn
from torch.optim import Optimizer

from lrscope.optim import before_update
from lrscope.probes import Every, Probe, parameters_of, structure_of
from lrscope.recorder._attaching import Options, Warnings, metadata_of, settings_for, unwrapped
from lrscope.recorder._binding import Binding
from lrscope.recorder._buffer import BlockBuffer, RecordsFile
from lrscope.recorder._cadence import Accounting, Cost, Schedule
from lrscope.recorder._ending import CLOSED, LEFT_OUT, Inert, end_failed, end_file, end_forgotten
from lrscope.recorder._hooks import ActivationHooks, Hook
from lrscope.recorder._measuring import Activity, Captured, Measuring
from lrscope.recorder._numbers import Numbers, merged
from lrscope.recorder._optimizers import Optimizers
from lrscope.recorder._probes import affordable, chosen, heard, observed, possible
from lrscope.recorder._processes import Processes
from lrscope.records import STEP


class Recorder:
    """Records what happens inside a model while your own loop trains it; a context manager.

    Step ``k`` is the moment after ``k`` updates, as everywhere in lrscope: parameters and gradients are taken before
    the update (by a hook of the optimiser), the activations are those of the last training pass before it, and
    ``step`` gives the loss. The training is the same to the bit with and without a Recorder, and never ends because of
    it: if something cannot be recorded, one warning says so and recording stops (`failed`).

    Parameters
    ----------
    model : any module; of a compiled or parallel one the module inside
    path : of the ROOT file, which must not exist yet; with ``torch.distributed`` rank 0 writes it
    optimizer : what updates the model; its groups have the learning rates. Several of them in a list, or as values of a
        dictionary; of a wrapper (Accelerate's, Fabric's, Lookahead, ...) the one inside is taken
    probes : from `lrscope.probes`; weights, biases, gradients, activations, loss, rate, norm and angle of the gradient
        and size of the update by default
    when : cadence of all probes that are not given one of their own; every step by default
    options : ``time_budget`` (share of the loop's time, 0.05 by default, None for no limit) and ``size_budget`` (bytes,
        or ``"200 MB"``, ``"1.5 GiB"``; 2 GB by default or a tenth of the free disk if that is less, None for no limit),
        which thin the cadence; ``include`` and ``exclude`` (shell patterns of layers); ``labels`` (``{"seed": 3}``);
        ``steps_per_epoch`` for cadences by epochs; ``first_step`` (updates made before) and ``run_id`` (of the first
        Recorder) of a training that is resumed; ``compression`` (``none``, ``lz4`` or ``zstd``);
        ``reduce_activations`` (of several processes, whose samples are counted together)

    Attributes
    ----------
    run_id : of this training, also in the file's metadata; files with the same labels belong together if they share it
    failed : why recording has stopped, as in the warning; None while all is well
    warnings : what it has warned of so far (``messages``), which is also in the file
    updated : whether an update was made for which ``step`` was not called yet

    Raises
    ------
    InputError : an argument that is not allowed, or a probe that needs what your loop does not give. No file is made.
    StoreError : the file cannot be made.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from lrscope.store import open_records
    >>> model = nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with TemporaryDirectory() as folder:
    ...     with Recorder(model, f"{folder}/mine.root", optimizer, time_budget=None) as recorder:
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
        optimizer: Optimizer | Iterable[Optimizer] | Mapping[Any, Optimizer],
        probes: Iterable[Probe] | None = None,
        when: Any = Every(),  # noqa: B008  frozen
        **options: Unpack[Options],
    ) -> None:
        self.settings = settings_for(path, options)
        self.run_id = self.settings.run_id or uuid.uuid4().hex
        self.failed: str | None = None
        self.warnings = Warnings()
        self._model = unwrapped(model)
        self._optimizers = Optimizers(optimizer, self._model, self.warnings)
        # A GAN's loop may freeze one of its parts while the other is updated.
        self._trainable = {name for name, one in parameters_of(self._model).items() if one.requires_grad}
        wanted = possible(chosen(probes, when, self.settings), self._model)
        limit, named = self.settings.size_budget, probes is not None
        self._probes, self._statistics = affordable(wanted, self._model, limit, self.warnings, named=named)
        sweep = self._optimizers.sweep(self.settings)
        self._account = Accounting(self.settings, self.warnings)
        self._buffer = BlockBuffer()
        self._numbers = Numbers(self._buffer, sweep.axes, self.warnings)
        self._measuring: Measuring | None = None
        self._captured: Captured | None = None
        self._schedule = self._scheduled(self._probes)
        self.updated = False
        self._called: set[Optimizer] = set()  # the optimisers that have made an update since the last step
        self._handles: list[Any] = []
        self._binding: Binding | None = None
        gradients = any("activation_gradients" in probe.required() for probe in self._probes)
        self._hooks = ActivationHooks(
            self._model, self._optimizers.all, self.warnings, heard(self._probes, self._model), gradients=gradients
        )
        self._file: RecordsFile | None = None
        self._processes = Processes(self._model, reduce_activations=self.settings.reduce_activations)
        self._agreed: int | None = None
        self._stopped = self._closed = not (self._processes.first or self._processes.together)
        if self._closed:
            return
        try:
            self._hooks.listen(wanted=True)  # the first pass shows what the model is made of
            self._handles += self._optimizers.hook(Hook(before_update(self._before_update, each_call=False)))
            metadata = metadata_of(self._model, self._optimizers.name, self._probes, self.settings, self.run_id)
            if self._processes.first:  # The file comes last: whatever fails before leaves none.
                self._file = RecordsFile(path, metadata, self.settings.compression, sweep, self._buffer)
                weakref.finalize(self, end_forgotten, self._file, self._account, self.warnings, os.getpid())
        except BaseException:
            self._detach()
            raise

    def step(self, loss: Tensor | float | None = None, *unnamed: object, **metrics: Tensor | float) -> None:
        """End a step of the loop: call it after ``optimizer.step()``, or after that of the last of several optimisers.

        It never raises: of what is no number, or has a name that is taken, a warning says so once, and it is missing.

        Parameters
        ----------
        loss : of the step's batch, before the update; None where it is not known
        metrics : other numbers of this step, such as ``accuracy``. Those that are given at the first step belong to
            the cadence of the loss; others, and those named ``val_...``, are recorded whenever they are given.
        """
        counted = self._schedule.idle and self.updated and not unnamed and self._numbers.can_wait(metrics)
        if counted and not compiler.is_compiling():  # which would take the counts for constants
            self._schedule.idle -= 1
            self.updated = False
            self._called.clear()
            self._account.count()
        else:
            self._end_step(loss, unnamed, metrics)

    @compiler.disable  # type: ignore[untyped-decorator]
    def _end_step(
        self, loss: Tensor | float | None, unnamed: tuple[object, ...], metrics: dict[str, Tensor | float]
    ) -> None:
        if self._takes_none("step(loss=loss, accuracy=value)", unnamed):
            return
        began = time.perf_counter()
        if not self.updated or self._account.left_out.in_hand():
            self._skip()
            return
        self._account.check_order(passed=self._hooks.passed)
        step, captured, self._captured = self._account.updates, self._captured, None
        self.updated = self._hooks.paused = False
        self._called.clear()
        self._account.update()
        try:
            if (captured or metrics) and not self.failed:
                self._complete(step, captured, loss, metrics, began)
        except Exception as error:  # a mistake of a probe, or of ours, must not end the training
            self._fail(error)
        finally:
            self._hooks.begin_pass()
            self._plan()
        self._account.spent += time.perf_counter() - began
        if captured or metrics:
            self._flush_if_due()

    @compiler.disable  # type: ignore[untyped-decorator]
    def note(self, *unnamed: object, **metrics: Tensor | float) -> None:
        """Record numbers measured between two steps, which belong to the next parameters; it never raises."""
        if self._takes_none("note(val_loss=value)", unnamed) or self._measuring is None:
            return
        try:
            values = self._numbers.noted(metrics)
            if values:
                self._buffer.append(self._account.updates, values)
        except Exception as error:
            self._fail(error)
        self._flush_if_due()

    def _takes_none(self, call: str, unnamed: tuple[object, ...]) -> bool:
        """Return whether nothing is recorded any more; warn of numbers after the end, or without a name."""
        if unnamed:
            self.warnings.add(f"numbers need names: recorder.{call}. Those without one are missing in the records.")
        if self._stopped and self._file and not self.failed:
            self.warnings.add(CLOSED)
        return self._stopped

    def begin_pass(self) -> None:
        """Begin a pass where the modules of the model are called by themselves, and several passes make one update."""
        self._hooks.begin_pass()

    def leave_out(self) -> None:
        """Call this instead of ``step`` if the optimiser was called and changed nothing: the step counts as skipped."""
        if self.updated:
            self._skip()

    def _skip(self) -> None:
        self._captured, self.updated, self._hooks.paused = None, False, False
        self._called.clear()
        self._account.skip()
        self._hooks.begin_pass()

    @property
    def cost(self) -> Cost:
        """What recording has cost so far."""
        return self._account.cost(self._file, statistics=self._statistics)

    def close(self) -> None:
        """Write what is left and complete the file; the model and the optimiser are as they were."""
        self._detach()
        if self._closed:
            return
        try:
            if self._file:
                end_file(self._file, self._account, self.warnings)
            self._closed = True
        except Exception as error:
            self._fail(error)

    def __reduce__(self) -> tuple[type[Inert], tuple[()]]:
        return Inert, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None or self._account.recorded:
            self.close()
        elif not self._closed:
            self._detach()
            self._closed = True
            if self._file:
                self._file.give_up(error or KeyboardInterrupt())

    def _before_update(self, optimizer: Optimizer) -> None:
        """Take what an optimiser is about to update: parameters and gradients belong together now."""
        if self._stopped:
            return
        if self._schedule.idle and not self.updated and "found_inf" not in vars(optimizer):  # see `LeftOut`
            self.updated = True
            self._called.add(optimizer)
            return
        if optimizer in self._called:
            self._miss_step()
        if self._account.left_out.now(optimizer, wait=not self._schedule.idle or len(self._optimizers.all) > 1):
            return
        first = not self.updated
        self._called.add(optimizer)
        self.updated = True
        if self._schedule.idle:
            return
        try:
            began = time.perf_counter()
            if first:
                self._account.begin(began - self._hooks.seconds)
                self._begin_capture()
                self._hooks.paused = True
            if self._captured and self._measuring:
                self._buffer.hold(self._measuring.capture(self._captured, optimizer))
            self._account.spent += time.perf_counter() - began + self._hooks.seconds
            self._hooks.seconds = 0.0
        except Exception as error:  # whatever goes wrong here must not end the training
            self._fail(error)
            if self._measuring is None and self._processes.together:
                self._go_on()  # the others ask at the first step

    def _miss_step(self) -> None:
        """Leave out an update after which `step` was not called."""
        if not self._account.left_out.in_hand():
            self.warnings.add(LEFT_OUT)
        self._schedule.idle = 0
        self.leave_out()

    def _begin_capture(self) -> None:
        """Begin with a step at which probes are due, before the first of the optimisers moves the parameters."""
        self._captured = None
        if self._measuring and not self._measuring.wants(self._schedule):
            return
        activity = self._hooks.take()
        if self._measuring is None:
            self._measuring = self._explored(activity)
        elif self._binding:
            if self._binding.renew():
                self._measuring.rebind(self._binding.parameters, self._binding.lost)
                self._hooks.renew()
            self._binding.check_new(self._optimizers.parameters())
        if self._measuring.wants(self._schedule) and self._go_on():
            rates = self._optimizers.rates()
            self._captured = self._measuring.begin(self._account.updates, self._schedule, rates, activity)

    def _go_on(self) -> bool:
        """Return whether to record, which processes that measure together decide together."""
        if self._processes.together:
            digest = self._measuring.digest if self._measuring else 0
            self._agreed = self._processes.agreed(self._account.factor, digest, failed=self.failed is not None)
            if self._agreed is None:
                self.failed = self.failed or "recording has failed in another process"
                self._detach()
        return not self.failed

    def _complete(
        self,
        step: int,
        captured: Captured | None,
        loss: Tensor | float | None,
        metrics: dict[str, Tensor | float],
        began: float,
    ) -> None:
        """Measure a step that was captured, and keep it with the numbers that came with it."""
        assert self._measuring
        now, measured = self._schedule.now, None
        values = self._numbers.of_step(metrics, now)
        if captured:
            measured = self._measuring.measure(captured, self._numbers.loss(loss))
            values = merged(measured.values, values, self._numbers.rates(captured.rates, now))
        if STEP in now:
            values = merged(values, {STEP: self._account.values(began, self._hooks.seconds)})
        if values and self._file:
            held = captured is not None and captured.measured
            self._buffer.append(step, values, measured.finite if measured else None, held=held)
        for one, state in measured.states if measured else ():
            one.state, one.last = state, step
        if now and self._file:
            self._account.record(step, self._account.spent + time.perf_counter() - began, self._file)

    def _plan(self) -> None:
        """Decide about the step after the next one: some probes must see the step before a record."""
        step, factor, pause = self._account.updates, self._agreed or self._account.factor, None
        soon = self._schedule.due(step + 1, factor)
        if soon and self._account.limited and self._measuring and self._file and not self._processes.together:
            coming = int(bool(self._schedule.soon))
            pause = self._account.pause(self._buffer.bytes_of(soon), self._file, coming=coming)
        self._schedule.advance(frozenset() if pause is not None else soon)
        self._hooks.listen(wanted=bool(self._schedule.now) and not self._stopped)
        if self._measuring and not self._measuring.follows_all and not self._stopped:
            self._schedule.rest(step, factor, pause or 0)

    def _explored(self, activity: Activity) -> Measuring:
        """Return how to measure, now that the first pass has shown what the model is made of."""
        named = parameters_of(self._model)
        trained = self._optimizers.updated(named, self._trainable)
        structure = structure_of(self._model, activity.outputs, trained=trained)
        probes = observed(self._probes, structure, self.warnings)
        self._binding = Binding(self._model, structure, self.warnings)
        self._schedule = self._scheduled(probes)
        gathered = self._processes.gathered if self._processes.reduces else None
        measuring = Measuring(structure, self._schedule.groups, self._binding.parameters, activity, gathered)
        self._numbers.begin(measuring, len(self._optimizers.rates()))
        if self._file and self.settings.size_budget is not None:
            self._file.check_size(self.settings.size_budget)
        self._hooks.only(measuring.layers)
        return measuring

    def _scheduled(self, probes: Iterable[Probe]) -> Schedule:
        settings, step = self.settings, self._account.updates
        return Schedule(probes, settings.steps_per_epoch, step, waits=settings.time_budget is not None)

    def _flush_if_due(self) -> None:
        """Hand what was measured to the thread that writes, if it is time for a block."""
        began = time.perf_counter()
        if not self._stopped and not self.updated and self._file and self._file.due(began):  # a held step has a row
            try:
                self._file.write(final=False)
            except Exception as error:
                self._fail(error)
            self._account.spent += time.perf_counter() - began

    def _fail(self, error: Exception) -> None:
        if not self._processes.together or self._processes.count == 1:
            self._detach()  # otherwise the other processes must hear of it first, see `_go_on`
        self.failed, self._captured = str(error), None
        self.warnings.add(f"recording has stopped, training goes on: {error}")
        if self._file and not self._closed:
            end_failed(self._file, self._account, self.warnings, error)
        self._closed = True

    def _detach(self) -> None:
        self._stopped, self._schedule.idle, self._captured = True, 0, None
        self._hooks.close()
        for handle in self._handles:
            handle.remove()
