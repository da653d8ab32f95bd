"""What can be chosen in the study `linearity`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from pydantic import Field, model_validator

from lrscope.data import check_data
from lrscope.errors import must_be, unknown
from lrscope.specification import specification
from lrscope.studies._size import check_batch, check_size

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Rate = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MODELS = ("perceptron", "cnn", "resnet")
MIN_REPLICATES = 8
"""Intervals are estimated by leaving out one batch of replicates at a time, and need this many batches."""
MOST_REPLICATES = 10**7
DEFAULT_LR, DEFAULT_DELTAS = 0.2, (0.25, 0.5)
"""Learning rate eta of a network, and its two changes a and b as shares of it."""
DEFAULT_LRS = {"cnn": 0.08, "resnet": 0.4}
"""Models with another default learning rate."""
GRID = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
"""Learning rates of the grid, in multiples of eta."""
DIGITS = 12
"""Significant digits of a rate: 0.2 + 0.1 is 0.3."""


@specification
class Options:
    """Train a network many times at three learning rates, and test whether its mean outputs move along a line.

    By default a small perceptron and a small CNN on scikit-learn's digits, which need no download. The source itself:
    --data cifar10 --root DIR --replicates 40000 --pairing independent (after lrscope data fetch cifar10 --root DIR).
    """

    data: Annotated[str, tyro.conf.arg(metavar="NAME")] = "digits"
    """data set: digits, mnist, cifar10, or a data set of your own with classes, as package.module:name"""
    root: Annotated[str | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required for these two)")] = None
    """folder with the files of mnist or cifar10"""
    model: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="NAME ...", help_behavior_hint="(default: perceptron cnn; resnet on cifar10)"),
    ] = ()
    """one or more: perceptron, cnn, resnet, or a function that returns an nn.Module, as package.module:function"""
    lr: Annotated[
        Rate | None, tyro.conf.arg(metavar="RATE", help_behavior_hint="(default: 0.2; 0.08 for cnn, 0.4 for resnet)")
    ] = None
    """learning rate eta whose neighbourhood is examined"""
    delta: Annotated[Rate | None, tyro.conf.arg(metavar="RATE", help_behavior_hint="(default: eta / 4)")] = None
    """first change a of the rate: eta + a is trained as well"""
    delta2: Annotated[Rate | None, tyro.conf.arg(metavar="RATE", help_behavior_hint="(default: eta / 2)")] = None
    """second change b: eta + b is trained as well, and the law predicts it from the first"""
    replicates: Annotated[int, Field(ge=MIN_REPLICATES)] = 256
    """trainings at each rate"""
    pairing: Annotated[Literal["common", "independent"], tyro.conf.arg(metavar="{common,independent}")] = "common"
    """common: the same seeds (initial weights, order of the data) at every rate; independent, as in the source: its own
    seeds at each rate"""
    grid: bool = False
    """train at more rates, from a quarter to three times eta, to see where the law breaks"""
    epochs: Annotated[
        Positive | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 8; 10 for resnet)")
    ] = None
    """passes through the data"""
    batch_size: Annotated[
        Positive | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 64; 1024 for resnet)")
    ] = None
    """samples a step"""
    price: Annotated[
        Price | None, tyro.conf.arg(metavar="NUMBER", help_behavior_hint="(default: no cost is given)")
    ] = None
    """price of an hour of a worker, in any currency: the report then gives the cost of as many trainings as the
    source's"""

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        for name in self.model:
            if name not in MODELS and ":" not in name:
                raise unknown("model", name, [*MODELS, "package.module:function"])
        if len(set(self.model)) < len(self.model):
            raise must_be("model", "a list of different models", list(self.model), "Name each once.")
        check_data(self.data, self.root)
        check_batch(self.batch_size or 1)
        check_size(1, self.epochs or 1)  # only sums are kept of the replicates
        if self.replicates > MOST_REPLICATES:
            days = self.replicates * len(self.rates(MODELS[0]).three) / 1000 / 86400
            remedy = f"So many would take {days:,.0f} days or more at a thousand trainings a second."
            raise must_be("replicates", f"at most {MOST_REPLICATES:,}", self.replicates, remedy)
        for model in self.networks.values():
            self.rates(model).check()
        return self

    @property
    def networks(self) -> dict[str, str]:
        """Name of each network, good for names of files -> what makes it."""
        asked = self.model or (("resnet",) if self.data == "cifar10" else ("perceptron", "cnn"))
        named: dict[str, str] = {}
        for model in asked:
            short = "".join(letter if letter.isalnum() else "_" for letter in model.rpartition(":")[2])
            named[short if short not in named else f"{short}_{len(named) + 1}"] = model
        return named

    def rates(self, model: str) -> "Rates":
        """Return the learning rates of a model."""
        eta = DEFAULT_LRS.get(model, DEFAULT_LR) if self.lr is None else self.lr
        given = zip((self.delta, self.delta2), DEFAULT_DELTAS, strict=True)
        a, b = (_rounded(eta * share if change is None else change) for change, share in given)
        return Rates(eta, a, b, self.grid)


@dataclass(frozen=True)
class Rates:
    """The learning rates of one network: eta, two changes of it, and whether a grid of further rates is trained."""

    eta: float
    a: float
    b: float
    grid: bool

    def check(self) -> None:
        """Raise an error unless the three rates are positive and differ."""
        if self.eta <= 0:
            raise must_be("lr", "above 0", self.eta)
        for name, change in (("delta", self.a), ("delta2", self.b)):
            if self.eta + change <= 0:
                raise must_be(f"lr + {name}", "above 0", _rounded(self.eta + change), "Take a smaller change.")
        if len(set(self.three)) < len(self.three):
            raise must_be("delta and delta2", "changes that lead to different learning rates", [self.a, self.b])

    @property
    def three(self) -> tuple[float, float, float]:
        """The rates eta, eta + a and eta + b."""
        return _rounded(self.eta), _rounded(self.eta + self.a), _rounded(self.eta + self.b)

    @property
    def lrs(self) -> tuple[float, ...]:
        """The learning rates that are trained at, ascending."""
        more = [_rounded(self.eta * factor) for factor in GRID] if self.grid else []
        return tuple(sorted({*self.three, *more}))


def _rounded(lr: float) -> float:
    return float(f"{lr:.{DIGITS}g}")
