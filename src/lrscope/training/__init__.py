"""Training a whole grid of networks as one vectorised ensemble, and recording inside it.

`train` returns the records of an experiment, `stream` yields them block by block while it trains; a
`Trainer` keeps of many trainings the outputs of their networks.
"""

from lrscope.sweep import Sweep
from lrscope.training._experiment import Estimate, Experiment
from lrscope.training._loop import Stream, device_of, estimate, stream, train, worth_starting
from lrscope.training._network import build
from lrscope.training._plan import batch_order
from lrscope.training._trained import Trained, Trainer

__all__ = [
    "Estimate",
    "Experiment",
    "Stream",
    "Sweep",
    "Trained",
    "Trainer",
    "batch_order",
    "build",
    "device_of",
    "estimate",
    "stream",
    "train",
    "worth_starting",
]
