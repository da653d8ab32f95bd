"""A pixel of a map is one network, trained as in a plain loop of PyTorch."""

import numpy as np
import pytest
import torch

from lrscope.papers.boundary._conditions import CONDITIONS
from lrscope.papers.boundary._score import scores
from lrscope.papers.boundary._training import initial_weights, losses, samples_of

VARIANTS = [*((name, {}) for name in CONDITIONS), ("init-offset", {"offset": "initial"})]
IDS = [*CONDITIONS, "init-offset-initial"]


def compared(plain, asked, pixels):
    """Return losses (step, pixel), those of a plain loop, and where the two must agree.

    They must where a loss is below 1e3, until the plain loop no longer agrees with itself when its samples and units
    stand in another order: training may amplify rounding without bound, as it does where the edge is fractal.
    """
    ours = losses(asked, pixels)
    with np.errstate(all="ignore"):
        one = np.stack([plain(asked, pixel) for pixel in pixels], axis=1)
        other = np.stack([plain(asked, pixel, turned=True) for pixel in pixels], axis=1)
        alike = np.abs(one - other) <= 1e-12 * one
    return ours, one, np.isfinite(one) & (one < 1e3) & np.minimum.accumulate(alike, axis=0)


def check_same(ours, plain_losses, comparable):
    floor = 1e-24 * plain_losses[0]  # a loss that vanishes is a difference of numbers of order one
    with np.errstate(invalid="ignore"):
        far = np.abs(ours - plain_losses) > 1e-10 * plain_losses + floor
    assert not far[comparable].any(), np.argwhere(far & comparable)


@pytest.mark.parametrize(("condition", "changes"), VARIANTS, ids=IDS)
def test_losses_are_those_of_a_plain_loop(plain, small, condition, changes):
    asked = small(condition=condition, steps=8, **changes)
    pixels = np.random.default_rng(3).choice(asked.pixels, 8, replace=False)
    ours, one, comparable = compared(plain, asked, np.sort(pixels))
    assert comparable.mean() > 0.3
    check_same(ours, one, comparable)


@pytest.mark.long
@pytest.mark.parametrize(("condition", "changes"), VARIANTS, ids=IDS)
def test_whole_trainings_are_those_of_a_plain_loop(plain, small, condition, changes):
    asked = small(condition=condition, resolution=256, steps=500, **changes)
    pixels = np.sort(np.random.default_rng(4).choice(asked.pixels, 32, replace=False))
    ours, one, comparable = compared(plain, asked, pixels)
    check_same(ours, one, comparable)
    settled = comparable.all(0) | ~np.isfinite(one[-1])
    with np.errstate(all="ignore"):
        verdicts = [scores(each)["converged"][settled] for each in (ours, one)]
    np.testing.assert_array_equal(*verdicts)


def test_samples_are_independent_of_the_initial_weights(small):
    for condition in CONDITIONS:
        samples = samples_of(small(condition=condition))
        drawn = torch.cat([samples.inputs.flatten(), samples.targets])
        for seed in (0, 1):
            assert not torch.isin(initial_weights(seed), drawn).any()


def test_a_loss_that_is_not_finite_is_never_followed_by_a_finite_one(plain, small):
    for condition in CONDITIONS:
        asked = small(condition=condition, resolution=3, steps=60)
        for pixel in (6, 7, 8):  # of the highest rate
            with np.errstate(all="ignore"):
                finite = np.isfinite(plain(asked, pixel))
            assert (np.diff(finite.astype(int)) <= 0).all()


def test_what_is_trained_beside_a_pixel_does_not_matter(small):
    asked = small(steps=12)
    pixels = np.arange(0, asked.pixels, 5)
    together = losses(asked, pixels)
    for place in (0, 7, len(pixels) - 1):
        alone = losses(asked, pixels[[place]])[:, 0]
        same = np.abs(alone - together[:, place]) <= 1e-9 * alone
        assert (same | ~(alone < 1e3)).all()


def test_every_pixel_of_the_null_has_weights_of_its_own(small):
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
