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


def test_the_axis_shows_the_rates_of_both(panels, tested, recommended):
    first, last = panels[2].get_xlim()
    assert first < 1e-4 / 5  # the lowest rate of training
    assert last > 1  # the end of the longest test
    assert panels[0].get_xlim() == panels[1].get_xlim() == (first, last)


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
