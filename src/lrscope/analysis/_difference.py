"""Is the difference between two learning rates real? Seed by seed where both have the same seeds."""

from bisect import bisect_left
from collections.abc import Mapping
from math import comb, inf, sqrt
from typing import Any

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._recommendation import POWER, visible
from lrscope.analysis._scores import LR, check_scores
from lrscope.analysis._seeds import SEED, Labels, check, describe, name_of, units_of
from lrscope.errors import InputError, must_be

FLIPS = 2**16
"""Choices of signs that are tried: all up to 16 pairs, so many random ones of more."""
FLIP_SEED = 0
EFFECT = 1.0
"""Deviation of the prior of a difference, in deviations of the pairs."""
SAME_RATE = 1e-9
"""Relative difference below which two learning rates are the same."""
SHARED = 0.5
"""Rates are paired if they share at least so many of the seeds of the one that has fewer."""
ROUNDING = 1e-12
"""Deviations below this share of the values are those of equal values."""
MOST_SEEDS = 10**6
"""More seeds than these are no answer."""
LARGEST = 10**300
"""Larger e-values are not distinguished: they would soon overflow."""


def difference(
    scores: xr.DataArray, lr: float, other: float, *, confidence: float = 0.95, paired: bool = True
) -> xr.Dataset:
    """Return how much a quantity differs between two learning rates, and whether chance alone would do that.

    Networks of the same seed are compared with each other, by Student's t of their differences: what a seed does to
    both rates cancels. Beside its p-value stands the one of sign flips, which takes nothing but symmetry for granted:
    among all choices of signs of the differences (of more than 16 pairs, among 65536 random ones), the share whose mean
    is at least as far from zero. Where the rates share less than half of their seeds, Welch's test compares the means
    of all networks. Networks that diverged are left out at both rates; beside the result stands an e-value of how often
    one rate diverged and the other did not.
    Where few seeds of one rate alone end very badly, neither test keeps what it promises (docs/compare.md has numbers).

    Test and interval are those of a number of seeds that was chosen before looking. Beside them stand an e-value and
    an interval that hold however often one looks, and whenever one stops adding seeds: over all numbers of seeds
    together, the interval misses the truth with the probability 1 - confidence. They come from the t-values of the
    pairs, under a normal prior of deviation 1 for the difference in deviations; networks that are not paired are taken
    in pairs in the order of their seeds.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`, of any quantity; inf where a network diverged, NaN where none was trained
    lr, other : the two rates
    confidence : of the interval
    paired : False where networks of the same seed have nothing in common; then Welch's test is taken

    Returns
    -------
    Dataset
        mean : (lr) of the networks compared, first that of `lr`, then that of `other`
        count, diverged : (lr) networks compared, and networks left out since they diverged
        alone : (lr) pairs of which only this one diverged
        e_diverged : how many times as likely these numbers are if one rate diverges more often than if both do alike
        difference : mean at `lr` minus mean at `other`; NaN, as all that follows from it, if fewer than two of each, or
            pairs, ended well
        low, high : its interval; NaN where all differences are the same, which leaves nothing to estimate noise from
        p_value : of Student's or Welch's two-sided test; NaN as the interval, but 1 where all differences are zero
        anytime_low, anytime_high : interval that holds at every number of seeds; infinite where they are too few
        e_value : how many times as likely the values are with a difference as without; 20 decides at 95%
        p_flips : of the sign flips; NaN if not paired
        flips : choices of signs that were tried, 0 if not paired; all there are if that is 2 ** pairs
        paired : whether seeds were paired
        pairs : how many; 0 if not paired
        unmatched : networks that were left out since the other rate has none of that seed; 0 if not paired
        deviation : standard deviation of the difference of a network at `lr` and one at `other`: of the paired
            differences, or of two unrelated networks
        unrelated : what `deviation` is, or would be, without pairs
        correlation : of the pairs; NaN if not paired, or if one rate has the same value everywhere
        smallest : difference that as many seeds would show with a probability of 80%

    Raises
    ------
    InputError : other dimensions than (lr, seed), a rate that is not there, the same rate twice, a confidence that is
        not between 0 and 1, or fewer than two networks of each rate, or pairs.

    References
    ----------
    Student: The probable error of a mean, Biometrika 6 (1908). Welch: The generalization of Student's problem when
    several different population variances are involved, Biometrika 34 (1947). Fisher: The Design of Experiments
    (1935), section 21, for the flips. Lai: On confidence sequences, Annals of Statistics 4 (1976), and Wang, Ramdas:
    Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance, Sequential Analysis 44
    (2025), for what holds at every number of seeds.

    Examples
    --------
    >>> losses = [[0.31, 0.28, 0.33, 0.30], [0.36, 0.32, 0.37, 0.36]]
    >>> result = difference(xr.DataArray(losses, coords={"lr": [0.01, 0.1], "seed": range(4)}), 0.01, 0.1)
    >>> print(f"{float(result.difference):.4f} ({float(result.low):.4f} to {float(result.high):.4f})")
    -0.0475 (-0.0627 to -0.0323)
    >>> print(f"p = {float(result.p_value):.3f}, by all {int(result.flips)} flips {float(result.p_flips):.3f}")
    p = 0.002, by all 16 flips 0.125
    """
    check(confidence)
    ordered = _at_rates(check_scores(scores), lr, other)
    both = ordered.drop_vars(list(ordered.coords))  # aligning labels at every step would take most of the time
    trained = both.notnull()
    shared = int(trained.all(LR).sum())
    together = paired and shared >= max(2, SHARED * int(trained.sum(SEED).min()))
    _refuse_few(trained.sum(SEED).values.tolist())
    well = abs(both) < np.inf
    used = both.where(well.all(LR)) if together else both.where(well)
    pairs = _in_pairs(both, together)
    finite = abs(pairs) < np.inf
    first, second = pairs.where(finite.all(LR)).dropna(SEED).values
    alone = (~finite & finite.any(LR)).sum(SEED)
    result = _paired(used, confidence) if together else _unpaired(used, confidence)
    result = result.assign(anytime(first - second, confidence))
    result = result.assign(alone=alone, e_diverged=uneven(*alone.values.tolist()))
    result = result.assign(mean=used.mean(SEED), count=used.count(SEED), diverged=(trained & ~well).sum(SEED))
    unmatched = trained & ~trained.all(LR)
    result = result.assign(unmatched=int(unmatched.sum()) if together else 0)
    return _described(result.assign_coords({LR: ordered[LR].values}), scores, confidence)


