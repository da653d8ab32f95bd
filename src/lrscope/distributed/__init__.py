"""One training repeated thousands of times, kept as sums: piece by piece, on this machine or on a Ray cluster.

`replicate` trains a `Replication` and returns its records, `estimate` says before what that costs; memory does not grow
with the number of replicates. Engines train the pieces: `Local` on this machine, `Ray` on the workers of a Ray. The
library of the same name is imported when it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.distributed._estimate import estimate
from lrscope.distributed._local import Local
from lrscope.distributed._replicate import Engine, Replicating, replicate
from lrscope.distributed._replication import Replication
from lrscope.errors import InputError

if TYPE_CHECKING:
    from lrscope.distributed._ray import Ray

__all__ = ["Engine", "Local", "Ray", "Replicating", "Replication", "estimate", "replicate"]


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
        raise InputError('Ray must be installed for this engine. Write: pip install "lrscope[ray]"') from None
