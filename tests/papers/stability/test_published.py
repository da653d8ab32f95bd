"""The long configurations of the source in full: published errors to the digit, onsets within 3 percent."""

import pytest

from lrscope.papers.stability import Options, experiments
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._figures import faster
from lrscope.papers.stability._results import Trained, _trained

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def trained(recording) -> dict[str, Trained]:
    long = (grids.FIGURE_3, grids.FIGURE_4, grids.FIGURE_5)
    asked = experiments(Options())
    records = recording({each.name: asked[each.name] for each in long})
    return {each.name: _trained(each, records[each.name], None) for each in long}


@pytest.mark.parametrize(
    ("configuration", "lr", "error", "unit"),
    [(grids.FIGURE_3, 0.2, 2.22e-4, 1e-6), (grids.FIGURE_4, 0.2, 1.17e-4, 1e-6)],
    ids=["(f1, 2, 0.2)", "(f1, 3, 0.2)"],
)
def test_final_errors_are_published_to_one_unit_of_the_last_digit(trained, configuration, lr, error, unit):
    assert trained[configuration.name].final("val_loss", lr) == pytest.approx(error, abs=unit)


@pytest.mark.parametrize(("lr", "step"), [(0.4, 9000), (0.3, 34000)])
def test_instability_begins_where_it_was_published(trained, lr, step):
    assert trained[grids.FIGURE_3.name].risen(lr) == pytest.approx(step, rel=0.03)


@pytest.mark.parametrize(("configuration", "lr"), [(grids.FIGURE_3, 0.2), (grids.FIGURE_4, 0.2), (grids.FIGURE_4, 0.4)])
def test_what_was_published_as_stable_is(trained, configuration, lr):
    assert trained[configuration.name].onset("error", lr) == -1


def test_twice_the_rate_is_much_better(trained):
    fourth = trained[grids.FIGURE_4.name]
    assert fourth.final("val_loss", 0.4) < fourth.final("val_loss", 0.2) / 2


def test_the_error_of_twenty_units_falls_faster_from_where_it_was_published(trained):

    _, steepest = faster(trained[grids.FIGURE_5.name], 0.05)
    assert steepest == pytest.approx(15000, rel=0.03)
