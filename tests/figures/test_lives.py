import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from lrscope.errors import InputError
from lrscope.figures import activity_maps, life_histories, survival_curves, survival_panels
from lrscope.figures._activity import ACTIVE, SILENT, row_edges, step_edges
from lrscope.figures._heat import ABSENT
from lrscope.figures._lives import STATES


def seen(ax):
    """Return the colours of an image (neuron, step) as they are drawn."""
    (image,) = ax.collections[:1]
    image.update_scalarmappable()
    return image.get_facecolors().reshape(*image.get_array().shape, 4)


def test_silent_neurons_and_steps_after_a_divergence_have_colours_of_their_own(activity):
    activity[:] = 0.5
    activity[2:, 3], activity[4:] = 0, np.nan
    figure = activity_maps({"lr 0.1": activity, "lr 1": activity * 2})
    drawn = seen(figure.axes[0])
    np.testing.assert_allclose(drawn[3, 2], to_rgba(SILENT), atol=1e-6)
    np.testing.assert_allclose(drawn[3, 5], to_rgba(ABSENT), atol=1e-6)
    np.testing.assert_allclose(drawn[0, 0], ACTIVE(0.5), atol=0.01)
    np.testing.assert_allclose(seen(figure.axes[1])[0, 0], ACTIVE(1.0), atol=0.01)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["no sample activates it", "after a divergence"]


def test_maps_name_their_layers_once_and_their_axes(activity):
    figure = activity_maps({f"lr {rate}": activity for rate in (1, 2, 3)}, columns=2)
    left, right = figure.axes[:2]
    layers = ["encoder.0", "encoder.2", "decoder.0", "decoder.2"]
    assert [label.get_text() for label in left.get_yticklabels()] == layers
    assert [label.get_text() for label in right.get_yticklabels()] == [""] * 4
    assert figure.get_supxlabel() == "step [updates]"
    assert [ax.get_title(loc="left") for ax in figure.axes[:3]] == ["lr 1", "lr 2", "lr 3"]


def test_all_silent_is_drawn(activity):
    np.testing.assert_allclose(
        seen(activity_maps({"lr 9": activity * 0}).axes[0]), np.broadcast_to(to_rgba(SILENT), (10, 6, 4)), atol=1e-6
    )


def test_maps_want_panels_and_dimensions(activity):
    with pytest.raises(InputError, match="activities must be one array or more"):
        activity_maps({})
    with pytest.raises(InputError, match="activities of lr 1 must be of dimensions"):
        activity_maps({"lr 1": activity.expand_dims("lr")})


def test_rows_share_the_height_and_columns_lie_around_their_steps():
    assert row_edges(np.array([500, 4]))[500] == pytest.approx(1 - 0.12 / (0.12 + 500 / 504))
    assert step_edges(np.array([7])).tolist() == [6.5, 7.5]


def test_survival_is_a_staircase_between_its_ends(survived):
    ax = survival_curves(survived.isel(layer=0, drop=True))
    line = ax.lines[0]
    assert line.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(line.get_ydata(), survived["mean"].isel(layer=0, lr=0))
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("share of surviving neurons", "step [updates]")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["lr 0.001", "lr 0.1"]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(float(survived["low"].isel(layer=0, lr=0).min()))


def test_survival_has_a_panel_a_layer(survived):
    figure = survival_panels(survived)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["layer 0", "layer 2"]
    np.testing.assert_array_equal(figure.axes[1].lines[1].get_ydata(), survived["mean"].isel(layer=1, lr=1))
    with pytest.raises(InputError, match="summary must be of dimensions"):
        survival_panels(survived.isel(lr=0))


def test_each_state_of_a_life_has_its_colour(histories):
    ax = Figure().subplots()
    assert life_histories(histories, ax) is ax
    drawn = seen(ax)
    for number, colour in enumerate(STATES.values()):
        where = (histories["state"].transpose("neuron", "step") == number).values
        assert where.any()
        np.testing.assert_allclose(drawn[where], np.broadcast_to(to_rgba(colour), drawn[where].shape), atol=1e-6)
    texts = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert texts == ["not born", "alive", "dead", "after a divergence"]


def test_lives_of_several_networks_are_refused(histories):
    with pytest.raises(InputError, match="lives must be of dimensions"):
        life_histories(xr.concat([histories, histories], "lr"))
