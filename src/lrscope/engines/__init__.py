"""Where pieces of work run: in this process, in processes of this machine, on a Ray, in jobs of Slurm.

Every engine is a `concurrent.futures.Executor` that also says how many workers it has. A piece is a pure function with
its arguments: one whose worker dies is called again. `Ray` and `Slurm` are imported when they are used.
"""

from typing import TYPE_CHECKING

from lrscope._imported import lazy
from lrscope.engines._calls import asked_to_end, completed
from lrscope.engines._engine import ATTEMPTS, Engine, InProcess, WorkerError
from lrscope.engines._processes import Processes

if TYPE_CHECKING:
    from lrscope.engines._ray import Ray
    from lrscope.engines._slurm import Slurm

__all__ = ["ATTEMPTS", "Engine", "InProcess", "Processes", "Ray", "Slurm", "WorkerError", "asked_to_end", "completed"]

_FILES = {"_ray": ["Ray"], "_slurm": ["Slurm"]}
__getattr__ = lazy(__name__, _FILES, extras={"_ray": ("ray", "ray"), "_slurm": ("submitit", "slurm")})
