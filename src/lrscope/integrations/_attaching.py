"""What a Recorder holds on to: the model inside its wrappers, the optimiser, the numbers that it is given."""

import hashlib
import json
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import must_be
from lrscope.integrations._options import Settings
from lrscope.sweep import Sweep


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside of what compiles or distributes it."""
    if not isinstance(model, nn.Module):
        raise must_be("model", "an nn.Module", type(model).__name__)
    inner = getattr(model, "_orig_mod", model)
    if isinstance(inner, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = inner.module
    return inner


def checked_optimizer(optimizer: Any, model: nn.Module) -> Optimizer:
    """Return the optimiser, or raise an `InputError` for anything that does not update the model."""
    if not isinstance(optimizer, Optimizer):
        remedy = "Give the one whose step() updates the model: it tells when an update is made."
        raise must_be("optimizer", "a torch.optim.Optimizer", type(optimizer).__name__, remedy)
    own = {id(one) for one in model.parameters()}
    if not any(id(one) in own for group in optimizer.param_groups for one in group["params"]):
        remedy = "Make the optimizer of model.parameters(), and the Recorder with both."
        raise must_be("optimizer", "one that updates the model", "one with none of its parameters", remedy)
    return optimizer


def is_left_out(optimizer: Optimizer) -> bool:
    """Tell whether the update will not be made: a GradScaler leaves the decision to an optimiser that is fused."""
    found = getattr(optimizer, "found_inf", None)
    return isinstance(found, Tensor) and bool(found)


def scalar(loss: Tensor | float) -> Tensor | float:
    """Return a loss that is one number."""
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return loss
    if isinstance(loss, int | float | np.number) and not isinstance(loss, bool):
        return float(loss)
    got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else loss
    raise must_be("loss", "one number", got, "Give the mean over the batch, for example.")


def number(name: str, value: Any) -> float:
    """Return a metric as a number."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.detach())
    if isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "fiu":
        return float(value)
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value)
    raise must_be(name, "one number", value)


def sweep_of(optimizer: Optimizer, settings: Settings) -> Sweep:
    """Return the grid of one member: the learning rate, and what the labels say."""
    group = optimizer.param_groups[0]
    labels = {"lr": float(group.get("initial_lr", group["lr"])), **settings.labels}
    if labels["lr"] == 0 and "lr" not in settings.labels:
        raise must_be("the optimiser's lr", "positive", 0.0, "Name it yourself: labels={'lr': 0.1}, for example.")
    return Sweep(**{name: [value] for name, value in labels.items()})


def number_of(sweep: Sweep) -> int:
    """Return the number of the member: its own for each combination of labels, so that files make a grid together."""
    digest = hashlib.blake2b(json.dumps(sweep.__json__(), sort_keys=True).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")
