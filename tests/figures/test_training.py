import numpy as np
import pytest
from matplotlib.figure import Figure

from lrscope.errors import InputError
from lrscope.figures import training_panels
from lrscope.figures._training import weights_panel

ZOOM = (30, 45)


def drawn(ax):
    """Return the lines of data: no grid, no marks of events."""
    return [line for line in ax.lines if not (line.get_gid() or "").startswith(("onset", "diverged"))]


def marked(ax):
    return {line.get_gid(): line.get_xdata()[0] for line in ax.lines if (line.get_gid() or "").startswith("onset")}


def test_nine_panels_with_a_zoom_and_six_without(run):
    with_zoom, without = training_panels(run, ZOOM), training_panels(run)
    assert [ax.get_title(loc="left") for ax in with_zoom.axes] == [f"({letter})" for letter in "abcdefghi"]
    assert [ax.get_title(loc="left") for ax in without.axes] == [f"({letter})" for letter in "abcdef"]
    assert without.axes[5].get_ylabel() == "output"


def test_error_norm_and_angle_are_the_recorded_ones(run):
    axes = training_panels(run, ZOOM).axes
    training, test = drawn(axes[0])
    np.testing.assert_array_equal(training.get_ydata(), run["loss"])
    np.testing.assert_array_equal(test.get_ydata(), run["val_loss"])
    np.testing.assert_array_equal(drawn(axes[1])[0].get_ydata(), run["gradient_norm"])
    np.testing.assert_array_equal(drawn(axes[2])[0].get_xdata(), np.arange(1, 60))
    np.testing.assert_array_equal(drawn(axes[2])[0].get_ydata(), run["gradient_angle"][1:])


def test_zooms_show_the_steps_asked_for(run):
    axes = training_panels(run, ZOOM).axes
    for ax, name in zip(axes[3:7], ["loss", "gradient_norm", "gradient_angle", "loss"], strict=True):
        np.testing.assert_array_equal(drawn(ax)[0].get_xdata(), np.arange(30, 46))
        np.testing.assert_array_equal(drawn(ax)[0].get_ydata(), run[name][30:46])
        assert ax.get_xlim() == ZOOM
    assert [axes[3].get_yscale(), axes[6].get_yscale()] == ["log", "linear"]


def test_weights_of_both_layers_are_drawn_at_their_own_steps(run):
    hidden, output = training_panels(run, ZOOM).axes[7:]
    expected = np.stack([run["weights_hidden"][:, 0, 0], run["biases_hidden"][:, 0]], 0)
    np.testing.assert_array_equal([line.get_ydata() for line in drawn(hidden)[:2]], expected)
    np.testing.assert_array_equal(drawn(hidden)[0].get_xdata(), run["step_each"])
    assert len(drawn(hidden)) == 4 + 1  # and zero
    expected = np.concatenate([run["weights_output"][:, 0].T, run["biases_output"].T])
    np.testing.assert_array_equal([line.get_ydata() for line in drawn(output)[:3]], expected)


def test_a_neuron_that_equals_another_does_not_hide_it(run):
    twins = run.isel(neuron_hidden=[0, 0, 0])
    ax = Figure().subplots()
    weights_panel(twins, ax, hidden=True)
    widths = [line.get_linewidth() for line in drawn(ax)[:6:2]]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3


def test_each_panel_names_its_own_onset(run, onsets):
    axes = training_panels(run, ZOOM, onsets).axes
    texts = [[text.get_text() for text in ax.texts] for ax in axes[:6]]
    assert texts == [["onset 41"], ["onset 36"], ["onset 34"]] * 2
    assert marked(axes[0]) == {"onset sharpness": 30, "onset angle": 34, "onset gradient norm": 36, "onset error": 41}


def test_what_did_not_happen_is_not_marked(run):
    axes = training_panels(run, None, {"error": -1, "angle": 20}).axes
    assert marked(axes[0]) == {"onset angle": 20}
    assert [text.get_text() for text in axes[0].texts] == []


def test_a_divergence_is_marked_where_it_happened(failed):
    for ax in training_panels(failed).axes[:3]:
        (line,) = [line for line in ax.lines if line.get_gid() == "diverged"]
        assert line.get_xdata()[0] == 40
        assert "diverged at 40" in [text.get_text() for text in ax.texts]


def test_an_explosion_does_not_hide_what_came_before(run):
    growth = np.where(run["step"] < 20, 1.0, 10.0 ** (10.0 * (run["step"] - 19)))
    growth[45:] = np.nan
    exploded = run.assign(loss=("step", growth), val_loss=("step", growth))
    figure = training_panels(exploded)
    figure.draw_without_rendering()
    error, hidden = figure.axes[0], figure.axes[3]
    assert error.get_ylim()[1] < 1e8
    assert error.get_xlim()[1] < 40
    assert [text.get_text() for text in error.texts] == ["diverged at 45 →"]
    assert max(line.get_xdata()[-1] for line in drawn(hidden)[:4]) < 20


def test_a_long_line_keeps_its_spikes(run):
    steps = np.arange(50_000)
    angle = np.where(steps == 33_333, 170.0, 1.0)
    long = run.drop_dims("step").assign_coords(step=("step", steps, run["step"].attrs))
    for name in ("loss", "gradient_norm"):
        long[name] = ("step", 1.0 / (1 + steps), run[name].attrs)
    long["gradient_angle"] = ("step", angle, run["gradient_angle"].attrs)
    line = drawn(training_panels(long).axes[2])[0]
    assert len(line.get_xdata()) <= 3000
    assert line.get_xdata()[np.argmax(line.get_ydata())] == 33_333


def test_labels_come_from_attrs(run):
    axes = training_panels(run, ZOOM).axes
    assert axes[1].get_ylabel() == "gradient norm"
    assert axes[2].get_ylabel().replace("\n", " ") == "angle between gradients [degrees]"
    assert {ax.get_xlabel() for ax in axes} == {"step [updates]"}


def test_a_missing_variable_is_named(run):
    with pytest.raises(InputError, match=r"variable must be one of .*; got 'gradient_angle'"):
        training_panels(run.drop_vars("gradient_angle"))
