"""A Recorder that the Trainer of Hugging Face's transformers calls."""
# ruff: noqa: ARG002  events take what the Trainer passes

import functools
import inspect
from types import MappingProxyType
from typing import Any

from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lrscope.recorder._callback import KEY, TrainerRecorder
from lrscope.recorder._recorder import Recorder


class TransformersRecorder(TrainerRecorder, TrainerCallback):
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

    _METRICS = MappingProxyType({"eval_loss": "val_loss", "eval_accuracy": "val_accuracy"})
    _trainer: Trainer | None = None
    _heard: Any = None  # what is in the place of its ``training_step``
    _replaced: Any = None  # what the user has put there
    _loss: Tensor | None = None  # of the micro-batches since the last update

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
            self._refuse_a_second("training")
        options = self._options.copy()
        if options.get("steps_per_epoch") is None and hasattr(train_dataloader, "__len__"):
            options["steps_per_epoch"] = -(-len(train_dataloader) // args.gradient_accumulation_steps)
        options.setdefault("first_step", state.global_step)
        saved: Any = state.stateful_callbacks or {}
        options.setdefault("run_id", saved.get(KEY, {}).get("run_id"))
        recorder = self._begin(model, optimizer, options)
        saved[KEY] = {"run_id": recorder.run_id}
        state.stateful_callbacks = saved
        self._listen(recorder)

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
        self._note(metrics or {})

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
