"""One training run over a sweep, as frozen data."""

import dataclasses
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from torch import nn

from lrscope.errors import InputError, must_be, unknown
from lrscope.optim import Adam, Constant, hyperparameters, is_controller, loss_function
from lrscope.probes import Loss, Probe
from lrscope.specification import from_json, specification, to_json
from lrscope.sweep import GROUP, INIT_SCALE, SEEDS, Sweep, is_rate

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
    schedule : the course of the learning rate: a factor of each member's own at every step, or a controller of
        `lrscope.optim`, driven by the training
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
    optimizer: Any = Adam()
    schedule: Any = Constant()
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
        _check_model(self.model)
        _check_has("optimizer", self.optimizer, ("init", "update"), "such as Adam()")
        if not is_controller(self.schedule):
            _check_has("schedule", self.schedule, ("factor",), "such as Cosine()")
        if not hasattr(self.data, "arrays") or isinstance(self.data, type):
            raise must_be("data", "a data set with arrays()", self.data)
        if self.needs_validation() and not hasattr(self.data, "validation"):
            raise holds_nothing_out(self.data)
        for axis, values in self.sweep.axes.items():
            self._check_axis(axis, values)
        return self

    def _check_axis(self, axis: str, values: Sequence[Any]) -> None:
        """Let the data or the update rule check each value of an axis that sets one of their fields."""
        owners = dict.fromkeys(hyperparameters(self.optimizer), self.optimizer)
        owners |= dict.fromkeys(self.data_fields(), self.data)
        known = ["lr", "seed", *SEEDS, INIT_SCALE, *owners]
        if axis in (*self.group_axes(), INIT_SCALE):
            for value in values:
                if not is_rate(value):
                    raise must_be(axis, "a list of positive finite numbers, which multiply", value)
        elif axis not in known:
            raise unknown("an axis of the sweep", axis, [*known, f"{GROUP}<module>"])
        for value in values if axis in owners else ():
            dataclasses.replace(owners[axis], **{axis: value})

    def group_axes(self) -> list[str]:
        """Return the axes of the sweep that multiply the learning rate of a module."""
        owned = {*self.data_fields(), *hyperparameters(self.optimizer)}
        return [axis for axis in self.sweep.axes if axis.startswith(GROUP) and axis not in owned]

    def needs_validation(self) -> bool:
        """Tell whether a probe measures the validation samples of the data."""
        return any("validation" in probe.required() for probe in self.probes)

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
        fields = {name: from_json(value) for name, value in form.items() if name not in ("class", *objects)}
        return cls(**fields, **objects)


def holds_nothing_out(data: Any) -> InputError:
    """Return the error for data without validation samples that a probe measures."""
    return must_be("data", "a data set with validation samples, for a probe that measures them", data)


def _check_has(name: str, value: object, methods: tuple[str, ...], example: str) -> None:
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        raise must_be(name, f"an object with {' and '.join(f'{method}()' for method in methods)}, {example}", value)


def _check_model(model: Any) -> None:
    allowed = "a callable without arguments that returns an nn.Module"
    if isinstance(model, nn.Module):
        remedy = "Give what makes the module, a class or a function: each member gets a new one."
        raise must_be("model", allowed, type(model).__name__, remedy)
    if not callable(model):
        raise must_be("model", allowed, model)
    try:
        inspect.signature(model).bind()
    except TypeError as error:
        raise must_be("model", allowed, f"{getattr(model, '__name__', model)} ({error})") from None
    except ValueError:  # a builtin without a signature
        return


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes
    ----------
    members, steps : networks, and steps of each
    record_bytes : size of the records, uncompressed
    seconds : of training, from a few measured steps on this machine
    several : whether it is of several trainings, of different lengths
    """

    members: int
    steps: int
    record_bytes: int
    seconds: float
    several: bool = False

    def __add__(self, other: "Estimate") -> "Estimate":
        """Return the cost of both, one after the other."""
        members, steps = self.members + other.members, max(self.steps, other.steps)
        return Estimate(members, steps, self.record_bytes + other.record_bytes, self.seconds + other.seconds, True)

    def __str__(self) -> str:
        steps = f"up to {self.steps} steps" if self.several else f"{self.steps} steps each"
        return (
            f"{self.members} networks, {steps}: {self.record_bytes / 1e6:.0f} MB of records, about {self.seconds:.0f} s"
        )
