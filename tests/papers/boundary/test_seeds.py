"""Over seeds: shares with their intervals, and where along a line the edge lies."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from lrscope.errors import InputError
from lrscope.papers.boundary.analysis import (
    along,
    distance_to_boundary,
    edge,
    edge_interval,
    equalised,
    margin,
    training_probability,
)


def row(*seeds: list[int]) -> xr.DataArray:
    rates = np.logspace(-2, 2, len(seeds[0]))
    attrs = {"scale": "log", "long_name": "rate", "units": "1"}
    return xr.DataArray(np.array(seeds, dtype=bool), {"rate": ("rate", rates, attrs)}, ("seed", "rate"))


@pytest.fixture
def corner(make_map):
    """24 seeds; each trains where the product of both rates is below a limit of its own, 10 to 1000."""
    limits = np.linspace(1, 3, 24)
    log = np.linspace(-3, 6, 91)
    return make_map(np.stack([np.add.outer(log, log) < limit for limit in limits]))


def test_shares_and_their_intervals(corner):
    result = training_probability(corner["converged"])
    np.testing.assert_array_equal(result["probability"], corner["converged"].mean("seed"))
    wilson = stats.binomtest(24, 24).proportion_ci(method="wilson")
    here = result.sel(x=1e-3, y=1e-3)
    assert (float(here["low"]), float(here["high"])) == pytest.approx((wilson.low, wilson.high))
    assert result.attrs["seeds"] == 24


def test_a_line_of_equal_rates(corner):
    line = along(corner["converged"])
    np.testing.assert_allclose(line["rate"], line["other"])
    np.testing.assert_array_equal(line, [np.diag(each) for each in corner["converged"].values])
    edges = edge(line)
    np.testing.assert_allclose(np.log10(edges["lower"]), np.linspace(1, 3, 24) / 2, atol=0.06)
    np.testing.assert_array_equal(edges["lower"], edges["upper"])


def test_lines_along_the_axes_and_through_a_point(corner):
    good = corner["converged"]
    horizontal, vertical = along(good, (1.0, 10.0), "x"), along(good, (1.0, 10.0), "y")
    np.testing.assert_array_equal(horizontal, good.sel(y=10.0, method="nearest"))
    np.testing.assert_array_equal(vertical, good.sel(x=1.0, method="nearest"))
    steep = along(good, (1.0, 100.0))
    np.testing.assert_allclose(steep["other"], 100 * steep["rate"])
    assert steep["other"].max() <= good["y"].max() * 1.01
    with pytest.raises(InputError, match="within"):
        along(good, (1e9, 1.0))


def test_the_edge_of_a_line_with_several_crossings():
    edges = edge(row([1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]))
    between = np.sqrt(np.array([1 * 0.1, 1 * 10, 10 * 100, 0.01 * 0.1]))
    np.testing.assert_allclose(edges["lower"], [between[0], np.inf, 0, between[3]])
    np.testing.assert_allclose(edges["upper"], [between[2], np.inf, 0, between[3]])
    assert edges["crossings"].values.tolist() == [3, 0, 0, 1]


def test_a_further_seed_lies_inside_as_often_as_it_says():
    draw = np.random.default_rng(0)
    for seeds in (4, 19, 40):
        lower = draw.lognormal(size=(300, seeds + 1))
        outside = 0
        for further, *others in lower:
            interval = edge_interval(xr.Dataset(dict.fromkeys(("lower", "upper"), ("seed", others))))
            outside += bool(further < interval["lower"])
        assert 1 - outside / 300 == pytest.approx(float(interval["level"]), abs=0.05)
    assert interval["level"] >= 0.95


def test_how_far_a_rate_is_below_the_edge(corner):
    edges = edge(along(corner["converged"]))
    result = margin(edges, 1.0)
    assert result["factor"] == pytest.approx(10**0.5, rel=0.2)
    assert result["level"] >= 0.95
    assert result["share"] == 1
    assert 0.8 < result["share_low"] < 1
    assert margin(edges, 10.0)["factor"] < 1


def test_the_distance_to_the_boundary_in_any_direction(corner):
    first = corner["converged"].isel(seed=0)
    result = distance_to_boundary(first, (1.0, 1.0))
    # one decade to the line log x + log y = 1, which is nearest on the diagonal
    assert np.log10(result["factor"]) == pytest.approx(np.sqrt(0.5), abs=0.08)
    assert result["converged"]
    assert np.isinf(distance_to_boundary(xr.ones_like(first), (1.0, 1.0))["factor"])


def test_colours_use_each_half_of_the_scale_evenly():
    value = xr.DataArray([[-300.0, -2.0, -1.0], [0.5, 40.0, 40.0]], dims=("y", "x"))
    np.testing.assert_allclose(equalised(value), [[1, 0.625, 0.25], [-0.25, -0.8125, -0.8125]])
    np.testing.assert_array_equal(np.sign(equalised(value)), -np.sign(value))
