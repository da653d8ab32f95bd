import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lrscope.errors import InputError
from lrscope.figures import colours, reconstruction, reconstructions


def test_original_and_reconstruction_are_the_points_given(points):
    outputs, targets = (array.isel(shape=0, lr=1) for array in points)
    ax = reconstruction(outputs, targets)
    drawn = {collection.get_label(): collection.get_offsets() for collection in ax.collections}
    np.testing.assert_array_equal(drawn["original"], targets.values)
    np.testing.assert_array_equal(drawn["reconstruction"], outputs.values)
    assert ax.get_aspect() == 1


def test_it_draws_into_the_axes_given(points):
    outputs, targets = (array.isel(shape=0, lr=1) for array in points)
    ax = Figure().subplots()
    assert reconstruction(outputs, targets, ax=ax) is ax


def test_a_diverged_member_says_so(points):
    outputs, targets = (array.isel(shape=0, lr=1) for array in points)
    ax = reconstruction(outputs * np.nan, targets)
    assert [text.get_text() for text in ax.texts] == ["diverged"]
    assert [collection.get_label() for collection in ax.collections] == ["original"]


def test_the_grid_has_a_panel_a_member_in_the_colour_of_its_lr(points, error):
    outputs, targets = points
    figure = reconstructions(outputs, targets, error)
    assert len(figure.axes) == 6
    palette = colours(outputs["lr"].values)
    for place, ax in enumerate(figure.axes):
        made = ax.collections[1]
        shape, lr = divmod(place, 3)
        np.testing.assert_array_equal(made.get_offsets(), outputs.isel(shape=shape, lr=lr).values)
        assert to_hex(made.get_facecolor()[0]) == palette[outputs["lr"].values[lr]]
        assert "0.012" in [text.get_text() for text in ax.texts]
    assert [ax.get_title() for ax in figure.axes[:3]] == ["lr 0.0001", "lr 0.001", "lr 0.01"]
    assert figure.axes[3].texts[-1].get_text() == "Spiral"
    assert "reconstruction error" in figure.get_supxlabel()


def test_rows_and_columns_may_be_other_axes(points):
    outputs, targets = (array.rename(shape="width", lr="batch") for array in points)
    assert len(reconstructions(outputs, targets, rows="width", columns="batch").axes) == 6


def test_what_was_not_selected_is_named(points):
    outputs, targets = points
    with pytest.raises(InputError, match=r"outputs must be of dimensions \(sample, output\); got .*Select the others"):
        reconstruction(outputs, targets)
