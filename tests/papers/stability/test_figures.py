"""Figures hold the data that they were given: artists' data, on a run of random numbers."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from lrscope.papers.stability import figures
from lrscope.papers.stability.figures._events import happened, mark_onsets
from lrscope.papers.stability.figures._network import function_panel, weights_panel
from lrscope.papers.stability.figures._run import thinned
from lrscope.papers.stability.figures._sharpness import sharpness_top

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


@pytest.fixture
def long(run):
    """A run of 50 000 steps in which a spike of the angle lasts one."""
    steps = np.arange(50_000)
    long = run.drop_dims("step").assign_coords(step=("step", steps, run["step"].attrs))
    for name in ("loss", "val_loss", "gradient_norm"):
        long[name] = ("step", 1.0 / (1 + steps), run[name].attrs)
    long["gradient_angle"] = ("step", np.where(steps == 33_333, 170.0, 1.0), run["gradient_angle"].attrs)
    path = np.stack([steps, steps % 2], 1)
    return long.assign(gradient_path=(("step", "path_axis"), path, {"long_name": "gradient path"}))


@pytest.fixture
def every(run, runs, onsets, tested, bench, similarity):
    """Name of each figure -> the figure; all are drawn."""
    steered = run.assign(rate_reason=("step", run["step"].values % 3))
    by_title = dict.fromkeys(runs, onsets)
    return {
        "alarm_scores": lambda: figures.alarm_scores(tested),
        "configuration_rows": lambda: figures.configuration_rows(runs, by_title),
        "controlled_rate": lambda: figures.controlled_rate(steered, {1: "raised", 2: "lowered"}),
        "controller_bench": lambda: figures.controller_bench(bench),
        "duplicate_pairs": lambda: figures.duplicate_pairs(similarity, 0.5),
        "error_panels": lambda: figures.error_panels(runs, by_title),
        "function_panels": lambda: figures.function_panels(runs),
        "gradient_path": lambda: figures.gradient_path(run, ZOOM),
        "sharpness_panels": lambda: figures.sharpness_panels(run, onsets),
        "training_panels": lambda: figures.training_panels(run, onsets, ZOOM),
    }


@pytest.mark.parametrize("name", sorted(set(figures.__all__) - {"Film", "frame_steps", "run_film"}))
def test_figures_change_no_data_and_can_be_drawn(every, run, runs, tested, bench, similarity, name):
    given = [run, *runs.values(), tested, bench, similarity]
    before = [array.copy(deep=True) for array in given]
    figure = every[name]()
    figure.set_dpi(40)
    figure.canvas.draw()
    for array, copy in zip(given, before, strict=True):
        xr.testing.assert_identical(array, copy)


def test_training_has_nine_panels_with_a_zoom_and_six_without(run):
    with_zoom, without = figures.training_panels(run, NEVER, ZOOM), figures.training_panels(run, NEVER)
    assert [ax.get_title(loc="left") for ax in with_zoom.axes] == [f"({letter})" for letter in "abcdefghi"]
    assert [ax.get_title(loc="left") for ax in without.axes] == [f"({letter})" for letter in "abcdef"]
    assert without.axes[5].get_ylabel() == "output"


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


def test_a_neuron_that_equals_another_does_not_hide_it(run):
    ax = Figure().subplots()
    weights_panel(run.isel(neuron_hidden=[0, 0, 0]), ax, hidden=True)
    widths = [line.get_linewidth() for line in drawn(ax)[:6:2]]
    assert widths == sorted(set(widths), reverse=True)


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


def test_a_long_line_keeps_its_spikes(long):
    line = drawn(figures.training_panels(long, NEVER).axes[2])[0]
    assert len(line.get_xdata()) <= 3000
    assert line.get_xdata()[np.argmax(line.get_ydata())] == 33_333


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=300), st.integers(4, 60))
def test_a_thinned_line_keeps_its_ends_and_its_extremes(values, points):
    values = np.array(values)
    x, y = thinned(np.arange(len(values)), values, points)
    known = np.flatnonzero(np.isfinite(values))
    assert len(x) <= points
    np.testing.assert_array_equal(y, values[x])
    if len(known):
        assert (y.min(), y.max()) == (values[known].min(), values[known].max())
        assert (x[0], x[-1]) == (known[0], known[-1])


def test_each_run_has_a_panel_with_both_errors_on_the_same_axis(runs, onsets):
    figure = figures.error_panels(runs, {"lr 0.5": NEVER, "lr 0.25": onsets})
    for ax, (title, run) in zip(figure.axes, runs.items(), strict=True):
        assert ax.get_title(loc="left") == title
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), run["loss"])
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), run["val_loss"])
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert [texts(ax) for ax in figure.axes] == [[], ["onset 41"]]


def test_a_diverged_run_does_not_stretch_the_axes_of_the_others(runs, failed):
    failed["loss"][20:] = 1e30
    several = runs | {"failed": failed}
    alone, beside = (figures.error_panels(each, dict.fromkeys(each, NEVER)).axes[0] for each in (runs, several))
    assert alone.get_ylim() == beside.get_ylim()


def test_a_row_for_each_run_and_a_column_for_its_function(runs):
    axes = np.reshape(figures.configuration_rows(runs, dict.fromkeys(runs, NEVER)).axes, (2, 4))
    assert [ax.get_title(loc="left") for ax in axes[:, 0]] == list(runs)
    for row, run in zip(axes, runs.values(), strict=True):
        np.testing.assert_array_equal(row[0].lines[0].get_ydata(), run["loss"])
        np.testing.assert_array_equal(row[1].lines[0].get_ydata(), run["weights_hidden"][:, 0, 0])
        np.testing.assert_array_equal(row[2].lines[0].get_ydata(), run["weights_output"][:, 0, 0])
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


def test_the_path_has_few_dots_and_crosses_at_its_lowest(run, long):
    dots = by_label(figures.gradient_path(long, ZOOM).axes[0])["every 5000 iterations"]
    assert dots.get_xdata().tolist() == list(range(0, 50_000, 5000))
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
    assert texts(upper) == ["sharpness 30", "angle 34", "gradient norm 36", "error 41"]
    assert texts(lower) == []
    assert list(marked(upper).values()) == list(marked(lower).values()) == [30, 34, 36, 41]


def test_the_axis_follows_the_sharpness_to_three_limits(run):
    assert sharpness_top(run) == pytest.approx(1.1 * 7.5)
    run["sharpness"][3] = 1e12
    assert sharpness_top(run) == pytest.approx(1.1 * 12)
    assert sharpness_top(run.assign(loss=run["loss"].where(run["step"] < 15))) == pytest.approx(1.1 * 4)


@given(st.dictionaries(st.sampled_from(CRITERIA), st.integers(-1, 1000)))
def test_events_come_in_their_order(onsets):
    assert list(happened(onsets).values()) == sorted(step for step in onsets.values() if step >= 0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_labels_of_events_do_not_overlap(steps):
    figure = Figure(figsize=(6, 3))
    ax = figure.subplots()
    ax.set_xlim(0, 1000)
    mark_onsets(ax, dict(zip(CRITERIA, steps, strict=True)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text in ax.texts:
        text.update_positions(renderer)
    boxes = [Text.get_window_extent(text, renderer) for text in ax.texts]  # without the line to the step
    assert len(boxes) == 5
    assert not any(box.overlaps(other) for place, box in enumerate(boxes) for other in boxes[:place])


def test_each_pair_is_a_line_with_marks_where_it_merges_and_parts(similarity):
    ax = figures.duplicate_pairs(similarity, 0.5).axes[0]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 6]
    values = {tuple(line.get_ydata()) for line in lines}
    assert values == {tuple(of_pair) for of_pair in similarity.transpose("pair", ...).values}
    marks = [(line.get_gid(), line.get_xdata().tolist()) for line in ax.lines if line.get_gid()]
    assert marks == [("merged", [20]), ("parted", [40]), ("merged", [0])]


def test_of_many_pairs_those_that_were_duplicates_have_a_colour(rng):
    coords = {"step": np.arange(4), "pair": [f"0 and {other}" for other in range(1, 13)]}
    values = xr.DataArray(0.5 * rng.random((4, 12)), coords, ("step", "pair"))
    values[:, 11] = 1.0
    ax = figures.duplicate_pairs(values, 0.99).axes[0]
    grey = [to_hex(line.get_color()) == "#cfcfcf" for line in ax.lines if len(line.get_xdata()) == 4]
    assert sum(grey) == 4
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == [f"0 and {other}" for other in (12, *range(1, 8))] + ["4 more", "merged", "parted"]


def test_the_bench_has_a_line_for_each_controller(bench):
    for ordered in (bench, bench.isel(lr=[2, 0, 3, 1])):
        axes = figures.controller_bench(ordered).axes
        for ax, name in zip(axes, ["final_error", "diverged", "steps_to_target"], strict=True):
            lines = [line for line in ax.lines if line.get_gid() != "lost"]
            for line, controller in zip(lines, bench["controller"].values, strict=True):
                np.testing.assert_array_equal(line.get_data(), [bench["lr"], bench[name].sel(controller=controller)])
        assert axes[0].get_xscale() == axes[0].get_yscale() == "log"


def test_rates_at_which_all_diverged_are_crosses(bench):
    figure = figures.controller_bench(bench)
    (crosses,) = [line for line in figure.axes[0].lines if line.get_gid() == "lost"]
    assert crosses.get_xdata().tolist() == [10.0]
    assert crosses.get_color() == figure.axes[0].lines[0].get_color()
    assert figure.legends[0].get_texts()[-1].get_text() == "all diverged"


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
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["aligned (2)", "turned (1)"]


def test_of_very_many_changes_some_are_marked(long):
    guided = long.assign(learning_rate=("step", np.ones(50_000)), rate_reason=("step", np.ones(50_000)))
    figure = figures.controlled_rate(guided, {1: "aligned"})
    (marks,) = [line for line in figure.axes[0].lines if line.get_gid() == "aligned"]
    assert len(marks.get_xdata()) == 400
    assert figure.legends[0].get_texts()[0].get_text() == "aligned (50000)"


def test_each_target_and_signal_has_its_lead_times_and_scores(tested):
    left, right = figures.alarm_scores(tested).axes
    strips = [line for line in left.lines if line.get_marker() == "o"]
    expected = [values[np.isfinite(values)] for values in tested["lead"].values.reshape(6, -1)]
    for line, values in zip(strips, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    labels = [label.get_text() for label in left.get_xticklabels()]
    assert labels == ["angle\n16 of 16 onsets", "gradient norm\n13 of 16 onsets", "error\n0 of 16 onsets"]
    rows = np.stack([tested[name] for name in ("precision", "recall", "f1")], -1).reshape(-1, 3)
    assert texts(right) == [f"{share:.2f}" if np.isfinite(share) else "–" for share in rows.ravel()]
    assert right.get_yticklabels()[4].get_text() == "f2: gradient norm"
