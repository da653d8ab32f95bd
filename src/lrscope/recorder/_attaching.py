"""What a Recorder is given: its options, the model inside its wrappers, the optimiser; and how it warns."""

import hashlib
import inspect
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import field
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, TypedDict

import torch
from pydantic import ByteSize, Field
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import InputError, must_be
from lrscope.probes import Probe
from lrscope.specification import specification, to_json
from lrscope.sweep import Sweep

Patterns = tuple[str, ...]
SIZE = 2 * 10**9
"""Bytes of a file at most, unless another budget is given."""
_LIBRARIES = tuple(str(path) for path in (Path(__file__).parents[1], Path(torch.__file__).parent))


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


def settings_for(path: str | os.PathLike[str], options: Options) -> Settings:
    """Return the checked options; the size of a file is limited by default, and by the room that there is."""
    if "size_budget" in options:
        return Settings(**options)
    folders = [folder for folder in Path(path).absolute().parents if folder.exists()]
    free = shutil.disk_usage(folders[0]).free
    limited: Options = {**options, "size_budget": max(1, min(SIZE, free // 10))}
    return Settings(**limited)


def warn(message: str) -> None:
    """Warn of the line outside of lrscope and PyTorch that led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RuntimeWarning, stacklevel=level)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside of what compiles or distributes it; its trained parameters must be real."""
    if not isinstance(model, nn.Module):
        raise must_be("model", "an nn.Module", type(model).__name__)
    inner = getattr(model, "_orig_mod", model)
    if isinstance(inner, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = inner.module
    for name, parameter in inner.named_parameters():
        if parameter.requires_grad and parameter.is_complex():
            remedy = "Give a part of the model that has none, such as model.encoder."
            raise must_be("the model's parameters", "real numbers", f"{name} of {parameter.dtype}", remedy)
    return inner


def checked_optimizer(optimizer: Any, model: nn.Module) -> Optimizer:
    """Return the optimiser, or raise an `InputError` for anything that does not update the model."""
    if not isinstance(optimizer, Optimizer):
        remedy = "Give the one whose step() updates the model: its hook shows when an update is made."
        raise must_be("optimizer", "a torch.optim.Optimizer", type(optimizer).__name__, remedy)
    parameters = {id(one) for one in model.parameters()}
    if not any(id(one) in parameters for group in optimizer.param_groups for one in group["params"]):
        remedy = "Make the optimizer of model.parameters(), and the Recorder with both."
        raise must_be("optimizer", "one that updates the model", "one with none of its parameters", remedy)
    if not all(isinstance(group.get("lr"), Real | Tensor) for group in optimizer.param_groups):
        raise InputError(
            f"optimizer must have a learning rate in each of its param_groups, and {type(optimizer).__name__} has none "
            "in some. Set group['lr'] = 0.1, for example; give one to an optimiser that chooses its own, too."
        )
    return optimizer


def is_left_out(optimizer: Optimizer) -> bool:
    """Return whether the update will not be made: a GradScaler leaves the decision to an optimiser that is fused."""
    infinite = getattr(optimizer, "found_inf", None)
    return isinstance(infinite, Tensor) and bool(infinite)


def sweep_of(optimizer: Optimizer, settings: Settings) -> Sweep:
    """Return the grid of one member: the learning rate, and what the labels say.

    The rate is that of the schedule, or the present one, of the first group that has any. Where all rates are zero,
    as in a warm-up by hand that begins there, the one that will be reached is not known: the axis is ``initial_lr``
    instead of ``lr``, and a warning says how to have the other.
    """
    rates = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
    rate = next((one for one in rates if one), 0.0)
    known = "lr" in settings.labels or rate
    if not known:
        warn(
            "the optimizer's learning rate is 0 when the Recorder is made: the records have it step by step, and the "
            "axis initial_lr instead of lr. Name the rate that will be reached to have that axis: labels={'lr': 0.1}, "
            "for example."
        )
    labels = {"lr" if known else "initial_lr": rate, **settings.labels}
    return Sweep(**{name: [value] for name, value in labels.items()})


def number_of(sweep: Sweep) -> int:
    """Return the number of the member: its own for each combination of labels, so that files make a grid together."""
    digest = hashlib.blake2b(json.dumps(sweep.__json__(), sort_keys=True).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def metadata_of(
    model: nn.Module, optimizer: Optimizer, probes: Iterable[Probe], settings: Settings, run_id: str
) -> dict[str, Any]:
    about = {
        "model": f"{type(model).__module__}.{type(model).__qualname__}",
        "optimizer": type(optimizer).__name__,
        "probes": to_json(tuple(probes)),
        "time_budget": settings.time_budget,
        "size_budget": settings.size_budget,
    }
    return {"run_id": run_id, "recorder": about}


def is_first_rank() -> bool:
    """Return whether this process records: of several that train together only the first does."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def hooked(optimizer: Optimizer, hook: Any) -> Any:
    """Return the handle of a hook before each update; a wrapper that is an Optimizer by name only takes none."""
    try:
        return optimizer.register_step_pre_hook(hook)
    except AttributeError:
        remedy = "Give the optimiser inside of it, which is often its attribute `optimizer`."
        raise must_be(
            "optimizer", "one that takes hooks", f"a {type(optimizer).__name__}, which takes none", remedy
        ) from None
