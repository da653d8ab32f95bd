"""The source's statements that can be checked, checked for each network. Nothing here is decided in advance."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope.papers.linearity._lacking import CHANGE, LAWS, LR, PATH
from lrscope.papers.linearity._options import Options, Rates
from lrscope.papers.linearity._results import Network, Results, change_of, path_of
from lrscope.papers.linearity._words import shares, sure
from lrscope.report._old import Claim
from lrscope.studies._words import counted, percent, short

POST = "Jordan, post"
WORDS = "stated in words"
TRAININGS = "independent trainings"
PUBLISHED = 0.9991
LINEAR, SLOPE, ACCURACY = 0.99, 0.1, 0.005
"""R² of a straight line; share of b / a that the slope may be off; difference of accuracies that is none."""
MOST = 0.9
"""Share of the pairs of laws that agree, of those whose intervals tell them apart."""
NEAR, FAR = 0.5, 1.0
"""Changes up to this share of eta are small; beyond the second one they are much larger than one half."""
DOG, DOGS, DOG_RATES = 5, (0.8, 0.2), (0.4, 0.6)
"""The source's class of CIFAR-10, the mean changes of its most and least favoured samples, and from where to where."""
BAND = 10
"""Samples of middling confidence for each on one side: with fewer, the sides are no extremes (the source has 40)."""
Judged = tuple[bool | None, str]
"""Whether it holds, None if that cannot be told, and what was measured."""


@dataclass(frozen=True)
class Statement:
    """A statement of the source about a network.

    Attributes
    ----------
    id, section, words, published, tolerance : of the claim
    judge : network, results -> whether it holds, and what was measured
    needs : results -> what is lacking to check it at all; empty if nothing
    part : of what is known of a network, that it is about
    """

    id: str
    section: str
    words: str
    tolerance: str
    judge: Callable[[Network, Results], Judged]
    published: object = WORDS
    needs: Callable[[Results], str] = lambda _found: ""
    part: str = PATH


def claims(found: Results) -> list[Claim]:
    """Return every claim of every network: with the published value, the measured one, and whether it holds."""
    return [claim for statement in STATEMENTS for claim in _judged(statement, found)]


def _judged(statement: Statement, found: Results) -> list[Claim]:
    """Return the claim about each network, named if there are several; one if it cannot be checked at all."""
    lacking = statement.needs(found)
    if lacking:
        return [_claim(statement, "", None, None, lacking)]
    several = len(found.networks) > 1
    return [_of(statement, each, found, each.name if several else "") for each in found.networks]


def _of(statement: Statement, network: Network, found: Results, name: str) -> Claim:
    if statement.part in network.lacking:
        return _claim(statement, name, None, None, f"Not decided: {network.lacking[statement.part]}.")
    holds, told = statement.judge(network, found)
    if holds is None:
        return _claim(statement, name, None, None, f"The trainings do not decide: {told}.")
    return _claim(statement, name, told, holds, _setting(found.options, network.rates))


def _claim(statement: Statement, name: str, measured: str | None, holds: bool | None, note: str) -> Claim:
    source, published = f"{POST}, {statement.section}", statement.published
    label, words = (f"{statement.id}-{name}", f"{name}: {statement.words}") if name else (statement.id, statement.words)
    return Claim(label, source, words, published, measured, statement.tolerance, holds, note)


def _setting(options: Options, rates: Rates) -> str:
    return (
        f"The source: CIFAR-10, rates 0.4, 0.5, 0.6, 40 000 {TRAININGS} each. Here: {options.data}, "
        f"rates {', '.join(f'{lr:.6g}' for lr in rates.three)}, "
        f"{options.replicates} {'trainings with common seeds' if options.pairing == 'common' else TRAININGS} each."
    )


def _within(low: float, high: float, least: float, most: float) -> bool | None:
    """Tell whether an interval lies inside limits; None if it only overlaps them."""
    if low >= least and high <= most:
        return True
    return False if high < least or low > most else None


def _linear(network: Network, _found: Results) -> Judged:
    row = path_of(network).law
    value, low, high = (float(row[f"r2_corrected{end}"]) for end in ("", "_low", "_high"))
    told = f"R² {short(float(row['r2']), 4)}, without noise {sure((value, low, high), 4)}"
    return _within(low, math.inf if math.isinf(high) else max(high, low), LINEAR, math.inf), told


def _slope(network: Network, _found: Results) -> Judged:
    row = path_of(network).law
    expected = float(row["expected_slope"])
    value, low, high = (float(row[name]) for name in ("slope_corrected", "slope_low", "slope_high"))
    told = f"slope {short(float(row['slope']))}, without noise {sure((value, low, high))}, expected {short(expected)}"
    ends = sorted((expected * (1 - SLOPE), expected * (1 + SLOPE)))
    return _within(low, high, *ends), told


