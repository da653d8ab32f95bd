"""A network of your own, and which of its hyperparameters a map varies. Needs no PyTorch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lrscope.data import check_data
from lrscope.errors import must_be
from lrscope.papers.boundary._axes import Axis, varied
from lrscope.specification import specification

OWN = "own"
"""What the condition of a map of such a network is called."""


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
    axes : what the horizontal and the vertical axis are of, see `Options`
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

    @property
    def both_axes(self) -> tuple[Axis, Axis]:
        """The horizontal and the vertical axis, as they are by default."""
        x, y = map(varied, self.axes)
        return x, y
