"""Rounds of the grid: what is trained next while the data do not decide. Needs no PyTorch."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.records import Labelled
from lrscope.studies._words import counted, rate
from lrscope.studies.sweep._options import Options

GRID, RANGE_TEST, CROSSED = "grid", "range-test", "crossed"
"""Names of the experiments; those of further rounds are ``round2``, ``round3``, ..."""
BEYOND = 2
"""Rates added at once beyond an end of the grid."""
LEAST, MOST = 1e-12, 1e6
"""No rates beyond them are added: a loss that is the same at all rates would otherwise lead to rates of zero."""
FINE = 2.1
"""Neighbouring rates are not refined if they are at most by this factor apart."""
MORE = 1.5
"""Seeds are added to at least so many times those that there are: fewer hardly change what can be told apart."""
SPACING = math.sqrt(10)
"""Factor between the rates beyond a grid of one rate."""


@dataclass(frozen=True)
class Round:
    """What is trained next.

    Attributes
    ----------
    name : of the experiment
    lrs, seeds : its grid
    why : in words
    """

    name: str
    lrs: tuple[float, ...]
    seeds: tuple[int, ...]
    why: str


def grids(records: Mapping[str, xr.Dataset]) -> list[xr.Dataset]:
    """Return the records of the grid's rounds, in their order."""
    names = itertools.chain([GRID], (f"round{number}" for number in itertools.count(2)))
    return [records[name] for name in itertools.takewhile(records.__contains__, names)]


def together(rounds: list[xr.Dataset], of_round: Callable[[xr.Dataset], Labelled]) -> Labelled:
    """Return what a function finds in each round on one grid (lr, seed, ...), NaN where nothing was trained."""
    found = [of_round(records) for records in rounds]
    whole = found[0]
    for more in found[1:]:
        whole = whole.combine_first(more)
    ordered: Labelled = whole.sortby(["lr", "seed"]).assign_attrs(found[0].attrs)
    ordered["lr"].attrs = found[0]["lr"].attrs
    return ordered


def rounds_of(records: Mapping[str, xr.Dataset], options: Options) -> list[Round]:
    """Return the rounds behind the first one that were trained, each with its reason."""
    there = grids(records)
    known = [{GRID: there[0]} | {f"round{i}": there[i - 1] for i in range(2, n + 1)} for n in range(1, len(there))]
    return [made for some in known if (made := next_round(some, options))]


def next_round(records: Mapping[str, xr.Dataset], options: Options) -> Round | None:
    """Return the next round: beyond an end of the grid, more seeds, or between the best rate and its neighbours.

    None if the data decide on a grid that is fine enough, if no affordable number of seeds would decide, or if the
    budget is spent; the same records always give the same round.
    """
    if not options.until_decided:
        return None
    there = grids(records)
    scores = together(there, analysis.final_scores)
    left = options.trainings - int(scores.notnull().sum())
    found = analysis.recommendation(scores)
    for rule in (_all_diverge, _beyond_the_best, _more_seeds, _between, _beyond_the_range):
        chosen = rule(scores, found, left)
        if chosen:
            lrs, seeds, why = chosen
            return Round(f"round{len(there) + 1}", lrs, seeds, why)
    return None


Chosen = tuple[tuple[float, ...], tuple[int, ...], str]


def _all_diverge(scores: xr.DataArray, found: xr.Dataset, left: int) -> Chosen | None:
    """Return smaller rates, if all networks diverged."""
    if math.isfinite(float(found["best"])):
        return None
    return _extended(scores, False, _seeds_at(scores, float(scores["lr"][0])), left, "all networks diverged")


