"""One training repeated thousands of times, kept as sums: piece by piece, on this machine or on a Ray cluster.

`replicate` trains a `Replication` and returns its records; memory does not grow with the number of replicates.
"""

from lrscope.distributed._local import Local
from lrscope.distributed._replicate import Engine, Replicating, replicate
from lrscope.distributed._replication import Replication

__all__ = ["Engine", "Local", "Replicating", "Replication", "replicate"]
