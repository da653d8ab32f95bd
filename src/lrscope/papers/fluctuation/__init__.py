"""Study `fluctuation`: learning rates against participating neurons.

Reproduces Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025). An
autoencoder learns eight shapes at three learning rates for 1000 epochs, and everything inside is recorded at the end
of every epoch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.papers.fluctuation._findings import findings
from lrscope.papers.fluctuation._options import Options

if TYPE_CHECKING:
    from lrscope.papers.fluctuation._experiment import experiments

__all__ = ["Options", "experiments", "findings"]


def __getattr__(name: str) -> Any:
    """Return `experiments`, which need PyTorch, when it is asked for."""
    if name != "experiments":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("lrscope.papers.fluctuation._experiment").experiments