def _beyond_the_best(scores: xr.DataArray, found: xr.Dataset, left: int) -> Chosen | None:
    """Return rates beyond the end of the grid, if the best rate is the last one there, with the seeds that it has."""
    lrs, best = scores["lr"].values, float(found["best"])
    if best not in (lrs[0], lrs[-1]):
        return None
    upwards = best == lrs[-1] and not (len(lrs) == 1 and bool(found["diverged"].any()))
    end = "largest" if upwards else "smallest"
    why = f"the best rate, {rate(best, lrs)}, is the {end} of the grid"
    return _extended(scores, upwards, _seeds_at(scores, best), left, why)


def _beyond_the_range(scores: xr.DataArray, found: xr.Dataset, left: int) -> Chosen | None:
    """Return rates beyond the end of the grid, if that end cannot be told from the best rate."""
    lrs, best = scores["lr"].values, float(found["best"])
    edge = str(found["at_edge"].item())
    if not edge or not math.isfinite(best):
        return None
    upwards = edge != "lower"
    why = f"{rate(lrs[-1] if upwards else lrs[0], lrs)}, at the end of the grid, cannot be told from the best rate"
    return _extended(scores, upwards, _seeds_at(scores, best), left, why)


def _extended(scores: xr.DataArray, upwards: bool, seeds: tuple[int, ...], left: int, why: str) -> Chosen | None:
    """Return rates beyond an end of the grid, as far apart as the last two there, but not nearer than `FINE`."""
    lrs = scores["lr"].values
    last = lrs[-2:] if upwards else lrs[:2]
    factor = max(float(last[-1] / last[0]), FINE) if len(lrs) > 1 else SPACING
    end = float(lrs[-1] if upwards else lrs[0])
    count = min(BEYOND, left // len(seeds))
    steps = [end * factor**number if upwards else end / factor**number for number in range(1, count + 1)]
    added = tuple(sorted(float(f"{lr:.6g}") for lr in steps if LEAST <= lr <= MOST))
    return (added, seeds, why) if added else None


def _more_seeds(scores: xr.DataArray, found: xr.Dataset, left: int) -> Chosen | None:
    """Return the rates that cannot be told apart, with as many seeds as would decide, if that can be afforded."""
    plausible = tuple(float(lr) for lr in scores["lr"].values[found["plausible"].values])
    there = _seeds_at(scores, float(found["best"])) if plausible else ()
    affordable = len(there) + left // max(len(plausible), 1)
    needed = int(found["seeds_needed"])
    if len(plausible) < 2 or not len(there) < needed <= affordable:
        return None
    first = int(scores["seed"].max()) + 1
    wanted = min(max(needed, math.ceil(MORE * len(there))), affordable)
    added = tuple(range(first, first + wanted - len(there)))
    names = [rate(lr, scores["lr"].values) for lr in plausible]
    told = " and ".join(names) if len(names) == 2 else counted(len(names), "rate")
    return plausible, added, f"{told} could not be told apart with {counted(len(there), 'seed')}"


def _between(scores: xr.DataArray, found: xr.Dataset, left: int) -> Chosen | None:
    """Return the rates halfway, on the logarithmic scale, between the best one and neighbours that are told from it."""
    lrs, best = scores["lr"].values, float(found["best"])
    if not math.isfinite(best):
        return None
    seeds = _seeds_at(scores, best)
    place = int(np.flatnonzero(lrs == best)[0])
    told = {float(lr) for lr in lrs[~found["plausible"].values]}
    neighbours = {*lrs[max(place - 1, 0) : place], *lrs[place + 1 : place + 2]} & told
    apart = sorted(lr for lr in neighbours if max(lr / best, best / lr) > FINE)
    added = [float(f"{math.sqrt(lr * best):.4g}") for lr in apart][: left // len(seeds)]
    why = f"the neighbours of the best rate, {rate(best, lrs)}, are far from it"
    return (tuple(added), seeds, why) if added else None


def _seeds_at(scores: xr.DataArray, lr: float) -> tuple[int, ...]:
    """Return the seeds that were trained at a rate."""
    trained = scores.sel(lr=lr).notnull()
    return tuple(int(seed) for seed in scores["seed"].values[trained.values])
