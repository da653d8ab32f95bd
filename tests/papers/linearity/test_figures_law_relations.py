import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import figure_of
from lrscope.papers.linearity.figures import class_sensitivity, delta_by_output, second_order_term


def line(ax, gid):
    (found,) = [line for line in ax.lines if line.get_gid() == gid]
    return found


def segments(ax):
    return np.concatenate([np.array(lines.get_segments()) for lines in ax.collections])


def test_bins_have_their_means_and_intervals(relations):
    found = relations["delta"]
    ax = delta_by_output(found)
    np.testing.assert_array_equal(line(ax, "bins").get_xydata(), np.c_[found["bin_output"], found["bin_delta"]])
    np.testing.assert_array_equal(segments(ax)[:, :, 1], np.c_[found["bin_low"], found["bin_high"]])
    assert ax.images[0].get_array().sum() == 120


def test_the_line_is_the_one_found(relations):
    x, y = line(delta_by_output(relations["delta"]), "line").get_data()
    np.testing.assert_allclose(y, 0.05 - 0.1 * x)


def test_how_much_both_explain_is_written_below_the_points(relations):
    ax = delta_by_output(relations["delta"])
    (text,) = ax.texts
    assert text.get_text().splitlines() == [
        "R² of a line 0.020",
        "    corrected for noise 0.010 (0.000 to 0.040)",
        "R² of the means of bins 0.030",
    ]
    assert text.get_zorder() < ax.images[0].get_zorder()


def test_what_cannot_be_corrected_is_not(relations):
    unsure = relations["delta"].assign(r2_corrected=np.nan)
    assert "corrected" not in delta_by_output(unsure).texts[0].get_text()


def test_terms_are_those_of_the_step_in_one_scale(relations):
    second = relations["second"]
    ax = second_order_term(second, 0.1)
    left, right, bottom, top = ax.images[0].get_extent()
    assert ax.get_aspect() == 1
    np.testing.assert_allclose((right - left) / 1.08, np.ptp(second["derivative"].values * 0.1), rtol=1e-12)
    np.testing.assert_allclose((top - bottom) / 1.08, np.ptp(second["curvature"].values * 0.005), rtol=1e-12)
    assert ax.get_title(loc="left").endswith("corrected for noise: 0.0360 (0.0240 to 0.0490)")


def test_a_straight_path_is_a_low_picture(relations):
    straight = relations["second"].assign(curvature=relations["second"]["curvature"] * 1e-6)
    figure = figure_of(second_order_term(straight, 0.1))
    assert 1 < figure.get_figheight() < 2


def test_both_means_of_each_class_have_their_intervals(relations):
    ax = class_sensitivity(relations["sensitivity"])
    np.testing.assert_array_equal(line(ax, "mean").get_ydata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(line(ax, "own").get_ydata(), [5, 6, 8])
    np.testing.assert_allclose(line(ax, "own").get_xdata(), np.array([0, 1, 3]) + 0.12)
    values = np.array([1, 2, 3, 4, 5, 6, 8])
    np.testing.assert_array_equal(segments(ax)[:, :, 1], np.c_[values - 1, values + 2])
    assert ax.get_ylabel() == "change per unit"


def test_classes_have_their_names(relations):
    short = class_sensitivity(relations["sensitivity"], ["cat", "dog", "ship", "frog"])
    assert [text.get_text() for text in short.get_xticklabels()] == ["cat", "dog", "ship", "frog"]
    assert [text.get_rotation() for text in short.get_xticklabels()] == [0] * 4
    long = class_sensitivity(relations["sensitivity"], ["automobile and truck", "dog", "ship", "frog"])
    assert [text.get_rotation() for text in long.get_xticklabels()] == [45] * 4


def test_outputs_of_one_rate_must_be_given(relations):
    with pytest.raises(InputError, match=r"second must be of dimensions \(sample, output\)"):
        second_order_term(relations["second"].expand_dims(lr=[0.1]), 0.1)
    with pytest.raises(InputError, match=r"found must be of dimensions \(sample, output, bin\)"):
        delta_by_output(relations["delta"].isel(bin=0))