def anytime(gaps: NDArray[np.float64], confidence: float) -> dict[str, float]:
    """Return the e-value of differences of pairs, and the interval of their mean that holds at every number of them.

    The e-value is the likelihood of their t-value, averaged over a normal prior of the standardised mean, divided by
    that of no difference: a martingale where there is none, whatever the deviation. The interval has every mean whose
    e-value lies below 1 / (1 - confidence). All are NaN where nothing varies, or for fewer than two pairs.
    """
    count = len(gaps)
    deviation = float(gaps.std(ddof=1)) if count > 1 else 0.0
    if deviation <= ROUNDING * float(abs(gaps).max(initial=0.0)):
        return dict.fromkeys(("e_value", "anytime_low", "anytime_high"), np.nan)
    mean, freedom, spread = float(gaps.mean()), count - 1, 1 + count * EFFECT**2
    square = count * (mean / deviation) ** 2 / freedom
    e_value = ((1 + square) / (1 + square / spread)) ** (count / 2) / sqrt(spread)
    bound = (sqrt(spread) / (1 - confidence)) ** (2 / count)
    half = inf
    if bound < spread:
        half = deviation * sqrt(freedom * (bound - 1) / (1 - bound / spread) / count)
    return {"e_value": e_value, "anytime_low": mean - half, "anytime_high": mean + half}


def uneven(first: int, second: int) -> float:
    """Return the e-value of one side diverging more often, from the pairs of which only that side diverged.

    If both diverge alike, each is the one in half of these pairs. The likelihood of the numbers, averaged evenly over
    all shares, is divided by that of a half: a martingale where both diverge alike, however often that is.
    """
    count = first + second
    under_half, averaged = 2**count, (count + 1) * comb(count, first)  # whole numbers: 1 is exactly 1
    return under_half / averaged if under_half < LARGEST * averaged else float(LARGEST)


