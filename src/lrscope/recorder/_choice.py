"""Which probes a Recorder takes: what your loop can give, at which cadence, of which layers."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from lrscope.errors import InputError, must_be
from lrscope.probes import (
    Activations,
    At,
    BatchSharpness,
    Biases,
    Every,
    GradientAngle,
    GradientNorm,
    Gradients,
    LearningRate,
    LogSpaced,
    Loss,
    PreconditionedSharpness,
    Probe,
    Sharpness,
    UpdateSize,
    Weights,
)
from lrscope.recorder._options import Settings

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
_CURVED = (Sharpness, PreconditionedSharpness, BatchSharpness)
_LACKING = {
    "validation": "validation samples, which a loop of one's own keeps to itself. Give the loss that you measure as a "
    "number: recorder.step(loss=loss, val_loss=value), or recorder.note(val_loss=value)",
    "evaluation": "the whole data set, which a loop of one's own keeps to itself. Use lrscope.training for it",
}


def chosen(probes: Iterable[Probe] | None, when: Any, settings: Settings) -> tuple[Probe, ...]:
    """Return the probes, the loss among them, each with its cadence and its layers.

    A probe whose ``when`` is that of its class by default gets `when`; one without patterns gets those of `settings`.

    Raises
    ------
    InputError : something is no probe, or needs what your loop does not give; a cadence that needs the length
        of the training or of an epoch, which is not known.
    """
    _check_cadence(when, settings)
    given = DEFAULT if probes is None else tuple(probes)
    for probe in given:
        _check(probe)
    if not any(isinstance(probe, Loss) for probe in given):
        given = (Loss(), *given)
    adapted = tuple(_adapted(probe, when, settings) for probe in given)
    for probe in adapted:
        _check_cadence(probe.when, settings)
    return adapted


def with_std(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Return the probes with each neuron's standard deviation instead of all its weights and gradients."""
    return tuple(
        dataclasses.replace(probe, detail="std") if isinstance(probe, Weights | Biases | Gradients) else probe
        for probe in probes
    )


def _check(probe: Any) -> None:
    if not isinstance(probe, Probe):
        raise must_be("probes", "a list of probes from lrscope.probes", probe)
    name = type(probe).__name__
    for need, lacking in _LACKING.items():
        if need in probe.required():
            raise InputError(f"probes must need nothing that the loop does not give; got {name}: it needs {lacking}.")
    if isinstance(probe, _CURVED):
        raise InputError(
            f"probes must need nothing that the loop does not give; got {name}: it needs the second derivative of the "
            "loss, as a function. Use lrscope.training for it."
        )


def _adapted(probe: Probe, when: Any, settings: Settings) -> Probe:
    fields = {one.name: one for one in dataclasses.fields(probe)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    if "when" in fields and probe.when == fields["when"].default:
        changes["when"] = when
    for name in ("include", "exclude"):
        patterns = getattr(settings, name)
        if name in fields and patterns and not getattr(probe, name):
            changes[name] = patterns
    return dataclasses.replace(probe, **changes) if changes else probe  # type: ignore[type-var]


def _check_cadence(when: Any, settings: Settings) -> None:
    if isinstance(when, Every):
        if when.unit == "epoch" and settings.steps_per_epoch is None:
            remedy = "Give the updates in an epoch, for example steps_per_epoch=len(loader), or use every(100)."
            raise must_be("steps_per_epoch", f"known for the cadence {when.label}", None, remedy)
        return
    allowed = "every(count), every(count, 'epoch') or at(step, ...)"
    if isinstance(when, LogSpaced) or (isinstance(when, At) and min(when.at) < 0):
        remedy = "How long the training will be is not known."
        raise must_be("when", allowed, when.label, f"{remedy} Name steps from its beginning.")
    if not isinstance(when, At):
        raise must_be("when", allowed, when, f"Give every({when})." if isinstance(when, int) else "")
