"""The trainings of the study `stability`."""

from typing import Any

from lrscope import optim, probes
from lrscope.data import Function
from lrscope.models import Perceptron
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._configurations import Configuration, Options
from lrscope.probes import Probe, at, every
from lrscope.training import Experiment, Sweep

_CHANGES: dict[str, dict[str, Any]] = {
    grids.CONSTANT: {},
    "cosine": {"schedule": optim.Cosine()},
    "hypergradient": {"schedule": optim.Hypergradient()},
    "sharpness-capped": {"schedule": optim.SharpnessCapped(iterations=1)},
    "Adam": {"optimizer": optim.Adam()},
    grids.GUIDED: {"schedule": optim.GradientAngle()},
}
"""Controller -> the fields of the experiment that it replaces."""


def experiments(options: Options) -> dict[str, Experiment]:
    """Return the experiments of the study by name: the configurations and, for those of the source, both grids."""
    chosen = grids.configurations(options)
    result = {each.name: _configured(each, options.seeds) for each in chosen}
    result |= {grids.guided_name(each): _guided(each, options.seeds) for each in chosen if each.detailed}
    if options.published:
        result |= {grids.alarm_name(target): _alarm(target) for target in grids.ALARM_LRS}
        result |= {
            grids.bench_name(target, controller): _bench(target, controller)
            for target in grids.SIZES
            for controller in grids.CONTROLLERS
        }
    return result


def _configured(chosen: Configuration, seeds: int) -> Experiment:
    """Return the experiment of a configuration: error, norm and angle at every step, the rest at its cadence."""
    seldom = every(chosen.cadence)
    measured: list[Probe] = [
        *(probes.Loss(), probes.ValidationLoss(), probes.GradientNorm(), probes.GradientAngle()),
        *([probes.GradientPath()] if chosen.detailed else []),
        probes.LearningRate(when=seldom),
        probes.UpdateSize(when=seldom),
        probes.Sharpness(when=seldom),
        probes.Oscillation(when=seldom),
        *(probes.Weights(when=seldom), probes.Biases(when=seldom)),
        probes.Outputs(when=seldom if chosen.detailed else at(-1), inputs=True),
    ]
    return _experiment(chosen, seeds, measured)


def _guided(chosen: Configuration, seeds: int) -> Experiment:
    """Return the experiment of a configuration with a gradient-driven learning rate."""
    measured: list[Probe] = [
        *(probes.Loss(), probes.ValidationLoss(), probes.GradientNorm(), probes.GradientAngle()),
        probes.LearningRate(reasons=True),
        probes.Outputs(inputs=True),
    ]
    return _experiment(chosen, seeds, measured, schedule=optim.GradientAngle())


def _alarm(target: str) -> Experiment:
    name, lrs = grids.alarm_name(target), grids.ALARM_LRS[target]
    chosen = Configuration(name, target, grids.SIZES[target], lrs, grids.ALARM_EPOCHS)
    return _experiment(chosen, grids.ALARM_SEEDS, [probes.Loss(), probes.GradientNorm(), probes.GradientAngle()])


def _bench(target: str, controller: str) -> Experiment:
    name, epochs = grids.bench_name(target, controller), grids.BENCH_EPOCHS[target]
    chosen = Configuration(name, target, grids.SIZES[target], grids.BENCH_LRS, epochs, samples=grids.BENCH_SAMPLES)
    measured: list[Probe] = [probes.Loss(), probes.ValidationLoss(when=at(-1))]
    return _experiment(chosen, grids.BENCH_SEEDS, measured, **_CHANGES[controller])


def _experiment(chosen: Configuration, seeds: int, measured: list[Probe], **changes: Any) -> Experiment:
    fields: dict[str, Any] = {
        "data": Function(chosen.target, samples=chosen.samples),
        "model": Perceptron(chosen.hidden, chosen.init_scale),
        "sweep": Sweep(lr=chosen.lrs, seed=range(seeds)),
        "loss": "half_mse",
        "optimizer": optim.SGD(),
        "epochs": chosen.epochs,
        "probes": measured,
        "dtype": "float64",
    }
    return Experiment(**{**fields, **changes})
