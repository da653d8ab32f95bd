"""The source's statements that can be checked, each for every network, on intervals without noise."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import xarray as xr

from lrscope.papers.linearity._results import CHANGE, GRID, PATH, Network, networks
from lrscope.studies import Claim
from lrscope.studies._words import counted, estimate_text, percent, share_text, short, within

STRAIGHT = 0.99
"""R² without noise from which on a path counts as straight."""
SLOPE_TOLERANCE, ACCURACY_TOLERANCE = 0.1, 0.005
"""Largest error of the slope, as a share of b / a; largest difference of accuracies that counts as none."""
SMALL, LARGE = 0.5, 1.0
"""Changes up to this share of eta are small; beyond the second one they are large."""
AGREEMENT = 0.9
"""Share of the decided pairs of laws that must agree."""
DOG, DOG_CHANGES, DOG_RATES = 5, (0.8, 0.2), (0.4, 0.6)
"""Class of CIFAR-10, mean changes of its most and least favoured samples in the source, and the rates between them."""
BAND = 10
"""Samples of middling confidence for each sample on one side; with fewer, the sides are not extremes (source: 40)."""

Judged = tuple[bool | None, str]
"""Whether a statement holds, None if the intervals do not decide it, and what was measured."""


def claims(results: xr.DataTree) -> list[Claim]:
    """Return every statement for every network; only once if it cannot be checked for any."""
    known, options = networks(results), results.attrs["options"]
    seeds = "trainings with common seeds" if options.pairing == "common" else "independent trainings"
    judged = []
    for claim, group in STATEMENTS:
        together = len(known) == 1 or bool(claim.needs(results))
        for network in known[:1] if together else known:
            rates = ", ".join(f"{lr:.6g}" for lr in network.attrs["rates"].three)
            setting = (
                "The source: CIFAR-10, rates 0.4, 0.5, 0.6, 40 000 independent trainings each. "
                f"Here: {options.data}, rates {rates}, {options.replicates} {seeds} each."
            )
            own = replace(_about(claim, group, network.name), note=setting)
            if not together:
                own = replace(own, id=f"{claim.id}-{network.name}", statement=f"{network.name}: {claim.statement}")
            judged.append(own)
    return judged


def _about(claim: Claim, group: str, network: str) -> Claim:
    """Return a claim of `STATEMENTS` about one network, which may lack a group of analyses."""

    def lacking(results: xr.DataTree) -> Sequence[str]:
        unknown = results[network].attrs["unknown"]
        return claim.needs(results) or ([f"more trainings ({unknown[group]})"] if group in unknown else [])

    return replace(claim, of=lambda results: claim.of(results[network]), needs=lacking)


def _statement(
    id: str,
    section: str,
    statement: str,
    tolerance: str,
    judge: Callable[[Network], Judged],
    group: str = PATH,
    **more: Any,
) -> tuple[Claim, str]:
    """Return a claim that takes a network, and the group of analyses that it needs."""
    claim = Claim(
        id,
        f"Jordan, post, {section}",
        statement,
        of=judge,
        holds=itemgetter(0),
        measured=itemgetter(1),
        undecided=lambda judged: f"The trainings do not decide it: {judged[1]}.",
        tolerance=tolerance,
        **more,
    )
    return claim, group


def _linear(network: Network) -> Judged:
    law = network["law"]
    text = f"R² {short(float(law['r2']), 4)}, without noise {estimate_text(law, 'r2_corrected', 4)}"
    return within(law, "r2_corrected", STRAIGHT, math.inf), text


def _slope(network: Network) -> Judged:
    law = network["law"]
    expected = float(law["expected_slope"])
    corrected = estimate_text(law, "slope_corrected")
    text = f"slope {short(float(law['slope']))}, without noise {corrected}, expected {short(expected)}"
    limits = sorted((expected * (1 - SLOPE_TOLERANCE), expected * (1 + SLOPE_TOLERANCE)))
    return within(law, "slope_corrected", *limits), text


def once(network: Network) -> xr.Dataset:
    """Return the laws of the grid, each once: a and b can be swapped."""
    laws: xr.Dataset = network["laws"].to_dataset()
    return laws.isel(law=np.flatnonzero(~laws["swapped"]))


def of_size(laws: xr.Dataset, least: float, most: float) -> xr.Dataset:
    """Return the laws whose larger change is above `least` and up to `most`, in multiples of eta."""
    return laws.isel(law=np.flatnonzero((laws["size"] > least + 1e-9) & (laws["size"] <= most + 1e-9)))


def _counts(laws: xr.Dataset) -> tuple[int, int, int, str]:
    """Return how many laws are straight, not straight, all; in words."""
    count = laws.sizes["law"]
    straight = int((laws["r2_corrected_low"] >= STRAIGHT).sum())
    bent = int((laws["r2_corrected_high"] < STRAIGHT).sum())
    median = float(laws["r2_corrected"].median())
    text = (
        f"of {counted(count, 'law')} {straight} have {STRAIGHT:g} or more, {bent} have less, {count - straight - bent} "
        f"may have either{f' (median {short(median, 4)})' if math.isfinite(median) else ''}"
    )
    return straight, bent, count, text


def _half(yes: int, no: int, count: int) -> bool | None:
    """Tell whether at least half are yes; None if those that are neither could turn it."""
    return None if not count else True if 2 * yes >= count else False if 2 * (count - no) < count else None


def _near(network: Network) -> Judged:
    straight, bent, count, text = _counts(of_size(once(network), 0, SMALL))
    return _half(straight, bent, count), text


def _far(network: Network) -> Judged:
    straight, bent, count, text = _counts(of_size(once(network), LARGE, math.inf))
    return _half(bent, straight, count), text


def _smaller(network: Network) -> Judged:
    """Compare laws of the same eta and b / a, of which one has the smaller changes, where intervals do not overlap."""
    laws = once(network)
    size, low, high = (laws[name].values for name in ("size", "r2_corrected_low", "r2_corrected_high"))
    same = [np.isclose(one[:, None], one, rtol=1e-6) for one in (laws["eta"].values, (laws["b"] / laws["a"]).values)]
    pairs = same[0] & same[1] & (size[:, None] < size - 1e-9)
    better, worse = (int(one[pairs].sum()) for one in (low[:, None] > high, high[:, None] < low))
    text = (
        f"of {counted(int(pairs.sum()), 'pair')} the smaller changes have the larger R² in {better}, the smaller one "
        f"in {worse}; in the others the intervals overlap"
    )
    decided = better + worse
    return better >= AGREEMENT * decided if decided and 2 * decided >= pairs.sum() else None, text


def _no_function(network: Network) -> Judged:
    """Judge by bins and by a line, both without noise: half explained by either is enough for a relation."""
    relation = network["delta_against_output"]
    bins, line = (share_text(relation, name) for name in ("r2_bins_corrected", "r2_corrected"))
    text = f"share of the variance that the logit explains without noise: {bins} in 20 bins, {line} as a line"
    verdicts = [within(relation, name, -math.inf, 0.5) for name in ("r2_bins_corrected", "r2_corrected")]
    return False if False in verdicts else None if None in verdicts else True, text


def _accuracy(network: Network) -> Judged:
    at_eta = percent(float(network["accuracy"]["accuracy"][0]), 2)
    text = f"{at_eta} at eta, difference {share_text(network['accuracy'], 'difference', 2)}"
    return within(network["accuracy"], "difference", -ACCURACY_TOLERANCE, ACCURACY_TOLERANCE), text


def _in_order(network: Network, name: str, lower: str, upper: str) -> Judged:
    """Tell whether in most classes all samples of one side have less confidence than all of the other."""
    values = network["favoured"][name]
    all_below = values.sel(side=lower).max("rank") < values.sel(side=upper).min("rank")
    on_average = values.sel(side=lower).mean("rank") < values.sel(side=upper).mean("rank")
    count, classes = int(all_below.sum()), values.sizes["class"]
    text = f"all of them in {count} of {classes} classes, on average in {int(on_average.sum())}"
    return 2 * count > classes, text


def _dogs(network: Network) -> Judged:
    means = network["favoured"]["mean_change"].sel({"class": DOG})
    changes = [float(means.sel(side=side)) for side in ("most", "least")]
    if not np.isfinite(changes).all():
        return None, "the changes of the dogs are not known"
    near = all(abs(change - published) <= 0.2 for change, published in zip(changes, DOG_CHANGES, strict=True))
    return near, f"{short(changes[0], 2)} and {short(changes[1], 2)}"


def _needs_small(results: xr.DataTree) -> Sequence[str]:
    rates = [each.attrs["rates"] for each in networks(results)]
    largest = max(abs(change) / each.eta for each in rates for change in (each.a, each.b))
    return () if largest <= SMALL + 1e-9 else [f"a and b of at most half of eta (here up to {short(largest)} of it)"]


def _needs_grid(results: xr.DataTree) -> Sequence[str]:
    return () if results.attrs["options"].grid else ["a grid of rates: --grid"]


def _needs_band(results: xr.DataTree) -> Sequence[str]:
    """Name what is missing for the sides to be extremes of their class rather than its halves."""
    known = [each["favoured"] for each in networks(results, "favoured")]
    if not known:
        return ()
    least = BAND * known[0].sizes["rank"]
    sizes = np.concatenate([each["band"].values for each in known])
    if sizes.min() >= least:
        return ()
    here = f"{sizes.min()} to {sizes.max()}" if sizes.max() > sizes.min() else f"{sizes.min()}"
    return [f"{least} samples of middling confidence in each class, {BAND} times those of a side (here {here})"]


def _needs_dogs(results: xr.DataTree) -> Sequence[str]:
    if results.attrs["options"].data != "cifar10":
        return ["the dogs of CIFAR-10: --data cifar10 --root DIR"]
    rates = [(each.attrs["rates"].three[0], each.attrs["rates"].three[-1]) for each in networks(results)]
    return _needs_band(results) if np.allclose(rates, DOG_RATES) else ["the source's rates: --lr 0.4 --delta2 0.2"]


STATEMENTS = (
    _statement(
        "linear",
        "experiment",
        "the learning rate has a locally linear effect on mean outputs: the correlation of the changes is nearly 1",
        f"R² without noise is {STRAIGHT:g} or more, with its whole interval",
        _linear,
        published=0.9991,
        needs=_needs_small,
    ),
    _statement(
        "slope",
        "the empirical law",
        "the change at eta + b is b / a times that at eta + a",
        f"the slope without noise is within {SLOPE_TOLERANCE:.0%} of b / a, with its whole interval",
        _slope,
        published="about 2, for b / a = 2",
        needs=_needs_small,
    ),
    _statement(
        "near",
        "further experiments",
        "the law holds whenever a / eta and b / eta are relatively small",
        f"R² without noise is {STRAIGHT:g} or more, with its whole interval, in half of the laws with both up to "
        f"{SMALL:g}",
        _near,
        group=GRID,
        needs=_needs_grid,
    ),
    _statement(
        "far",
        "further experiments",
        "it begins to break down when either is increased much beyond 0.5",
        f"R² without noise is below {STRAIGHT:g}, with its whole interval, in half of the laws with one beyond "
        f"{LARGE:g}",
        _far,
        group=GRID,
        needs=_needs_grid,
    ),
    _statement(
        "smaller",
        "further experiments",
        "as a / eta and b / eta get smaller, the correlation increases",
        f"in {AGREEMENT:.0%} of the pairs of laws with one eta and b / a whose intervals do not overlap; these must be "
        "half of all pairs",
        _smaller,
        group=GRID,
        needs=_needs_grid,
    ),
    _statement(
        "no-function",
        "question 1",
        "the change is no simple function of the logit: there is no strong relationship",
        "without noise, the logit at eta explains less than half of the change's variance, with the whole interval",
        _no_function,
        group=CHANGE,
    ),
    _statement(
        "accuracy",
        "question 2",
        "eta and eta + b lead to nearly the exact same accuracy",
        f"they differ by at most {ACCURACY_TOLERANCE:.1%} of the samples, with the whole interval",
        _accuracy,
        group=CHANGE,
    ),
    _statement(
        "confident-before",
        "question 2",
        "at eta, the samples that gain least are all more confident than those that gain most",
        "in more than half of the classes",
        lambda network: _in_order(network, "confidence_low", "most", "least"),
        group=CHANGE,
        needs=_needs_band,
    ),
    _statement(
        "confident-after",
        "question 2",
        "at eta + b, the samples that gain most are all more confident than those that gain least",
        "in more than half of the classes",
        lambda network: _in_order(network, "confidence_high", "least", "most"),
        group=CHANGE,
        needs=_needs_band,
    ),
    _statement(
        "dogs",
        "question 2",
        "the logit of the 24 dogs that gain most rises by 0.8 on average, that of the 24 that gain least by 0.2",
        "each within 0.2",
        _dogs,
        published=list(DOG_CHANGES),
        group=CHANGE,
        needs=_needs_dogs,
    ),
)
