"""Records made by hand, of which it is known what the study must find in them."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.fluctuation import STUDY, Options
from lrscope.records import LOSS, Variable, new_block

STEPS = np.arange(2)
SWEEP = {name: {"long_name": name, "units": "1", "scale": "category"} for name in ("shape", "lr", "seed")}
PARAMETERS = ("weights", "biases", "weight_gradients", "bias_gradients")
Place = tuple[str, float, int]
"""Shape, learning rate, seed."""


@dataclass(frozen=True)
class Plan:
    """What records shall hold.

    Attributes
    ----------
    moving : from quantity, module and place to the fluctuation of each neuron, or to how many have 1 (the rest have 0)
    error : from a place to the reconstruction error
    diverged : whether the network of a place diverged at its second step
    sizes : neurons of each module; ReLU neurons of each module
    """

    shapes: Sequence[str] = ("spiral",)
    lrs: Sequence[float] = (0.0001, 0.001, 0.01)
    seeds: int = 1
    moving: Callable[[str, str, Place], int | Sequence[float]] = lambda *_: 10
    error: Callable[[Place], float] = lambda _: 0.1
    diverged: Callable[[Place], bool] = lambda _: False
    sizes: Mapping[str, int] = field(default_factory=lambda: {"encoder": 97, "decoder": 98})
    relu: int = 96

    @property
    def places(self) -> list[Place]:
        """One a network."""
        return list(itertools.product(self.shapes, self.lrs, range(self.seeds)))

    def records(self) -> xr.Dataset:
        """Return records (member, step, ...) of two steps."""
        arrays, variables = {}, {}
        for variable, values in self._variables():
            arrays[variable.name], variables[variable.name] = values, variable
        dims = {name: "step_outputs" if name in ("outputs", "targets") else "step" for name in arrays}
        shapes, lrs, seeds = (np.array(column) for column in zip(*self.places, strict=True))
        members = {"member": np.arange(len(shapes)), "shape": shapes, "lr": lrs, "seed": seeds}
        return new_block(arrays, variables, {"step": STEPS, "step_outputs": STEPS[1:]}, members, SWEEP, dims)

    def _variables(self) -> Iterator[tuple[Variable, np.ndarray]]:
        diverged = np.array([self.diverged(place) for place in self.places])
        error = np.where(diverged, np.nan, [self.error(place) for place in self.places])
        samples = (len(diverged), 1, 3, 2)
        yield Variable("loss", LOSS, "loss"), np.stack([np.ones(len(diverged)), error], 1)
        yield Variable("diverged_at", "diverged_at", "-"), np.where(diverged, 1, -1)[:, None].repeat(2, 1)
        for name, value in (("targets", 0 * error), ("outputs", np.sqrt(error))):
            dims = ("sample", "output")
            yield Variable(name, name, name, dims=dims), np.broadcast_to(value[:, None, None, None], samples)
        for module in self.sizes:
            for quantity in PARAMETERS:
                yield self._spread(quantity, "std", module, f"{module}.0", self.sizes[module], diverged)
            for statistic in ("std", "min", "max", "active"):
                yield self._spread("activations", statistic, module, f"{module}.1", self.relu, diverged)

    def _spread(
        self, quantity: str, statistic: str, module: str, layer: str, size: int, diverged: np.ndarray
    ) -> tuple[Variable, np.ndarray]:
        """Return a spread that rises from 0 to the root of the fluctuation, whose variance is a quarter of that."""
        name = f"{quantity}_{statistic}_{layer.replace('.', '_')}"
        dims = (f"neuron_{layer.replace('.', '_')}",)
        fluctuation = np.array([_all_of(self.moving(quantity, module, place), size) for place in self.places])
        values = np.stack([np.zeros_like(fluctuation), np.sqrt(fluctuation)], 1)
        values[diverged, 1] = np.nan
        return Variable(name, quantity, quantity, "1", statistic, dims, layer, module), values

    @property
    def options(self) -> Options:
        """Options of a run that would train these networks."""
        return Options(shapes=tuple(self.shapes), lrs=tuple(self.lrs), seeds=self.seeds)

    def results(self) -> xr.DataTree:
        """Return what the study computes of the records."""
        return STUDY.results({"records": self.records()}, self.options)


def _all_of(moving: int | Sequence[float], size: int) -> np.ndarray:
    if isinstance(moving, int):
        return np.r_[np.ones(moving), np.zeros(size - moving)]
    assert len(moving) == size
    return np.asarray(moving, float)


@pytest.fixture(scope="session")
def plan() -> type[Plan]:
    """Return the class of plans for records."""
    return Plan
