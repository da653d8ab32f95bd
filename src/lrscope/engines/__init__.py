"""Where pieces of work run: in this process, in processes of this machine, on a Ray.

Every engine is a `concurrent.futures.Executor` that also says how many workers it has. A piece is a pure function with
its arguments: one whose worker dies is called again. `Ray` is imported when it is used. An engine for Slurm would be
one more file here: submitit's executors have the same interface.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.engines._engine import ATTEMPTS, Engine, InProcess, WorkerError
from lrscope.engines._processes import Processes
from lrscope.errors import InputError

if TYPE_CHECKING:
    from lrscope.engines._ray import Ray

__all__ = ["ATTEMPTS", "Engine", "InProcess", "Processes", "Ray", "WorkerError"]


def __getattr__(name: str) -> Any:
    """Return the engine `Ray` from the only file that imports the library.

    Raises
    ------
    InputError : Ray is not installed.
    """
    if name != "Ray":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return importlib.import_module(f"{__name__}._ray").Ray
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise InputError('The engine Ray needs the library ray. Install it: pip install "lrscope[ray]"') from None
