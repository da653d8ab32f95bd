"""Compiled programs on memory of their own: what a step leaves behind arrives in the next as it was left."""

import numpy as np
import torch

from lrscope.data import Samples
from lrscope.optim import SGD
from lrscope.probes import Every, Probe
from lrscope.records import Variable
from lrscope.specification import specification
from lrscope.training import Experiment, Sweep, _loop, _replay, train

LAG = 6
"""Steps that the probe looks back: more than a compiled program has, so that its state crosses the program's memory."""


@specification
class Lagged(Probe):
    """The loss of some steps ago, handed on from one place of the state to the next."""

    when: Every = Every()

    def labels(self, structure):
        return (Variable("lagged", "lagged", "loss of some steps ago"),)

    def init(self, parameters):
        return {str(place): next(iter(parameters.values())).new_zeros(()) for place in range(LAG)}

    def measure(self, state, moment):
        moved = {str(place): state[str(place - 1)] for place in range(1, LAG)}
        return {"lagged": state[str(LAG - 1)]}, {"0": moment.loss, **moved}


def experiment() -> Experiment:
    inputs = np.linspace(-1, 1, 20)[:, None]
    return Experiment(
        data=Samples(inputs, np.sin(3 * inputs)),
        model=lambda: torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)),
        optimizer=SGD(),
        sweep=Sweep(lr=[0.1, 0.3]),
        steps=43,
        probes=[Lagged()],
        dtype="float64",
    )


def test_a_state_that_is_handed_on_crosses_compiled_programs_unharmed(monkeypatch):
    single = train(experiment(), device="cpu")
    monkeypatch.setattr(_loop, "COMPILED_FROM", 0.0)
    compiled = train(experiment(), device="cpu")
    assert np.allclose(compiled["loss"], single["loss"], rtol=1e-12, atol=0)
    lagged = compiled["lagged"].values
    assert np.array_equal(lagged[:, LAG:], compiled["loss"].values[:, :-LAG])
    assert not lagged[:, :LAG].any()


def test_a_program_whose_kernels_cannot_be_had_runs_as_it_is(monkeypatch):
    monkeypatch.setattr(_loop, "COMPILED_FROM", 0.0)
    monkeypatch.setattr(_replay, "_kernels", lambda calls: None)
    compiled = train(experiment(), device="cpu")
    assert np.array_equal(compiled["lagged"].values[:, LAG:], compiled["loss"].values[:, :-LAG])
