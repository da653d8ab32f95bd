import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.figures import learned_function, learned_functions


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_samples_are_sorted_by_their_input(run):
    drawn = lines(learned_function(run))
    order = np.argsort(run["inputs"].values[:, 0])
    for label, name in {"target": "targets", "learned function": "outputs"}.items():
        np.testing.assert_array_equal(drawn[label].get_xdata(), np.arange(9))
        np.testing.assert_array_equal(drawn[label].get_ydata(), run[name].values[-1, order, 0])


def test_another_step_may_be_chosen(run):
    ax = learned_function(run, step=10)
    order = np.argsort(run["inputs"].values[:, 0])
    np.testing.assert_array_equal(lines(ax)["learned function"].get_ydata(), run["outputs"].values[2, order, 0])
    assert ax.get_title(loc="right") == "step 10"


def test_inputs_and_targets_may_have_steps_or_not(run):
    step = run["outputs"]["step_slow"]
    varied = run.assign(inputs=run["inputs"].expand_dims(step_slow=step), targets=run["targets"].isel(step_slow=0))
    for label, line in lines(learned_function(run)).items():
        np.testing.assert_array_equal(line.get_ydata(), lines(learned_function(varied))[label].get_ydata())


def test_a_diverged_run_says_so(failed):
    ax = learned_function(failed)
    assert [text.get_text() for text in ax.texts] == ["diverged"]
    assert list(lines(ax)) == ["target"]


def test_a_diverged_run_may_have_lost_its_inputs_too(failed):
    nothing = {name: failed[name].isel(step_slow=slice(-1, None)) * np.nan for name in ("outputs", "targets")}
    ax = learned_function(failed.assign(**nothing, inputs=failed["inputs"] * np.nan))
    assert [text.get_text() for text in ax.texts] == ["diverged"]


def test_a_panel_for_each_run(run, failed):
    figure = learned_functions({"lr 0.2": run, "lr 2": failed}, columns=2)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["lr 0.2", "lr 2"]


def test_a_step_without_outputs_is_refused(run):
    with pytest.raises(InputError, match="step must be a step with outputs, from 0 to 55; got 11"):
        learned_function(run, step=11)


def test_two_inputs_are_no_line(run):
    wide = xr.concat([run["inputs"], run["inputs"]], "input")
    with pytest.raises(InputError, match="inputs must be of one input, to be drawn as a line; got 2"):
        learned_function(run.drop_vars("inputs").assign(inputs=wide))


def test_there_must_be_a_run():
    with pytest.raises(InputError, match="panels must be 1 or more; got 0"):
        learned_functions({})
