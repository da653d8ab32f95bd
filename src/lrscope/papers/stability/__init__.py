"""Study `stability`: when and why training suddenly starts to oscillate.

Reproduces and extends Peeters: Experiment 1B, a deeper look into the basic neural network (2025). A perceptron with one
hidden layer learns a function of one variable by gradient descent; error, gradient norm and angle are recorded at every
step, and the sharpness, the weights and who carries the oscillation beside them.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from lrscope.papers.stability._findings import findings
from lrscope.papers.stability._options import Options
from lrscope.studies._old import study_of

if TYPE_CHECKING:
    from lrscope.papers.stability._experiments import experiments

__all__ = ["STUDY", "Options", "experiments", "findings"]


def __getattr__(name: str) -> Any:
    """Return `experiments`, which need PyTorch, when they are asked for."""
    if name != "experiments":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("lrscope.papers.stability._experiments").experiments


STUDY = study_of(sys.modules[__name__], "stability")
