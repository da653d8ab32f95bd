"""What a Recorder is given: its options, and the model inside its wrappers; and how it warns."""

import contextlib
import hashlib
import inspect
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, TypedDict

import torch
from pydantic import ByteSize, Field
from torch import nn

from lrscope.errors import must_be
from lrscope.probes import Probe, wrapped
from lrscope.recorder._processes import Processes
from lrscope.specification import specification, to_json
from lrscope.sweep import Sweep

Patterns = tuple[str, ...]
SIZE = 2 * 10**9
"""Bytes of a file at most, unless another budget is given."""
_LIBRARIES = (*(str(path) for path in (Path(__file__).parents[1], Path(torch.__file__).parent)), contextlib.__file__)


class Options(TypedDict, total=False):
    """The keywords of a Recorder besides model, file, optimiser, probes and cadence."""

    include: Patterns
    exclude: Patterns
    time_budget: float | None
    size_budget: Any  # bytes, or a text such as 200 MB
    labels: Mapping[str, Any]
    steps_per_epoch: int | None
    first_step: int
    run_id: str | None
    compression: str
    reduce_activations: bool


@specification
class Settings:
    """The checked options."""

    include: Patterns = ()
    exclude: Patterns = ()
    time_budget: Annotated[float, Field(gt=0, lt=1)] | None = 0.05
    size_budget: Annotated[ByteSize, Field(ge=1)] | None = None  # of what is asked for; see settings_for
    labels: Mapping[str, Any] = field(default_factory=dict)
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    first_step: Annotated[int, Field(ge=0)] = 0
    run_id: str | None = None
    compression: str = "none"
    reduce_activations: bool = False


def settings_for(path: str | os.PathLike[str], options: Options) -> Settings:
    """Return the checked options; the size of a file is limited by default, and by the room that there is."""
    if not isinstance(path, str | os.PathLike):
        raise must_be("path", "the name of a new file", type(path).__name__, "Recorder(model, path, optimizer)")
    if "size_budget" in options:
        return Settings(**options)
    folders = [folder for folder in Path(path).absolute().parents if folder.exists()]
    free = shutil.disk_usage(folders[0]).free
    limited: Options = {**options, "size_budget": max(1, min(SIZE, free // 10))}
    return Settings(**limited)


class Warnings:
    """What a Recorder has warned of, for its file.

    Attributes
    ----------
    messages : each once
    """

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Warn once of the line outside of lrscope and PyTorch that led here. It never raises."""
        if message in self.messages:
            return
        self.messages.append(message)
        frame, level = inspect.currentframe(), 1
        while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
            frame, level = frame.f_back, level + 1
        try:
            warnings.warn(message, RuntimeWarning, stacklevel=level)
        except RuntimeWarning as error:  # Under `-W error` it would end the training: it is only shown.
            file, line = (frame.f_code.co_filename, frame.f_lineno) if frame else (__file__, 0)
            warnings.showwarning(error, RuntimeWarning, file, line)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside of what compiles or distributes it; its trained parameters must be real."""
    if not isinstance(model, nn.Module):
        raise must_be("model", "an nn.Module", type(model).__name__)
    while (inner := wrapped(model)) is not None:
        model = inner
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.is_complex():
            remedy = "Give a part of the model that has none, such as model.encoder."
            raise must_be("the model's parameters", "real numbers", f"{name} of {parameter.dtype}", remedy)
    return model


def number_of(sweep: Sweep) -> int:
    """Return the number of the member: its own for each combination of labels, so that files make a grid together."""
    digest = hashlib.blake2b(json.dumps(sweep.__json__(), sort_keys=True).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def metadata_of(
    model: nn.Module, optimizer: str, probes: Iterable[Probe], settings: Settings, run_id: str
) -> dict[str, Any]:
    about = {
        "model": f"{type(model).__module__}.{type(model).__qualname__}",
        "optimizer": optimizer,
        "probes": to_json(tuple(probes)),
        "time_budget": settings.time_budget,
        "size_budget": settings.size_budget,
    }
    if (processes := Processes(model).count) > 1:
        whose = "batches of all processes" if settings.reduce_activations else "batch of the first process"
        about |= {"processes": processes, "activations": f"of the {whose}"}
    return {"run_id": run_id, "recorder": about}
