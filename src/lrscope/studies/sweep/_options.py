"""What can be chosen in the study `sweep`."""

import math
from typing import Annotated, Any, ClassVar, Literal

import tyro
from pydantic import AfterValidator, Field, field_validator, model_validator

from lrscope.data import check_data
from lrscope.errors import InputError, must_be, unknown
from lrscope.specification import specification
from lrscope.studies._at import LAST, check_at
from lrscope.studies._size import check_batch, check_size
from lrscope.sweep import parse_axis, parse_rates

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Few = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), tyro.conf.arg(metavar="SHARE")]
At = Annotated[str, AfterValidator(check_at), tyro.conf.arg(metavar="{last,best,STEP}")]
Axes = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(metavar="NAME=VALUES", help_behavior_hint="(may be repeated)"),
]
TAKEN = ("lr", "seed", "out", "member", "step")
"""Names that no further axis can have."""
PUBLISHED = (0.0001, 0.001, 0.01)
"""The learning rates of the source."""


@specification
class Grid:
    """What the vectorised trainings and those by command have in common: rates, seeds and rounds."""

    lrs: Annotated[tuple[float | str, ...], tyro.conf.arg(metavar="RATE ...")] = PUBLISHED
    """learning rates, with spaces or commas between them, or start:stop:count"""
    seeds: Positive = 8
    """networks per rate; each seed sets the initialisation and the order of the data"""
    until_decided: bool = False
    """train more until the data decide: extend the grid if the best rate is at its end, add seeds, refine around it"""
    budget: Annotated[
        Positive | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: four times those of the first round)"),
    ] = None
    """with --until-decided: limit of all trainings of the grid"""
    tolerance: Share = 0.05
    """loss that may be given away: the report says which rates end with at most so much more than the lowest"""

    grid: Axes = ()
    """a further axis"""

    @field_validator("lrs")
    @classmethod
    def _rates(cls, lrs: tuple[float | str, ...]) -> tuple[float, ...]:
        return tuple(sorted(parse_rates(lrs)))

    @model_validator(mode="after")
    def _affordable(self) -> "Grid":
        if self.budget is not None and not self.until_decided:
            raise InputError(f"budget must be given with --until-decided only; got {self.budget}.")
        if self.budget is not None and self.budget < self.first_round:
            allowed = f"at least the {self.first_round} trainings of the first round"
            raise must_be("budget", allowed, self.budget, "Ask for fewer rates or seeds, or more budget.")
        return self

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The values of each axis beside rate and seed."""
        axes: dict[str, tuple[Any, ...]] = {}
        for text in self.grid:
            name, values = parse_axis(text, TAKEN)
            if name in axes:
                raise InputError(f"grid must have each name once; got {name} twice.")
            axes[name] = values
        return axes

    @property
    def first_round(self) -> int:
        """Trainings of the first round's grid."""
        return len(self.lrs) * self.seeds * math.prod(len(values) for values in self.axes.values())

    @property
    def trainings(self) -> int:
        """Trainings of the grid in all at most."""
        if not self.until_decided:
            return self.first_round
        return 4 * self.first_round if self.budget is None else self.budget


@specification
class Options(Grid):
    """Train a network on images at several learning rates and many seeds, and recommend a rate with its evidence.

    The defaults are the network, rates and optimizer of the source (Santos, blog post) on scikit-learn's digits, which
    need no download. Its own setting: --data mnist --root DIR --epochs 5, after lrscope data fetch mnist --root DIR.

    To train by a script of your own, see lrscope run sweep --help --
    """

    data: Annotated[str, tyro.conf.arg(metavar="NAME")] = "digits"
    """data set: digits, mnist, cifar10, or your own as package.module:name"""
    root: Annotated[str | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required for these two)")] = None
    """folder with the files of mnist or cifar10"""
    model: Annotated[str, tyro.conf.arg(metavar="NAME")] = "cnn"
    """network: cnn (that of the source), or a function that returns an nn.Module, as package.module:function"""
    loss: Annotated[str, tyro.conf.arg(metavar="NAME")] = "auto"
    """loss function; auto: cross_entropy for classes, mse for numbers"""
    epochs: Positive = 20
    """passes through the data"""
    batch_size: Positive = 64
    """samples per step"""
    optimizer: Literal["adam", "adamw", "sgd", "momentum", "nesterov"] = "adam"
    """optimizer; momentum and nesterov are sgd with momentum 0.9"""
    grid: Axes = ()
    """a further axis, a,b,c or start:stop:count: weight_decay, momentum (of sgd), beta1, beta2 or eps (of adam), or
    lr_MODULE, which multiplies the learning rate of a module"""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """learning rate schedule; linear and cosine decay to 0"""
    crossed_seeds: Few = 3
    """train so many initialisations, each with as many orders of the data, to separate their effects; 0 for none, as
    with --grid"""

    metric: ClassVar[str] = "val_loss"
    maximize: ClassVar[bool] = False
    at: ClassVar[str] = LAST

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: str) -> str:
        if model != "cnn" and ":" not in model:
            raise unknown("model", model, ["cnn", "package.module:function"])
        return model

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        check_data(self.data, self.root)
        check_batch(self.batch_size)
        check_size(self.first_round + len(self.lrs) * self.crossed**2, self.epochs)
        if self.crossed_seeds == 1:
            raise must_be("crossed_seeds", "0, or at least 2 to compare", self.crossed_seeds)
        return self

    @property
    def crossed(self) -> int:
        """Initialisations that are crossed with as many orders of the data."""
        return 0 if self.grid else self.crossed_seeds
