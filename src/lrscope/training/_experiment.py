"""One training run over a sweep, as frozen data."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from lrscope.errors import InputError, must_be, unknown
from lrscope.optim import SGD, Adam, AdamW, Constant, Cosine, Linear, WarmUp, loss_function, numbers_of
from lrscope.probes import Loss, Probe
from lrscope.specification import from_json, specification, to_json
from lrscope.sweep import SEEDS, Sweep

Positive = Annotated[int, Field(ge=1)]


@specification
class Experiment:
    """What is trained, on what, how long, over which grid, and what is measured. Nothing runs until `train`.

    Attributes
    ----------
    data : a data set: anything with ``arrays()``, see `lrscope.data`
    model : a callable without arguments that returns an ``nn.Module``
    sweep : the grid; it must have an axis ``lr``
    loss : a name of `lrscope.optim.LOSSES` or a function of outputs and targets
    optimizer : the update rule
    schedule : the course of the learning rate, a factor of each member's own
    epochs, steps : how long; give one of the two
    batch_size : samples a step, None for all; each member goes through the data in its own order
    probes : what to measure; the loss is always measured
    dtype : of parameters and data

    Raises
    ------
    InputError : a field that is not allowed, an axis of the sweep that nothing has, or both or neither of
        epochs and steps.

    Examples
    --------
    >>> from lrscope.data import Shape
    >>> from lrscope.models import Autoencoder
    >>> experiment = Experiment(data=Shape("circle"), model=Autoencoder(), sweep=Sweep(lr=[1e-3, 1e-2]), epochs=3)
    >>> Experiment.from_json(experiment.to_json()) == experiment
    True
    """

    data: Any
    model: Any
    sweep: Sweep
    loss: Any = "mse"
    optimizer: SGD | Adam | AdamW = Adam()
    schedule: Constant | Linear | Cosine | WarmUp = Constant()
    epochs: Positive | None = None
    steps: Positive | None = None
    batch_size: Positive | None = None
    probes: Annotated[tuple[Any, ...], Field(validate_default=True)] = ()
    dtype: Literal["float32", "float64"] = "float32"

    @field_validator("probes")
    @classmethod
    def _with_loss(cls, probes: Sequence[Any]) -> tuple[Probe, ...]:
        for probe in probes:
            if not isinstance(probe, Probe):
                raise must_be("probes", "a list of probes from lrscope.probes", probe)
        missing = () if any(isinstance(probe, Loss) for probe in probes) else (Loss(),)
        return (*missing, *probes)

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        loss_function(self.loss)
        if (self.epochs is None) == (self.steps is None):
            raise InputError(f"epochs or steps must be given, one of the two; got {self.epochs} and {self.steps}.")
        if "lr" not in self.sweep.axes:
            raise must_be("sweep", "a grid with an axis lr", list(self.sweep.axes), "Give Sweep(lr=[0.001, 0.01]).")
        if not callable(self.model) or not hasattr(self.data, "arrays"):
            wrong = "model" if not callable(self.model) else "data"
            allowed = "a callable that returns an nn.Module" if wrong == "model" else "a data set with arrays()"
            raise must_be(wrong, allowed, getattr(self, wrong))
        for axis in self.sweep.axes:
            self._check_axis(axis)
        return self

    def _check_axis(self, axis: str) -> None:
        known = ["lr", "seed", *SEEDS, *self.data_fields(), *numbers_of(self.optimizer)]
        if axis not in known:
            raise unknown("an axis of the sweep", axis, known)

    def data_fields(self) -> list[str]:
        """Return the fields of the data that a sweep may vary."""
        return [field.name for field in dataclasses.fields(self.data)] if dataclasses.is_dataclass(self.data) else []

    def to_json(self) -> dict[str, Any]:
        """Return the experiment as JSON: class names and plain values."""
        form: dict[str, Any] = to_json(self)
        return form

    @classmethod
    def from_json(cls, form: dict[str, Any], **objects: Any) -> "Experiment":
        """Return the experiment of a JSON form.

        Parameters
        ----------
        objects : fields that the form only names, such as a model of your own

        Raises
        ------
        InputError : a field is no part of lrscope and not among `objects`.
        """
        fields = {name: value for name, value in form.items() if name not in ("class", *objects)}
        sweep = {axis: values for axis, values in fields.pop("sweep").items() if axis != "class"}
        return cls(sweep=Sweep(**sweep), **{name: from_json(value) for name, value in fields.items()}, **objects)


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes
    ----------
    members, steps : networks, and steps of each
    record_bytes : size of the records, uncompressed
    seconds : of training, from a few measured steps on this machine
    """

    members: int
    steps: int
    record_bytes: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.members} networks, {self.steps} steps each: {self.record_bytes / 1e6:.0f} MB of records, "
            f"about {self.seconds:.0f} s"
        )
