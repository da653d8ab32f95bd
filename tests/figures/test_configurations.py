import numpy as np
import pytest
from matplotlib.colors import to_hex

from lrscope.errors import InputError
from lrscope.figures import colours, configurations, error_panels, errors_by_rate


@pytest.fixture
def runs(run):
    return {"lr 0.5": run, "lr 0.25": run.assign(loss=run["loss"] * 2).assign_coords(lr=0.25)}


def test_each_run_has_a_panel_with_both_errors_on_the_same_axis(runs, onsets):
    figure = error_panels(runs, {"lr 0.25": onsets})
    for ax, (title, run) in zip(figure.axes, runs.items(), strict=True):
        assert ax.get_title(loc="left") == title
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), run["loss"])
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), run["val_loss"])
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert [[text.get_text() for text in ax.texts] for ax in figure.axes] == [[], ["onset 41"]]


def test_a_diverged_run_does_not_stretch_the_axes_of_the_others(runs, failed):
    failed["loss"][20:] = 1e30
    alone, beside = error_panels(runs).axes[0], error_panels(runs | {"failed": failed}).axes[0]
    assert alone.get_ylim() == beside.get_ylim()


def test_overlaid_errors_have_the_colour_of_their_rate(runs):
    ax = errors_by_rate(runs)
    palette = colours([0.25, 0.5])
    assert [to_hex(line.get_color()) for line in ax.lines] == [palette[0.5], palette[0.25]]
    for line, run in zip(ax.lines, runs.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), run["loss"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["lr 0.25", "lr 0.5"]
    assert (ax.get_ylabel(), ax.get_yscale()) == ("training error", "log")
    test = errors_by_rate(runs, "val_loss").lines[0]
    np.testing.assert_array_equal(test.get_ydata(), runs["lr 0.5"]["val_loss"])


def test_a_row_for_each_run_and_a_column_for_what_it_learned(runs):
    axes = np.reshape(configurations(runs).axes, (2, 4))
    assert [ax.get_title(loc="left") for ax in axes[:, 0]] == list(runs)
    for row, run in zip(axes, runs.values(), strict=True):
        np.testing.assert_array_equal(row[0].lines[0].get_ydata(), run["loss"])
        np.testing.assert_array_equal(row[1].lines[0].get_ydata(), run["weights_hidden"][:, 0, 0])
        np.testing.assert_array_equal(row[2].lines[0].get_ydata(), run["weights_output"][:, 0, 0])
        assert row[3].get_ylabel() == "output"


def test_without_outputs_there_are_three_columns(runs):
    plain = {title: run.drop_vars(["outputs", "targets", "inputs"]) for title, run in runs.items()}
    assert len(configurations(plain).axes) == 6
    mixed = configurations({"with": runs["lr 0.5"], "without": plain["lr 0.25"]})
    assert [ax.axison for ax in np.reshape(mixed.axes, (2, 4))[:, 3]] == [True, False]


@pytest.mark.parametrize("function", [configurations, errors_by_rate])
def test_there_must_be_a_run(function):
    with pytest.raises(InputError, match="runs must be one or more, by title"):
        function({})


def test_a_run_without_a_learning_rate_is_refused(run):
    with pytest.raises(InputError, match="a run must be records of one member with the scalar coordinate lr"):
        errors_by_rate({"x": run.drop_vars("lr")})
