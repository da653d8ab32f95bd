"""The options of a Recorder besides model, file, optimiser, probes and cadence."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, TypedDict

from pydantic import ByteSize, Field

from lrscope.specification import specification

Patterns = tuple[str, ...]


class Options(TypedDict, total=False):
    """The keywords of a Recorder; `Settings` describes them."""

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
    """The checked options.

    Attributes
    ----------
    include, exclude : shell patterns of layer paths, for every probe that has none of its own
    time_budget : share of the loop's time; None for no limit
    size_budget : bytes, or a text such as ``200 MB`` (10^6) or ``1.5 GiB`` (2^30); None for no limit
    labels : axis -> value of this training, e.g. ``{"seed": 3}``
    steps_per_epoch : updates in an epoch, for cadences that count epochs
    first_step : updates that were made before: where the steps of a resumed training go on
    run_id : of the first Recorder of a training that is resumed
    compression : of the file: ``none``, ``lz4`` or ``zstd``
    """

    include: Patterns = ()
    exclude: Patterns = ()
    time_budget: Annotated[float, Field(gt=0, lt=1)] | None = 0.05
    size_budget: Annotated[ByteSize, Field(ge=1)] | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    first_step: Annotated[int, Field(ge=0)] = 0
    run_id: str | None = None
    compression: str = "none"
