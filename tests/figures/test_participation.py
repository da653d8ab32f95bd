import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import inactive_panels, inactive_shares


def test_marks_are_the_means_and_lines_the_intervals(shares):
    ax = inactive_shares(shares)
    assert [line.get_label() for line in ax.lines] == ["lr 0.0001", "lr 0.001", "lr 0.01"]
    for lr, marks, intervals in zip(shares["lr"], ax.lines, ax.collections, strict=True):
        of_lr = shares.sel(lr=lr)
        np.testing.assert_array_equal(marks.get_ydata(), of_lr["mean"])
        ends = np.array([segment[:, 1] for segment in intervals.get_segments()])
        np.testing.assert_array_equal(ends, np.stack([of_lr["low"], of_lr["high"]], 1))


def test_marks_stand_at_their_layer(shares):
    ax = inactive_shares(shares)
    for marks in ax.lines:
        assert np.round(marks.get_xdata()).tolist() == [0, 1, 2]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["encoder\n0", "encoder\n2", "decoder\n0"]
    assert ax.get_ylabel() == "share of inactive neurons"


def test_one_seed_has_no_intervals(shares):
    ax = inactive_shares(shares.assign(low=shares["low"] * np.nan, high=shares["high"] * np.nan))
    drawn = [segment for lines in ax.collections for segment in lines.get_segments()]
    assert not any(len(segment) and np.isfinite(segment).all() for segment in drawn)


def test_a_panel_for_each_quantity_with_its_own_layers(shares):
    figure = inactive_panels({"weights": shares, "bias_gradients": shares.isel(layer=[0, 1])})
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Weights", "Bias gradients"]
    assert [len(ax.get_xticks()) for ax in figure.axes] == [3, 2]


def test_without_quantities_there_is_nothing_to_draw():
    with pytest.raises(InputError, match="panels must be 1 or more; got 0"):
        inactive_panels({})
