"""A network of your own, and which of its hyperparameters a map varies. Needs no PyTorch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lrscope.data import check_data
from lrscope.errors import must_be, unknown
from lrscope.specification import specification
from lrscope.sweep import GROUP, INIT_SCALE

OWN = "own"
"""What the condition of a map of such a network is called."""
BATCH_SIZE = "batch_size"


@dataclass(frozen=True)
class Varied:
    """A hyperparameter that can be an axis.

    Attributes
    ----------
    long_name : what it is
    span : ends of the axis by default
    scale : ``log`` or ``linear``
    """

    long_name: str
    span: tuple[float, float]
    scale: str = "log"


RATES = (1e-4, 10.0)
VARIED = {
    "lr": Varied("learning rate", RATES),
    "momentum": Varied("momentum", (0.0, 0.99), "linear"),
    "weight_decay": Varied("weight decay", (1e-5, 10.0)),
    INIT_SCALE: Varied("scale of the initial weights", (0.1, 10.0)),
    BATCH_SIZE: Varied("samples of a step", (1.0, 100.0)),
}
"""By name; ``lr_<module>`` is the learning rate of a module."""


def varied(name: str) -> Varied:
    """Return what an axis is of.

    Raises
    ------
    InputError : nothing that an axis can be of; the nearest is named.
    """
    if name.startswith(GROUP) and name != GROUP:
        return Varied(f"learning rate of {name.removeprefix(GROUP)}", RATES)
    if name not in VARIED:
        raise unknown("axes", name, [*VARIED, f"{GROUP}<module>"])
    return VARIED[name]


@specification
class Own:
    """A network of your own, what it learns, and how: these of the `Options`.

    Attributes
    ----------
    model : ``package.module:function`` that returns an nn.Module
    data, root : name of the data set, or ``package.module:name``; folder of its files
    loss : name of the loss; auto: cross_entropy for classes, mse for numbers
    optimizer : sgd, momentum (0.9) or adam
    batch_size : samples of a step; None for all
    lr : learning rate of what has none on an axis
    axes : what the horizontal and the vertical axis are of, see `VARIED`
    """

    model: str
    data: str
    root: str | None
    loss: str
    optimizer: Literal["sgd", "momentum", "adam"]
    batch_size: Annotated[int, Field(ge=1)] | None
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    axes: tuple[str, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Own":
        check_data(self.data, self.root)
        for name in self.axes:
            varied(name)
        if len(self.axes) != 2 or self.axes[0] == self.axes[1]:
            raise must_be("axes", "two different names, such as lr momentum", list(self.axes))
        if "momentum" in self.axes and self.optimizer == "adam":
            raise must_be("optimizer", "sgd or momentum with an axis of the momentum", self.optimizer)
        return self
