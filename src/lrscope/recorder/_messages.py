"""Warnings of a Recorder that is used in another way than it can be used."""

import inspect
import warnings
from pathlib import Path

import torch

_LIBRARIES = tuple(str(path) for path in (Path(__file__).parents[1], Path(torch.__file__).parent))


def warn(message: str) -> None:
    """Warn of the line outside of lrscope and PyTorch that led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RuntimeWarning, stacklevel=level)


NOTHING_RECORDED = (
    "nothing was recorded, and {} was not written: no record was due in {} updates, and {} calls of step() had "
    "no update before them. Call it after optimizer.step(), with a cadence that is shorter than the training."
)
NO_MORE_UPDATES = (
    "the last {} calls of step() had no update before them, and were not recorded. Call it after optimizer.step(), "
    "and make a new Recorder where the optimizer is replaced."
)
STEP_MISSING = (
    "an update was left out: recorder.step() was not called after it. If the loop was interrupted there, all is "
    "well; otherwise call recorder.step(loss=loss) after every optimizer.step()."
)
STEP_NEVER = (
    "recorder.step() must be called after every optimizer.step(); got three updates without it. "
    "Call recorder.step(loss=loss) once an update."
)
NO_ACTIVATIONS = (
    "no layer was observed: the model was compiled before the Recorder was made, or its modules were called in "
    "evaluation mode. Activations are not recorded. Make the Recorder before the first call of the model."
)
UNOBSERVABLE = (
    "layers {} take no hooks (they are ScriptModules): their activations are not recorded. Make the Recorder with the "
    "module from before torch.jit.script to have them."
)
STOPPED = "recording has stopped, training goes on: {}"
NO_RATE = (
    "the optimizer's learning rate is 0 when the Recorder is made: the records have it step by step, and the axis "
    "initial_lr instead of lr. Name the rate that will be reached to have that axis: labels={'lr': 0.1}, for example."
)
NOT_OBSERVED = (
    "the first pass has nothing for the patterns {}: the layer was not called, or does not return a tensor "
    "(sample, ...). They are left out of these probes."
)
