"""A Recorder that Lightning's Trainer calls."""
# ruff: noqa: ARG002  hooks take what Lightning passes

from types import MappingProxyType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lrscope.recorder._callback import KEY, TrainerRecorder


class LightningRecorder(TrainerRecorder, Callback):
    """Records what happens inside a LightningModule while its Trainer trains it.

    The arguments are those of `lrscope.recorder.Recorder`, without model and optimiser; the Trainer knows the updates
    in an epoch. All optimisers are recorded: with manual optimisation what they update in a batch is one step. The loss
    is the one that ``training_step`` returns, and missing if it returns none; what is logged under a name of `metrics`
    at the end of a validation is recorded under the other name, with the parameters as they are then.

    A Trainer may have several of them, at other cadences say; their files have the same run id.

    A callback records one ``fit``. A training that is resumed from a checkpoint needs a callback with a new file. Its
    steps go on from those of the checkpoint, which has the run id, and ``open_records([first, second])`` is the whole
    training: of steps that both files have, those of the second count.

    Parameters
    ----------
    path : of the ROOT file, which must not exist yet
    probes, when, options : as for `lrscope.recorder.Recorder`
    metrics : name in Lightning -> name in the records

    Raises
    ------
    InputError : an argument that is not allowed; when training starts, a second ``fit`` with the same callback.

    Examples
    --------
    >>> from lrscope.probes import every
    >>> callback = LightningRecorder("mine.root", when=every(10), size_budget="200 MB")
    >>> callback.cost is None  # nothing was trained
    True
    """

    _METRICS = MappingProxyType({"val_loss": "val_loss", "val_acc": "val_accuracy"})
    _warned = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep which training the files belong to; it is the same for all LightningRecorders of a Trainer."""
        if self._recorder is not None:
            steps = self._recorder.settings.first_step + self._recorder.cost.steps
            checkpoint[KEY] = {"run_id": self._recorder.run_id, "step": steps}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Go on with the training of a checkpoint, in a new file."""
        if KEY in checkpoint:
            self._options.setdefault("run_id", checkpoint[KEY]["run_id"])
            self._options.setdefault("first_step", checkpoint[KEY]["step"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._recorder is not None:
            self._refuse_a_second("fit")
        options = self._options.copy()
        batches = trainer.num_training_batches  # infinite for data without a length
        if options.get("steps_per_epoch") is None and batches != float("inf"):
            options["steps_per_epoch"] = -(-int(batches) // trainer.accumulate_grad_batches)
        # each optimiser counts its updates
        options.setdefault("first_step", trainer.global_step // max(1, len(trainer.optimizers)))
        callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set where mypy does not look
        others = [one._recorder for one in callbacks if isinstance(one, LightningRecorder)]
        options.setdefault("run_id", next((one.run_id for one in others if one is not None), None))
        self._begin(pl_module, trainer.optimizers, options)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Begin a pass: a LightningModule calls its parts by themselves."""
        if self._recorder is not None:
            self._recorder.begin_pass()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the step, if the batch ended in an update."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if self._recorder is None or not self._recorder.updated:
            return
        if pl_module.automatic_optimization and not isinstance(loss, Tensor):
            self._recorder.leave_out()  # training_step has skipped the batch
        elif isinstance(loss, Tensor):
            shared = trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
            self._recorder.step(loss=loss * shared)  # the Trainer has divided it
        else:
            self._recorder.step(loss=None)
            if not self._warned:
                self._warned = True
                self._recorder.warnings.add(
                    "the loss is missing in the records: with manual optimisation, return it from training_step."
                )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record what was logged in a validation between two steps."""
        if not trainer.sanity_checking:
            self._note(trainer.callback_metrics)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._recorder is not None:
            self._recorder.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write what is there, and leave the exception as it is."""
        if self._recorder is not None:
            self._recorder.__exit__(type(exception), exception, exception.__traceback__)
