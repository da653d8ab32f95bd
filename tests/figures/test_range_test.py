import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.figures import range_test_over_truth


@pytest.fixture
def panels(tested, recommended, outcomes_of_seeds):
    return range_test_over_truth(tested, recommended, outcomes_of_seeds).axes


def marked(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_a_line_for_the_test_of_each_seed(panels, tested):
    first, second = marked(panels[0], "range test")
    np.testing.assert_array_equal(first.get_xdata(), tested["learning_rate"])
    np.testing.assert_array_equal(first.get_ydata(), tested["smoothed"].sel(seed=0))
    np.testing.assert_array_equal(second.get_ydata(), tested["smoothed"].sel(seed=1))


def test_rates_may_differ_between_seeds(tested, recommended, outcomes_of_seeds, panels):
    own = xr.concat([tested["learning_rate"], tested["learning_rate"] * 2], "seed").transpose("step", "seed")
    upper, *_ = range_test_over_truth(tested.assign(learning_rate=own), recommended, outcomes_of_seeds).axes
    np.testing.assert_array_equal(marked(upper, "range test")[1].get_xdata(), 2 * tested["learning_rate"])


def test_suggestions_inside_the_range_differ_from_those_outside(panels):
    (inside,), (outside,) = marked(panels[1], "valley inside"), marked(panels[1], "valley outside")
    assert inside.get_xdata().tolist() == [0.002]
    assert outside.get_xdata().tolist() == [0.05]
    assert marked(panels[1], "minimum / 10 inside")[0].get_xdata().tolist() == []
    assert inside.get_color() != outside.get_color()


def test_each_rule_has_a_row_from_the_top(panels):
    assert [text.get_text() for text in panels[1].get_yticklabels()] == ["valley", "minimum / 10"]
    valley, minimum = (marked(panels[1], f"{rule} outside")[0].get_ydata() for rule in ("valley", "minimum / 10"))
    assert np.abs(valley).max() < 0.5
    assert np.nanmax(np.abs(minimum - 1)) < 0.5
    assert panels[1].get_ylim()[0] > panels[1].get_ylim()[1]


def test_the_same_range_is_shaded_in_all_panels(panels):
    shades = [patch for ax in panels for patch in ax.patches if patch.get_gid() == "recommended range"]
    assert len(shades) == 3
    assert len({(shade.get_x(), shade.get_width()) for shade in shades}) == 1


def test_the_axis_shows_the_rates_of_both(panels, tested, recommended):
    first, last = panels[2].get_xlim()
    assert first < 1e-4 / 5  # the lowest rate of training
    assert last > 1  # the end of the longest test
    assert panels[0].get_xlim() == panels[1].get_xlim() == (first, last)


def test_of_a_test_that_starts_far_below_a_decade_is_shown(tested, recommended, outcomes_of_seeds):
    lower = tested.assign(learning_rate=("step", np.geomspace(1e-9, 1, 30)))
    first, _ = range_test_over_truth(lower, recommended, outcomes_of_seeds).axes[0].get_xlim()
    assert first == pytest.approx(1e-5)


def test_diverged_members_are_crosses_over_the_lowest_panel(panels):
    (crosses,) = [each for each in panels[2].collections if each.get_gid() == "diverged"]
    assert len(crosses.get_offsets()) == 4


def test_agreement_is_written_beside_the_rows(tested, recommended, outcomes_of_seeds):
    agreement = xr.Dataset({"share": ("rule", [0.5, np.nan])}, {"rule": tested["rule"]})
    _, middle, _ = range_test_over_truth(tested, recommended, outcomes_of_seeds, agreement).axes
    assert [text.get_text() for text in middle.texts] == ["50% inside", "–"]


def test_suggestions_in_a_gap_of_the_range_are_outside(tested, recommended, outcomes_of_seeds):
    gap = recommended.assign(plausible=recommended["plausible"].copy(data=[True, False, True, False]), low=0.0001)
    _, middle, _ = range_test_over_truth(tested, gap, outcomes_of_seeds).axes
    assert marked(middle, "valley inside")[0].get_xdata().tolist() == []
    assert marked(middle, "minimum / 10 inside")[0].get_xdata().tolist() == [0.0002]


def test_other_dimensions_are_refused(tested, recommended, outcomes_of_seeds):
    with pytest.raises(InputError, match=r"^suggestion must be of dimensions \(rule, seed\)"):
        range_test_over_truth(tested.isel(rule=0), recommended, outcomes_of_seeds)