def _small(found: Results) -> str:
    rates = [each.rates for each in found.networks]
    largest = max(abs(change) / each.eta for each in rates for change in (each.a, each.b))
    return "" if largest <= NEAR + 1e-9 else f"Needs a and b of at most half of eta; here up to {short(largest)} of it."


def _grid(found: Results) -> str:
    return "" if found.options.grid else "Needs a grid of rates: --grid."


def each_once(laws: xr.Dataset) -> xr.Dataset:
    """Return the laws of a grid without those that only swap a and b, for R² is the same number."""
    a, b = laws["a"].values, laws["b"].values
    further = np.round(abs(b) - abs(a), 9)
    return laws.isel(law=np.flatnonzero((further > 0) | ((further == 0) & (a < b))))


def relative_size(laws: xr.Dataset) -> np.ndarray:
    """Return the larger of |a| / eta and |b| / eta of each law."""
    return np.asarray(np.maximum(abs(laws["a"].values), abs(laws["b"].values)) / laws["eta"].values)


def _of_grid(network: Network) -> tuple[xr.Dataset, np.ndarray]:
    """Return the laws of the grid, each once, and their sizes."""
    assert network.laws is not None
    laws = each_once(network.laws)
    return laws, relative_size(laws)


def _counted(laws: xr.Dataset) -> tuple[int, int, str]:
    """Return how many laws have R² of a line with their whole interval, how many have less, and both in words."""
    values = laws["r2_corrected"].values
    count, line = len(values), int((laws["r2_corrected_low"].values >= LINEAR).sum())
    less = int((laws["r2_corrected_high"].values < LINEAR).sum())
    known = values[np.isfinite(values)]
    median = f" (median {short(float(np.median(known)), 4)})" if len(known) else ""
    told = (
        f"of {counted(count, 'law')} {line} have {LINEAR:g} or more, {less} have less, {count - line - less} may have"
    )
    return line, less, f"{told} either{median}"


def _half(yes: int, no: int, count: int) -> bool | None:
    """Tell whether at least half are yes; None if those that are neither yes nor no could turn it."""
    return True if yes >= NEAR * count else False if count - no < NEAR * count else None


def _near(network: Network, _found: Results) -> Judged:
    laws, size = _of_grid(network)
    near = laws.isel(law=np.flatnonzero(size <= NEAR + 1e-9))
    line, less, told = _counted(near)
    return _half(line, less, near.sizes["law"]) if near.sizes["law"] else None, told


def _far(network: Network, _found: Results) -> Judged:
    laws, size = _of_grid(network)
    far = laws.isel(law=np.flatnonzero(size > FAR + 1e-9))
    line, less, told = _counted(far)
    return _half(less, line, far.sizes["law"]) if far.sizes["law"] else None, told


def _smaller(network: Network, _found: Results) -> Judged:
    """Compare laws of the same eta and the same b / a, of which one has the smaller changes, if intervals allow it."""
    laws, size = _of_grid(network)
    kind = np.round(np.stack([laws["eta"], laws["b"] / laws["a"]]), 6)
    low, high = laws["r2_corrected_low"].values, laws["r2_corrected_high"].values
    pairs = (kind[:, :, None] == kind[:, None, :]).all(axis=0) & (size[:, None] < size - 1e-9)
    larger, lesser = (int(one[pairs].sum()) for one in (low[:, None] > high, high[:, None] < low))
    told = (
        f"of {counted(int(pairs.sum()), 'pair')} the smaller changes have the larger R² in {larger}, the lesser in "
        f"{lesser}; in the others the intervals overlap"
    )
    apart = larger + lesser
    return larger >= MOST * apart if apart and apart >= NEAR * pairs.sum() else None, told


def _no_function(network: Network, _found: Results) -> Judged:
    """Judge by bins and by a line, both without noise: half explained by either is enough for a relation."""
    ends, relation = ("", "_low", "_high"), change_of(network).relation
    bins, line = ([float(relation[f"{name}{end}"]) for end in ends] for name in ("r2_bins_corrected", "r2_corrected"))
    share = "share of the variance that the logit explains without noise"
    told = f"{share}: {shares(bins)} in 20 bins, {shares(line)} as a line"
    verdicts = [_within(low, high, -math.inf, NEAR) for _, low, high in (bins, line)]
    return False if False in verdicts else None if None in verdicts else True, told


def _accuracy(network: Network, _found: Results) -> Judged:
    row = change_of(network).compared
    value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
    at = percent(float(network.accuracy.sel({LR: network.rates.eta}, method="nearest")), 2)
    told = f"{at} at eta, difference {shares((value, low, high), 2)}"
    if not math.isfinite(low):
        return abs(value) <= ACCURACY, told
    return _within(low, high, -ACCURACY, ACCURACY), told


