"""What does the learning rate do to a network, neuron by neuron?

======================  ==================================================================================
`lrscope.training`      `Experiment`, `Sweep`, `train`, `stream`: grids of networks trained as one ensemble
`lrscope.data`          what networks learn from: points along shapes, images, your own arrays
`lrscope.models`        the networks of the studies
`lrscope.optim`         update rules, losses and schedules, the learning rate an argument
`lrscope.probes`        what to measure during training, and when
`lrscope.records`       the waist: measurements as an `xarray.Dataset` with named dimensions
`lrscope.store`         records in ROOT files, and back
`lrscope.analysis`      records to smaller labelled arrays
`lrscope.figures`       labelled arrays to figures
`lrscope.report`        one HTML file that says what was found
`lrscope.recorder`      a recorder for your own loop; records for TensorBoard
`lrscope.studies`       questions with their experiment, analyses, figures and claims
`lrscope.papers`        reproductions of published experiments: studies with their own analyses and figures
======================  ==================================================================================

Each is imported when it is first used: reading and drawing records needs no PyTorch.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "analysis",
    "data",
    "errors",
    "figures",
    "models",
    "optim",
    "papers",
    "probes",
    "recorder",
    "records",
    "report",
    "specification",
    "store",
    "studies",
    "sweep",
    "training",
    "trees",
]


def __getattr__(name: str) -> ModuleType:
    """Return the folder `lrscope.<name>`, imported at its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'lrscope' has no attribute {name!r}; it has {', '.join(__all__)}")
    return importlib.import_module(f"lrscope.{name}")


def __dir__() -> list[str]:
    return list(__all__)
