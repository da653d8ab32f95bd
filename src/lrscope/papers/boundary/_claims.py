"""The source's statements that can be checked, judged on intervals."""

import math
from typing import Any

from lrscope.papers.boundary._own import OWN
from lrscope.papers.boundary._results import DIMENSION, LAST, MEAN, Results, frames_of
from lrscope.papers.boundary.analysis._boxes import FRAME, MIN_UNITS
from lrscope.studies import Claim
from lrscope.studies._words import ends, estimate_text, within

PUBLISHED = {
    "linear": 1.17,
    "relu": 1.20,
    "one-point": 1.41,
    "minibatch": 1.55,
    "tanh": 1.66,
    "init-offset": 1.98,
}
"""Condition -> box dimension, the median over scales and some 50 frames."""
SOURCE = "arXiv 2402.06184"
TOLERANCE = 0.1
"""Of a dimension: the source gives no interval, and other seeds have other boundaries."""
SMOOTH = 1.05
"""Local dimensions below are those of a smooth curve."""


def claims(results: Results) -> list[Claim]:
    """Return the statements on the condition of the run; none on other networks."""
    condition = frames_of(results)[0].attrs["condition"]
    return [] if condition == OWN else [_dimension(PUBLISHED[condition]), INTERLEAVED, SMOOTHER]


def _above(values: Any, name: str, limit: float) -> bool | None:
    """Tell whether the interval of an estimate lies above a limit (True), below (False), or contains it (None)."""
    _, low, high = ends(values, name)
    return True if low > limit else False if high < limit else None


def _no_boundary(results: Results) -> list[str]:
    if DIMENSION not in results.children:
        return ["a resolution of 32 or more"]
    return [] if math.isfinite(float(results[DIMENSION]["median"])) else ["a map with a boundary"]


def _dimension(published: float) -> Claim:
    def needs(results: Results) -> list[str]:
        missing = _no_boundary(results)
        if not missing and results[DIMENSION].attrs["over"] != FRAME:
            missing = [f"a zoom of {MIN_UNITS} frames or more: the published one is a median over some 50"]
        if frames_of(results)[0].attrs["offset"] == "initial":
            missing = [*missing, "--offset each-step, as in the source's code"]
        return missing

    return Claim(
        id="dimension",
        source=f"{SOURCE}, figure 2",
        statement=f"The boundary has a box dimension of {published}",
        of=lambda results: results[DIMENSION],
        holds=lambda node: within(node, "median", published - TOLERANCE, published + TOLERANCE),
        measured=lambda node: estimate_text(node, "median"),
        undecided=lambda node: (
            f"The interval {estimate_text(node, 'median')} overlaps the tolerance without lying inside it."
        ),
        published=published,
        tolerance=TOLERANCE,
        needs=needs,
    )


def _finest(last: Any) -> str:
    return f"local dimension between boxes of 2 and 1 pixels of the last frame {estimate_text(last, 'finest')}"


def _difference(mean: Any) -> str:
    return (
        f"dimension {float(mean['mean']):.3g} of most seeds, {float(mean['single']):.3g} of one; "
        f"difference {estimate_text(mean, 'difference')}"
    )


def _few_seeds(results: Results) -> list[str]:
    return [] if MEAN in results.children else [f"{MIN_UNITS} seeds or more, at a resolution of 32 or more"]


INTERLEAVED = Claim(
    id="interleaved",
    source=f"{SOURCE}, section 3",
    statement="Converging and diverging points interleave down to the smallest scale tried",
    of=lambda results: results[LAST],
    holds=lambda last: _above(last, "finest", SMOOTH),
    measured=_finest,
    undecided=lambda last: f"The interval contains {SMOOTH}: {_finest(last)}.",
    tolerance=f"a smooth curve has 1; above {SMOOTH}",
    needs=_no_boundary,
)
SMOOTHER = Claim(
    id="mean",
    source="Jordan, post, on figure 1 of the paper",
    statement="The boundary of what most seeds train is smoother than that of one",
    of=lambda results: results[MEAN],
    holds=lambda mean: _above(mean, "difference", 0),
    measured=_difference,
    undecided=lambda mean: f"The interval of the difference contains 0: {_difference(mean)}.",
    tolerance="the interval of the difference lies above 0",
    needs=_few_seeds,
)
