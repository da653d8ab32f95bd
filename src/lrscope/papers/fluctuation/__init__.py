"""Study `fluctuation`: learning rates against participating neurons.

Reproduces Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025). An
autoencoder learns eight shapes at three learning rates for 1000 epochs, and everything inside is recorded at the end
of every epoch.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from lrscope.papers.fluctuation._findings import findings
from lrscope.papers.fluctuation._options import Options
from lrscope.studies._old import study_of

if TYPE_CHECKING:
    from lrscope.papers.fluctuation._experiment import experiments

__all__ = ["STUDY", "Options", "experiments", "findings"]


def __getattr__(name: str) -> Any:
    """Return `experiments`, which need PyTorch, when it is asked for."""
    if name != "experiments":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("lrscope.papers.fluctuation._experiment").experiments


STUDY = study_of(sys.modules[__name__], "fluctuation")