def winner(result: Mapping[Any, Any], maximize: bool, confidence: float) -> int:
    """Return which side is better at any number of seeds: 0, 1, or -1 if that is undecided.

    Where nothing differs, the product of the two e-values is a martingale, too: each pair counts in one of them only.
    It exceeds 1 / (1 - confidence) at any time with a probability of at most 1 - confidence. A side is better if the
    product does so, and none of the two e-values speaks for the other side.

    Parameters
    ----------
    result : ``e_value``, ``difference``, ``e_diverged`` and ``alone`` as of `difference`
    maximize : whether the larger the better
    confidence : 1 - confidence is the probability of a wrong answer where nothing differs

    Examples
    --------
    >>> losses = [[0.31, 0.28, 0.33, 0.30, 0.29], [np.inf] * 5]
    >>> result = difference(xr.DataArray(losses, coords={"lr": [0.01, 0.1], "seed": range(5)}), 0.01, 0.1)
    >>> winner(result, maximize=False, confidence=0.8), winner(result, maximize=False, confidence=0.95)
    (0, -1)
    """
    of_values, of_divergence = np.nan_to_num(float(result["e_value"]), nan=1.0), float(result["e_diverged"])
    first, second = (int(count) for count in result["alone"])
    favoured = {int((float(result["difference"]) > 0) != maximize)} if of_values > 1 else set()
    favoured |= {int(first > second)} if of_divergence > 1 else set()
    decided = of_values * of_divergence >= 1 / (1 - confidence) and len(favoured) == 1
    return favoured.pop() if decided else -1


def _in_pairs(values: xr.DataArray, together: bool) -> xr.DataArray:
    """Return networks (lr, seed) in pairs of the same seed; those that are not paired in the order of their seeds."""
    if together:
        return values.dropna(SEED)
    first, second = (own[~np.isnan(own)] for own in values.values)
    return xr.DataArray([first[: len(second)], second[: len(first)]], dims=(LR, SEED))


def seeds_needed(result: xr.Dataset, size: float) -> xr.DataArray:
    """Return how many seeds for each rate would show a difference of a given size, with a probability of 80%.

    It takes the deviation of the differences for as large as it is here; with few seeds that is uncertain itself, and
    so is the number (docs/compare.md says how much). Without pairs the seeds are those of each rate.

    Parameters
    ----------
    result : of `difference`
    size : the difference that one wants to see, in the units of the quantity; its sign does not matter

    Returns
    -------
    DataArray : seeds, 2 or more; -1 for more than a million

    Raises
    ------
    InputError : a size that is zero or not finite.

    Examples
    --------
    >>> losses = [[0.31, 0.28, 0.33, 0.30], [0.36, 0.32, 0.37, 0.36]]
    >>> result = difference(xr.DataArray(losses, coords={"lr": [0.01, 0.1], "seed": range(4)}), 0.01, 0.1)
    >>> int(seeds_needed(result, 0.0475)), int(seeds_needed(result, 0.01))
    (3, 10)
    """
    if not 0 < abs(size) < np.inf:
        raise must_be("size", "a finite number other than 0", size)
    error, deviation = (1 - result.attrs["confidence"]) / 2, float(result["deviation"])
    counts = range(2, MOST_SEEDS + 1)
    place = bisect_left(counts, True, key=lambda count: abs(size) >= deviation * visible(count, error, POWER))
    needed = xr.DataArray(counts[place] if place < len(counts) else -1)
    return needed.assign_attrs(long_name=f"seeds that would show a difference of {size:g}", units="seeds")


def _at_rates(scores: xr.DataArray, lr: float, other: float) -> xr.DataArray:
    """Return the scores (lr, seed) at the two rates, in this order."""
    places = [_place(scores[LR], name, value) for name, value in (("lr", lr), ("other", other))]
    if places[0] == places[1]:
        raise must_be("other", "another rate than lr", other)
    return scores.isel({LR: places})


def _place(rates: xr.DataArray, name: str, value: float) -> int:
    """Return where a rate stands among those there are."""
    same = abs(rates - value) <= SAME_RATE * abs(value)
    if not same.any():
        above = int((rates < value).sum())
        near = rates.values[max(above - 1, 0) : above + 1].tolist()
        raise must_be(
            name, "a rate that was trained", value, f"The nearest: {' and '.join(f'{one:g}' for one in near)}."
        )
    return int(same.argmax(LR))


def _refuse_few(trained: list[int]) -> None:
    if min(trained) < 2:
        got = " and ".join(map(str, trained))
        raise InputError(
            f"seeds must be 2 or more of each; got {got}. One says nothing about chance: train more seeds."
        )


