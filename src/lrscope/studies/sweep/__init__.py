"""Study `sweep`: which learning rate, with what evidence.

Reproduces Santos: How Learning Rate Shapes the Journey of a Neural Network (blog post), a small convolutional network
under three learning rates, and asks what the source could not with one training each: which rate is best on samples
validation, which others cannot be told from it, how often training diverges, and what the usual range test would have
said.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.studies.sweep._findings import findings
from lrscope.studies.sweep._options import Options

if TYPE_CHECKING:
    from lrscope.studies.sweep._experiments import experiments, further

__all__ = ["Options", "experiments", "findings", "further"]


def __getattr__(name: str) -> Any:
    """Return `experiments` or `further`, which need PyTorch, when they are asked for."""
    if name not in ("experiments", "further"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lrscope.studies.sweep._experiments"), name)
