"""Where a run trains, as it is asked for: needs no PyTorch."""

from typing import Annotated, Literal

import tyro
from pydantic import Field, model_validator

from lrscope.errors import InputError
from lrscope.specification import specification
from lrscope.studies._size import check_memory

WORKER_BYTES = 3 * 10**8


@specification
class Where:
    """Where a run trains.

    Raises
    ------
    InputError : a value that is not allowed, or an address without Ray.
    """

    device: Annotated[str, tyro.conf.arg(metavar="{auto,cpu,cuda}")] = "auto"
    """where to train; auto uses a GPU if there is one"""
    engine: Annotated[Literal["local", "ray"], tyro.conf.arg(metavar="{local,ray}")] = "local"
    """local: processes of this machine, or its GPU; ray: workers of a Ray cluster"""
    address: Annotated[
        str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="(default: a Ray started on this machine)")
    ] = None
    """with --engine ray: host:port of a running Ray"""
    workers: Annotated[
        Annotated[int, Field(ge=1)] | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: one per core or GPU)"),
    ] = None
    """number of workers; a short training runs in one process, unless their number is given"""

    @model_validator(mode="after")
    def _consistent(self) -> "Where":
        if self.workers and self.address is None:
            check_memory("workers", self.workers, self.workers * WORKER_BYTES, "processes that have imported PyTorch")
        if self.engine != "ray" and self.address is not None:
            raise InputError(f"address is that of a Ray: give it with --engine ray; got {self.address!r}.")
        return self
