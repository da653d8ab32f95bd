import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import sharpness_panels
from lrscope.figures._sharpness import sharpness_top


def test_sharpness_and_limit_stand_above_the_error(run):
    upper, lower = sharpness_panels(run).axes
    sharpness, limit = upper.lines[:2]
    np.testing.assert_array_equal(sharpness.get_ydata(), run["sharpness"])
    np.testing.assert_array_equal(sharpness.get_xdata(), run["step_slow"])
    np.testing.assert_array_equal(limit.get_ydata(), np.full(12, 4.0))
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), run["loss"])
    assert upper.get_xlim() == lower.get_xlim() == (0, 59)
    assert [line.get_label() for line in (sharpness, limit)] == ["sharpness", "2 / learning rate"]


def test_all_onsets_are_marked_in_both_and_named_once(run, onsets):
    upper, lower = sharpness_panels(run, onsets).axes
    named = ["sharpness 30", "angle 34", "gradient norm 36", "error 41"]
    assert [text.get_text() for text in upper.texts] == named
    assert [text.get_text() for text in lower.texts] == []
    for ax in (upper, lower):
        steps = [line.get_xdata()[0] for line in ax.lines if (line.get_gid() or "").startswith("onset")]
        assert steps == [30, 34, 36, 41]


def test_the_axis_follows_the_sharpness_to_three_limits(run):
    assert sharpness_top(run) == pytest.approx(1.1 * 7.5)
    run["sharpness"][3] = 1e12
    assert sharpness_top(run) == pytest.approx(1.1 * 12)
    assert sharpness_top(run.assign(loss=run["loss"].where(run["step"] < 15))) == pytest.approx(1.1 * 4)


def test_a_divergence_is_marked(failed):
    upper, lower = sharpness_panels(failed).axes
    assert [text.get_text() for text in lower.texts] == ["diverged at 40"]
    assert [line.get_xdata()[0] for line in upper.lines if line.get_gid() == "diverged"] == [40]


def test_a_missing_variable_is_named(run):
    with pytest.raises(InputError, match="got 'stability_limit'"):
        sharpness_panels(run.drop_vars("stability_limit"))
