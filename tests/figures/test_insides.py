import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import insides_by_rate, steps_to_target_by_rate


def marked(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_seeds_that_reached_the_target_are_points_the_others_crosses(found):
    ax = steps_to_target_by_rate(found)
    for lr, count in {"0.0001": 0, "0.001": 6, "0.01": 6, "0.1": 5}.items():
        (points,) = marked(ax, f"seeds {lr}")
        expected = found["steps"].sel(lr=float(lr)).values
        np.testing.assert_array_equal(points.get_ydata(), expected[expected >= 0])
        assert len(points.get_ydata()) == count
    assert [len(crosses.get_xdata()) for crosses in marked(ax, "not reached")] == [6, 1]


def test_what_was_not_trained_has_no_cross(found):
    ax = steps_to_target_by_rate(found, trained=found["steps"].seed < 4)
    assert [len(crosses.get_xdata()) for crosses in marked(ax, "not reached")] == [4, 1]


def test_the_target_is_named(found):
    ax = steps_to_target_by_rate(found)
    assert ax.get_title("left") == "target 0.15; crosses did not reach it"
    assert ax.get_yscale() == "log"


def test_a_median_without_an_upper_end_has_no_interval(found):
    ax = steps_to_target_by_rate(found)
    (bars,) = ax.collections
    assert [segment[0, 0] for segment in bars.get_segments()] == [0.001, 0.01]
    (medians,) = marked(ax, "mean")
    np.testing.assert_array_equal(medians.get_xdata(), [0.001, 0.01, 0.1])


def test_a_target_that_nobody_reached_is_said_so(found):
    nobody = found.where(False).assign(steps=found["steps"] * 0 - 1, target=found["target"])
    ax = steps_to_target_by_rate(nobody.assign(steps=nobody["steps"].assign_attrs(found["steps"].attrs)))
    assert [text.get_text() for text in ax.texts] == ["no seed reached it"]
    assert sum(len(line.get_xdata()) for line in marked(ax, "not reached")) == 24


def test_a_panel_for_each_quantity_with_its_line_and_its_reference(insides):
    axes = {ax.get_title("left"): ax for ax in insides_by_rate(insides).axes}
    assert list(axes) == ["Gradient angle", "Share of dead neurons", "Gradient norm", "Sharpness over its limit"]
    over = axes["Sharpness over its limit"]
    (line,), (reference,) = marked(over, "centre"), marked(over, "reference")
    np.testing.assert_array_equal(line.get_ydata(), insides["sharpness_over_limit_centre"])
    assert set(reference.get_ydata()) == {1.0}
    assert over.get_yscale() == "log"
    angle = axes["Gradient angle"]
    assert marked(angle, "centre") + marked(angle, "reference") == []
    assert angle.get_yscale() == "linear"
    for name, ax in (("gradient_angle", angle), ("sharpness_over_limit", over)):
        (points,) = marked(ax, "seeds 0.01")
        np.testing.assert_array_equal(points.get_ydata(), insides[name].sel(lr=0.01))


def test_a_quantity_that_nobody_has_is_said_to_be_unknown(insides):
    empty = insides[["gradient_norm"]].where(False)
    (ax,) = insides_by_rate(empty).axes
    assert [text.get_text() for text in ax.texts] == ["not measured"]


def test_bad_input_is_refused(insides):
    with pytest.raises(InputError, match=r"^insides must be a Dataset with variables"):
        insides_by_rate(insides[["sharpness_over_limit_centre"]])
    with pytest.raises(InputError, match=r"^gradient_norm must be of dimensions \(lr, seed\)"):
        insides_by_rate(insides[["gradient_norm"]].isel(seed=0))
