import json

import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import frame_steps, interactive_run

STEPS = [0, 20, 41, 59]
MOVING = ("learned", "path", "closeup", "error", "norm", "angle", "sharpness", "hidden", "output")


@pytest.fixture
def figure(run, onsets):
    return interactive_run(run, STEPS, onsets)


def moment(figure, step):
    (frame,) = [frame for frame in figure.frames if frame.name == str(step)]
    return dict(zip(MOVING, frame.data, strict=True))


def test_the_slider_has_a_stop_for_each_step(figure):
    (slider,) = figure.layout.sliders
    assert [stop.label for stop in slider.steps] == [str(step) for step in STEPS]
    assert [stop.args[0] for stop in slider.steps] == [(str(step),) for step in STEPS]
    assert [frame.name for frame in figure.frames] == [str(step) for step in STEPS]
    assert [button.label for button in figure.layout.updatemenus[0].buttons] == ["Play", "Pause"]


def test_all_frames_move_the_same_traces(figure):
    assert {frame.traces for frame in figure.frames} == {tuple(range(len(figure.data) - 9, len(figure.data)))}


def test_a_frame_is_the_run_at_its_step(figure, run):
    now = moment(figure, 41)
    here = run.sel(step=41)
    np.testing.assert_allclose(now["error"].y, [here["loss"], here["val_loss"]], rtol=1e-6)
    np.testing.assert_array_equal(now["error"].x, [41, 41])
    np.testing.assert_allclose(now["norm"].y, [here["gradient_norm"]], rtol=1e-6)
    np.testing.assert_allclose(now["angle"].y, [here["gradient_angle"]], rtol=1e-6)
    np.testing.assert_allclose(np.ravel([now["path"].x, now["path"].y]), here["gradient_path"], rtol=1e-6)
    np.testing.assert_allclose(now["sharpness"].y, [run["sharpness"].sel(step_slow=40)], rtol=1e-6)
    np.testing.assert_array_equal(now["sharpness"].x, [40])
    weights = [run["weights_hidden"].sel(step_each=40)[0, 0], run["biases_hidden"].sel(step_each=40)[0]]
    np.testing.assert_allclose(now["hidden"].y[:2], weights, rtol=1e-6)
    order = np.argsort(run["inputs"].values[:, 0])
    np.testing.assert_allclose(now["learned"].y, run["outputs"].sel(step_slow=40)[order, 0], rtol=1e-6)
    assert len(now["closeup"].x) == 25


def test_it_starts_at_the_first_step(figure):
    first = moment(figure, 0)
    for trace, frame in zip(figure.data[-9:], first.values(), strict=True):
        np.testing.assert_array_equal(trace.y, frame.y)


def test_lines_are_the_recorded_values(figure, run):
    lines = {trace.name: trace for trace in figure.data[:-9]}
    np.testing.assert_allclose(lines["training error"].y, run["loss"], rtol=1e-6)
    np.testing.assert_allclose(lines["2 / learning rate"].y, np.full(12, 4.0))
    assert lines["training error"].hovertemplate.startswith("step %{x}")
    assert {"neuron 0", "neuron 1, bias", "bias"} <= set(lines)


def test_onsets_are_lines_in_their_panels(figure):
    assert sorted(shape.x0 for shape in figure.layout.shapes) == [30, 34, 36, 41]
    texts = {note.text for note in figure.layout.annotations}
    assert {"onset 30", "onset 34", "onset 36", "onset 41"} <= texts


def long_run(run, length):
    """A run of many steps and 19 neurons, all variables at 1000 steps or more."""
    steps, slow = np.arange(length), np.arange(0, length, length // 1000)
    rng = np.random.default_rng(0)
    attrs = {name: run[name].attrs for name in run.variables}
    dims = {"step": steps, "step_each": slow, "step_slow": slow}
    sizes = {
        **{dim: len(along) for dim, along in dims.items()},
        "neuron_hidden": 19,
        "input_output": 19,
        "sample": 1000,
    }
    data = {}
    for name, array in run.data_vars.items():
        shape = [sizes.get(dim, run.sizes[dim]) for dim in array.dims]
        data[name] = (array.dims, rng.random(shape) + 0.1, attrs[name])
    return type(run)(data, {dim: (dim, along, attrs["step"]) for dim, along in dims.items()} | {"lr": 0.5})


def test_a_long_run_of_a_wide_network_stays_below_two_megabytes(run):
    long = long_run(run, 40_000)
    figure = interactive_run(long, frame_steps(long, (12_000, 13_000), 100))
    assert len(figure.to_json()) < 2_000_000
    assert max(len(trace.x) for trace in figure.data) <= 1501


def test_spikes_survive(run):
    long = long_run(run, 40_000)
    long["gradient_angle"][12_345] = 179.0
    (line,) = [trace for trace in interactive_run(long, [0, 1]).data if trace.name == "angle"]
    assert len(line.x) <= 600
    assert line.x[np.argmax(line.y)] == 12_345


def test_a_divergence_is_told_and_the_json_is_valid(failed):
    figure = interactive_run(failed, frame_steps(failed, None, 10))
    assert "diverged at 40" in {note.text for note in figure.layout.annotations}
    text = figure.to_json()
    assert "NaN" not in text
    assert json.loads(text)["frames"][-1]["name"] == "40"


def test_what_is_too_large_to_be_drawn_is_left_out(run):
    run["loss"][30:] = 1e200
    figure = interactive_run(run, [0, 50])
    assert np.isnan(moment(figure, 50)["error"].y[0])
    low, high = figure.layout.yaxis2.range
    assert high - low < 12


def test_there_must_be_frames(run):
    with pytest.raises(InputError, match="steps must be one frame or more"):
        interactive_run(run, [])
