"""What a Recorder holds on to: the model inside its wrappers, the optimiser, the numbers that it is given."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from lrscope.errors import InputError, must_be, unknown
from lrscope.probes import Activations, Biases, Gradients, Layer, Probe, Structure, Weights, layers_of, structure_of
from lrscope.recorder import _messages
from lrscope.recorder._options import Settings
from lrscope.specification import to_json
from lrscope.sweep import Sweep


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside of what compiles or distributes it.

    Raises
    ------
    InputError : it is no module, has trained parameters that are complex, or two layers of parameters whose names
        become the same in a file.
    """
    if not isinstance(model, nn.Module):
        raise must_be("model", "an nn.Module", type(model).__name__)
    inner = getattr(model, "_orig_mod", model)
    if isinstance(inner, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = inner.module
    for name, parameter in inner.named_parameters():
        if parameter.requires_grad and parameter.is_complex():
            remedy = "Give a part of the model that has none, such as model.encoder."
            raise must_be("the model's parameters", "real numbers", f"{name} of {parameter.dtype}", remedy)
    expected(inner)
    return inner


def expected(model: nn.Module) -> Structure:
    """Return what can be recorded as far as it is known before the first pass, with every layer that may be called.

    Parameters whose shapes the first pass decides are not known; nothing is said about a model that has such.
    """
    if any(map(is_lazy, model.parameters())):
        return Structure((), ())
    layers = tuple(Layer(path, (1,), False) for path in layers_of(model))
    return Structure(structure_of(model, {}).parameters, layers)


def filter_probes(probes: Iterable[Probe], model: nn.Module, include: tuple[str, ...]) -> tuple[Probe, ...]:
    """Return the probes; those that have got the Recorder's `include` keep what of it can match something of theirs.

    A probe for which nothing of it can is left out: of an activation function there are no weights.

    Raises
    ------
    InputError : a pattern that matches no layer of the model.
    """
    given, structure = tuple(probes), expected(model)
    if not structure.layers:
        return given
    for probe in given:
        if type(probe) in _CHOOSING and probe.include != include:  # type: ignore[attr-defined]
            _check_patterns(probe, tuple(map(_module, probe.include)), structure)  # type: ignore[attr-defined]
    shared = [probe for probe in given if include and getattr(probe, "include", ()) == include]
    for pattern in include if shared else ():
        if not any(_matches(probe, _module(pattern), structure) for probe in shared):
            raise unknown("include", pattern, _paths(structure))
    narrowed = (_narrowed(probe, structure, _module) if probe in shared else probe for probe in given)
    return tuple(probe for probe in narrowed if probe is not None)


def observed_probes(probes: Iterable[Probe], model: nn.Module, structure: Structure) -> tuple[Probe, ...]:
    """Return the probes with those of their patterns that match, once the first pass has shown the structure.

    A probe for which no pattern is left is left out, as by `filter_probes`. A warning names the patterns of outputs
    that were not observed (a layer was never called, or returns no tensor), and those that match nothing in any probe.

    Raises
    ------
    InputError : a pattern that matches no layer of the model, called or not.
    """
    given = tuple(probes)
    choosing = [probe for probe in given if type(probe) in _CHOOSING and probe.include]  # type: ignore[attr-defined]
    everything = _paths(expected(model))
    for pattern in dict.fromkeys(pattern for probe in choosing for pattern in probe.include):  # type: ignore[attr-defined]
        if not any(fnmatchcase(path, _module(pattern)) for path in everything):
            raise unknown("include", pattern, everything)
    _warn_of_lost(choosing, structure)
    narrowed = (_narrowed(probe, structure, str) if probe in choosing else probe for probe in given)
    return tuple(probe for probe in narrowed if probe is not None)


def _warn_of_lost(choosing: Iterable[Probe], structure: Structure) -> None:
    """Name the patterns that fall out; where no layer was observed at all, the Recorder says so itself."""
    wanted = [(probe, pattern) for probe in choosing for pattern in probe.include]  # type: ignore[attr-defined]
    taken = {pattern for probe, pattern in wanted if _matches(probe, pattern, structure)}
    lost = [
        f"{pattern} ({type(probe).__name__})"
        for probe, pattern in wanted
        if not _matches(probe, pattern, structure) and (pattern not in taken or probe.required())
    ]
    if lost and structure.layers:
        _messages.warn(_messages.NOT_OBSERVED.format(", ".join(dict.fromkeys(lost))))


_CHOOSING = (Weights, Biases, Gradients, Activations)
"""Probes of which it is known whether their patterns are of parameters or of outputs."""


def _paths(structure: Structure) -> dict[str, None]:
    """Return what patterns can match, in order."""
    return dict.fromkeys([one.layer for one in structure.parameters] + [one.path for one in structure.layers])


def _module(pattern: str) -> str:
    """Return the pattern without the number of a call, which is not known before the first pass."""
    return pattern.partition(":")[0]


def _narrowed(probe: Probe, structure: Structure, meant: Callable[[str], str]) -> Probe | None:
    """Return the probe with those of its patterns that match, each as it is `meant`; None if none does."""
    patterns: tuple[str, ...] = probe.include  # type: ignore[attr-defined]
    fit = tuple(pattern for pattern in patterns if _matches(probe, meant(pattern), structure))
    return _replaced(probe, include=fit) if fit else None


def _matches(probe: Probe, pattern: str, structure: Structure) -> bool:
    if type(probe) not in _CHOOSING:
        return True
    try:
        _check_patterns(probe, (pattern,), structure)
    except InputError:
        return False
    return True


def _check_patterns(probe: Probe, patterns: tuple[str, ...], structure: Structure) -> None:
    """Raise an `InputError` for a pattern that matches nothing."""
    _replaced(probe, include=patterns, exclude=()).labels(structure)


def _replaced(probe: Probe, **changes: tuple[str, ...]) -> Probe:
    return dataclasses.replace(probe, **changes)  # type: ignore[type-var]


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


def scalar(loss: Tensor | float) -> Tensor | float:
    """Return a loss that is one number; a tensor stays where it is."""
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex():
        return loss
    return number("loss", loss, "Give the mean over the batch, for example.")


def number(name: str, value: Any, remedy: str = "") -> float:
    """Return a metric as a number: one of Python or NumPy, a tensor of one element, an array without dimensions."""
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        return float(value.detach())
    plain = value[()] if isinstance(value, np.ndarray) and value.shape == () else value
    if isinstance(plain, Real) and not isinstance(plain, bool):
        return float(plain)
    got = f"{type(value).__name__} {tuple(value.shape)}" if isinstance(value, Tensor | np.ndarray) else value
    raise must_be(name, "one number", got, remedy)


def sweep_of(optimizer: Optimizer, settings: Settings) -> Sweep:
    """Return the grid of one member: the learning rate, and what the labels say.

    The rate is that of the schedule, or the present one, of the first group that has any. Where all rates are zero,
    as in a warm-up by hand that begins there, the one that will be reached is not known: the axis is ``initial_lr``
    instead of ``lr``, and a warning says how to have the other.
    """
    rates = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
    rate = next((one for one in rates if one), 0.0)
    if "lr" not in settings.labels and not rate:
        _messages.warn(_messages.NO_RATE)
    axis = "lr" if rate or "lr" in settings.labels else "initial_lr"
    return Sweep(**{name: [value] for name, value in {axis: rate, **settings.labels}.items()})


def number_of(sweep: Sweep) -> int:
    """Return the number of the member: its own for each combination of labels, so that files make a grid together."""
    digest = hashlib.blake2b(json.dumps(sweep.__json__(), sort_keys=True).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def metadata_of(
    model: nn.Module, optimizer: Optimizer, probes: Iterable[Probe], settings: Settings, run_id: str
) -> dict[str, Any]:
    """Return what the file says about the training."""
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
    """Return the handle of a hook before each update.

    Raises
    ------
    InputError : a wrapper that is an Optimizer by name only.
    """
    try:
        return optimizer.register_step_pre_hook(hook)
    except AttributeError:
        remedy = "Give the optimiser inside of it, which is often its attribute `optimizer`."
        raise must_be(
            "optimizer", "one that takes hooks", f"a {type(optimizer).__name__}, which takes none", remedy
        ) from None
