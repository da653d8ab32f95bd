"""What the paper's text says about its three rates on the spiral, each as a test of measured numbers."""

from collections.abc import Callable
from dataclasses import dataclass

import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation._published import LRS
from lrscope.papers.fluctuation._results import Results

SLOW, MIDDLE, FAST = LRS
GRADIENTS = ("weight_gradients", "bias_gradients")
CLOSE_TO_ZERO = 50
"""So many neurons, says the paper, have a fluctuation close to 0."""
SIMILAR = 0.1
"""Numbers of neurons that differ by at most this share of all count as similar."""
BARELY = 0.8
"""A part barely fluctuates if this share of it lies in the lowest bin."""
NEURONS = 97 + 98
"""Of both parts."""


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes
    ----------
    id, section, words : for the claim
    what : what the values are
    values : from the results to (shape, lr, seed)
    test : of those values on the spiral, (lr, seed) to (seed): 1, 0 or NaN where it cannot be told
    note : how the words were read
    published, tolerance : the number that the paper gives, if any; what must hold at a seed
    """

    id: str
    section: str
    words: str
    what: str
    values: Callable[[Results], xr.DataArray]
    test: Callable[[xr.DataArray], xr.DataArray]
    note: str = ""
    published: object = "stated in words"
    tolerance: str = "the order of the rates"


def _error(found: Results) -> xr.DataArray:
    return found.error


def taking_part(found: Results, quantity: str) -> xr.DataArray:
    """Return the number of neurons (shape, lr, seed, part) that are not inactive; NaN where a network has none."""
    counts = found.participation[quantity]
    return (counts["neurons"] - counts["inactive"]).where(counts["neurons"] > 0)


def _taking_part(quantity: str, part: str | None = None) -> Callable[[Results], xr.DataArray]:
    """Return what gives the neurons taking part in one part of the network, or in both together."""
    return lambda found: _of_part(taking_part(found, quantity), part)


def _inactive(quantity: str, part: str | None = None) -> Callable[[Results], xr.DataArray]:
    """Return what gives the inactive neurons of one part of the network, or of both together."""
    return lambda found: _of_part(_inactive_by_part(found, quantity), part)


def _inactive_by_part(found: Results, quantity: str) -> xr.DataArray:
    counts = found.participation[quantity]
    return counts["inactive"].where(counts["neurons"] > 0)


def _of_part(counts: xr.DataArray, part: str | None) -> xr.DataArray:
    return counts.sel(part=part) if part else counts.sum("part", skipna=False)


def _above_lowest_bin(quantity: str, part: str) -> Callable[[Results], xr.DataArray]:
    def values(found: Results) -> xr.DataArray:
        counts = found.counts[quantity].sel(part=part)
        return counts.isel(bin=slice(1, None)).sum("bin").where(counts.sum("bin") > 0)

    return values


def _fewest_inactive(found: Results) -> xr.DataArray:
    return _inactive_by_part(found, "weights").min("part", skipna=False)


def _share_in_lowest_bin(found: Results) -> xr.DataArray:
    return analysis.shares(found.counts["biases"].sel(part="decoder")).isel(bin=0)


def _decided(holds: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Return `holds` where all rates have a value, NaN elsewhere (a member diverged)."""
    return holds.where(values.notnull().all("lr"))


def _others(values: xr.DataArray, lr: float) -> xr.DataArray:
    return values.sel(lr=[other for other in LRS if other != lr])


def _largest_at(lr: float) -> Callable[[xr.DataArray], xr.DataArray]:
    """Return the test that a rate has a larger value than either other; equal ones do not count."""
    return lambda values: _decided(values.sel(lr=lr) > _others(values, lr).max("lr"), values)


def _smallest_at(lr: float) -> Callable[[xr.DataArray], xr.DataArray]:
    return lambda values: _decided(values.sel(lr=lr) < _others(values, lr).min("lr"), values)


def _not_largest_at(lr: float) -> Callable[[xr.DataArray], xr.DataArray]:
    return lambda values: _decided(values.sel(lr=lr) <= _others(values, lr).max("lr"), values)


def _similar(values: xr.DataArray) -> xr.DataArray:
    difference = abs(values.sel(lr=MIDDLE) - values.sel(lr=FAST))
    return _decided(difference <= SIMILAR * NEURONS, values)


def _twice_the_others_at_slow(values: xr.DataArray) -> xr.DataArray:
    slow, others = values.sel(lr=SLOW), _others(values, SLOW).max("lr")
    return _decided((slow > 0) & (slow >= 2 * others), values)


STATEMENTS = (
    Statement(
        "reconstruction-best", "4.1", "lr 0.01 reconstructs the spiral best", "error", _error, _smallest_at(FAST)
    ),
    Statement(
        "reconstruction-second",
        "4.1",
        "lr 0.001 reconstructs the spiral somewhat worse than 0.01",
        "error",
        _error,
        lambda error: analysis.ordered(error, [FAST, MIDDLE]),
    ),
    Statement(
        "reconstruction-worst",
        "4.1",
        "lr 0.0001 reconstructs the spiral worst",
        "error",
        _error,
        _largest_at(SLOW),
    ),
    Statement(
        "close-to-zero",
        "4.2.1",
        f"more than {CLOSE_TO_ZERO} neurons of each part have a weight fluctuation close to 0",
        "inactive neurons in the part with fewer",
        _fewest_inactive,
        lambda inactive: _decided((inactive > CLOSE_TO_ZERO).all("lr"), inactive),
        "At each of the three rates.",
        CLOSE_TO_ZERO,
        "more at every rate",
    ),
    Statement(
        "decoder-weights",
        "4.2.1",
        "in the weights of the decoder, lr 0.01 engages the most neurons",
        "neurons taking part",
        _taking_part("weights", "decoder"),
        _largest_at(FAST),
    ),
    Statement(
        "encoder-weights",
        "4.2.1",
        "in the weights of the encoder, lr 0.01 does not engage the most neurons",
        "neurons taking part",
        _taking_part("weights", "encoder"),
        _not_largest_at(FAST),
    ),
    Statement(
        "decoder-biases",
        "4.2.2",
        "the biases of the decoder barely fluctuate at any rate",
        "share in the lowest bin",
        _share_in_lowest_bin,
        lambda share: _decided((share >= BARELY).all("lr"), share),
        f"At least {BARELY:.0%} of the neurons in the lowest bin.",
        tolerance=f"at least {BARELY:.0%} at every rate",
    ),
    Statement(
        "encoder-biases",
        "4.2.2",
        "the biases of the encoder fluctuate massively at lr 0.0001 and not at the other two",
        "neurons above the lowest bin",
        _above_lowest_bin("biases", "encoder"),
        _twice_the_others_at_slow,
        "At least twice as many neurons above the lowest bin as at either other rate.",
        tolerance="at least twice as many",
    ),
    Statement(
        "engages-most",
        "4.2.3",
        "lr 0.0001 engages the most neurons in activations",
        "neurons taking part",
        _taking_part("activations"),
        _largest_at(SLOW),
    ),
    Statement(
        "most-inactive",
        "4.3",
        "lr 0.01 leaves the most neurons inactive",
        "inactive neurons, by their weights",
        _inactive("weights"),
        _largest_at(FAST),
    ),
    Statement(
        "similarly-inactive",
        "4.3",
        "lr 0.001 leaves about as many neurons inactive as 0.01",
        "inactive neurons, by their weights",
        _inactive("weights"),
        _similar,
        f"They differ by at most {SIMILAR:.0%} of all neurons.",
        tolerance=f"{SIMILAR:.0%} of all neurons",
    ),
)
