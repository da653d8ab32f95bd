import json

import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.figures import interactive_curves, interactive_fluctuation, interactive_reconstructions


def buttons(figure, menu=0):
    return {button.label: (button.method, button.args) for button in figure.layout.updatemenus[menu].buttons}


@pytest.fixture
def fluctuations(fluctuation):
    activations = fluctuation.isel(neuron=slice(0, 5)) * 0.5
    return {"weights": fluctuation, "activations": activations.assign_attrs(long_name="fluctuation of activations")}


def test_one_trace_a_quantity_and_lr_of_the_first_shape(fluctuations):
    figure = interactive_fluctuation(fluctuations)
    assert [trace.name for trace in figure.data] == ["lr 0.0001", "lr 0.001", "lr 0.01"] * 2
    assert [trace.visible for trace in figure.data] == [True] * 3 + [False] * 3
    np.testing.assert_allclose(figure.data[1].y, fluctuations["weights"].sel(shape="circle", lr=0.001), atol=5e-5)


def test_hovering_names_layer_and_neuron(fluctuations):
    trace = interactive_fluctuation(fluctuations).data[0]
    assert trace.text[4] == "encoder.2, neuron 1"
    assert "%{text}" in trace.hovertemplate


def test_the_menu_of_shapes_gives_every_trace_its_new_values(fluctuations):
    method, (change,) = buttons(interactive_fluctuation(fluctuations))["Spiral"]
    assert method == "restyle"
    expected = [values.sel(shape="spiral", lr=lr) for values in fluctuations.values() for lr in values["lr"]]
    for new, values in zip(change["y"], expected, strict=True):
        np.testing.assert_allclose(new, values, atol=5e-5)


def test_the_menu_of_quantities_changes_traces_and_axes(fluctuations):
    figure = interactive_fluctuation(fluctuations)
    method, (traces, layout) = buttons(figure, 1)["Activations"]
    assert method == "update"
    assert traces["visible"] == [False] * 3 + [True] * 3
    assert layout["yaxis.title.text"] == "fluctuation of activations"
    assert layout["xaxis"]["ticktext"] == ["encoder<br>0", "encoder<br>2"]
    assert layout["xaxis"]["tickvals"] == [1, 3.5]


def test_a_diverged_member_is_named_and_the_json_stays_valid(fluctuations):
    fluctuations["weights"][:, 2] = np.nan
    figure = interactive_fluctuation(fluctuations)
    assert figure.data[2].name == "lr 0.01 (diverged)"
    assert buttons(figure)["Spiral"][1][0]["name"][2] == "lr 0.01 (diverged)"
    text = figure.to_json()
    assert "NaN" not in text
    assert json.loads(text)["data"][2]["y"] == [None] * 10


def test_curves_have_a_band_and_a_line_for_each_lr(losses):
    figure = interactive_curves(losses)
    lines = figure.data[1::2]
    assert [trace.name for trace in lines] == ["lr 0.0001", "lr 0.001", "lr 0.01"] * 2
    np.testing.assert_allclose(lines[4].y, losses["mean"].sel(shape="spiral", lr=0.001), rtol=1e-6)
    np.testing.assert_array_equal(lines[4].x, losses["step"])
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.xaxis.title.text == "step [updates]"


def test_the_menu_shows_one_shape(losses):
    method, (change, _) = buttons(interactive_curves(losses))["Spiral"]
    assert method == "update"
    assert change["visible"] == [False] * 6 + [True] * 6


def test_each_choice_has_the_scale_and_the_ticks_of_its_values(losses):
    falls = xr.DataArray([3.0, 1.0, 0.2, 0.04], dims="step")
    wide = losses.assign(mean=losses["mean"].where(losses["shape"] == "circle", falls))
    _, (_, axis) = buttons(interactive_curves(wide))["Spiral"]
    assert axis["yaxis.type"] == "log"
    assert axis["yaxis.ticktext"] == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]
    narrow = losses.assign(mean=1 + 0 * losses["mean"])
    _, (_, axis) = buttons(interactive_curves(narrow))["Spiral"]
    assert (axis["yaxis.type"], axis["yaxis.tickvals"]) == ("linear", None)


def test_a_band_without_interval_is_empty(losses):
    figure = interactive_curves(losses.assign(low=losses["low"] * np.nan, high=losses["high"] * np.nan))
    assert len(figure.data[0].x) == 0


def test_reconstructions_show_original_and_output(points, error):
    outputs, targets = points
    figure = interactive_reconstructions(outputs, targets, error)
    assert [trace.name for trace in figure.data] == ["original", "reconstruction"] * 6
    trace = figure.data[9]
    np.testing.assert_allclose(np.stack([trace.x, trace.y], 1), outputs.isel(shape=1, lr=1), rtol=1e-6)
    assert "reconstruction error 0.012" in trace.hovertemplate
    assert buttons(figure)["Spiral"][1][0]["visible"] == [False] * 6 + [True] * 6
    assert [note.text for note in figure.layout.annotations] == ["lr 0.0001", "lr 0.001", "lr 0.01"]


def test_there_must_be_a_quantity():
    with pytest.raises(InputError, match="fluctuations must be one array or more, by quantity"):
        interactive_fluctuation({})
