"""The options of a Recorder besides model, file, optimiser, probes and cadence."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, TypedDict

from pydantic import ByteSize, Field

from lrscope.specification import specification

Patterns = tuple[str, ...]


class Options(TypedDict, total=False):
    """The keywords of a Recorder."""

    include: Patterns
    exclude: Patterns
    time_budget: float | None
    size_budget: Any  # bytes, or a text such as 200 MB
    labels: Mapping[str, Any]
    steps_per_epoch: int | None
    first_step: int
    run_id: str | None
    compression: str


@specification
class Settings:
    """The checked options, as `lrscope.recorder.Recorder` describes them."""

    include: Patterns = ()
    exclude: Patterns = ()
    time_budget: Annotated[float, Field(gt=0, lt=1)] | None = 0.05
    size_budget: Annotated[ByteSize, Field(ge=1)] | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    first_step: Annotated[int, Field(ge=0)] = 0
    run_id: str | None = None
    compression: str = "none"
