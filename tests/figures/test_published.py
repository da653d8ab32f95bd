import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import against_published, published_panels


def by_label(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def test_filled_marks_are_measured_and_open_ones_published(measured, published):
    here = {"quantity": "weights", "part": "decoder"}
    ax = against_published(measured.sel(here), published.sel(here))
    (marks,) = by_label(ax, "lr 0.001")
    np.testing.assert_array_equal(marks.get_ydata(), measured["mean"].sel(here).sel(lr=0.001))
    there = by_label(ax, "published")[1]
    assert there.get_markerfacecolor() == "white"
    np.testing.assert_array_equal(there.get_ydata(), [published.sel(here).sel(lr=0.001).item(), np.nan])
    np.testing.assert_array_equal(there.get_xdata(), marks.get_xdata())


def test_the_label_names_the_bin(measured, published):
    here = {"quantity": "weights", "part": "decoder"}
    ax = against_published(measured.sel(here), published.sel(here))
    assert ax.get_ylabel() == "share of neurons with a fluctuation of 0 to 0.3"


def test_quantities_are_rows_and_parts_columns(measured, published):
    figure = published_panels(measured, published)
    titles = ["Weights, encoder", "Weights, decoder", "Bias gradients, encoder", "Bias gradients, decoder"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == titles
    (marks,) = by_label(figure.axes[3], "lr 0.01")
    expected = measured["mean"].sel(quantity="bias_gradients", part="decoder", lr=0.01)
    np.testing.assert_array_equal(marks.get_ydata(), expected)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["lr 0.0001", "lr 0.001", "lr 0.01", "measured", "published"]


def test_other_dimensions_are_refused(measured, published):
    with pytest.raises(InputError, match=r"published must be of dimensions \(quantity, part, shape, lr\)"):
        published_panels(measured, published.isel(part=0))
