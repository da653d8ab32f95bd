"""Figures of the study: their artists stand where the numbers are."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from lrscope import analysis
from lrscope.studies.sweep._figures import differences_by_rate, range_test_over_truth, steps_to_target_by_rate

LRS = [0.0001, 0.001, 0.01, 0.1]
TAKEN = "#1b8a7a"


@pytest.fixture
def scores():
    """(lr, seed) of which the second and the third rate are as good, and the last one diverges for four seeds."""
    noise = np.random.default_rng(0).lognormal(0, 0.03, (4, 6))
    values = np.array([[0.5], [0.1], [0.1], [2.0]]) * noise
    values[3, :4] = np.inf
    return xr.DataArray(values, {"lr": LRS, "seed": range(6)}, attrs={"long_name": "validation loss"})


@pytest.fixture
def recommended(scores):
    table = analysis.recommendation(scores)
    assert table["plausible"].values.tolist() == [False, True, True, False]
    return table


@pytest.fixture
def tested():
    """Losses of two range tests, of which one stops early, and what two rules suggest."""
    rates = np.geomspace(1e-5, 1, 30) * np.array([[1], [2]])
    smoothed = 1 / (1 + rates * 100)
    smoothed[1, 25:] = np.nan
    data = {
        "smoothed": (("seed", "step"), smoothed, {"long_name": "smoothed loss"}),
        "learning_rate": (("seed", "step"), rates),
        "suggestion": (("rule", "seed"), [[0.002, 0.05], [np.nan, 0.0002]]),
    }
    return xr.Dataset(data, {"seed": [0, 1], "rule": ["valley", "minimum / 10"]})


def marked(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def crosses(ax):
    return np.concatenate([each.get_offsets()[:, 0] for each in ax.collections if each.get_gid() == "diverged"])


def panels(tested, recommended, scores):
    agreement = analysis.range_test_agreement(tested["suggestion"], recommended)
    return range_test_over_truth(tested, recommended, scores, agreement).axes


def test_rates_of_the_range_are_green(recommended):
    (ax,) = differences_by_rate(recommended).axes
    others, taken = marked(ax, "centre")
    assert taken.get_xdata().tolist() == LRS[1:3]
    assert others.get_xdata().tolist() == [LRS[0], LRS[3]]
    assert to_hex(taken.get_color()) == TAKEN != to_hex(others.get_color())
    assert crosses(ax).tolist() == [0.1]


def test_far_differences_bend_the_axis_near_ones_do_not(recommended):
    near = recommended.isel(lr=slice(1, 3))
    assert differences_by_rate(near).axes[0].get_yscale() == "linear"
    (ax,) = differences_by_rate(recommended).axes
    assert ax.get_yscale() == "symlog"
    assert ax.get_ylim()[1] > recommended["difference"].max()


def test_where_all_diverged_there_is_nothing_to_compare(scores):
    (ax,) = differences_by_rate(analysis.recommendation(xr.full_like(scores, np.inf))).axes
    assert [text.get_text() for text in ax.texts] == ["no rate to compare with"]


@pytest.mark.parametrize("value", [1e300, -1.7e308, 5e-324])
def test_whatever_is_finite_is_drawn(recommended, value):
    ends = {name: recommended[name] * 0 + value for name in ("difference_high", "difference")}
    figure = differences_by_rate(recommended.assign(ends))
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()


def test_a_seed_that_did_not_reach_the_target_is_a_cross(scores):
    losses = xr.concat([2 * scores, scores], "step").assign_coords(step=[10, 20]).transpose("lr", "seed", "step")
    reached = analysis.steps_to_target(losses.where(losses < np.inf).to_dataset(name="val_loss"), target=0.15)
    (ax,) = steps_to_target_by_rate(reached, xr.ones_like(scores, dtype=bool)).axes
    assert len(crosses(ax)) == 12
    (points,) = [each for each in ax.collections if each.get_gid() == "cases"]
    assert points.get_offsets()[:, 1].tolist() == [20] * 12


def test_a_line_for_the_range_test_of_each_seed(tested, recommended, scores):
    upper, _, lower = panels(tested, recommended, scores)
    for seed, line in enumerate(marked(upper, "range test")):
        np.testing.assert_array_equal(line.get_xdata(), tested["learning_rate"].sel(seed=seed))
        np.testing.assert_array_equal(line.get_ydata(), tested["smoothed"].sel(seed=seed))
    first, last = lower.get_xlim()
    assert first < LRS[0] / 5
    assert last > tested["learning_rate"].sel(seed=0).max()
    assert upper.get_xlim() == (first, last)


def test_suggestions_inside_the_range_differ_from_those_outside(tested, recommended, scores):
    _, middle, _ = panels(tested, recommended, scores)
    (inside,), (outside,) = marked(middle, "valley inside"), marked(middle, "valley outside")
    assert (inside.get_xdata().tolist(), outside.get_xdata().tolist()) == ([0.002], [0.05])
    assert inside.get_color() != outside.get_color()
    assert [text.get_text() for text in middle.texts] == ["50% inside", "0% inside"]


def test_suggestions_in_a_gap_of_the_range_are_outside(tested, recommended, scores):
    gap = recommended.assign(plausible=recommended["plausible"].copy(data=[True, False, True, False]))
    _, middle, _ = panels(tested, gap, scores)
    assert marked(middle, "valley inside")[0].get_xdata().tolist() == []
    assert marked(middle, "minimum / 10 inside")[0].get_xdata().tolist() == [0.0002]
