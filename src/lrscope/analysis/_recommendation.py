"""Which learning rate, how certain that is, and how much a rate costs that is not quite the best one."""

from bisect import bisect_left

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._scores import LR, check_scores, from_log_scale, is_linear, on_log_scale
from lrscope.analysis._seeds import (
    RESAMPLE,
    SEED,
    Labels,
    check,
    describe,
    mean_interval,
    name_of,
    random_signs,
    resampled_means,
    share_interval,
    student_quantile,
    units_of,
    with_ends,
)

OTHER = "other"
ENOUGH_SEEDS = 8
"""From so many common seeds on, critical values come from random signs; below, from Student's distribution."""
TURNS = 100
"""Iterations that fill in missing scores."""
TINY = 1e-12
"""Standard errors below this are those of equal values."""
NEGLIGIBLE = 0.05
"""A rate is not recommended if more than this share of its networks diverges, beyond doubt."""
POWER = 0.8
"""Probability with which as many seeds as are asked for tell the best from all others, if all is as it seems."""
FORESEEABLE = 16
"""More than so many times the seeds that there are is no foreseeable number."""
FACTOR = 2.0
SIDE = "side"
SIDES = ("lower", "higher")


def recommendation(
    scores: xr.DataArray, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> xr.Dataset:
    """Return the best learning rate, the rates that may also be the best, and what is known of every rate.

    Rates are compared by the mean over the seeds of the logarithm of their scores, paired by seed, where a network that
    diverged counts as one with twice the largest finite score of the grid. The range contains the rate that is the best
    in truth with the given confidence, also with few seeds (docs/recommendation.md says how that was measured). A rate
    whose share of diverged networks lies above 5%, beyond doubt (2 of 8, 1 of 3), belongs to the range only if that is
    so of every rate. Where rates have different seeds, those that they share are compared, and the best rate is that of
    an additive model, rate plus seed.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`: losses, the smaller the better; inf where a member diverged, NaN where none
        was trained
    confidence : of the range and of all intervals
    resamples : sets of resampled seeds, and random signs of many seeds
    seed : of these: the same scores always give the same result

    Returns
    -------
    Dataset
        score, score_low, score_high : (lr) geometric mean over the seeds that did not diverge, and Student's t
            interval of it (of the logarithm); NaN where there are none, or fewer than two
        members, diverged : (lr) networks trained, and how many of them diverged
        diverged_share, diverged_low, diverged_high : (lr) and Wilson's interval for the probability
        difference : (lr) mean of the logarithm of the ratio to the score of the best rate, diverged ones included; 0.1
            means about 10% worse. Where scores are negative, the difference itself
        difference_low, difference_high : (lr) at least and at most so much worse than the best rate in truth. The low
            end is 0 if the scores leave it possible that it is itself the best, even if it diverges too often to be
            recommended
        plausible : (lr) bool, it may be the best
        probability_best : (lr) share of the resampled sets of seeds in which it is the best; equal ones share
        best : the rate with the best score, seed by seed; always a plausible one
        low, high : smallest and largest plausible rate; NaN if all networks diverged
        decided : bool, whether only one rate of several is plausible, by two seeds or more
        at_edge : ``lower``, ``upper`` or ``both`` if the range reaches the end of the grid, so that the optimum may lie
            outside; otherwise empty
        seeds_needed : seeds for each rate that would distinguish the best from all others with a probability of 80%,
            if the differences are as they seem now; those trained if it is decided; -1 if more than 16 times as many,
            or if there is one seed only

    Raises
    ------
    InputError : other dimensions than (lr, seed), a confidence that is not between 0 and 1, fewer than 100 resamples.

    References
    ----------
    Hsu: Simultaneous confidence intervals for all distances from the "best", Annals of Statistics 9 (1981).

    Examples
    --------
    >>> noise = np.random.default_rng(0).lognormal(0, 0.1, (3, 8))
    >>> scores = xr.DataArray([[0.5], [0.2], [0.3]] * noise, coords={"lr": [0.001, 0.01, 0.1], "seed": range(8)})
    >>> result = recommendation(scores)
    >>> float(result.best), bool(result.decided), result.plausible.values.tolist()
    (0.01, True, [False, True, False])
    """
    check(confidence, resamples)
    ordered = check_scores(scores)
    bare = ordered.drop_vars(list(ordered.coords))  # aligning labels at every step would take most of the time
    logs = on_log_scale(bare)
    result = _of_each_rate(bare, confidence)
    candidates = _candidates(result)
    paired = pairs(logs, candidates)
    margin = critical_values(logs, paired, confidence, resamples, seed) * paired["error"]
    result["plausible"] = candidates & ~((paired["mean"] - margin).where(paired["compared"]).max(OTHER) > 0)
    whole = completed(logs.where(candidates))
    best = whole.mean(SEED).where(result["plausible"]).fillna(np.inf).argmin(LR)
    result = result.assign(_differences(paired, margin, best, candidates).data_vars)
    means = resampled_means(whole, resamples, seed).where(candidates)
    first = means == means.min(LR)
    result["probability_best"] = (first / first.sum(LR)).mean(RESAMPLE)
    result = result.assign(_decision(result, ordered[LR].values, best))
    result["seeds_needed"] = _seeds_needed(logs, result, best, confidence)
    return _described(result.assign_coords({LR: ordered[LR].values}), scores)


def sensitivity(scores: xr.DataArray, *, confidence: float = 0.95) -> xr.Dataset:
    """Return how much worse half and twice the best rate are.

    Between two rates of the grid the logarithm of the score is interpolated along the logarithm of the rate, seed by
    seed; a network that diverged counts as in `recommendation`. Since the best rate was chosen by the same scores, the
    cost is a little overestimated; and between far rates a valley is shallower than the line between them.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`
    confidence : of the intervals

    Returns
    -------
    Dataset (side) : ``lower`` and ``higher``; NaN outside of the grid
        ratio, ratio_low, ratio_high : of its score to that of the best rate, geometric mean over the pairs of a seed,
            with Student's t interval of the logarithm; NaN where scores are below zero

    Raises
    ------
    InputError : as `recommendation`.

    Examples
    --------
    >>> scores = xr.DataArray([[2.0, 2.2], [1.0, 1.1], [4.0, 4.4]], coords={"lr": [0.1, 0.2, 0.4], "seed": [0, 1]})
    >>> sensitivity(scores).ratio.values.round(6).tolist()
    [2.0, 4.0]
    """
    check(confidence)
    ordered = check_scores(scores)
    ordered = ordered.isel({LR: np.flatnonzero(ordered.notnull().any(SEED).values)})
    best = float(recommendation(scores, confidence=confidence, resamples=100)["best"])
    logs = on_log_scale(ordered)
    rates = xr.DataArray([best / FACTOR, best * FACTOR], coords={SIDE: list(SIDES)})
    differences = (_between(logs, rates) - _between(logs, xr.DataArray(best))).where(not is_linear(ordered))
    low, high = mean_interval(differences, confidence)
    logarithms = xr.Dataset({"ratio": differences.mean(SEED), "ratio_low": low, "ratio_high": high})
    ratios: xr.Dataset = xr.apply_ufunc(np.exp, logarithms)
    return describe(ratios, with_ends("ratio", f"{name_of(scores)} relative to that of the best rate"))


def _of_each_rate(scores: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return what can be said of each rate alone."""
    linear = is_linear(scores)
    finite = on_log_scale(scores).where(np.isfinite(scores))
    low, high = mean_interval(finite, confidence)
    members, diverged = scores.count(SEED), (scores == np.inf).sum(SEED)
    share_low, share_high = share_interval(diverged, members, confidence)
    return xr.Dataset(
        {
            "score": from_log_scale(finite.mean(SEED), linear),
            "score_low": from_log_scale(low, linear),
            "score_high": from_log_scale(high, linear),
            "members": members,
            "diverged": diverged,
            "diverged_share": diverged / members.where(members > 0),
            "diverged_low": share_low,
            "diverged_high": share_high,
        }
    )


def candidates_of(scores: xr.DataArray, confidence: float) -> xr.DataArray:
    """Return which rates (lr) may be recommended, of scores (lr, seed)."""
    return _candidates(_of_each_rate(scores, confidence))


def _candidates(result: xr.Dataset) -> xr.DataArray:
    """Tell which rates may be recommended: some network did not diverge, and not too many did, unless so everywhere."""
    ended = result["members"] > result["diverged"]
    safe = ended & ~(result["diverged_low"] > NEGLIGIBLE)
    return safe if safe.any() else ended


def _differences(paired: xr.Dataset, margin: xr.DataArray, best: xr.DataArray, candidates: xr.DataArray) -> xr.Dataset:
    """Return how much worse than the best each rate is, at least and at most."""
    lowest = (paired["mean"] - margin).where(paired["compared"]).max(OTHER)
    highest = (paired["mean"] + margin).where(paired["compared"]).max(OTHER)
    difference = paired["mean"].isel({OTHER: best}, drop=True).clip(min=0.0).where(candidates.any())
    return xr.Dataset(
        {
            "difference": difference,
            "difference_low": lowest.fillna(0.0).clip(min=0.0).clip(max=difference),
            "difference_high": xr.where(np.isfinite(highest), highest, np.nan).clip(min=difference),
        }
    )


def _decision(result: xr.Dataset, values: NDArray[np.float64], best: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return the best rate, the range, and whether it is one rate and within the grid."""
    rates, plausible, members = xr.DataArray(values, dims=LR), result["plausible"], result["members"]
    return {
        "best": rates.isel({LR: best}).where(plausible.any()),
        "low": rates.where(plausible).min(LR),
        "high": rates.where(plausible).max(LR),
        "decided": (plausible.sum(LR) == 1) & (members.max(LR) >= 2) & (members.sizes[LR] >= 2),
        "at_edge": xr.DataArray(_edge(plausible)),
    }


def _edge(plausible: xr.DataArray) -> str:
    lower, upper = bool(plausible.isel({LR: 0})), bool(plausible.isel({LR: -1}))
    return "both" if lower and upper else "lower" if lower else "upper" if upper else ""


def _seeds_needed(logs: xr.DataArray, result: xr.Dataset, best: xr.DataArray, confidence: float) -> xr.DataArray:
    """Return the seeds at which the best rate would be distinguished from all others that are plausible now."""
    there = int(result["members"].max())
    if result["decided"]:
        return xr.DataArray(there)
    if not result["plausible"].any() or there < 2:
        return xr.DataArray(-1)
    others = result["plausible"] & (xr.DataArray(np.arange(result.sizes[LR]), dims=LR) != best)
    difference = logs - logs.isel({LR: best})
    standardised = abs(difference.mean(SEED)) / difference.std(SEED, ddof=1)
    smallest = float(standardised.fillna(0.0).where(others).min())  # 0 / 0: rates that are equal in every seed
    error = (1 - confidence) / 2 / max(1, int(_candidates(result).sum()) - 1)
    power = POWER ** (1 / max(1, int(others.sum())))
    counts = range(there + 1, FORESEEABLE * there + 1)
    place = bisect_left(counts, True, key=lambda count: smallest >= visible(count, error, power))
    return xr.DataArray(counts[place] if place < len(counts) else -1)


def visible(count: int, error: float, power: float) -> float:
    """Return the mean difference, in standard deviations, that a test with so many seeds sees with that power.

    Both what the test demands and what chance adds to the t-value follow Student's distribution of the future number of
    seeds, which is far wider than the normal one where they are few.
    """
    return float(scipy.special.stdtrit(count - 1, [1 - error, power]).sum() / np.sqrt(count))


def _described(result: xr.Dataset, scores: xr.DataArray) -> xr.Dataset:
    name, units, linear = name_of(scores), units_of(scores), is_linear(scores)
    what = f"{'difference' if linear else 'log ratio'} of the {name} to that of the best rate"
    labels: Labels = {
        **with_ends("score", name, units),
        "difference": (what, units if linear else "1"),
        "difference_low": (f"{what}, at least", units if linear else "1"),
        "difference_high": (f"{what}, at most", units if linear else "1"),
        "members": ("networks trained", "networks"),
        "diverged": ("networks that diverged", "networks"),
        "diverged_share": "share of networks that diverged",
        "diverged_low": "probability of divergence, at least",
        "diverged_high": "probability of divergence, at most",
        "plausible": "may be the best",
        "probability_best": "share of resamples in which it is the best",
        "best": "best learning rate",
        "low": "smallest learning rate of the range",
        "high": "largest learning rate of the range",
        "decided": "only one rate is plausible",
        "at_edge": "end of the grid that the range reaches",
        "seeds_needed": ("seeds that would decide", "seeds"),
    }
    result[LR].attrs = {"long_name": "learning rate", "units": "1", "scale": "log", **scores[LR].attrs}
    result.attrs = {"scale": "linear" if linear else "log"}
    return describe(result, labels)


def pairs(logs: xr.DataArray, rivals: xr.DataArray) -> xr.Dataset:
    """Return how each rate's scores, as logarithms (lr, seed), differ from those of every rival, over common seeds.

    Mean and standard error (lr, other) of the differences, the number of common seeds, and whether the two are compared
    at all: another rate, a rival, two common seeds or more.
    """
    difference = logs - logs.rename({LR: OTHER})
    count = difference.count(SEED)
    error = (difference.std(SEED, ddof=1) / count.where(count >= 2) ** 0.5).clip(min=TINY)
    another = xr.DataArray(~np.eye(logs.sizes[LR], dtype=bool), dims=(LR, OTHER))
    compared = (count >= 2) & another & rivals.rename({LR: OTHER})
    return xr.Dataset({"mean": difference.mean(SEED), "error": error, "count": count, "compared": compared})


def completed(logs: xr.DataArray) -> xr.DataArray:
    """Return logarithms (lr, seed), missing ones filled in by an additive model, rate plus seed, of least squares."""
    if logs.notnull().all():
        return logs
    of_rate = logs.mean(SEED)
    for _ in range(TURNS):
        of_seed = (logs - of_rate).mean(LR)
        of_rate = (logs - of_seed).mean(SEED)
    return logs.fillna(of_rate + of_seed)


def critical_values(
    logs: xr.DataArray, paired: xr.Dataset, confidence: float, resamples: int, seed: int
) -> xr.DataArray:
    """Return how many standard errors a rate must lie above another one to be worse beyond chance (lr, other).

    If a rate is the best, none of its differences has a mean above zero. So it is not the best where the largest
    of its t-values is larger than chance makes it with the probability `confidence`, which is simulated by giving each
    seed's differences, centred, a random sign (the wild bootstrap: Student's t anew for each choice of signs, exact
    where they are symmetric). All comparisons of a rate share one probability of error, and each rate has its own;
    the rate that is the best in truth is therefore not ruled out with the given confidence.
    The probability of error is halved, as for an interval with two ends, so that one of two equal rates is taken for
    the better one no more often than 1 - confidence. Pairs with fewer than 8 common seeds get Student's quantile, by
    Bonferroni.

    References
    ----------
    Hsu: Simultaneous confidence intervals for all distances from the "best", Annals of Statistics 9 (1981).
    Hansen, Lunde, Nason: The model confidence set, Econometrica 79 (2011).
    Romano, Wolf: Stepwise multiple testing as formalized data snooping, Econometrica 73 (2005).
    """
    many = paired["compared"] & (paired["count"] >= ENOUGH_SEEDS)
    comparisons = paired["compared"].sum(OTHER)
    error = (1 - confidence) / 2 / comparisons.where(comparisons > 0)
    of_few = student_quantile(1 - error, paired["count"].where(paired["count"] >= 2) - 1).fillna(np.inf)
    if not many.any():
        return of_few
    largest = _largest_of_signs(logs, many, random_signs(logs.sizes[SEED], resamples, seed))
    error = (1 - confidence) / 2 * many.sum(OTHER) / comparisons.where(comparisons > 0)
    of_many = xr.apply_ufunc(_exceeded_by, largest, error, input_core_dims=[[RESAMPLE], []], vectorize=True)
    critical: xr.DataArray = xr.where(many, of_many, of_few)
    return critical


def _largest_of_signs(logs: xr.DataArray, compared: xr.DataArray, signs: xr.DataArray) -> xr.DataArray:
    """Return for each choice of signs the largest t-value of each rate (lr, resample)."""
    difference = (logs - logs.rename({LR: OTHER})).where(compared)
    centred = difference - difference.mean(SEED)
    count = centred.count(SEED).where(compared)
    mean = xr.dot(centred.fillna(0.0), signs, dim=SEED) / count
    variance = ((centred**2).mean(SEED) - mean**2).clip(min=0.0)
    largest: xr.DataArray = (mean / ((variance / (count - 1)) ** 0.5).clip(min=TINY)).max(OTHER)
    return largest


def _exceeded_by(samples: NDArray[np.float64], share: float) -> float:
    """Return the value that is exceeded by at most that share of the samples."""
    if not np.isfinite(share) or not share or np.isnan(samples).any():
        return np.inf
    return float(np.quantile(samples, 1 - share, method="higher"))


def _between(values: xr.DataArray, rates: xr.DataArray) -> xr.DataArray:
    """Return values (lr, seed) interpolated at other rates."""
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
    return (first + share * (second - first)).where(rates.copy(data=known))
