import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import _variance, variance_split
from lrscope.errors import InputError

DIMS = ("lr", "init_seed", "order_seed")
RATE, INIT, ORDER = "learning rate", "initialisation", "order of the data"


def scores(values):
    values = np.asarray(values, dtype=float)
    coords = {name: np.arange(size) for name, size in zip(DIMS, values.shape, strict=True)}
    return xr.DataArray(np.exp(values), coords=coords | {"lr": np.geomspace(0.01, 1, len(values))}, dims=DIMS)


def drawn(rng, deviations, sizes=(3, 6, 6)):
    """Return logarithms that are the sum of effects with these deviations: of each factor, each two, and the rest."""
    shapes = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)]
    parts = [
        deviation * rng.normal(size=[size if has else 1 for size, has in zip(sizes, shape, strict=True)])
        for deviation, shape in zip(deviations, shapes, strict=True)
    ]
    return sum(parts) + np.zeros(sizes)


def test_components_are_unbiased():
    rng = np.random.default_rng(0)
    deviations = [1.0, 0.5, 0.3, 0.4, 0.2, 0.1, 0.6]
    found = [_variance._components(np.log(scores(drawn(rng, deviations)))) for _ in range(200)]
    together = xr.concat(found, "repetition")
    error = together.std("repetition") / 200**0.5
    assert (abs(together.mean("repetition") - np.square(deviations)) < 3.5 * error).all()
    assert float(together.min()) < 0  # unbiased estimates of small components must be negative at times


@pytest.mark.parametrize("place", range(3))
def test_a_single_source_has_the_whole_share(place):
    deviations = [0.0] * 7
    deviations[place] = 1.0
    found = variance_split(scores(drawn(np.random.default_rng(1), deviations)))
    expected = np.zeros(7)
    expected[place] = 1
    np.testing.assert_allclose(found.share, expected, atol=1e-12)
    np.testing.assert_allclose(found.high - found.low, 0, atol=1e-9)


def test_shares_sum_to_one_and_intervals_contain_them():
    found = variance_split(scores(drawn(np.random.default_rng(2), [1, 0.5, 0.3, 0.4, 0.2, 0.1, 0.6])))
    assert float(found.share.sum()) == pytest.approx(1)
    assert ((found.low <= found.share.clip(1e-3)) & (found.share <= found.high)).all()
    assert found.source.values.tolist()[:3] == [RATE, INIT, ORDER]
    assert found.source.values.tolist()[-1] == "rest"


def test_intervals_contain_the_true_share_of_the_initialisation():
    rng = np.random.default_rng(3)
    truth = 0.25 / (0.25 + 0.25)
    found = [variance_split(scores(drawn(rng, [0, 0.5, 0, 0, 0, 0, 0.5], (2, 8, 8)))) for _ in range(25)]
    covered = [bool((one.low <= truth).sel(source=INIT) & (one.high >= truth).sel(source=INIT)) for one in found]
    assert np.mean(covered) > 0.85  # of 25; 0.97 of 1000


def test_one_rate_has_no_share_of_the_rate():
    values = drawn(np.random.default_rng(4), [0, 0.5, 0.5, 0, 0, 0, 0.1], (1, 8, 8))
    found = variance_split(scores(values))
    assert found.share.isnull().values.tolist() == [True, False, False, True, True, True, False]
    residual = values[0] - values[0].mean(1, keepdims=True) - values[0].mean(0) + values[0].mean()
    rest = (residual**2).sum() / 49
    assert float(found.component.sel(source="rest")) == pytest.approx(rest)
    init = 8 * values[0].mean(1).var(ddof=1)
    assert float(found.component.sel(source=INIT)) == pytest.approx((init - rest) / 8)


def test_members_that_diverged_have_a_penalty_and_rates_not_trained_completely_are_left_out():
    values = scores(drawn(np.random.default_rng(5), [1, 0.5, 0.3, 0.4, 0.2, 0.1, 0.6]))
    values[2, 1, 1] = np.inf
    values[0, 0, 0] = np.nan
    replaced = values.isel(lr=[1, 2]).copy()
    replaced[1, 1, 1] = 2 * float(replaced.where(np.isfinite(replaced)).max())
    xr.testing.assert_allclose(variance_split(values).share, variance_split(replaced).share)


def test_the_order_of_labels_does_not_matter():
    values = scores(drawn(np.random.default_rng(6), [1, 0.5, 0.3, 0.4, 0.2, 0.1, 0.6]))
    shuffled = values.isel(lr=[2, 0, 1], init_seed=[5, 3, 1, 0, 2, 4]).transpose("order_seed", "lr", "init_seed")
    xr.testing.assert_allclose(variance_split(shuffled), variance_split(values))


def test_two_seeds_have_shares_but_no_intervals():
    found = variance_split(scores(drawn(np.random.default_rng(7), [1, 0.5, 0.3, 0.4, 0.2, 0.1, 0.6], (3, 2, 2))))
    assert found.share.notnull().all()
    assert found.low.isnull().all()


def test_errors_name_what_is_allowed():
    values = scores(drawn(np.random.default_rng(9), [1.0] * 7))
    with pytest.raises(InputError, match="scores must be an array with the dimensions lr, init_seed, order_seed"):
        variance_split(values.isel(order_seed=0))
    with pytest.raises(InputError, match="order_seed must be two values or more; got 1"):
        variance_split(values.isel(order_seed=[0]))
    with pytest.raises(InputError, match="scores must be complete for one learning rate at least"):
        variance_split(values.where(values.order_seed > 0))
    with pytest.raises(InputError, match="confidence must be between 0 and 1"):
        variance_split(values, confidence=2)
