"""Which parameters a module's learning rate belongs to."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Samples
from lrscope.errors import InputError, UnknownNameError
from lrscope.optim import SGD
from lrscope.probes import PreconditionedSharpness, Sharpness, every
from lrscope.training import Experiment, Sweep, train
from lrscope.training._groups import groups_of
from lrscope.training._network import tied_parameters, trained_parameters
from lrscope.trees import Layout

NAMES = {
    "backbone.0.lora_A.weight": 6,
    "backbone.0.lora_B.weight": 4,
    "backbone.1.lora_A.weight": 6,
    "backbone.1.head.bias": 2,
    "head.weight": 8,
    "head.bias": 2,
}
LAYOUT = Layout({name: torch.Size([size]) for name, size in NAMES.items()})


def members(*axes):
    """Return the axis of each parameter."""
    groups = groups_of(axes, LAYOUT, {})
    owners = [axis for axis, count in groups.runs for _ in range(count)]
    places = np.cumsum([0, *NAMES.values()])[:-1]
    assert len(owners) == sum(NAMES.values())
    return [owners[place] for place in places]


def test_a_module_has_all_parameters_whose_names_begin_with_it():
    assert members("lr_head") == ["", "", "", "", "lr_head", "lr_head"]
    assert members("lr_backbone_0", "lr_head_bias") == ["lr_backbone_0", "lr_backbone_0", "", "", "", "lr_head_bias"]


def test_a_name_with_which_none_begins_is_taken_wherever_it_is():
    assert members("lr_lora_A", "lr_lora_B") == ["lr_lora_A", "lr_lora_B", "lr_lora_A", "", "", ""]


def test_no_parameter_has_two_multipliers():
    with pytest.raises(InputError, match="both have backbone"):
        members("lr_backbone", "lr_lora_A")


@pytest.mark.parametrize(("axis", "near"), [("lr_haed", "head"), ("lr_backbon_1", "backbone_1")])
def test_an_unknown_module_names_the_nearest(axis, near):
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        members(axis)


class Tied(nn.Module):
    """A decoder whose matrix is that of the encoder."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(3, 3), nn.Linear(3, 3)
        self.head.weight = self.encoder.weight


def test_a_module_whose_parameter_has_another_name_has_no_rate_of_its_own():
    layout, tied = Layout.of(trained_parameters(Tied())), tied_parameters(Tied())
    assert tied == {"head.weight": "encoder.weight"}
    with pytest.raises(InputError, match=r"head\.weight is tied to encoder\.weight"):
        groups_of(["lr_head"], layout, tied)
    assert groups_of(["lr_encoder"], layout, tied).runs == (("lr_encoder", 12), ("", 3))


def experiment(**axes):
    inputs = np.random.default_rng(0).normal(size=(12, 3))
    data = Samples(inputs, inputs[:, :1] ** 2, "squares")
    model = lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))  # noqa: E731
    probes = [Sharpness(when=every()), PreconditionedSharpness(when=every())]
    return Experiment(data=data, model=model, sweep=Sweep(lr=[0.1], **axes), optimizer=SGD(), steps=3, probes=probes)


def test_an_experiment_says_which_modules_there_are():
    with pytest.raises(UnknownNameError, match="must be one of 0, 2"):
        train(experiment(lr_head=[1, 3]), device="cpu")


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), "large"])
def test_a_multiplier_is_positive(value):
    with pytest.raises(InputError, match="lr_0"):
        experiment(lr_0=[1, value])


def test_what_multiplies_all_rates_multiplies_the_sharpness():
    """With three times the rate everywhere, the limit of the given rate is reached at a third of the sharpness."""
    records = train(experiment(lr_0=[1.0, 3.0], lr_2=[1.0, 3.0]), device="cpu").isel(lr=0)
    assert records["sharpness"].notnull().all()
    assert records["stability_limit"].isnull().all()
    plain, scaled = (records["preconditioned_sharpness"].sel(lr_0=times, lr_2=times) for times in (1, 3))
    assert np.allclose(scaled[0], 3 * plain[0], rtol=1e-5)
    assert np.allclose(plain, records["sharpness"].sel(lr_0=1, lr_2=1), rtol=1e-5)
    assert np.allclose(records["preconditioned_stability_limit"], 20)
