"""Which probes a Recorder takes: what your loop can give, at which cadence, of which layers of the model."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from lrscope.errors import InputError, UnknownNameError, must_be, unknown
from lrscope.probes import (
    Activations,
    At,
    BatchSharpness,
    Biases,
    Every,
    GradientAngle,
    GradientNorm,
    Gradients,
    Layer,
    LearningRate,
    LogSpaced,
    Loss,
    PreconditionedSharpness,
    Probe,
    Sharpness,
    Structure,
    UpdateSize,
    Weights,
    layers_of,
    structure_of,
)
from lrscope.recorder._attaching import Settings, warn

DEFAULT: tuple[Probe, ...] = (
    Loss(),
    LearningRate(),
    GradientNorm(),
    GradientAngle(),
    UpdateSize(),
    Weights(),
    Biases(),
    Gradients(),
    Activations(),
)
"""What is recorded unless something else is asked for."""
OfLayers = Weights | Biases | Gradients | Activations
"""Probes whose patterns choose parameters or outputs of the model."""
_LACKING = {
    "validation": "validation samples, which your loop keeps to itself. Give the loss that you measure as a number: "
    "recorder.step(loss=loss, val_loss=value), or recorder.note(val_loss=value)",
    "evaluation": "the whole data set, which your loop keeps to itself. Use lrscope.training for it",
    "curvature": "the second derivative of the loss, as a function. Use lrscope.training for it",
}


def chosen(probes: Iterable[Probe] | None, when: Any, settings: Settings) -> tuple[Probe, ...]:
    """Return the probes, the loss among them, each with its cadence and its layers.

    A probe whose ``when`` is that of its class by default gets `when`; one without patterns gets those of `settings`.
    """
    _check_cadence(when, settings)
    given = DEFAULT if probes is None else tuple(probes)
    for probe in given:
        _check(probe)
    if not any(isinstance(probe, Loss) for probe in given):
        given = (Loss(), *given)
    return tuple(_adapted(probe, when, settings) for probe in given)


def with_std(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Return the probes with each neuron's standard deviation instead of all its weights and gradients."""
    return tuple(
        dataclasses.replace(probe, detail="std") if isinstance(probe, Weights | Biases | Gradients) else probe
        for probe in probes
    )


def possible(probes: Iterable[Probe], model: nn.Module) -> tuple[Probe, ...]:
    """Return the probes with those of their patterns that can match something of the model, before its first pass.

    A probe without such a pattern is left out: of an activation function there are no weights. A pattern that matches
    nothing in any probe that has it is refused. Nothing is known of a model whose first pass decides shapes of
    parameters.
    """
    given, structure = tuple(probes), expected(model)
    if not structure.layers:
        return given
    choosing = [probe for probe in given if isinstance(probe, OfLayers)]
    for probe in choosing:
        same = [other for other in choosing if other.include == probe.include]
        for pattern in probe.include:
            errors = [error for other in same if (error := _mismatch(other, _module(pattern), structure))]
            if len(errors) == len(same):
                layers = [one.layer for one in structure.parameters] + [one.path for one in structure.layers]
                raise errors[0] if len(errors) == 1 else unknown("include", pattern, dict.fromkeys(layers))
    return tuple(_narrowed(given, lambda probe, pattern: not _mismatch(probe, _module(pattern), structure)))


def observed(probes: Iterable[Probe], structure: Structure) -> tuple[Probe, ...]:
    """Return the probes with those of their patterns that match, now that the first pass has shown the structure.

    A warning says that no layer was observed, or names the patterns of outputs that were not (a layer was never called,
    or returns no tensor), and those that match nothing in any probe.
    """
    given = tuple(probes)
    if not structure.layers and any(isinstance(probe, Activations) for probe in given):
        warn(
            "no layer was observed: the model was compiled before the Recorder was made, or its modules were called in "
            "evaluation mode. Activations are not recorded. Make the Recorder before the first call of the model."
        )
    pairs = [(probe, pattern) for probe in given if isinstance(probe, OfLayers) for pattern in probe.include]
    matched = {pattern for probe, pattern in pairs if not _mismatch(probe, pattern, structure)}
    lost = [
        f"{pattern} ({type(probe).__name__})"
        for probe, pattern in pairs
        if _mismatch(probe, pattern, structure) and (pattern not in matched or probe.required())
    ]
    if lost and structure.layers:
        warn(
            f"the first pass has nothing for the patterns {', '.join(dict.fromkeys(lost))}: the layer was not called, "
            "or does not return a tensor (sample, ...). They are left out of these probes."
        )
    return tuple(_narrowed(given, lambda probe, pattern: not _mismatch(probe, pattern, structure)))


def expected(model: nn.Module) -> Structure:
    """Return what can be recorded as far as it is known before the first pass, with every layer that may be called."""
    if any(map(is_lazy, model.parameters())):
        return Structure((), ())
    layers = tuple(Layer(path, (1,), False) for path in layers_of(model))
    return Structure(structure_of(model, {}).parameters, layers)


def _module(pattern: str) -> str:
    """Return the pattern without the number of a call, which is not known before the first pass."""
    return pattern.partition(":")[0]


def _narrowed(probes: Iterable[Probe], fits: Callable[[OfLayers, str], bool]) -> Iterator[Probe]:
    for probe in probes:
        if not isinstance(probe, OfLayers) or not probe.include:
            yield probe
        elif include := tuple(pattern for pattern in probe.include if fits(probe, pattern)):
            yield dataclasses.replace(probe, include=include)


def _mismatch(probe: OfLayers, pattern: str, structure: Structure) -> UnknownNameError | None:
    try:
        dataclasses.replace(probe, include=(pattern,), exclude=()).labels(structure)
    except UnknownNameError as error:
        return error
    return None


def _check(probe: Any) -> None:
    if not isinstance(probe, Probe):
        raise must_be("probes", "a list of probes from lrscope.probes", probe)
    needs: set[str] = set(probe.required())
    if isinstance(probe, Sharpness | PreconditionedSharpness | BatchSharpness):
        needs = {"curvature"}
    for need in _LACKING.keys() & needs:
        name = type(probe).__name__
        raise InputError(f"probes must need only what the loop gives; got {name}: it needs {_LACKING[need]}.")


def _adapted(probe: Probe, when: Any, settings: Settings) -> Probe:
    fields = {one.name: one for one in dataclasses.fields(probe)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    if "when" in fields and probe.when == fields["when"].default:
        changes["when"] = when
    for name in ("include", "exclude"):
        patterns = getattr(settings, name)
        if name in fields and patterns and not getattr(probe, name):
            changes[name] = patterns
    adapted: Probe = dataclasses.replace(probe, **changes)  # type: ignore[type-var]
    _check_cadence(adapted.when, settings)
    return adapted


def _check_cadence(when: Any, settings: Settings) -> None:
    allowed = "every(count), every(count, 'epoch') or at(step, ...)"
    if isinstance(when, Every) and when.unit == "epoch" and settings.steps_per_epoch is None:
        remedy = "Give the updates in an epoch, for example steps_per_epoch=len(loader), or use every(100)."
        raise must_be("steps_per_epoch", f"known for the cadence {when.label}", None, remedy)
    if isinstance(when, LogSpaced) or (isinstance(when, At) and min(when.at) < 0):
        remedy = "How long the training will be is not known. Name steps from its beginning."
        raise must_be("when", allowed, when.label, remedy)
    if not isinstance(when, Every | At):
        raise must_be("when", allowed, when, f"Give every({when})." if isinstance(when, int) else "")