def _paired(used: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return what Student's t and sign flips say of the differences."""
    known = used.dropna(SEED)
    first, second = known.values
    gaps = first - second
    pairs = len(gaps)
    if pairs < 2:
        return _untested(paired=True, pairs=pairs)
    deviation = _noise(float(gaps.std(ddof=1)), known)
    varied = min(_noise(float(values.std()), known) for values in (first, second)) > 0
    flips = scipy.stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=FLIPS, vectorized=True, random_state=FLIP_SEED
    )
    result = {
        "deviation": deviation,
        "unrelated": sqrt(float(known.var(SEED, ddof=1).sum())),
        "correlation": scipy.stats.pearsonr(first, second).statistic if varied else np.nan,
        "paired": True,
        "pairs": pairs,
        "p_flips": flips.pvalue,
        "flips": min(2**pairs, FLIPS),
    }
    test = scipy.stats.ttest_rel(first, second) if deviation else None
    return xr.Dataset(result | _tested(float(gaps.mean()), deviation / sqrt(pairs), test, confidence))


def _unpaired(used: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return what Welch's test says of the means."""
    first, second = (values[np.isfinite(values)] for values in used.values)
    if min(len(first), len(second)) < 2:
        return _untested(paired=False, pairs=0)
    squares = [values.var(ddof=1) / len(values) for values in (first, second)]
    deviation = _noise(float(used.var(SEED, ddof=1).sum()) ** 0.5, used)
    result = {
        "deviation": deviation,
        "unrelated": deviation,
        "correlation": np.nan,
        "paired": False,
        "pairs": 0,
        "p_flips": np.nan,
        "flips": 0,
    }
    test = scipy.stats.ttest_ind(first, second, equal_var=False) if deviation else None
    return xr.Dataset(result | _tested(float(first.mean() - second.mean()), sqrt(sum(squares)), test, confidence))


def _untested(**known: int) -> xr.Dataset:
    """Return the result where too few ended well."""
    names = ("difference", "low", "high", "p_value", "p_flips", "deviation", "unrelated", "correlation", "smallest")
    return xr.Dataset({**dict.fromkeys(names, np.nan), "flips": 0, **known})


def _noise(deviation: float, values: xr.DataArray) -> float:
    """Return a deviation, or 0 if it is only rounding."""
    return deviation if deviation > ROUNDING * float(abs(values).max()) else 0.0


def _tested(gap: float, error: float, test: Any, confidence: float) -> dict[str, float]:
    """Return the difference with its interval and p-value, and the difference that as many seeds would show."""
    if test is None:  # without noise there is nothing to test by
        nothing = dict.fromkeys(("low", "high", "smallest"), np.nan)
        return {"difference": gap, "p_value": np.nan if gap else 1.0, **nothing}
    interval = test.confidence_interval(confidence)
    return {
        "difference": gap,
        "low": float(interval.low),
        "high": float(interval.high),
        "p_value": float(test.pvalue),
        "smallest": error * float(scipy.stats.t.ppf([(1 + confidence) / 2, POWER], test.df).sum()),
    }


NAMES = {
    "mean": "{}",
    "count": "networks compared",
    "diverged": "networks that diverged",
    "alone": "pairs of which only this one diverged",
    "e_diverged": "e-value of a difference in divergence",
    "difference": "difference of the {}",
    "low": "difference of the {}, low end of the interval",
    "high": "difference of the {}, high end of the interval",
    "anytime_low": "difference of the {}, low end of the interval for any number of seeds",
    "anytime_high": "difference of the {}, high end of the interval for any number of seeds",
    "e_value": "e-value of a difference",
    "p_value": "p-value of the t test",
    "p_flips": "p-value of sign flips",
    "flips": "choices of signs that were tried",
    "paired": "seeds are paired",
    "pairs": "pairs of networks",
    "unmatched": "networks without a partner",
    "deviation": "standard deviation of the difference of the {}",
    "unrelated": "standard deviation of the difference of the {}, unpaired",
    "correlation": "correlation of the pairs",
    "smallest": "difference of the {} that as many seeds would show",
}
COUNTED = {
    "count": "networks",
    "diverged": "networks",
    "alone": "pairs",
    "pairs": "pairs",
    "unmatched": "networks",
}


def _described(result: xr.Dataset, scores: xr.DataArray, confidence: float) -> xr.Dataset:
    name, units = name_of(scores), units_of(scores)
    labels: Labels = {
        key: (text.format(name), units if "{}" in text else COUNTED.get(key, "1")) for key, text in NAMES.items()
    }
    result[LR].attrs = {"long_name": "learning rate", "units": "1", "scale": "log", **scores[LR].attrs}
    return describe(result[list(NAMES)], labels).assign_attrs(confidence=confidence)
