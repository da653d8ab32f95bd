"""Noise: right on average, and a function of the member's noise seed, the step and the layer alone."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from lrscope.data import Samples
from lrscope.models import member_rand
from lrscope.optim import SGD
from lrscope.probes import Activations, Outputs, every
from lrscope.training import Experiment, Sweep, train
from lrscope.training._noise import MemberNoise, mix, uniform


def key(number):
    return torch.tensor(number, dtype=torch.int64)


def numbers(number, count=20_000, dtype=torch.float64):
    return uniform(key(number), torch.Size([count]), dtype).numpy()


@pytest.mark.parametrize("number", [0, 1, 2**40, -5])
def test_numbers_are_uniform(number):
    assert stats.kstest(numbers(number), "uniform").pvalue > 1e-3
    counts = np.histogram(numbers(number), bins=100, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_neighbouring_keys_and_elements_are_unrelated():
    one, other = numbers(7), numbers(8)
    for first, second in ((one, other), (one[:-1], one[1:]), (one, numbers(7 + 2**32))):
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(first))
        cells = np.histogram2d(first, second, bins=8, range=((0, 1), (0, 1)))[0]
        assert stats.chisquare(cells.ravel()).pvalue > 1e-3


def test_float32_stays_below_1():
    drawn = numbers(3, 200_000, torch.float32)
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() < 1


def test_mix_is_splitmix64():
    """The finaliser of splitmix64, in Python's integers."""

    def slow(number):
        mask = 2**64 - 1
        number = number * 0x9E3779B97F4A7C15 & mask
        number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & mask
        number = (number ^ number >> 27) * 0x94D049BB133111EB & mask
        return number ^ number >> 31

    for number in (0, 1, 12345, 2**62, -1, -(2**63)):
        assert int(mix(key(number))) % 2**64 == slow(number % 2**64)


def dropped(layer, inputs, noise_key=None):
    with MemberNoise(key(1) if noise_key is None else noise_key):
        return layer(inputs)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_is_dropped_and_the_rest_scaled(share):
    out = dropped(nn.Dropout(share), torch.ones(200, 100, dtype=torch.float64))
    kept = (out != 0).double().mean().item()
    assert abs(kept - (1 - share)) < 4 * np.sqrt(share * (1 - share) / 20_000)
    assert np.allclose(out[out != 0], 1 / (1 - share))


def test_nothing_and_everything_can_be_dropped():
    ones = torch.ones(5, 4)
    assert torch.equal(dropped(nn.Dropout(0.0), ones), ones)
    assert torch.equal(dropped(nn.Dropout(1.0), ones), torch.zeros(5, 4))
    assert torch.equal(dropped(nn.Dropout(0.9).eval(), ones), ones)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.Dropout1d(0.5), (30, 20, 3)), (nn.Dropout2d(0.5), (30, 20, 2, 3)), (nn.Dropout3d(0.5), (30, 20, 2, 2, 2))],
)
def test_channels_are_dropped_whole(layer, shape):
    out = dropped(layer, torch.ones(shape)).flatten(2)
    assert ((out == 0).all(2) | (out == 2).all(2)).all()
    assert 0.4 < (out[:, :, 0] == 0).float().mean() < 0.6


def test_in_place_dropout_writes_into_its_input():
    ones = torch.ones(50, 4)
    out = dropped(nn.Dropout(0.5, inplace=True), ones)
    assert out is ones
    assert (ones == 0).any()


def test_two_layers_drop_differently():
    both = dropped(nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)), torch.ones(200, 50))
    assert abs((both != 0).float().mean() - 0.25) < 0.02


def dropping():
    return nn.Sequential(nn.Linear(1, 50), nn.Dropout(0.5), nn.Linear(50, 1))


def masks(**axes):
    """Return which outputs of the dropout layer are 0: (axes, step, sample, neuron), with and without chunks."""
    inputs = np.ones((6, 1))
    experiment = Experiment(
        data=Samples(inputs, inputs),
        model=dropping,
        optimizer=SGD(),
        sweep=Sweep(lr=[1e-9], **axes),
        steps=3,
        probes=[Activations(include=("1",), full=True, when=every()), Outputs()],
    )
    return [train(experiment, device="cpu", chunk_size=size).isel(lr=0) for size in (None, 1)]


def test_masks_differ_between_steps_samples_and_seeds_but_not_between_chunks():
    whole, alone = masks(noise_seed=[0, 1])
    zero = (whole.activations_1 == 0).values
    assert np.array_equal(zero, (alone.activations_1 == 0).values)
    agreement = [
        np.mean(zero[0] == zero[1]),
        np.mean(zero[:, 0] == zero[:, 1]),
        np.mean(zero[..., 0, :] == zero[..., 1, :]),
    ]
    assert np.allclose(agreement, 0.5, atol=0.15)
    assert abs(zero.mean() - 0.5) < 0.06
    again, _ = masks(noise_seed=[1])
    assert np.array_equal((again.activations_1 == 0).values[0], zero[1])


def test_the_outputs_are_without_dropout():
    whole, _ = masks(noise_seed=[0, 1])
    torch.manual_seed(0)
    expected = dropping().eval()(torch.ones(6, 1)).detach()
    assert np.allclose(whole.outputs.isel(noise_seed=1).values, expected, atol=1e-5)


class Shaken(nn.Module):
    """Two modules that draw, and dropout between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.dropout, self.second = nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2)

    def forward(self, inputs):
        features = self.dropout(self.first(inputs) + member_rand(inputs, 4).to(inputs.dtype))
        return self.second(features * member_rand(inputs, 4).to(inputs.dtype))


def test_draws_are_the_members_own_each_call_others():
    inputs = torch.zeros(500, 3)
    with MemberNoise(key(4)):
        first, second = member_rand(inputs, 2), member_rand(inputs, 2)
    with MemberNoise(key(4)):
        again = member_rand(inputs, 2)
    with MemberNoise(key(5)):
        other = member_rand(inputs, 2)
    assert first.shape == (500, 2)
    assert first.dtype == torch.float64
    assert torch.equal(first, again)
    for one in (second, other):
        assert abs(np.corrcoef(first.flatten(), one.flatten())[0, 1]) < 4 / np.sqrt(1000)
    assert stats.kstest(first.flatten(), "uniform").pvalue > 1e-3


def test_a_module_of_ones_own_that_draws_trains_the_same_alone():
    inputs = np.ones((5, 4))
    experiment = Experiment(
        data=Samples(inputs, inputs[:, :2]), model=Shaken, optimizer=SGD(), steps=3,
        sweep=Sweep(lr=[0.1], noise_seed=[0, 1]), dtype="float64",
    )  # fmt: skip
    together, alone = (train(experiment, device="cpu", chunk_size=size).loss for size in (None, 1))
    assert np.allclose(together, alone, rtol=0, atol=1e-12)
    assert abs(together.sel(noise_seed=0) - together.sel(noise_seed=1)).min() > 1e-6
