"""How much a learning rate that is not quite the best one costs."""

import numpy as np
import xarray as xr

from lrscope.analysis._bootstrap import SEED, check, expanded_interval, resampled_means
from lrscope.analysis._recommendation import recommendation
from lrscope.analysis._scores import LR, check_scores, is_linear, ranked, unranked
from lrscope.errors import must_be

SIDE = "side"
SIDES = ("lower", "higher")


def sensitivity(
    scores: xr.DataArray, factor: float = 2.0, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> xr.Dataset:
    """Return how much worse a rate is that lies a factor below or above the best one.

    Between two rates of the grid the logarithm of the score is interpolated along the logarithm of the rate, seed by
    seed; a network that diverged counts as in `recommendation`. Since the best rate was chosen by the same scores, the
    cost is a little overestimated; and between far rates a valley is shallower than the line between them.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`
    factor : above 1
    confidence, resamples, seed : of the bootstrap

    Returns
    -------
    Dataset (side) : ``lower`` and ``higher``; NaN beyond the end of the grid
        rate : the rate, a factor from the best
        ratio, ratio_low, ratio_high : of its score to that of the best rate, paired by seed, with a bootstrap interval;
            NaN where scores are below zero
        difference, difference_low, difference_high : the same as a difference, in the unit of the score
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
    check(confidence, resamples)
    if not (factor > 1 and np.isfinite(factor)):
        raise must_be("factor", "above 1", factor)
    ordered = check_scores(scores)
    ordered = ordered.isel({LR: np.flatnonzero(ordered.notnull().any(SEED).values)})
    best = float(recommendation(scores, confidence=confidence, resamples=100)["best"])
    linear, ranks = is_linear(ordered), ranked(ordered)
    rates = xr.DataArray([best / factor, best * factor], coords={SIDE: list(SIDES)}, attrs=scores[LR].attrs)
    there, best_ranks = _between(ranks, rates), _between(ranks, xr.DataArray(best))
    paired = there.notnull() & best_ranks.notnull()
    both = xr.concat([there.where(paired), best_ranks.where(paired)], "of").transpose("of", SIDE, SEED)
    result = _compared(both, resampled_means(both, resamples, seed), confidence, linear)
    result["diverged_share"] = _between((ordered == np.inf).astype(float), rates, nearest=True).mean(SEED)
    return _labelled(result.assign(rate=rates), scores)


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


def _compared(both: xr.DataArray, means: xr.DataArray, confidence: float, linear: bool) -> xr.Dataset:
    """Return ratios and differences of (of, side, seed) with the intervals of the resampled means."""
    counts = both.isel(of=0).count(SEED)
    result: dict[str, xr.DataArray] = {}
    for name, relative in (("ratio", True), ("difference", False)):
        value, samples = (_apart(some, relative, linear) for some in (both.mean(SEED), means))
        low, high = expanded_interval(samples, counts, confidence)
        result |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return xr.Dataset(result)


def _apart(means: xr.DataArray, relative: bool, linear: bool) -> xr.DataArray:
    if relative:
        ratio: xr.DataArray = xr.apply_ufunc(np.exp, means.isel(of=0) - means.isel(of=1))
        return ratio.where(not linear)
    scores = unranked(means, linear)
    return scores.isel(of=0) - scores.isel(of=1)


NAMES = {
    "rate": "learning rate",
    "ratio": "{} relative to that of the best rate",
    "difference": "{} above that of the best rate",
    "diverged_share": "share of networks that diverged",
}


def _labelled(result: xr.Dataset, scores: xr.DataArray) -> xr.Dataset:
    name = str(scores.attrs.get("long_name", scores.name or "score"))
    for key, array in result.items():
        of, _, end = str(key).removesuffix("_share").partition("_")
        text = NAMES.get(of) or NAMES[str(key)]
        long_name = text.format(name) + (f", {end} end of the interval" if end else "")
        array.attrs = {"long_name": long_name, "units": scores.attrs.get("units", "1") if of == "difference" else "1"}
    return result
