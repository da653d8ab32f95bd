"""The long configurations of the source in full: published errors to the digit, onsets within 3 percent."""

import pytest

from lrscope.papers.stability import STUDY, Options
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._claims import claims

pytestmark = pytest.mark.long
LONG = (
    *("onset-0.4", "onset-0.3", "stable-2-0.2", "final-2-0.2", "delay", "final-3-0.2", "still-falling"),
    *("stable-3-0.2", "stable-3-0.4", "better-0.4", "parting", "faster", "remain"),
)
"""Claims about figures 3 to 5."""


@pytest.fixture(scope="module")
def judged(recording):
    """Return the claims about the three long configurations, by id."""
    long = (grids.FIGURE_3, grids.FIGURE_4, grids.FIGURE_5)
    asked = STUDY.experiments(Options())
    records = recording({each.name: asked[each.name] for each in long})
    results = STUDY.results(records, Options())
    return {claim.id: claim.judge(results) for claim in claims(results) if claim.id in LONG}


@pytest.mark.parametrize("id", LONG)
def test_what_was_published_holds(judged, id):
    assert judged[id].holds, judged[id].measured
