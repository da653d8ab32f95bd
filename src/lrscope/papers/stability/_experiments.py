"""The trainings of the study `stability`."""

from typing import Any

from lrscope import optim, probes
from lrscope.data import Function
from lrscope.models import Perceptron
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._configurations import Configuration
from lrscope.papers.stability._options import Options
from lrscope.papers.stability._ways import CONSTANT, GUIDED, WAYS
from lrscope.probes import Probe, at, every
from lrscope.training import Experiment, Sweep

_WAYS: dict[str, dict[str, Any]] = {
    CONSTANT: {},
    "cosine": {"schedule": optim.Cosine()},
    "hypergradient": {"schedule": optim.Hypergradient()},
    "sharpness-capped": {"schedule": optim.SharpnessCapped(iterations=1)},
    "Adam": {"optimizer": optim.Adam()},
    GUIDED: {"schedule": optim.GradientAngle()},
}
"""Name in `WAYS` -> what of the experiment it replaces."""


def experiments(options: Options) -> dict[str, Experiment]:
    """Return the experiments of the study by name: the configurations and, for those of the source, both grids."""
    chosen = grids.configurations(options)
    found = {each.name: _configured(each, options.seeds) for each in chosen}
    found |= {grids.guided_name(each): _guided(each, options.seeds) for each in chosen if each.film}
    if options.published:
        found |= {grids.alarm_name(target): _alarm(target) for target in grids.ALARM_LRS}
        found |= {grids.bench_name(target, way): _bench(target, way) for target in grids.SIZES for way in WAYS}
    return found


def _configured(chosen: Configuration, seeds: int) -> Experiment:
    """Return the experiment of a configuration: error, norm and angle at every step, the rest at its cadence."""
    seldom = every(chosen.cadence)
    measured: list[Probe] = [
        *(probes.Loss(), probes.ValidationLoss(), probes.GradientNorm(), probes.GradientAngle()),
        *([probes.GradientPath()] if chosen.film else []),
        probes.LearningRate(when=seldom),
        probes.UpdateSize(when=seldom),
        probes.Sharpness(when=seldom),
        probes.Oscillation(when=seldom),
        *(probes.Weights(when=seldom), probes.Biases(when=seldom)),
        probes.Outputs(when=seldom if chosen.film else at(-1), inputs=True),
    ]
    return _experiment(chosen, seeds, measured)


def _guided(chosen: Configuration, seeds: int) -> Experiment:
    """Return the experiment of a configuration whose rate listens to the gradient's angle."""
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


def _bench(target: str, way: str) -> Experiment:
    name, epochs = grids.bench_name(target, way), grids.BENCH_EPOCHS[target]
    chosen = Configuration(name, target, grids.SIZES[target], grids.BENCH_LRS, epochs, samples=grids.BENCH_SAMPLES)
    measured: list[Probe] = [probes.Loss(), probes.ValidationLoss(when=at(-1))]
    return _experiment(chosen, grids.BENCH_SEEDS, measured, **_WAYS[way])


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
