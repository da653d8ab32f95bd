"""The source's statements that can be checked, judged on intervals."""

import itertools
import math
from collections.abc import Sequence

import xarray as xr

from lrscope.papers.boundary._own import OWN
from lrscope.papers.boundary._results import DIMENSION, LAST, MEAN, Condition, conditions, frames_of
from lrscope.papers.boundary._summary import estimate_text
from lrscope.papers.boundary.analysis._boxes import FRAME, MIN_UNITS
from lrscope.studies import Claim
from lrscope.studies._words import counted, listed

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


def claims(results: xr.DataTree) -> list[Claim]:
    """Return every statement that these conditions can decide, and those that others could; none of other networks."""
    known = [each for each in conditions(results) if each.name != OWN]
    if not known:
        return []
    several = len(known) > 1
    judged = []
    for each in known:
        judged += [_dimension(each, several)] if each.name in PUBLISHED else []
        judged += [_interleaved(each, several), _mean(each, several)]
    return [*judged, _order()]


def _named(name: str, condition: Condition, several: bool) -> str:
    return f"{name}-{condition.name}" if several else name


def _statement(text: str, condition: Condition, several: bool) -> str:
    return f"{condition.name}: {text}" if several else text[:1].upper() + text[1:]


def _within(low: float, high: float, least: float, most: float) -> bool | None:
    """Tell whether an interval lies inside limits (True), outside (False), or overlaps one of them (None)."""
    if low >= least and high <= most:
        return True
    return False if high < least or low > most else None


def _no_boundary(condition: Condition) -> list[str]:
    if DIMENSION not in condition.children:
        return ["a resolution of 32 or more"]
    return [] if math.isfinite(float(condition[DIMENSION]["median"])) else ["a map with a boundary"]


def _dimension(condition: Condition, several: bool) -> Claim:
    path, published = condition.name, PUBLISHED[condition.name]

    def needs(results: xr.DataTree) -> Sequence[str]:
        missing = _no_boundary(results[path])
        if not missing and results[path][DIMENSION].attrs["over"] != FRAME:
            missing = [f"a zoom of {MIN_UNITS} frames or more: the published one is a median over some 50"]
        if frames_of(results[path])[0].attrs["offset"] == "initial":
            missing = [*missing, "--offset each-step, as in the source's code"]
        return missing

    def holds(results: xr.DataTree) -> bool | None:
        low, high = (float(results[path][DIMENSION][f"median_{end}"]) for end in ("low", "high"))
        return _within(low, high, published - TOLERANCE, published + TOLERANCE)

    def measured(results: xr.DataTree) -> str:
        return f"{estimate_text(results[path][DIMENSION], 'median')}"

    return Claim(
        id=_named("dimension", condition, several),
        source=f"{SOURCE}, figure 2",
        statement=_statement(f"the boundary has a box dimension of {published}", condition, several),
        holds=holds,
        measured=measured,
        undecided=lambda results: f"The interval {measured(results)} overlaps the tolerance without lying inside it.",
        published=published,
        tolerance=TOLERANCE,
        needs=needs,
    )


def _interleaved(condition: Condition, several: bool) -> Claim:
    path = condition.name

    def holds(results: xr.DataTree) -> bool | None:
        low, high = (float(results[path][LAST][f"finest_{end}"]) for end in ("low", "high"))
        return True if low > SMOOTH else False if high < SMOOTH else None

    def measured(results: xr.DataTree) -> str:
        finest = estimate_text(results[path][LAST], "finest")
        return f"local dimension between boxes of 2 and 1 pixels of the last frame {finest}"

    return Claim(
        id=_named("interleaved", condition, several),
        source=f"{SOURCE}, section 3",
        statement=_statement(
            "converging and diverging points interleave down to the smallest scale tried", condition, several
        ),
        holds=holds,
        measured=measured,
        undecided=lambda results: f"The interval contains {SMOOTH}: {measured(results)}.",
        tolerance=f"a smooth curve has 1; above {SMOOTH}",
        needs=lambda results: _no_boundary(results[path]),
    )


def _mean(condition: Condition, several: bool) -> Claim:
    path = condition.name

    def holds(results: xr.DataTree) -> bool | None:
        low, high = (float(results[path][MEAN][f"difference_{end}"]) for end in ("low", "high"))
        return True if low > 0 else False if high < 0 else None

    def measured(results: xr.DataTree) -> str:
        mean = results[path][MEAN]
        return (
            f"dimension {float(mean['mean']):.3g} of most seeds, {float(mean['single']):.3g} of one; "
            f"difference {estimate_text(mean, 'difference')}"
        )

    def needs(results: xr.DataTree) -> Sequence[str]:
        return [] if MEAN in results[path].children else [f"{MIN_UNITS} seeds or more, at a resolution of 32 or more"]

    return Claim(
        id=_named("mean", condition, several),
        source="Jordan, post, on figure 1 of the paper",
        statement=_statement("the boundary of what most seeds train is smoother than that of one", condition, several),
        holds=holds,
        measured=measured,
        undecided=lambda results: f"The interval of the difference contains 0: {measured(results)}.",
        tolerance="the interval of the difference lies above 0",
        needs=needs,
    )


def _order() -> Claim:
    def comparable(results: xr.DataTree) -> list[Condition]:
        known = [each for each in conditions(results, DIMENSION) if each.name in PUBLISHED and not _no_boundary(each)]
        return sorted(known, key=lambda each: PUBLISHED[each.name])

    def pairs(results: xr.DataTree) -> tuple[int, int, int]:
        """Return how many pairs have the published order, how many the other one, and how many there are."""
        right = wrong = count = 0
        for rough, smooth in ((b, a) for a, b in itertools.combinations(comparable(results), 2)):
            count += 1
            right += bool(rough[DIMENSION]["median_low"] > smooth[DIMENSION]["median_high"])
            wrong += bool(rough[DIMENSION]["median_high"] < smooth[DIMENSION]["median_low"])
        return right, wrong, count

    def holds(results: xr.DataTree) -> bool | None:
        right, wrong, count = pairs(results)
        return False if wrong else True if right == count else None

    def measured(results: xr.DataTree) -> str:
        right, wrong, count = pairs(results)
        return (
            f"of {counted(count, 'pair')} {right} in this order, {wrong} in the other one; otherwise intervals overlap"
        )

    def needs(results: xr.DataTree) -> Sequence[str]:
        return [] if len(comparable(results)) > 1 else ["maps of two conditions or more, and a run has one"]

    return Claim(
        id="order",
        source=f"{SOURCE}, figure 2",
        statement="The conditions in the order of their dimensions: " + listed(list(PUBLISHED)),
        holds=holds,
        measured=measured,
        undecided=lambda results: f"Not decided: {measured(results)}.",
        tolerance="every pair, where intervals do not overlap",
        needs=needs,
    )
