"""Figures hold the data that they were given: artists' data, on a run of random numbers."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from lrscope.papers.stability import figures
from lrscope.papers.stability.figures._training import function_panel

ZOOM = (30, 45)
CRITERIA = ["angle", "gradient_norm", "error", "sharpness", "oscillation"]
NEVER = dict.fromkeys(CRITERIA, -1)


def drawn(ax):
    """Return the lines of data: no grid, no marks of events."""
    return [line for line in ax.lines if not (line.get_gid() or "").startswith(("onset", "diverged"))]


def marked(ax):
    return {line.get_gid(): line.get_xdata()[0] for line in ax.lines if (line.get_gid() or "").startswith("onset")}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def by_label(ax):
    return {line.get_label(): line for line in ax.lines}


@pytest.fixture
def runs(run):
    return {"lr 0.5": run, "lr 0.25": run.assign(loss=run["loss"] * 2).assign_coords(lr=0.25)}


def test_figures_change_no_data_and_can_be_drawn(run, onsets):
    before = run.copy(deep=True)
    reasons = ("step", run["step"].values % 3)
    drawings = [
        figures.configuration_rows({"one": (run, onsets)}),
        figures.controlled_rate(run.assign(rate_reason=reasons), {1: "raised", 2: "lowered"}),
        figures.gradient_path(run, ZOOM),
        figures.sharpness_panels(run, onsets),
        figures.training_panels(run, onsets, ZOOM),
    ]
    for drawing in drawings:
        drawing.set_dpi(40)
        drawing.canvas.draw()
    xr.testing.assert_identical(run, before)


def test_error_norm_and_angle_are_the_recorded_ones(run):
    axes = figures.training_panels(run, NEVER, ZOOM).axes
    training, test = drawn(axes[0])
    np.testing.assert_array_equal(training.get_ydata(), run["loss"])
    np.testing.assert_array_equal(test.get_ydata(), run["val_loss"])
    np.testing.assert_array_equal(drawn(axes[1])[0].get_ydata(), run["gradient_norm"])
    np.testing.assert_array_equal(drawn(axes[2])[0].get_xdata(), np.arange(1, 60))
    np.testing.assert_array_equal(drawn(axes[2])[0].get_ydata(), run["gradient_angle"][1:])
    assert axes[2].get_ylabel().replace("\n", " ") == "angle between gradients [degrees]"


def test_zooms_show_the_steps_asked_for(run):
    axes = figures.training_panels(run, NEVER, ZOOM).axes
    for ax, name in zip(axes[3:7], ["loss", "gradient_norm", "gradient_angle", "loss"], strict=True):
        np.testing.assert_array_equal(drawn(ax)[0].get_xdata(), np.arange(30, 46))
        np.testing.assert_array_equal(drawn(ax)[0].get_ydata(), run[name][30:46])
        assert ax.get_xlim() == ZOOM
    assert [axes[3].get_yscale(), axes[6].get_yscale()] == ["log", "linear"]


def test_weights_of_both_layers_are_drawn_at_their_own_steps(run):
    hidden, output = figures.training_panels(run, NEVER, ZOOM).axes[7:]
    expected = np.stack([run["weights_hidden"][:, 0, 0], run["biases_hidden"][:, 0]], 0)
    np.testing.assert_array_equal([line.get_ydata() for line in drawn(hidden)[:2]], expected)
    np.testing.assert_array_equal(drawn(hidden)[0].get_xdata(), run["step_each"])
    expected = np.concatenate([run["weights_output"][:, 0].T, run["biases_output"].T])
    np.testing.assert_array_equal([line.get_ydata() for line in drawn(output)[:3]], expected)


def test_each_panel_names_the_onset_of_its_quantity(run, onsets):
    axes = figures.training_panels(run, onsets, ZOOM).axes
    assert [texts(ax) for ax in axes[:6]] == [["onset 41"], ["onset 36"], ["onset 34"]] * 2
    assert marked(axes[0]) == {"onset sharpness": 30, "onset angle": 34, "onset gradient norm": 36, "onset error": 41}
    assert marked(figures.training_panels(run, NEVER | {"angle": 20}).axes[0]) == {"onset angle": 20}


def test_a_divergence_is_marked_where_it_happened(failed):
    for ax in figures.training_panels(failed, NEVER).axes[:3]:
        (line,) = [line for line in ax.lines if line.get_gid() == "diverged"]
        assert line.get_xdata()[0] == 40
        assert "diverged at 40" in texts(ax)
    ax = Figure().subplots()
    function_panel(failed, ax)
    assert texts(ax) == ["diverged"]


def test_an_explosion_does_not_hide_what_came_before(run):
    growth = np.where(run["step"] < 20, 1.0, 10.0 ** (10.0 * (run["step"] - 19)))
    growth[45:] = np.nan
    figure = figures.training_panels(run.assign(loss=("step", growth), val_loss=("step", growth)), NEVER)
    figure.draw_without_rendering()
    error, hidden = figure.axes[0], figure.axes[3]
    assert error.get_ylim()[1] < 1e8
    assert error.get_xlim()[1] < 40
    assert texts(error) == ["diverged at 45 →"]
    assert max(line.get_xdata()[-1] for line in drawn(hidden)[:4]) < 20


def test_a_row_for_each_run_and_a_column_for_its_function(runs, onsets):
    rows = {title: (run, onsets) for title, run in runs.items()}
    axes = np.reshape(figures.configuration_rows(rows).axes, (2, 4))
    assert [ax.get_title(loc="left") for ax in axes[:, 0]] == list(runs)
    for row, run in zip(axes, runs.values(), strict=True):
        np.testing.assert_array_equal(row[0].lines[0].get_ydata(), run["loss"])
        np.testing.assert_array_equal(row[1].lines[0].get_ydata(), run["weights_hidden"][:, 0, 0])
        np.testing.assert_array_equal(row[2].lines[0].get_ydata(), run["weights_output"][:, 0, 0])
        assert row[0].get_ylim() == axes[0, 0].get_ylim()
        assert texts(row[0]) == ["onset 41"]
        order = np.argsort(run["inputs"].values[:, 0])
        for label, name in {"target": "targets", "learned function": "outputs"}.items():
            np.testing.assert_array_equal(by_label(row[3])[label].get_xdata(), np.arange(9))
            np.testing.assert_array_equal(by_label(row[3])[label].get_ydata(), run[name].values[-1, order, 0])


def test_the_path_begins_at_the_origin_and_follows_the_arrows(run):
    whole, near = figures.gradient_path(run, ZOOM).axes[:2]
    segments = np.array(whole.collections[0].get_segments())
    np.testing.assert_array_equal(segments[0, 0], [0, 0])
    np.testing.assert_array_equal(segments[:, 1], run["gradient_path"])
    np.testing.assert_array_equal(segments[1:, 0], segments[:-1, 1])
    arrows = near.collections[1]
    np.testing.assert_array_equal(arrows.XY, run["gradient_path"].sel(step=slice(29, 44)))
    ends = arrows.XY + np.stack([arrows.U, arrows.V], 1)
    np.testing.assert_allclose(ends, run["gradient_path"].sel(step=slice(30, 45)), rtol=1e-12)
    assert whole.get_aspect() == near.get_aspect() == 1


def test_the_path_has_crosses_where_norm_and_error_are_lowest(run):
    run["gradient_norm"][33], run["loss"][41] = 1e-9, 1e-9
    run["gradient_norm"][5] = 1e-12
    lines = by_label(figures.gradient_path(run, ZOOM).axes[1])
    for label, step in {"lowest gradient norm, step 33": 33, "lowest training error, step 41": 41}.items():
        np.testing.assert_array_equal(np.ravel(lines[label].get_data()), run["gradient_path"].sel(step=step))


def test_sharpness_and_limit_stand_above_the_error_with_all_onsets(run, onsets):
    upper, lower = figures.sharpness_panels(run, onsets).axes
    sharpness, limit = upper.lines[:2]
    np.testing.assert_array_equal(sharpness.get_data(), [run["step_slow"], run["sharpness"]])
    np.testing.assert_array_equal(limit.get_ydata(), np.full(12, 4.0))
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), run["loss"])
    named = [text.get_text() for text in upper.get_legend().get_texts()[2:]]
    assert named == [f"onset of {text}" for text in ("sharpness, 30", "angle, 34", "gradient norm, 36", "error, 41")]
    assert list(marked(upper).values()) == list(marked(lower).values()) == [30, 34, 36, 41]


def test_the_rate_stands_above_the_error_with_its_changes(run):
    reasons = np.zeros(60, int)
    reasons[[4, 9]], reasons[50] = 1, 2
    rate = np.where(run["step"] < 9, 0.1, 0.2)
    steered = run.assign(learning_rate=("step", rate, {"long_name": "learning rate"}), rate_reason=("step", reasons))
    figure = figures.controlled_rate(steered, {1: "aligned", 2: "turned", 3: "never"})
    upper, lower = figure.axes
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), rate)
    marks = {line.get_gid(): line for line in upper.lines if line.get_gid()}
    np.testing.assert_array_equal(marks["aligned"].get_data(), [[4, 9], [0.1, 0.2]])
    np.testing.assert_array_equal(marks["turned"].get_data(), [[50], [0.2]])
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), run["loss"])
    assert [text.get_text() for text in figure.legends[0].get_texts()[2:]] == ["aligned (2)", "turned (1)"]
