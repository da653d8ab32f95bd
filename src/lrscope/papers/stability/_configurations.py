"""What can be chosen, and which trainings that means: those of the source, and two grids beyond them."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from pydantic import AfterValidator, Field, model_validator

from lrscope.data import known_target
from lrscope.specification import specification
from lrscope.studies._size import check_memory, check_size
from lrscope.studies._words import rate
from lrscope.sweep import parse_rates

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]

CONSTANT, GUIDED = "constant", "gradient angle"
CONTROLLERS = (CONSTANT, "cosine", "hypergradient", "sharpness-capped", "Adam", GUIDED)
"""The ways to choose the learning rate that the bench compares."""
ALARM_SEEDS = 48
ALARM_SEEDS_CHOSEN_ON = 16
"""The alarm rules were chosen on the seeds below; they are judged on the others."""
ALARM_LRS = {
    "f1": (0.7, 0.8, 0.85, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
    "f2": (0.04, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.14, 0.16, 0.2),
}
ALARM_EPOCHS = 2000
BENCH_SEEDS = 32
"""With four, one lucky pair of rate and seeds decides which controller is the fastest on f2."""
BENCH_SAMPLES = 200
"""Points of the bench, the first of all."""
BENCH_LRS = tuple(round(10 ** (exponent / 2), 6) for exponent in range(-6, 5))
"""Starting rates of the bench: 0.001 to 100, two a decade."""
BENCH_EPOCHS = {"f1": 1000, "f2": 1200}
SIZES = {"f1": 3, "f2": 8}
"""Hidden units of the networks of both grids, as in the source's unstable configurations."""


@dataclass(frozen=True)
class Configuration:
    """One network on one target, at one or several learning rates.

    Attributes
    ----------
    name : of the experiment and of its file
    target, hidden, lrs, epochs, init_scale : as in `Options`
    cadence : steps between two measurements of what is not measured at every step
    detailed : whether gradient path and outputs are recorded over time, and a gradient-driven rate is tried, too
    samples : points to learn from
    """

    name: str
    target: str
    hidden: int
    lrs: tuple[float, ...]
    epochs: int
    init_scale: float = 1.0
    cadence: int = 1
    detailed: bool = False
    samples: int = 1000


FIGURE_1 = Configuration("f1-h3", "f1", 3, (1.0,), 1000, cadence=2, detailed=True)
FIGURE_1_OF_F2 = Configuration("f2-h8", "f2", 8, (0.1,), 1200, cadence=2, detailed=True)
FIGURE_3 = Configuration("f1-h2-long", "f1", 2, (0.2, 0.3, 0.4), 50_000, cadence=100)
FIGURE_4 = Configuration("f1-h3-long", "f1", 3, (0.2, 0.4), 50_000, cadence=100)
FIGURE_5 = Configuration("f2-h20-long", "f2", 20, (0.05,), 40_000, cadence=100)
FIGURE_6 = Configuration("f1-h3-slow", "f1", 3, (0.1,), 1000, cadence=10)
FIGURE_6_SCALED = Configuration("f1-h3-scaled", "f1", 3, (0.1,), 1000, init_scale=10.0, cadence=10)
TENTH_OF_F1 = Configuration("f1-h3-tenth", "f1", 3, (0.1,), 10_000, cadence=100)
TENTH_OF_F2 = Configuration("f2-h8-tenth", "f2", 8, (0.01,), 12_000, cadence=100)

SOURCE = (
    *(FIGURE_1, FIGURE_1_OF_F2, FIGURE_3, FIGURE_4, FIGURE_5, FIGURE_6, FIGURE_6_SCALED),
    *(TENTH_OF_F1, TENTH_OF_F2),
)
"""The configurations of the source, in its order; the last two are those of figure 1 at a tenth of the rate."""


@specification
class Options:
    """Train a small perceptron on a function of one variable and watch when and why it begins to oscillate.

    Without any of target, hidden, lrs, epochs and init_scale: the configurations of experiment 1 (figures 1 to 6), a
    test of the alarm over many learning rates and seeds, and a comparison of controllers of the learning rate. With one
    of them: that configuration alone; the others are then those of figure 1 (f1, 3, 1, 1000).
    """

    target: Annotated[
        Annotated[str, AfterValidator(known_target)] | None,
        tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: f1, see above)"),
    ] = None
    """function to learn: f1, f2, or any as package.module:function"""
    hidden: Annotated[
        Annotated[int, Field(ge=2, le=10**6)] | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 3, see above)"),
    ] = None
    """units of the hidden layer, including the constant one: 3 means two sigmoid neurons and a bias"""
    lrs: Annotated[
        Annotated[tuple[float | str, ...], AfterValidator(parse_rates)] | None,
        tyro.conf.arg(metavar="RATE ...", help_behavior_hint="(default: 1, see above)"),
    ] = None
    """learning rates, with spaces or commas between them, or start:stop:count"""
    epochs: Annotated[
        Positive | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 1000, see above)")
    ] = None
    """iterations of gradient descent, each over all points"""
    init_scale: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None,
        tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 1, see above)"),
    ] = None
    """factor of the initial weights, whose standard deviation is 0.01"""
    seeds: Positive = 1
    """initialisations of each network: seeds 0, 1, ...; seed 0 is the published one"""

    @model_validator(mode="after")
    def _fits(self) -> "Options":
        chosen = configurations(self)
        check_size(self.seeds * sum(len(each.lrs) for each in chosen), max(each.epochs for each in chosen))
        if self.hidden is not None:
            pairs = self.hidden**2 // 2 * (chosen[0].epochs // chosen[0].cadence)
            check_memory("hidden", self.hidden, pairs * 8, "the similarity of each two neurons at each step recorded")
        return self

    @property
    def published(self) -> bool:
        """Whether the configurations are those of the source."""
        chosen = (self.target, self.hidden, self.lrs, self.epochs, self.init_scale)
        return all(value is None for value in chosen)


def configurations(options: Options) -> tuple[Configuration, ...]:
    """Return the configurations that options ask for."""
    if options.published:
        return SOURCE
    epochs = options.epochs or FIGURE_1.epochs
    return (
        Configuration(
            "run",
            options.target or FIGURE_1.target,
            options.hidden or FIGURE_1.hidden,
            tuple(float(lr) for lr in options.lrs or FIGURE_1.lrs),
            epochs,
            options.init_scale or 1.0,
            cadence=max(1, epochs // 500),
            detailed=True,
        ),
    )


def alarm_name(target: str) -> str:
    """Return the name of the experiment that tests the alarm on a target."""
    return f"alarm-{target}"


def bench_name(target: str, controller: str) -> str:
    """Return the name of the experiment of a controller of the bench on a target."""
    return f"bench-{target}-{controller.replace(' ', '-')}"


def guided_name(configuration: Configuration) -> str:
    """Return the name of a configuration's experiment with a gradient-driven learning rate."""
    return f"{configuration.name}-guided"


def label(chosen: Configuration, lr: float) -> str:
    """Return what a network is called: target, hidden units, rate, iterations, factor of the initial weights."""
    scale = "" if chosen.init_scale == 1 else f" \N{MULTIPLICATION SIGN}{chosen.init_scale:g}"
    return f"({chosen.target}, {chosen.hidden}, {rate(lr, chosen.lrs)}, {chosen.epochs}){scale}"
