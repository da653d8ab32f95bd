"""A Recorder that the Trainer of Hugging Face's transformers calls."""
# ruff: noqa: ARG002  events take what the Trainer passes

import functools
import inspect
import os
from collections.abc import Iterable
from typing import Any, Unpack

from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lrscope.errors import must_be
from lrscope.probes import Every, Probe
from lrscope.recorder._attaching import Options, Settings
from lrscope.recorder._cadence import Cost
from lrscope.recorder._recorder import Recorder

_KEY = "lrscope"
"""Where the state that the Trainer saves with a checkpoint has the run id."""
_SECOND = "Make a new one for it, with another path: a file has the steps of one training."


class TransformersRecorder(TrainerCallback):
    """Records what happens inside a model while Hugging Face's Trainer trains it.

    The arguments are those of `lrscope.recorder.Recorder`, without model and optimiser; the Trainer knows the updates
    in an epoch. The loss of an update is what the Trainer adds up for its log, before it is averaged over
    ``logging_steps``: the sum over the micro-batches of the update, as ``training_step`` returns them, in this process.
    What an evaluation returns under a name of `metrics` is recorded under the other name, with the parameters as they
    are then.

    A callback records one training. One that is resumed from a checkpoint needs a callback with a new file. Its steps
    go on from the Trainer's ``global_step``, the checkpoint has the run id, and ``open_records([first, second])`` is
    the whole training: of steps that both files have, those of the second count.

    Parameters
    ----------
    path : of the ROOT file, which must not exist yet
    probes, when, options : as for `lrscope.recorder.Recorder`
    metrics : name in the Trainer's log -> name in the records

    Raises
    ------
    InputError : an argument that is not allowed; when training starts, a second one with the same callback.

    Examples
    --------
    >>> from lrscope.probes import every
    >>> callback = TransformersRecorder("mine.root", when=every(10), size_budget="200 MB")
    >>> callback.cost is None  # nothing was trained
    True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        probes: Iterable[Probe] | None = None,
        when: Any = Every(),  # noqa: B008  frozen
        metrics: dict[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        Settings(**options)
        self._path, self._probes, self._when, self._options = path, probes, when, options
        self._metrics = {"eval_loss": "val_loss", "eval_accuracy": "val_accuracy"} if metrics is None else metrics
        self._recorder: Recorder | None = None
        self._trainer: Trainer | None = None
        self._heard: Any = None  # what is in the place of its ``training_step``
        self._replaced: Any = None  # what the user has put there
        self._loss: Tensor | None = None  # of the micro-batches since the last update

    @property
    def cost(self) -> Cost | None:
        """What recording has cost; None before training."""
        return None if self._recorder is None else self._recorder.cost

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        optimizer: Any = None,
        train_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        if self._recorder is not None and self._recorder.cost.steps:
            got = f"a second one, into {self._path}"
            raise must_be("a TransformersRecorder", "used for one training", got, _SECOND)
        options = self._options.copy()
        if options.get("steps_per_epoch") is None and hasattr(train_dataloader, "__len__"):
            options["steps_per_epoch"] = -(-len(train_dataloader) // args.gradient_accumulation_steps)
        options.setdefault("first_step", state.global_step)
        saved: Any = state.stateful_callbacks or {}
        options.setdefault("run_id", saved.get(_KEY, {}).get("run_id"))
        self._recorder = Recorder(model, self._path, optimizer, probes=self._probes, when=self._when, **options)
        saved[_KEY] = {"run_id": self._recorder.run_id}
        state.stateful_callbacks = saved
        self._listen(self._recorder)

    def _listen(self, recorder: Recorder) -> None:
        """Have the Trainer's ``training_step``, which returns the loss of a micro-batch, tell it here as well.

        A callback does not know who calls it: the Trainer is looked for among the callers.
        """
        frame = inspect.currentframe()
        while frame is not None and not isinstance(frame.f_locals.get("self"), Trainer):
            frame = frame.f_back
        if frame is None:
            recorder.warnings.add("the losses are missing in the records: the loop is not that of a Trainer.")
            return
        self._trainer = frame.f_locals["self"]
        training_step = self._trainer.training_step

        @functools.wraps(training_step)
        def heard(*args: Any, **kwargs: Any) -> Tensor:
            try:
                loss = training_step(*args, **kwargs)
            except BaseException as error:
                self._end(error)
                raise
            if self._trainer is not None:
                self._loss = loss if self._loss is None else self._loss + loss
            return loss

        self._heard, self._replaced = heard, vars(self._trainer).get("training_step")
        setattr(self._trainer, "training_step", heard)  # noqa: B010  mypy knows it as a method

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the step, and the loss of its micro-batches."""
        loss, self._loss = self._loss, None
        if self._recorder is not None:
            self._recorder.step(loss=loss)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record what an evaluation between two steps has found."""
        if self._recorder is not None and metrics:
            given = {ours: metrics[name] for name, ours in self._metrics.items() if name in metrics}
            self._recorder.note(**given)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._end()

    def _end(self, error: BaseException | None = None) -> None:
        own = {} if self._trainer is None else vars(self._trainer)
        if own.get("training_step") is self._heard:  # otherwise a second callback has put its own around it
            own.pop("training_step", None)  # that of the instance, which hides the one of its class
            if self._replaced is not None:
                own["training_step"] = self._replaced
        self._trainer = None
        if self._recorder is not None:
            self._recorder.__exit__(type(error) if error else None, error, None)
