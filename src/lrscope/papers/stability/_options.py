"""What can be chosen in the study `stability`."""

from typing import Annotated

import tyro
from pydantic import Field, field_validator

from lrscope.data import known_target
from lrscope.errors import must_be
from lrscope.specification import specification
from lrscope.sweep import Sweep, parse_grid

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]


@specification
class Options:
    """Train a small perceptron on a function of one variable and watch when and why it begins to oscillate.

    Without any of target, hidden, lrs, epochs and init_scale: the configurations of experiment 1 (figures 1 to 6), a
    test of the alarm over many learning rates and seeds, and a comparison of controllers of the learning rate. With one
    of them: that configuration alone; the others are then those of figure 1 (f1, 3, 1, 1000).
    """

    target: Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: f1, see above)")] = None
    """function to learn: f1, f2, or any as package.module:function"""
    hidden: Annotated[
        Annotated[int, Field(ge=2, le=10**6)] | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 3, see above)"),
    ] = None
    """units of the hidden layer, including the constant one: 3 means two sigmoid neurons and a bias"""
    lrs: Annotated[
        tuple[float | str, ...] | None,
        tyro.conf.arg(metavar="RATE ...", help_behavior_hint="(default: 1, see above)"),
    ] = None
    """learning rates: numbers, or start:stop:count"""
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

    @field_validator("target")
    @classmethod
    def _known(cls, target: str | None) -> str | None:
        if target is not None:
            known_target(target)
        return target

    @field_validator("lrs")
    @classmethod
    def _rates(cls, lrs: tuple[float | str, ...] | None) -> tuple[float, ...] | None:
        if lrs is None:
            return None
        rates = parse_grid("lrs", [str(lr) for lr in lrs])
        if not rates:
            raise must_be("lrs", "at least one learning rate", lrs, "Write for example --lrs 0.1 1.")
        return Sweep(lr=rates).axes["lr"]

    @property
    def published(self) -> bool:
        """Whether the configurations are those of the source."""
        chosen = (self.target, self.hidden, self.lrs, self.epochs, self.init_scale)
        return all(value is None for value in chosen)
