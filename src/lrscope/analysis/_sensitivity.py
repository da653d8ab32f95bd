"""How much a learning rate that is not quite the best one costs."""

import numpy as np
import xarray as xr

from lrscope.analysis._intervals import SEED, check, mean_interval
from lrscope.analysis._labels import Labels, labelled, name_of, units_of, with_ends
from lrscope.analysis._recommendation import recommendation
from lrscope.analysis._scores import LR, check_scores, is_linear, ranked
from lrscope.errors import must_be

SIDE = "side"
SIDES = ("lower", "higher")


def sensitivity(scores: xr.DataArray, factor: float = 2.0, *, confidence: float = 0.95) -> xr.Dataset:
    """Return how much worse a rate is that lies a factor below or above the best one.

    Between two rates of the grid the logarithm of the score is interpolated along the logarithm of the rate, seed by
    seed; a network that diverged counts as in `recommendation`. Since the best rate was chosen by the same scores, the
    cost is a little overestimated; and between far rates a valley is shallower than the line between them.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`
    factor : above 1
    confidence : of the intervals

    Returns
    -------
    Dataset (side) : ``lower`` and ``higher``; NaN outside of the grid
        rate : the rate, a factor from the best
        difference, difference_low, difference_high : mean logarithm of the ratio of its score to that of the best
            rate, paired by seed, with Student's t interval; where scores are below zero, the difference itself
        ratio, ratio_low, ratio_high : the same as a ratio; NaN where scores are below zero
        diverged_share : share of the networks that diverged at the one or two rates that the value was taken from

    Raises
    ------
    InputError : as `recommendation`, or a factor that is not above 1.

    Examples
    --------
    >>> scores = xr.DataArray([[2.0, 2.2], [1.0, 1.1], [4.0, 4.4]], coords={"lr": [0.1, 0.2, 0.4], "seed": [0, 1]})
    >>> sensitivity(scores).ratio.values.round(6).tolist()
    [2.0, 4.0]
    """
    check(confidence)
    if not (factor > 1 and np.isfinite(factor)):
        raise must_be("factor", "above 1", factor)
    ordered = check_scores(scores)
    ordered = ordered.isel({LR: np.flatnonzero(ordered.notnull().any(SEED).values)})
    best = float(recommendation(scores, confidence=confidence, resamples=100)["best"])
    linear, ranks = is_linear(ordered), ranked(ordered)
    rates = xr.DataArray([best / factor, best * factor], coords={SIDE: list(SIDES)}, attrs=scores[LR].attrs)
    differences = _between(ranks, rates) - _between(ranks, xr.DataArray(best))
    result = xr.Dataset({"rate": rates, "difference": differences.mean(SEED)})
    result["difference_low"], result["difference_high"] = mean_interval(differences, confidence)
    for end in ("", "_low", "_high"):
        result[f"ratio{end}"] = xr.apply_ufunc(np.exp, result[f"difference{end}"]).where(not linear)
    result["diverged_share"] = _between((ordered == np.inf).astype(float), rates, nearest=True).mean(SEED)
    name, units = name_of(scores), units_of(scores) if linear else "1"
    what = "difference" if linear else "log ratio"
    labels: Labels = {
        "rate": "learning rate",
        **with_ends("difference", f"{what} of the {name} to that of the best rate", units),
        **with_ends("ratio", f"{name} relative to that of the best rate"),
        "diverged_share": "share of networks that diverged",
    }
    return labelled(result, labels)


def _between(values: xr.DataArray, rates: xr.DataArray, nearest: bool = False) -> xr.DataArray:
    """Return values (lr, seed) interpolated at other rates; with `nearest`, the larger of the two that are used."""
    logarithms = np.log(values[LR].values)
    wanted = np.log(rates.values)
    places = np.interp(wanted, logarithms, np.arange(len(logarithms)), left=np.nan, right=np.nan)
    close = np.abs(places - np.round(places)) < 1e-6
    places = np.where(close, np.round(places), places)
    known = np.isfinite(places)
    below = np.floor(np.where(known, places, 0)).astype(int)
    above = np.ceil(np.where(known, places, 0)).astype(int)
    first, second = (
        values.isel({LR: rates.copy(data=where)}, drop=True).drop_vars(LR, errors="ignore") for where in (below, above)
    )
    share = rates.copy(data=places - below)
    mixed = xr.where(first > second, first, second) if nearest else first + share * (second - first)
    return mixed.where(rates.copy(data=known))
