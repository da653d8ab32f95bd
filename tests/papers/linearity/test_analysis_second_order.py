import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from lrscope.papers.linearity.analysis import second_order, summed

RATES = [0.2, 0.25, 0.3]
OF_LAW = (0.2, 0.05, 0.1)


def true_share(means):
    """Return mean squares of the quadratic part and the delta at eta + b, both centred, from true means."""
    delta_a, delta_b = (means[place] - means[0] for place in (1, 2))
    bent = 0.1**2 * (delta_b / 0.1 - delta_a / 0.05) / 0.05
    return bent.var() / delta_b.var(), bent.var() / (delta_b - bent).var()


def test_a_parabola_is_found_exactly(simulate_networks, sum_networks):
    values, means = simulate_networks(RATES, 32, noise=0, curve=1.5)
    found = second_order(summed(sum_networks(values, RATES)), *OF_LAW)
    share, ratio = true_share(means)
    assert share > 0.01
    for name, truth in (("share", share), ("ratio", ratio)):
        for end in ("", "_low", "_high"):
            assert_allclose(found[f"{name}{end}"], truth, rtol=1e-6)


def test_derivatives_are_those_of_the_parabola(sum_networks):
    rng = np.random.default_rng(0)
    base, line, bend = rng.normal(size=(3, 1, 6, 4))
    rates = np.array(RATES)[:, None, None, None]
    values = np.broadcast_to(base + rates * line + rates**2 * bend, (3, 8, 6, 4))
    found = second_order(summed(sum_networks(values, RATES, 8)), *OF_LAW)
    assert_allclose(found.derivative, (line + 2 * 0.2 * bend)[0], rtol=1e-8)
    assert_allclose(found.curvature, 2 * bend[0], rtol=1e-8)


@pytest.mark.parametrize(("pairing", "shared"), [("common", 0.8), ("independent", 0.0)])
@pytest.mark.parametrize("curve", [0.0, 1.5])
def test_the_interval_contains_the_truth_whatever_the_noise(simulate_networks, sum_networks, pairing, shared, curve):
    hits, shares = [], []
    for seed in range(60):
        values, means = simulate_networks(RATES, 64, 20, curve=curve, noise=0.7, shared=shared, seed=seed)
        found = second_order(summed(sum_networks(values, RATES, 16, pairing)), *OF_LAW)
        truth, _ = true_share(means)
        hits.append(float(found.share_low) <= truth + 1e-12 and truth <= float(found.share_high))
        shares.append((float(found.share) - truth, float(found.share_observed) - truth))
    assert np.mean(hits) >= 0.88
    corrected, observed = np.array(shares).T
    assert abs(corrected.mean()) < 0.2 * observed.mean()  # noise alone bends


def test_the_order_of_rates_and_batches_does_not_matter(simulate_networks, sum_networks):
    records = sum_networks(simulate_networks(RATES, 64, curve=1)[0], RATES)
    order = np.random.default_rng(0).permutation(32)
    shuffled = summed(records.isel(lr=[2, 0, 1], other_lr=[1, 2, 0], batch=order))
    xr.testing.assert_allclose(second_order(shuffled, *OF_LAW), second_order(summed(records), *OF_LAW), rtol=1e-8)


def test_everything_is_labelled(simulate_networks, sum_networks):
    found = second_order(summed(sum_networks(simulate_networks(RATES, 32)[0], RATES)), *OF_LAW)
    assert all({"long_name", "units"} <= set(one.attrs) for one in found.values())
