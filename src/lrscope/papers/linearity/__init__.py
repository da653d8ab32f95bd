"""Study `linearity`: what the learning rate does to the average network.

Reproduces Jordan: The learning rate's effect on average behavior (blog post): the mean output of many trainings moves
along a nearly straight line as the learning rate changes. Tests that on anybody's task with as many trainings as one
can afford: the noise that few trainings leave is taken out, what is left has an interval, and the report says how many
trainings would be needed, where the law breaks, and which samples a higher rate favours.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.papers.linearity._findings import findings
from lrscope.papers.linearity._options import FREE, UNIT, Options

if TYPE_CHECKING:
    from lrscope.papers.linearity._replications import engine, experiments

__all__ = ["FREE", "UNIT", "Options", "engine", "experiments", "findings"]


def __getattr__(name: str) -> Any:
    """Return `experiments` or `engine`, which need PyTorch, when they are asked for."""
    if name not in ("engine", "experiments"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lrscope.papers.linearity._replications"), name)
