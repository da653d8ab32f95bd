"""Where a run trains, as it is asked for: needs no PyTorch."""

import re
from typing import Annotated, Literal

import tyro
from pydantic import Field, model_validator

from lrscope.errors import InputError, must_be
from lrscope.specification import specification
from lrscope.studies._size import check_memory

WORKER_BYTES = 3 * 10**8


@specification
class Where:
    """Where a run trains.

    Raises
    ------
    InputError : a value that is not allowed, or one that is of another engine.
    """

    device: Annotated[str, tyro.conf.arg(metavar="{auto,cpu,cuda}")] = "auto"
    """where to train; auto uses a GPU if there is one"""
    engine: Literal["local", "ray", "slurm"] = "local"
    """local: processes of this machine, or its GPU; ray: workers of a Ray cluster; slurm: jobs of Slurm"""
    address: Annotated[
        str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="(default: a new Ray; this host's name)")
    ] = None
    """ray: host:port of a running Ray; slurm: name of this machine for the nodes"""
    slurm: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="NAME[=VALUE]", help_behavior_hint="(may be repeated)"),
    ] = ()
    """slurm: an option of sbatch, such as partition=gpu, time=2:00:00, gpus-per-node=1"""
    workers: Annotated[
        Annotated[int, Field(ge=1)] | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: one per core or GPU; 8 jobs of Slurm)"),
    ] = None
    """number of workers; a short training runs in one process, unless their number is given"""

    @model_validator(mode="after")
    def _consistent(self) -> "Where":
        if self.workers and self.engine != "slurm" and self.address is None:
            check_memory("workers", self.workers, self.workers * WORKER_BYTES, "processes that have imported PyTorch")
        if self.engine == "local" and self.address is not None:
            raise InputError(f"address must be given with --engine ray or slurm; got {self.address!r} without.")
        if self.engine != "slurm" and self.slurm:
            raise InputError(f"slurm must be given with --engine slurm; got {' '.join(self.slurm)} without.")
        for text in self.slurm:
            if not re.fullmatch(r"[a-zA-Z][\w-]*(=.+)?", text):
                example = "Write for example --slurm partition=gpu or --slurm exclusive."
                raise must_be("slurm", "NAME=VALUE or NAME, an option of sbatch without its dashes", text, example)
        return self

    @property
    def sbatch(self) -> dict[str, str | bool]:
        """The options of sbatch by name; True for those without a value."""
        parts = (text.partition("=") for text in self.slurm)
        return {name: value if sign else True for name, sign, value in parts}
