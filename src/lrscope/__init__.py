"""What does the learning rate do to a network, neuron by neuron? And which one should I use?

Most people need

    Experiment, Sweep, train, stream      a grid of networks, trained as one ensemble
    Recorder                              records what happens inside the network that your own loop trains
    open_records                          reads the files that either has written
    final_scores, recommendation          one number a network; which rate is the best, and how certain that is
    compare, verdict                      whether the difference between two rates is real
    write_report                          one HTML page about a run or about files of records
    Study                                 a question with its experiments, analyses, figures and claims

as in ``lrscope.recommendation(lrscope.final_scores(lrscope.open_records("run.root")))``. The rest is in folders:
`data`, `models`, `optim`, `probes` (what is trained and measured), `training`, `engines`, `recorder`, `commands`,
`logs`, `records`, `store`, `analysis`, `figures`, `report`, `studies`, `papers`. Each is imported when it is used; what
reads, analyses and draws records needs no PyTorch.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrscope.analysis import final_scores as final_scores
    from lrscope.analysis import recommendation as recommendation
    from lrscope.recorder import Recorder as Recorder
    from lrscope.store import open_records as open_records
    from lrscope.studies import Study as Study
    from lrscope.studies import compare as compare
    from lrscope.studies import verdict as verdict
    from lrscope.studies import write_report as write_report
    from lrscope.training import Experiment as Experiment
    from lrscope.training import Sweep as Sweep
    from lrscope.training import stream as stream
    from lrscope.training import train as train

__version__ = "0.1.0"

# There is no `__all__`: with one, help(lrscope) would print the whole documentation of every class.
_NAMES = {
    "Experiment": "training",
    "Recorder": "recorder",
    "Study": "studies",
    "Sweep": "training",
    "compare": "studies",
    "final_scores": "analysis",
    "open_records": "store",
    "recommendation": "analysis",
    "stream": "training",
    "train": "training",
    "verdict": "studies",
    "write_report": "studies",
}
"""Name -> the folder that it is imported from when it is first used."""


def __getattr__(name: str) -> Any:
    """Return one of the names above, or the folder `lrscope.<name>`, imported at its first use."""
    if name in _NAMES:
        return getattr(importlib.import_module(f"lrscope.{_NAMES[name]}"), name)
    if name not in __dir__():
        raise AttributeError(f"module 'lrscope' has no attribute {name!r}; it has {', '.join(__dir__())}")
    return importlib.import_module(f"lrscope.{name}")


def __dir__() -> list[str]:
    folders = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    return ["__version__", *_NAMES, *folders]