def _bands(found: Results) -> str:
    """Tell what is lacking for the sides to be extremes of their class rather than its halves."""
    known = [each.change.favoured for each in found.networks if each.change]
    if not known:
        return ""
    least = BAND * known[0].sizes["rank"]
    sizes = np.concatenate([each["band"].values for each in known])
    if sizes.min() >= least:
        return ""
    here = f"{sizes.min()} to {sizes.max()}" if sizes.max() > sizes.min() else f"{sizes.min()}"
    return f"Needs {least} samples of middling confidence in each class, {BAND} times those of a side; here {here}."


def _below(network: Network, name: str, lower: str, upper: str) -> Judged:
    """Tell in how many classes all samples of one side have less confidence than all of the other."""
    values = change_of(network).favoured[name]
    apart = values.sel(side=lower).max("rank") < values.sel(side=upper).min("rank")
    means = values.sel(side=lower).mean("rank") < values.sel(side=upper).mean("rank")
    classes = counted(values.sizes["class"], "class").replace("classs", "classes")
    told = f"all of them in {int(apart.sum())} of {classes}, on average in {int(means.sum())}"
    return bool(apart.mean() > NEAR), told


def _before(network: Network, _found: Results) -> Judged:
    return _below(network, "confidence_low", "most", "least")


def _after(network: Network, _found: Results) -> Judged:
    return _below(network, "confidence_high", "least", "most")


def _dogs(network: Network, _found: Results) -> Judged:
    means = change_of(network).favoured["mean_change"]
    changes = [float(means.sel({"class": DOG, "side": side})) for side in ("most", "least")]
    if not np.isfinite(changes).all():
        return None, "the changes of the dogs are not known"
    near = all(abs(change - published) <= 0.2 for change, published in zip(changes, DOGS, strict=True))
    return near, f"{short(changes[0], 2)} and {short(changes[1], 2)}"


def _cifar(found: Results) -> str:
    if found.options.data != "cifar10":
        return "Needs the dogs of CIFAR-10: --data cifar10 --root DIR."
    ends = [(each.rates.three[0], each.rates.three[-1]) for each in found.networks]
    if not np.allclose(ends, DOG_RATES):
        return "Needs the source's rates: --eta 0.4 --b 0.2."
    return _bands(found)


STATEMENTS = (
    Statement(
        "linear",
        "experiment",
        "the learning rate has a locally linear effect on mean outputs: the correlation of the changes is nearly 1",
        f"R² without noise is {LINEAR:g} or more, with its whole interval",
        _linear,
        PUBLISHED,
        _small,
    ),
    Statement(
        "slope",
        "the empirical law",
        "the change at eta + b is b / a times that at eta + a",
        f"the slope without noise is within {SLOPE:.0%} of b / a, with its whole interval",
        _slope,
        "about 2, for b / a = 2",
        _small,
    ),
    Statement(
        "near",
        "further experiments",
        "the law holds whenever a / eta and b / eta are relatively small",
        f"with its whole interval, R² without noise is {LINEAR:g} or more in half of the laws with both up to {NEAR:g}",
        _near,
        needs=_grid,
        part=LAWS,
    ),
    Statement(
        "far",
        "further experiments",
        "it begins to break down when either is increased much beyond 0.5",
        f"with its whole interval, R² without noise is below {LINEAR:g} in half of the laws with one beyond {FAR:g}",
        _far,
        needs=_grid,
        part=LAWS,
    ),
    Statement(
        "smaller",
        "further experiments",
        "as a / eta and b / eta get smaller, the correlation increases",
        f"in {MOST:.0%} of the pairs of laws of one eta and b / a whose intervals do not overlap; half of all at least",
        _smaller,
        needs=_grid,
        part=LAWS,
    ),
    Statement(
        "no-function",
        "question 1",
        "the change is no simple function of the logit: there is no strong relationship",
        "without noise, the logit at eta explains less than half of the change's variance, with the whole interval",
        _no_function,
        part=CHANGE,
    ),
    Statement(
        "accuracy",
        "question 2",
        "eta and eta + b lead to nearly the exact same accuracy",
        f"they differ by at most {ACCURACY:.1%} of the samples, with the whole interval",
        _accuracy,
        part=CHANGE,
    ),
    Statement(
        "confident-before",
        "question 2",
        "at eta, the samples that gain least are all more confident than those that gain most",
        "in more than half of the classes",
        _before,
        needs=_bands,
        part=CHANGE,
    ),
    Statement(
        "confident-after",
        "question 2",
        "at eta + b, the samples that gain most are all more confident than those that gain least",
        "in more than half of the classes",
        _after,
        needs=_bands,
        part=CHANGE,
    ),
    Statement(
        "dogs",
        "question 2",
        "the logit of the 24 dogs that gain most rises by 0.8 on average, that of the 24 that gain least by 0.2",
        "each within 0.2",
        _dogs,
        list(DOGS),
        _cifar,
        CHANGE,
    ),
)
