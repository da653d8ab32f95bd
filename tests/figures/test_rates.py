from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lrscope.errors import InputError
from lrscope.figures import colours, outcome_by_rate
from lrscope.figures._rate_axis import rate_axis


def marked(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def places(ax, gid):
    """Return where the marks of a kind stand (mark, 2)."""
    return np.concatenate([each.get_offsets() for each in ax.collections if each.get_gid() == gid])


def labels(ax):
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.get_xticklabels()]


def test_every_finite_seed_is_a_point_in_the_colour_of_its_rate(recommended, outcomes_of_seeds):
    upper, _ = outcome_by_rate(recommended, outcomes_of_seeds).axes
    (points,) = [each for each in upper.collections if each.get_gid() == "cases"]
    finite = np.isfinite(outcomes_of_seeds)
    np.testing.assert_array_equal(places(upper, "cases")[:, 1], outcomes_of_seeds.values[finite])
    palette = colours(outcomes_of_seeds["lr"].values)
    expected = np.repeat([palette[lr] for lr in outcomes_of_seeds["lr"].values], finite.sum("seed"))
    assert [to_hex(colour) for colour in points.get_facecolors()] == expected.tolist()


def test_points_of_a_rate_stay_between_its_neighbours_and_around_it(recommended, outcomes_of_seeds):
    upper, *_ = outcome_by_rate(recommended, outcomes_of_seeds).axes
    rates = np.repeat(outcomes_of_seeds["lr"].values, np.isfinite(outcomes_of_seeds).sum("seed"))
    x = np.log10(places(upper, "cases")[:, 0] / rates)
    assert (np.abs(x) < 0.5).all()
    assert len(np.unique(places(upper, "cases")[:, 0])) == len(x)
    assert x[rates == 0.01].sum() == pytest.approx(0)


def test_each_diverged_seed_is_a_cross_above_the_panel(recommended, outcomes_of_seeds):
    upper, *_ = outcome_by_rate(recommended, outcomes_of_seeds).axes
    crosses = places(upper, "diverged")
    assert len(crosses) == 4
    assert (np.abs(np.log10(crosses[:, 0] / 0.1)) < 0.5).all()
    assert (crosses[:, 1] > 1).all()


def test_intervals_are_those_given(recommended, outcomes_of_seeds):
    upper, *_ = outcome_by_rate(recommended, outcomes_of_seeds).axes
    (bars,) = [each for each in upper.collections if isinstance(each, LineCollection)]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, [[0.5, 0.55], [0.1, 0.11], [0.12, 0.13]])  # the last rate has none


def test_the_range_is_shaded_around_its_rates_and_no_other(recommended, outcomes_of_seeds, accuracies):
    upper, middle, lower = outcome_by_rate(recommended, outcomes_of_seeds, accuracies).axes
    for ax in (upper, middle):
        (shade,) = [patch for patch in ax.patches if patch.get_gid() == "recommended range"]
        left, right = shade.get_x(), shade.get_x() + shade.get_width()
        assert 0.0001 < left < 0.001
        assert 0.01 < right < 0.1
    assert [patch for patch in lower.patches if patch.get_gid() == "recommended range"] == []


def test_rates_between_that_are_ruled_out_are_not_shaded(recommended, outcomes_of_seeds):
    gap = recommended.assign(plausible=recommended["plausible"].copy(data=[True, False, True, True]))
    upper, *_ = outcome_by_rate(gap.assign(best=0.01, low=0.0001, high=0.1), outcomes_of_seeds).axes
    shades = [patch for patch in upper.patches if patch.get_gid() == "recommended range"]
    ends = [(shade.get_x(), shade.get_x() + shade.get_width()) for shade in shades]
    np.testing.assert_allclose(ends, [(10**-4.5, 10**-3.5), (10**-2.5, 10**-0.5)])
    assert upper.get_title("left") == "best 0.01; 3 rates from 0.0001 to 0.1 cannot be distinguished"


def test_the_best_is_marked_at_its_centre_and_named(recommended, outcomes_of_seeds):
    upper, *_ = outcome_by_rate(recommended, outcomes_of_seeds).axes
    (best,) = marked(upper, "best")
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (0.001, 0.105)
    assert upper.get_title("left") == "best 0.001; 0.001 and 0.01 cannot be distinguished"


def test_bars_are_the_shares_that_diverged(recommended, outcomes_of_seeds):
    _, lower = outcome_by_rate(recommended, outcomes_of_seeds).axes
    np.testing.assert_allclose([bar.get_height() for bar in lower.patches], [0, 0, 0, 4 / 6])
    middles = [np.sqrt(bar.get_x() * (bar.get_x() + bar.get_width())) for bar in lower.patches]
    np.testing.assert_allclose(middles, recommended["lr"].values)
    assert lower.get_ylim() == (0, 1)
    (bars,) = lower.collections
    ends = [segment.tolist() for segment in bars.get_segments()]
    assert ends == [[[0.1, 0.3], [0.1, 0.9]]]  # where none diverged, a line up to 0.4 would look like divergence


