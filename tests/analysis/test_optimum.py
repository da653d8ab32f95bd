"""The smooth optimum against scikit-learn's Gaussian process, and against valleys whose floor is known."""

import numpy as np
import pytest
import xarray as xr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from lrscope.analysis import optimum
from lrscope.analysis._optimum import OFFSET, Process
from lrscope.errors import InputError

RATES = np.geomspace(1e-3, 1.0, 7)


def valley(best=0.05, noise=0.02, seeds=4, rates=RATES, steep=0.2, random=0):
    """Return scores (lr, seed) of a parabola over the logarithm of the rate, with noise and an effect of the seed."""
    generator = np.random.default_rng(random)
    curve = steep * np.log(rates / best)[:, None] ** 2
    values = curve + generator.normal(0, noise, (len(rates), seeds)) + generator.normal(0, 0.3, seeds)
    return xr.DataArray(np.exp(values), coords={"lr": rates, "seed": range(seeds)})


def test_the_process_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    places, wanted, values = np.sort(random.normal(size=7)), np.linspace(-2, 2, 9), random.normal(size=7)
    noise = random.uniform(0.01, 0.1, 7)
    kernel = ConstantKernel(1.3**2) * Matern(0.8, nu=2.5) + ConstantKernel(OFFSET * 1.3**2)
    oracle = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(places[:, None], values)
    process = Process(0.8, 1.3, places, values, noise)
    mean, covariance = oracle.predict(wanted[:, None], return_cov=True)
    np.testing.assert_allclose(process.log_likelihood, oracle.log_marginal_likelihood_value_, rtol=1e-10)
    np.testing.assert_allclose(process.posterior(wanted)[0], mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(process.posterior(wanted)[1], covariance, rtol=1e-8, atol=1e-9)
    drawn = process.draw(wanted, 20_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1)


def test_interval_and_range_contain_the_floor_of_a_valley():
    results = [optimum(valley(best, random=number), seed=number) for number, best in enumerate([0.02, 0.05, 0.1] * 10)]
    inside = [one.best_low <= best <= one.best_high for one, best in zip(results, [0.02, 0.05, 0.1] * 10, strict=True)]
    assert np.mean(inside) >= 0.9
    for one, best in zip(results, [0.02, 0.05, 0.1] * 10, strict=True):
        ends = np.array([one.low, one.high])
        assert np.isfinite(ends).all()
        assert (np.exp(0.2 * np.log(ends / best) ** 2) <= 1.06).all()


def test_the_unit_of_the_loss_does_not_matter():
    one, other = optimum(valley()), optimum(valley() * 1000)
    for name in ("best", "best_low", "best_high", "low", "high", "smallest"):
        xr.testing.assert_allclose(one[name], other[name])


def test_a_larger_tolerance_gives_a_wider_range():
    narrow, wide = optimum(valley(), tolerance=0.05), optimum(valley(), tolerance=0.5)
    assert wide.low < narrow.low
    assert wide.high > narrow.high


def test_no_range_where_the_noise_is_larger_than_the_tolerance():
    found = optimum(valley(noise=0.5, seeds=3), tolerance=0.01)
    assert np.isnan(found.low)
    assert np.isnan(found.high)
    assert found.smallest > 0.01


def test_the_curve_ends_where_networks_diverge():
    scores = valley(best=0.5)
    scores[-1] = np.inf
    found = optimum(scores)
    assert float(found["lr"].max()) == pytest.approx(RATES[-2])
    assert found.best_high <= RATES[-2] * (1 + 1e-9)


def test_missing_seeds_are_left_out():
    scores = valley(seeds=8)
    scores[0:2, 4:] = np.nan
    found = optimum(scores)
    assert found.best_low < 0.05 < found.best_high


def test_negative_scores():
    scores = np.log(valley())
    found = optimum(scores)
    assert found.best_low < 0.05 < found.best_high
    assert found.attrs["scale"] == "linear"


@pytest.mark.parametrize(
    "scores",
    [valley(seeds=1), valley(rates=RATES[::2]), valley() * np.inf],
    ids=["one seed", "four rates", "all diverged"],
)
def test_nothing_is_said_where_nothing_is_known(scores):
    found = optimum(scores)
    assert all(np.isnan(found[name]).all() for name in ("score", "best", "best_low", "low", "smallest"))


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.inf, np.nan])
def test_tolerance_must_be_above_zero(tolerance):
    with pytest.raises(InputError, match="tolerance"):
        optimum(valley(), tolerance=tolerance)
