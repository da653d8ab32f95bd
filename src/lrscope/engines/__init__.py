"""Where pieces of work run: in this process, in processes of this machine, on a Ray, in jobs of Slurm.

Every engine is a `concurrent.futures.Executor` that also says how many workers it has. A piece is a pure function with
its arguments: one whose worker dies is called again. `Ray` and `Slurm` are imported when they are used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.engines._calls import asked_to_end, completed
from lrscope.engines._engine import ATTEMPTS, Engine, InProcess, WorkerError
from lrscope.engines._processes import Processes
from lrscope.errors import InputError

if TYPE_CHECKING:
    from lrscope.engines._ray import Ray
    from lrscope.engines._slurm import Slurm

__all__ = ["ATTEMPTS", "Engine", "InProcess", "Processes", "Ray", "Slurm", "WorkerError", "asked_to_end", "completed"]

_LIBRARIES = {"Ray": "ray", "Slurm": "submitit"}


def __getattr__(name: str) -> Any:
    """Return the engine `Ray` or `Slurm` from the only file that imports its library.

    Raises
    ------
    InputError : the library is not installed.
    """
    if name not in _LIBRARIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    extra, library = name.lower(), _LIBRARIES[name]
    try:
        return getattr(importlib.import_module(f"{__name__}._{extra}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise
        remedy = f'Install it: pip install "lrscope[{extra}]"'
        raise InputError(f"The engine {name} needs the library {library}. {remedy}") from None
