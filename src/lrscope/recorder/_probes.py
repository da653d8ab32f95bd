"""Which probes a Recorder takes: what your loop can give, at which cadence, of which layers of the model."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from math import prod
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
    Loss,
    PreconditionedSharpness,
    Probe,
    Sharpness,
    Structure,
    UpdateSize,
    Weights,
    is_activation,
    layers_of,
    refuse_collisions,
    structure_of,
)
from lrscope.recorder._attaching import Settings, Warnings
from lrscope.recorder._numbers import RESERVED
from lrscope.records import VALUES
from lrscope.specification import to_json

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
LARGE = 10**7
"""Bytes of parameters above which no copy of all of them is made unless one is asked for."""
FEWEST = 100
"""If fewer records in full would fit the size budget, statistics of each neuron are recorded instead of values."""
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
    if isinstance(probes, str) or not isinstance(probes, Iterable | None):
        raise must_be("probes", "a list of probes from lrscope.probes", probes)
    given = DEFAULT if probes is None else tuple(probes)
    for probe in given:
        _check(probe)
        if settings.reduce_activations:
            _check_reducible(probe)
    if not any(isinstance(probe, Loss) for probe in given):
        given = (Loss(), *given)
    own = [one for one in given if not isinstance(one, OfLayers) and type(one).__module__.startswith("lrscope.")]
    reserved = RESERVED | {label.name for probe in own for label in probe.labels(Structure((), ()))}
    for name in settings.labels:
        if name in reserved:
            raise must_be("a label", "a name that is free in the records", name, "Give it another name.")
    return tuple(_adapted(probe, when, settings) for probe in given)


def affordable(
    given: Iterable[Probe], model: nn.Module, size: int | None, warnings: Warnings, *, named: bool
) -> tuple[tuple[Probe, ...], bool]:
    """Return what of the probes a model leaves room for, and whether statistics replace values. Warnings say so.

    Statistics of each neuron are recorded instead of values where few values would fit the size budget. Probes that
    need a copy of the whole model, which has more than `LARGE` bytes, are left out unless they were `named`.
    """
    probes, structure = tuple(given), expected(model)
    if not named and 4 * sum(prod(one.shape) for one in structure.parameters) > LARGE:
        probes = tuple(probe for probe in probes if not isinstance(probe, GradientAngle | UpdateSize))
        warnings.add(
            "the gradient angle and the size of the update are not recorded of this model, since each needs a copy of "
            "all its parameters. Name them in probes=[...] to have them."
        )
    full = sum(_bytes(probe, structure) for probe in probes)
    reduced = [
        dataclasses.replace(probe, detail="statistics") if isinstance(probe, Weights | Gradients) else probe
        for probe in probes
    ]
    if size is None or FEWEST * full <= size or 2 * sum(_bytes(probe, structure) for probe in reduced) > full:
        return probes, False
    warnings.add(
        f"weights and gradients are {full / 1e6:.3g} MB a record, and fewer than {FEWEST} records would fit "
        f"size_budget={size / 1e6:.0f} MB: mean, standard deviation and norm of each neuron are recorded instead. Give "
        "a larger size_budget, or None for no limit, to have all values."
    )
    return tuple(reduced), True


def _bytes(probe: Probe, structure: Structure) -> int:
    """Return the bytes of the weights, biases and gradients that a probe records at a step."""
    if not isinstance(probe, Weights | Gradients) or probe.detail == "std":
        return 0
    whole = probe.detail == VALUES
    quantities = ["biases" if isinstance(probe, Biases) else "weights"] if isinstance(probe, Weights) else probe.of
    layers = {label.layer for label in probe.labels(structure)}
    return sum(
        4 * (prod(one.shape) if whole else min(3 * one.neurons, prod(one.shape)))
        for one in structure.parameters
        if one.layer in layers and ("biases" if one.is_bias else "weights") in quantities
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
    fitting = tuple(_narrowed(given, lambda probe, pattern: not _mismatch(probe, _module(pattern), structure)))
    modules = (_of_modules(probe) for probe in fitting if isinstance(probe, OfLayers))
    refuse_collisions(label for probe in modules for label in probe.labels(structure))
    return fitting


def observed(probes: Iterable[Probe], structure: Structure, warnings: Warnings) -> tuple[Probe, ...]:
    """Return the probes with those of their patterns that match, now that the first pass has shown the structure.

    A warning says that no layer was observed, or names the patterns of outputs that were not (a layer was never called,
    or returns no tensor), and those that match nothing in any probe.
    """
    given = tuple(probes)
    if not structure.layers and any(isinstance(probe, Activations) for probe in given):
        warnings.add(
            "no layer was observed: the model was compiled before the Recorder was made, its modules were not called "
            "in training passes, take no hooks, or return no tensors (sample, ...), as from a single sample without a "
            "batch. Activations are not recorded."
        )
    pairs = [(probe, pattern) for probe in given if isinstance(probe, OfLayers) for pattern in probe.include]
    matched = {pattern for probe, pattern in pairs if not _mismatch(probe, pattern, structure)}
    lost = [
        f"{pattern} ({type(probe).__name__})"
        for probe, pattern in pairs
        if _mismatch(probe, pattern, structure) and (pattern not in matched or probe.required())
    ]
    if lost and structure.layers:
        warnings.add(
            f"the first pass has nothing for the patterns {', '.join(dict.fromkeys(lost))}: the layer was not called, "
            "or does not return a tensor (sample, ...). They are left out of these probes."
        )
    return tuple(_narrowed(given, lambda probe, pattern: not _mismatch(probe, pattern, structure)))


def expected(model: nn.Module, *, keeps_shape: bool = True) -> Structure:
    """Return what can be recorded as far as it is known before the first pass, with every layer that may be called.

    Whether a layer's output has the shape of the one before it is not known: `keeps_shape` says it of all layers.
    """
    if any(map(is_lazy, model.parameters())):
        return Structure((), ())
    layers = (Layer(path, (1,), is_activation(one, keeps_shape=keeps_shape)) for path, one in layers_of(model).items())
    return Structure(structure_of(model, {}).parameters, tuple(layers))


def heard(probes: Iterable[Probe], model: nn.Module) -> set[str]:
    """Return the paths of the layers whose outputs the first pass must keep, as far as the classes of modules say it.

    To keep those of all layers would take the memory of all activations once more.
    """
    either, paths = [expected(model, keeps_shape=keeps_shape) for keeps_shape in (True, False)], set[str]()
    for probe in probes:
        if isinstance(probe, OfLayers) and either[0].layers:
            labels = [label for structure in either for label in _of_modules(probe).labels(structure)]
            paths |= {label.layer for label in labels} if probe.required() else set()
        elif probe.required() & {"activations", "activation_gradients"}:
            paths |= set(layers_of(model))
    return paths


def _of_modules(probe: OfLayers) -> OfLayers:
    return dataclasses.replace(probe, include=tuple(map(_module, probe.include)))


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


def _check_reducible(probe: Probe) -> None:
    """Refuse what does not follow from the statistics of each process: outputs, gradients of a part of the loss."""
    exact = isinstance(probe, Activations) and not probe.full
    if not exact and probe.required() & {"activations", "activation_gradients"}:
        raise must_be(
            "reduce_activations",
            "used with statistics of activations only, Activations(), which are exact over several processes",
            to_json(probe),
            "Leave the probe out, or reduce_activations: then the activations are those of the first process's batch.",
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
    adapted: Probe = dataclasses.replace(probe, **changes)  # type: ignore[type-var]
    _check_cadence(adapted.when, settings)
    return adapted


def _check_cadence(when: Any, settings: Settings) -> None:
    allowed = "every(count), every(count, 'epoch') or at(step, ...)"
    if isinstance(when, Every) and when.unit == "epoch" and settings.steps_per_epoch is None:
        remedy = "Give the updates in an epoch, for example steps_per_epoch=len(loader), or use every(100)."
        raise must_be("steps_per_epoch", f"known for the cadence {when.label}", None, remedy)
    if isinstance(when, At) and min(when.at) < 0:
        remedy = "How long the training will be is not known. Name steps from its beginning."
        raise must_be("when", allowed, when.label, remedy)
    if not isinstance(when, Every | At):
        raise must_be("when", allowed, when, f"Give every({when})." if type(when) is int and when > 0 else "")
