"""What can be chosen in the study `linearity`."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from pydantic import Field, field_validator, model_validator

from lrscope.data import DATA_SETS
from lrscope.errors import InputError, must_be, unknown
from lrscope.specification import specification

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Rate = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MODELS = ("perceptron", "cnn", "resnet")
FEWEST = 8
"""Replicates that intervals need: each is estimated by leaving out one batch of replicates at a time."""
ETA, FIRST, SECOND = 0.2, 0.25, 0.5
"""The learning rate of a network unless another is given, and its two changes, in shares of it."""
ETAS = {"cnn": 0.08, "resnet": 0.4}
"""Networks that learn at other rates."""
GRID = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
"""Rates of the grid, in multiples of eta."""
DIGITS = 12
"""Significant digits of a rate: 0.2 + 0.1 is 0.3."""
FREE = ("engine", "address", "price")
"""Options that a resume may change: they decide where is trained and what it costs, not what."""
UNIT = "trainings"
"""What the progress of a run counts."""


@specification
class Options:
    """Train a network many times at three learning rates, and tell whether its mean outputs move along a line.

    By default a small perceptron and a small CNN on scikit-learn's digits, which need no download. The source itself:
    --data cifar10 --root DIR --replicates 40000 --pairing independent (after lrscope data fetch cifar10 --root DIR).
    """

    data: Annotated[str, tyro.conf.arg(metavar="NAME")] = "digits"
    """what to learn: digits, mnist, cifar10, or a data set of your own with classes, as package.module:name"""
    root: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None
    """folder with the files of mnist or cifar10"""
    model: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = ()
    """what learns, one or more: perceptron, cnn, resnet, or what makes an nn.Module, as package.module:function;
    resnet on cifar10, perceptron and cnn on other data, by default"""
    eta: Annotated[Rate | None, tyro.conf.arg(metavar="RATE")] = None
    """learning rate whose neighbourhood is looked at; 0.2 by default, 0.08 for cnn, 0.4 for resnet"""
    a: Annotated[Rate | None, tyro.conf.arg(metavar="RATE")] = None
    """first change of the rate: eta + a is trained as well; a quarter of eta by default"""
    b: Annotated[Rate | None, tyro.conf.arg(metavar="RATE")] = None
    """second change: eta + b is trained as well, and the law predicts it from the first; half of eta by default"""
    replicates: Positive = 256
    """trainings at each rate"""
    pairing: Annotated[Literal["common", "independent"], tyro.conf.arg(metavar="{common,independent}")] = "common"
    """common: the same initial weights and order of the data at every rate; independent, as the source: others at
    each"""
    grid: bool = False
    """train at more rates, from a quarter to three times eta, to see where the law breaks"""
    epochs: Annotated[Positive | None, tyro.conf.arg(metavar="INT")] = None
    """passes through the data; 8 by default, 10 for resnet"""
    batch_size: Annotated[Positive | None, tyro.conf.arg(metavar="INT")] = None
    """samples a step; 64 by default, 1024 for resnet"""
    engine: Annotated[Literal["local", "ray"], tyro.conf.arg(metavar="{local,ray}")] = "local"
    """where to train: on all cores of this machine or its GPU, or on a Ray cluster"""
    address: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """with ray: of the cluster, as host:port; one of this machine's own cores by default"""
    price: Annotated[Price | None, tyro.conf.arg(metavar="NUMBER")] = None
    """what an hour of a worker costs, in any currency: the report tells what as many trainings as the source's would"""

    @field_validator("data")
    @classmethod
    def _known_data(cls, data: str) -> str:
        if data not in DATA_SETS and ":" not in data:
            raise unknown("data", data, [*DATA_SETS, "package.module:name"])
        return data

    @field_validator("model")
    @classmethod
    def _known_models(cls, model: tuple[str, ...]) -> tuple[str, ...]:
        for name in model:
            if name not in MODELS and ":" not in name:
                raise unknown("model", name, [*MODELS, "package.module:function"])
        if len(set(model)) < len(model):
            raise must_be("model", "a list of different models", list(model), "Name each once.")
        return model

    @field_validator("replicates")
    @classmethod
    def _enough(cls, replicates: int) -> int:
        if replicates < FEWEST:
            remedy = "Intervals come from leaving out one batch of replicates at a time."
            raise must_be("replicates", f"at least {FEWEST}", replicates, remedy)
        return replicates

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        if self.data not in ("mnist", "cifar10") and self.root is not None:
            raise InputError(f"root must be given for mnist and cifar10 only; got {self.root!r} with {self.data}.")
        if self.engine != "ray" and self.address is not None:
            raise InputError(f"address must be given with --engine ray only; got {self.address!r}.")
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
        """Return the learning rates of a network, by what makes it."""
        eta = ETAS.get(model, ETA) if self.eta is None else self.eta
        a, b = (eta * share if change is None else change for change, share in ((self.a, FIRST), (self.b, SECOND)))
        return Rates(eta, _rounded(a), _rounded(b), self.grid)


@dataclass(frozen=True)
class Rates:
    """The learning rates of one network.

    Attributes
    ----------
    eta : whose neighbourhood is looked at
    a, b : changes of it
    grid : whether there are more
    """

    eta: float
    a: float
    b: float
    grid: bool

    def check(self) -> None:
        """Raise an error unless the three rates are positive and differ."""
        if self.eta <= 0:
            raise must_be("eta", "above 0", self.eta)
        for name, change in (("a", self.a), ("b", self.b)):
            if change == 0:
                raise must_be(name, "a change of the learning rate other than 0", change)
            if self.eta + change <= 0:
                raise must_be(f"eta + {name}", "above 0", _rounded(self.eta + change), "Take a smaller change.")
        eta, first, second = self.three
        if first in (second, eta):
            raise must_be("a and b", "different changes of the learning rate", [self.a, self.b])
        if second == eta:
            raise must_be("b", "a change of the learning rate that can be seen beside eta", self.b)

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
    if not (lr and math.isfinite(lr)):
        return lr
    return round(lr, DIGITS - 1 - math.floor(math.log10(abs(lr))))
