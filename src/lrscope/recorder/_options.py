"""The options of a Recorder besides model, file, optimiser, probes and cadence: checked once, in one place."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from lrscope.errors import must_be, unknown

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>[a-zA-Z]+)")


class Options(TypedDict, total=False):
    """The keywords of a Recorder; `Settings` describes them."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    time_budget: float | None
    size_budget: str | int | None
    labels: Mapping[str, Any]
    steps_per_epoch: int | None
    first_step: int
    run_id: str | None
    compression: str


@dataclass(frozen=True)
class Settings:
    """The checked options.

    Attributes
    ----------
    include, exclude : shell patterns of layer paths, for every probe that has none of its own
    time_budget : share of the loop's time, above 0 and below 1; None for no limit
    size_budget : bytes; None for no limit
    labels : axis -> value of this training, e.g. ``{"seed": 3}``
    steps_per_epoch : updates in an epoch, for cadences that count epochs
    first_step : updates that were made before: where the steps of a resumed training go on
    run_id : of the first Recorder of a training that is resumed
    compression : of the file: ``none``, ``lz4`` or ``zstd``
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    time_budget: float | None = 0.05
    size_budget: int | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)
    steps_per_epoch: int | None = None
    first_step: int = 0
    run_id: str | None = None
    compression: str = "none"


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Return the options, checked.

    Raises
    ------
    InputError : an option that does not exist, a budget that is not positive, a size that cannot be read.
    """
    for name in options:
        if name not in Options.__annotations__:
            raise unknown("option", name, Options.__annotations__)
    given = dict(options)
    for name in ("include", "exclude"):
        given[name] = _patterns(name, given.get(name, ()))
    if given.get("time_budget") is not None:
        given["time_budget"] = _share(given["time_budget"])
    if given.get("size_budget") is not None:
        given["size_budget"] = size_in_bytes(given["size_budget"])
    if given.get("steps_per_epoch") is not None:
        _check_count("steps_per_epoch", given["steps_per_epoch"], 1)
    _check_count("first_step", given.get("first_step", 0), 0)
    if not isinstance(given.get("labels", {}), Mapping):
        raise must_be("labels", "names with values, such as {'seed': 0}", given["labels"])
    return Settings(**given)


def _patterns(name: str, value: Any) -> tuple[str, ...]:
    patterns = None if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if patterns is None or not all(isinstance(pattern, str) for pattern in patterns):
        raise must_be(name, "a list of shell patterns of layers", value, "Give for example ('encoder.*',).")
    return patterns


def _share(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < 1:
        raise must_be("time_budget", "a share of the loop's time above 0 and below 1", value, "Give for example 0.05.")
    return float(value)


def _check_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise must_be(name, "a positive integer" if least else "a non-negative integer", value)


def size_in_bytes(value: Any) -> int:
    """Return a size as bytes: a number of them, or a text such as ``200 MB`` (10^6) or ``1.5 GiB`` (2^30).

    Raises
    ------
    InputError : it cannot be read, or is not positive.

    Examples
    --------
    >>> size_in_bytes("200 MB"), size_in_bytes("1 KiB")
    (200000000, 1024)
    """
    remedy = "Write for example '200 MB', '1.5 GiB', or a number of bytes."
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        units = {name.lower(): size for name, size in _UNITS.items()}
        if match["unit"].lower() not in units:
            raise must_be("size_budget", f"in {', '.join(_UNITS)}", value, remedy)
        size = float(match["number"]) * units[match["unit"].lower()]
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        size = float(value)
    else:
        raise must_be("size_budget", "a positive size", value, remedy)
    if size < 1:
        raise must_be("size_budget", "a positive size", value, remedy)
    return int(size)
