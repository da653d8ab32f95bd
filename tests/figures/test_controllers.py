import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import controlled_rate, controller_bench


def test_each_panel_has_a_line_for_each_controller(bench):
    axes = controller_bench(bench).axes
    for ax, name in zip(axes, ["final_error", "diverged", "steps_to_target"], strict=True):
        for line, controller in zip(ax.lines[:2], bench["controller"].values, strict=True):
            assert line.get_label() == controller
            np.testing.assert_array_equal(line.get_xdata(), bench["lr"])
            np.testing.assert_array_equal(line.get_ydata(), bench[name].sel(controller=controller))
    assert [ax.get_ylabel() for ax in axes] == ["final error", "share diverged", "steps to the target"]
    assert axes[2].get_xlabel() == "starting learning rate"
    assert axes[0].get_xscale() == axes[0].get_yscale() == "log"


def test_bands_are_given_ends(bench):
    (band, other) = controller_bench(bench).axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    of_first = bench.isel(controller=0, lr=slice(0, 3))
    assert (heights.min(), heights.max()) == (of_first["low"].min(), of_first["high"].max())
    assert other.get_paths()


def test_rates_at_which_all_diverged_are_crosses(bench):
    figure = controller_bench(bench)
    (crosses,) = [line for line in figure.axes[0].lines if line.get_gid() == "lost"]
    assert crosses.get_xdata().tolist() == [10.0]
    assert crosses.get_color() == figure.axes[0].lines[0].get_color()
    assert figure.legends[0].get_texts()[-1].get_text() == "all diverged"


def test_the_order_of_the_rates_does_not_matter(bench):
    line = controller_bench(bench.isel(lr=[2, 0, 3, 1])).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), bench["lr"])
    np.testing.assert_array_equal(line.get_ydata(), bench["final_error"][0])


def test_other_dimensions_are_refused(bench):
    with pytest.raises(InputError, match=r"bench must be of dimensions \(controller, lr\)"):
        controller_bench(bench.isel(controller=0))


def test_the_rate_stands_above_the_error_with_its_changes(run):
    reasons = np.zeros(60, int)
    reasons[[4, 9]], reasons[50] = 1, 2
    rate = np.where(run["step"] < 9, 0.1, 0.2)
    steered = run.assign(learning_rate=("step", rate, {"long_name": "learning rate"}), rate_reason=("step", reasons))
    figure = controlled_rate(steered, {1: "aligned", 2: "turned"})
    upper, lower = figure.axes
    np.testing.assert_array_equal(upper.lines[0].get_ydata(), rate)
    marks = {line.get_gid(): line for line in upper.lines if line.get_gid()}
    np.testing.assert_array_equal(marks["aligned"].get_data(), [[4, 9], [0.1, 0.2]])
    np.testing.assert_array_equal(marks["turned"].get_data(), [[50], [0.2]])
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), run["loss"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["aligned (2)", "turned (1)"]
    assert upper.get_ylabel() == "learning rate"


def test_of_very_many_changes_some_are_marked(run):
    steps = np.arange(5000)
    long = run.drop_dims("step").assign_coords(step=steps)
    long = long.assign(loss=("step", 1.0 / (1 + steps)), learning_rate=("step", np.ones(5000)))
    figure = controlled_rate(long.assign(rate_reason=("step", np.ones(5000))), {1: "aligned"})
    (marks,) = [line for line in figure.axes[0].lines if line.get_gid() == "aligned"]
    assert len(marks.get_xdata()) == 400
    assert figure.legends[0].get_texts()[0].get_text() == "aligned (5000)"


def test_without_reasons_the_rate_is_drawn_alone(run):
    assert controlled_rate(run).legends == []
