"""Study `linearity`: what the learning rate does to the average network.

Reproduces Jordan: The learning rate's effect on average behavior (blog post): the mean output of many trainings moves
along a nearly straight line as the learning rate changes. Tests that on anybody's task with as many trainings as one
can afford: the noise that few trainings leave is taken out, what is left has an interval, and the report says how many
trainings would be needed, where the law breaks, and which samples a higher rate favours.

`Replication` describes one training that is repeated thousands of times, `replicate` trains it piece by piece and
returns its sums, `estimate` says beforehand what that costs.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from lrscope.errors import InputError
from lrscope.papers.linearity._findings import findings
from lrscope.papers.linearity._options import FREE, UNIT, Options
from lrscope.studies._old import study_of

if TYPE_CHECKING:
    from lrscope.papers.linearity._estimate import estimate
    from lrscope.papers.linearity._local import Local
    from lrscope.papers.linearity._ray import Ray
    from lrscope.papers.linearity._replicate import Engine, Replicating, replicate
    from lrscope.papers.linearity._replication import Replication
    from lrscope.papers.linearity._replications import engine, experiments, stream

__all__ = [
    "FREE",
    "STUDY",
    "UNIT",
    "Engine",
    "Local",
    "Options",
    "Ray",
    "Replicating",
    "Replication",
    "engine",
    "estimate",
    "experiments",
    "findings",
    "replicate",
    "stream",
]

_FILES = {
    "Engine": "_replicate",
    "Local": "_local",
    "Ray": "_ray",
    "Replicating": "_replicate",
    "Replication": "_replication",
    "engine": "_replications",
    "estimate": "_estimate",
    "experiments": "_replications",
    "replicate": "_replicate",
    "stream": "_replications",
}
"""Names that need PyTorch -> the file that has them."""


def __getattr__(name: str) -> Any:
    """Return what needs PyTorch when it is asked for.

    Raises
    ------
    InputError : the engine is Ray, which is not installed.
    """
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise InputError('Ray must be installed for this engine. Write: pip install "lrscope[ray]"') from None


STUDY = study_of(sys.modules[__name__], "linearity")