def test_axes_are_logarithmic_with_a_tick_at_each_rate(recommended, outcomes_of_seeds):
    upper, lower = outcome_by_rate(recommended, outcomes_of_seeds).axes
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "log")
    assert labels(lower) == ["0.0001", "0.001", "0.01", "0.1"]
    assert lower.get_xlabel() == "learning rate"
    np.testing.assert_array_equal(lower.get_xticks(), recommended["lr"].values)


@pytest.mark.parametrize(
    ("rates", "named"),
    [
        (np.geomspace(1e-5, 10, 10), range(10)),  # written shorter, all have room
        (np.geomspace(1e-6, 10, 15), range(0, 15, 2)),
        (np.geomspace(1e-5, 10, 31), range(0, 31, 5)),
    ],
)
def test_of_an_even_grid_labels_are_even(recommended, outcomes_of_seeds, rates, named):
    places = [1] * len(rates)
    many, losses = (
        one.isel(lr=places).assign_coords(lr=one["lr"].isel(lr=places).copy(data=rates))
        for one in (recommended, outcomes_of_seeds)
    )
    _, lower = outcome_by_rate(many.assign(best=np.nan, low=rates[0], high=rates[-1]), losses).axes
    texts = labels(lower)
    assert [place for place, text in enumerate(texts) if text] == list(named)
    assert [float(texts[place]) for place in named] == pytest.approx(rates[list(named)], rel=5e-3)


@pytest.mark.parametrize("width", [3.5, 7.0])
def test_labels_never_overlap(recommended, outcomes_of_seeds, width):
    grid = np.geomspace(1e-6, 10, 15)
    many = recommended.isel(lr=[0] * 15).assign_coords(lr=recommended["lr"].isel(lr=[0] * 15).copy(data=grid))
    ax = Figure(figsize=(width, 2), layout="constrained").subplots()
    rate_axis(ax, many)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.get_xticklabels() if text.get_text()]
    assert len(boxes) >= 4
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_grid_in_which_all_diverged_is_said_to_be_so(recommended, outcomes_of_seeds):
    lost = outcomes_of_seeds.where(False, np.inf)
    nothing = recommended.where(False).assign(best=np.nan, low=np.nan, high=np.nan, at_edge="", diverged_share=1.0)
    nothing["diverged_share"] = recommended["score"].copy(data=np.ones(4))
    nothing["plausible"], nothing["diverged"] = recommended["score"] < 0, recommended["diverged"] + 6
    upper, middle, _ = outcome_by_rate(nothing, lost, lost.where(False)).axes
    for ax in (upper, middle):
        assert [text.get_text() for text in ax.texts] == ["no finite outcome"]
    assert upper.get_title("left") == "no rate is recommended"
    assert len(places(upper, "diverged")) == 24


def test_one_rate_and_one_seed_are_drawn(recommended, outcomes_of_seeds):
    one = recommended.isel(lr=[1]).assign(high=0.001)
    upper, lower = outcome_by_rate(one, outcomes_of_seeds.isel(lr=[1], seed=[0])).axes
    assert upper.get_title("left") == "best 0.001"
    assert labels(lower) == ["0.001"]


def test_a_rate_of_nought_has_no_place(recommended, outcomes_of_seeds):
    nought = recommended.assign_coords(lr=[0.0, 0.001, 0.01, 0.1])
    with pytest.raises(InputError, match=r"^lr must be above 0; got 0\.0\. Select the others"):
        outcome_by_rate(nought, outcomes_of_seeds.assign_coords(lr=nought["lr"]))


def test_other_dimensions_are_refused(recommended, outcomes_of_seeds):
    with pytest.raises(InputError, match=r"scores must be of dimensions \(lr, seed\)"):
        outcome_by_rate(recommended, outcomes_of_seeds.expand_dims(shape=["a"]))
    with pytest.raises(InputError, match=r"recommended must be of dimensions \(lr\)"):
        outcome_by_rate(xr.concat([recommended, recommended], "shape"), outcomes_of_seeds)


@pytest.mark.parametrize("values", [[91.0], [0.1, 0.1001], [0.1, 0.25], [0.1, 0.9], [0.1, 30.0], [1e-6, 1e6]])
def test_ticks_of_a_logarithmic_axis_are_readable(recommended, outcomes_of_seeds, values):
    known = outcomes_of_seeds.copy(data=np.resize(values, (4, 6)))
    flat = recommended.assign(
        {name: recommended[name] * 0 + values[0] for name in ("score", "score_low", "score_high")}
    )
    upper, *_ = outcome_by_rate(flat, known).axes
    upper.figure.canvas.draw()
    low, high = upper.get_ylim()
    inside = zip(upper.get_yticks(), upper.get_yticklabels(), strict=True)
    texts = [text.get_text() for tick, text in inside if low <= tick <= high]
    assert 2 <= len(texts) <= 8
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("values", [[0.1, 1e300], [5e-324, 1.7e308], [-1.7e308, 1.7e308], [1.7e308], [5e-324]])
def test_whatever_is_finite_is_drawn(recommended, outcomes_of_seeds, values):
    known = outcomes_of_seeds.copy(data=np.resize(values, (4, 6)))
    figure = outcome_by_rate(recommended.assign(score_high=recommended["score_high"] * 0 + values[-1]), known)
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()
