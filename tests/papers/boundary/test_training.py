"""A pixel of a map is one network, trained as in a plain loop of PyTorch."""

import math

import numpy as np
import pytest
import torch

from lrscope.papers.boundary import Map
from lrscope.papers.boundary._conditions import CONDITIONS, WIDTH
from lrscope.papers.boundary._score import scores
from lrscope.papers.boundary._training import DATA_SEED, initial_weights, losses, samples_of

HIDDEN = {
    "relu": lambda z: math.sqrt(2) * torch.relu(z),
    "linear": lambda z: z,
}
VARIANTS = [*((name, {}) for name in CONDITIONS), ("init-offset", {"offset": "initial"})]
IDS = [*CONDITIONS, "init-offset-initial"]


def small(**changes) -> Map:
    """Return a small map of the source's first frame, with anything of it changed."""
    fields = {"condition": "tanh", "x": (1e-3, 1e6), "y": (1e-3, 1e6), "resolution": 24, "steps": 30}
    return Map(**fields | changes)


def plain_losses(asked: Map, pixel: int, turned: bool = False) -> np.ndarray:
    """Return the losses (step) of one pixel; with samples and units in another order only the rounding is another."""
    x, y = (axis.values(asked.resolution) for axis in asked.axes)
    across, along = float(x[pixel % asked.resolution]), float(y[pixel // asked.resolution % asked.resolution])
    offset = across if asked.condition == "init-offset" else 0.0
    rates = (along, along) if offset else (across, along)
    drawn = torch.randn(
        asked.network.samples, WIDTH + 1, generator=torch.Generator().manual_seed(DATA_SEED), dtype=torch.float64
    )
    inputs, targets = (each.flip(0) if turned else each for each in (drawn[:, :WIDTH], drawn[:, WIDTH:]))
    batches = torch.randint(
        asked.network.samples, (asked.steps, 16), generator=torch.Generator().manual_seed(DATA_SEED + 1)
    )
    start = initial_weights(int(pixel) // asked.resolution**2)
    if turned:
        batches = (asked.network.samples - 1 - batches).flip(1)
        start = torch.cat([start[:WIDTH].flip(0), start[WIDTH:].flip(1)])
    weights = [start[:WIDTH].T.clone().requires_grad_(), start[WIDTH:].T.clone().requires_grad_()]
    hidden = HIDDEN.get(asked.condition, lambda z: torch.tanh(math.sqrt(2) * z))

    def loss(some: torch.Tensor | slice) -> torch.Tensor:
        units = hidden(inputs[some] @ weights[0] / math.sqrt(WIDTH))
        return ((units @ weights[1] / math.sqrt(WIDTH) / math.sqrt(WIDTH) - targets[some]) ** 2).mean()

    losses = []
    for step in range(asked.steps):
        if offset and (step == 0 or asked.offset == "each-step"):
            with torch.no_grad():
                weights[0] += offset
        losses.append(loss(slice(None)).item())
        learned = batches[step] if asked.condition == "minibatch" else slice(None)
        gradients = torch.autograd.grad(loss(learned), weights)
        with torch.no_grad():
            for weight, rate, gradient in zip(weights, rates, gradients, strict=True):
                weight -= rate * gradient
    return np.array(losses)


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        pytest.param({"steps": 8}, 8, id="few steps"),
        pytest.param({"resolution": 256, "steps": 500}, 32, marks=pytest.mark.long, id="whole"),
    ],
)
@pytest.mark.parametrize(("condition", "changes"), VARIANTS, ids=IDS)
def test_trainings_are_those_of_a_plain_loop(condition, changes, fields, count):
    """Where a loss is below 1e3, until the plain loop no longer agrees with itself.

    That is with its samples and units in another order: training may amplify rounding without bound, as it does where
    the edge is fractal.
    """
    asked = small(condition=condition, **changes, **fields)
    pixels = np.sort(np.random.default_rng(3).choice(asked.pixels, count, replace=False))
    ours = losses(asked, pixels)
    with np.errstate(all="ignore"):
        one, other = (
            np.stack([plain_losses(asked, pixel, turned) for pixel in pixels], axis=1) for turned in (False, True)
        )
        alike = np.minimum.accumulate(np.abs(one - other) <= 1e-12 * one, axis=0)
        comparable = np.isfinite(one) & (one < 1e3) & alike
        # a loss that vanishes is a difference of numbers of order one
        far = np.abs(ours - one) > 1e-10 * one + 1e-24 * one[0]
        settled = comparable.all(0) | ~np.isfinite(one[-1])
        verdicts = [scores(each)["converged"][settled] for each in (ours, one)]
    assert comparable[:8].mean() > 0.3
    assert not far[comparable].any(), np.argwhere(far & comparable)
    np.testing.assert_array_equal(*verdicts)


def test_samples_are_independent_of_the_initial_weights():
    for condition in CONDITIONS:
        drawn = torch.cat([each.flatten() for each in samples_of(small(condition=condition))])
        for seed in (0, 1):
            assert not torch.isin(initial_weights(seed), drawn).any()


def test_a_loss_that_is_not_finite_is_never_followed_by_a_finite_one():
    for condition in CONDITIONS:
        asked = small(condition=condition, resolution=3, steps=60)
        for pixel in (6, 7, 8):  # of the highest rate
            with np.errstate(all="ignore"):
                finite = np.isfinite(plain_losses(asked, pixel))
            assert (np.diff(finite.astype(int)) <= 0).all()


def test_every_pixel_of_the_null_has_weights_of_its_own():
    first = losses(small(noise=True, refined=False, resolution=4, steps=1), np.arange(16))[0]
    assert len(np.unique(first)) == 16
    assert len(np.unique(losses(small(resolution=4, steps=1), np.arange(16))[0])) == 1


def test_scores_are_the_sources_formula():
    falling, rising, jumping = np.linspace(2, 1, 40), np.linspace(2, 1e7, 40), np.full(40, 4.0)
    jumping[5:] = np.nan
    found = scores(np.stack([falling, rising, jumping], axis=1))
    assert found["converged"].tolist() == [1, 0, 0]
    assert found["steps_used"].tolist() == [40, 40, 5]
    assert found["value"][0] == pytest.approx(-falling.sum() / 2)
    assert found["value"][1] == pytest.approx((1 / np.minimum(rising / 2, 1e6)).sum())
    assert found["value"][2] == pytest.approx(5 + 35 * 4 / 1e6)
