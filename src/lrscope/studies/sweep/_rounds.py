"""Rounds of the grid: what is trained next while the data do not decide. Needs no PyTorch."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from lrscope import analysis
from lrscope.records import MEMBER, Labelled, on_grid
from lrscope.studies._words import counted, rate
from lrscope.studies.sweep._options import Grid
from lrscope.studies.sweep._settings import SETTING, Settings

GRID, RANGE_TEST, CROSSED = "grid", "range-test", "crossed"
"""Names of the experiments; those of further rounds are ``round2``, ``round3``, ..."""
BEYOND = 2
"""Rates added at once beyond an end of the grid."""
SMALLEST, LARGEST = 1e-12, 1e6
"""No rates beyond them are added: a loss that is the same at all rates would otherwise lead to rates of zero."""
FINE = 2.1
"""Neighbouring rates are not refined if they differ by this factor at most."""
MORE = 1.5
"""Seeds are added to at least so many times those that there are: fewer hardly change what can be distinguished."""
SPACING = math.sqrt(10)
"""Factor between the rates beyond a grid of one rate."""


@dataclass(frozen=True)
class Round:
    """What is trained next: its name as an experiment, its grid with the further axes, and the reason in words."""

    name: str
    lrs: tuple[float, ...]
    seeds: tuple[int, ...]
    why: str
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def settings(self) -> int:
        """Combinations of the further axes."""
        return math.prod(len(values) for values in self.axes.values())


def grids(records: Mapping[str, xr.Dataset]) -> list[xr.Dataset]:
    """Return the records of the grid's rounds, in their order."""
    names = itertools.chain([GRID], (f"round{number}" for number in itertools.count(2)))
    return [records[name] for name in itertools.takewhile(records.__contains__, names)]


def together(rounds: list[xr.Dataset], of_round: Callable[[xr.Dataset], Labelled]) -> Labelled:
    """Return what a function returns of each round on one grid (lr, seed, ...), NaN where nothing was trained."""
    parts = [of_round(records) for records in rounds]
    whole = functools.reduce(lambda first, other: first.combine_first(other), parts)
    ordered: Labelled = whole.sortby(["lr", "seed"]).assign_attrs(parts[0].attrs)
    ordered["lr"].attrs = parts[0]["lr"].attrs
    return ordered


Score = Callable[[xr.Dataset], xr.DataArray]
"""Returns the scores (lr, seed) of the records of a round: by default the last validation loss."""


def settings_of(rounds: list[xr.Dataset], axes: Sequence[str], score: Score, sign: float = 1.0) -> Settings:
    """Return the scores of all rounds by their settings."""

    def asked(one: xr.Dataset) -> xr.DataArray:
        return on_grid(xr.ones_like(one[MEMBER], dtype=float).assign_attrs(one.attrs))

    return Settings(together(rounds, score), list(axes), sign, together(rounds, asked).notnull())


def rounds_at_best(rounds: list[xr.Dataset], settings: Settings) -> list[xr.Dataset]:
    """Return the records of the rounds that trained the best setting, those of its members only."""
    chosen = [settings.at_best(one) for one in rounds]
    return [one for one in chosen if one.sizes[MEMBER]]


def rounds_of(records: Mapping[str, xr.Dataset], options: Grid, score: Score = analysis.final_scores) -> list[Round]:
    """Return the rounds after the first one that were trained, each with its reason."""
    names = [GRID, *(f"round{number}" for number in range(2, len(grids(records)) + 1))]
    earlier = [{name: records[name] for name in names[:count]} for count in range(1, len(names))]
    return [following for known in earlier if (following := next_round(known, options, score))]


def next_round(records: Mapping[str, xr.Dataset], options: Grid, score: Score = analysis.final_scores) -> Round | None:
    """Return the next round: beyond an end of the grid, more seeds, or between the best rate and its neighbours.

    Where there are further axes, only those of their values are trained again with which some rate may be the best of
    all. None if the data decide on a grid that is fine enough, if no affordable number of seeds would decide, or if the
    budget is spent; the same records always give the same round.
    """
    if not options.until_decided:
        return None
    rounds = grids(records)
    left = options.trainings - sum(one.sizes[MEMBER] for one in rounds)
    settings = settings_of(rounds, list(options.axes), score)
    each = math.prod(len(values) for values in settings.contenders.values())
    grid = _Grid(settings, left // each)
    for rule in (_all_diverge, _beyond_the_best, _more_seeds, _between, _beyond_the_range):
        chosen = rule(grid)
        if chosen:
            return Round(f"round{len(rounds) + 1}", *chosen, settings.contenders)
    return None


Chosen = tuple[tuple[float, ...], tuple[int, ...], str]
"""Rates, seeds and reason of a round."""


@dataclass(frozen=True)
class _Grid:
    """What is trained so far, and how many trainings are left for each setting that may be the best."""

    settings: Settings
    left: int

    @property
    def scores(self) -> xr.DataArray:
        """Scores (lr, seed) at the best setting."""
        return self.settings.best_scores

    @property
    def rates(self) -> xr.Dataset:
        """The recommendation (lr) at the best setting."""
        return self.settings.each[self.settings.best]

    @property
    def lrs(self) -> list[float]:
        """All rates of the best setting, ascending."""
        return list(self.scores["lr"].values.tolist())

    @property
    def best(self) -> float:
        """The best rate; NaN if all networks diverged."""
        return float(self.rates["best"])

    @property
    def plausible(self) -> list[float]:
        """The rates that, with some setting, do not differ significantly from the best of all."""
        plausible = self.settings.joint["plausible"].any(SETTING)
        return list(plausible["lr"].values[plausible.values].tolist())

    @property
    def undecided(self) -> int:
        """Combinations of rate and setting that do not differ significantly from the best of all."""
        return int(self.settings.flat["plausible"].sum())

    def seeds(self, lr: float) -> tuple[int, ...]:
        """The seeds that were trained at a rate."""
        return tuple(self.scores.sel(lr=lr).dropna("seed")["seed"].values.tolist())

    def extended(self, upwards: bool, seeds: tuple[int, ...], why: str) -> Chosen | None:
        """Return rates beyond an end, as far apart as the last two there, but by no less than `FINE`."""
        last = self.lrs[-2:] if upwards else self.lrs[:2]
        factor = max(last[-1] / last[0], FINE) if len(last) > 1 else SPACING
        numbers = range(1, min(BEYOND, self.left // len(seeds)) + 1)
        added = [last[-1] * factor**number if upwards else last[0] / factor**number for number in numbers]
        rounded = sorted(float(f"{lr:.6g}") for lr in added if SMALLEST <= lr <= LARGEST)
        return (tuple(rounded), seeds, why) if rounded else None


def _all_diverge(grid: _Grid) -> Chosen | None:
    if math.isfinite(grid.best):
        return None
    return grid.extended(False, grid.seeds(grid.lrs[0]), "all networks diverged")


def _beyond_the_best(grid: _Grid) -> Chosen | None:
    """Return rates beyond the end of the grid, if the best rate is the last one there, with the seeds that it has."""
    lrs, best = grid.lrs, grid.best
    if best not in (lrs[0], lrs[-1]):
        return None
    upwards = best == lrs[-1] and not (len(lrs) == 1 and bool(grid.rates["diverged"].any()))
    why = f"the best rate, {rate(best, lrs)}, is the {'largest' if upwards else 'smallest'} of the grid"
    return grid.extended(upwards, grid.seeds(best), why)


def _beyond_the_range(grid: _Grid) -> Chosen | None:
    """Return rates beyond the end of the grid, if the rate there is not distinguished from the best one."""
    edge = str(grid.rates["at_edge"].item())
    if not edge or not math.isfinite(grid.best):
        return None
    upwards = edge != "lower"
    last = rate(grid.lrs[-1 if upwards else 0], grid.lrs)
    why = f"{last}, at the end of the grid, cannot be distinguished from the best rate"
    return grid.extended(upwards, grid.seeds(grid.best), why)


def _more_seeds(grid: _Grid) -> Chosen | None:
    """Return the rates that cannot be distinguished, with as many seeds as would decide, if that can be afforded."""
    if grid.undecided < 2:
        return None
    trained = len(grid.seeds(grid.best))
    affordable = trained + grid.left // len(grid.plausible)
    needed = int(grid.settings.flat["seeds_needed"])
    if not trained < needed <= affordable:
        return None
    first = int(grid.settings.scores["seed"].max()) + 1
    wanted = min(max(needed, math.ceil(MORE * trained)), affordable)
    lrs = grid.plausible
    named = " and ".join(rate(lr, grid.lrs) for lr in lrs) if len(lrs) == 2 else counted(len(lrs), "rate")
    if len(grid.settings.labels) > 1:
        named = f"{grid.undecided} combinations"
    why = f"{named} could not be distinguished with {counted(trained, 'seed')}"
    return tuple(grid.plausible), tuple(range(first, first + wanted - trained)), why


def _between(grid: _Grid) -> Chosen | None:
    """Return rates half-way, on the logarithmic scale, between the best one and neighbours that are distinguished."""
    lrs, best = grid.lrs, grid.best
    if not math.isfinite(best):
        return None
    place, seeds = lrs.index(best), grid.seeds(best)
    neighbours = {*lrs[max(place - 1, 0) : place], *lrs[place + 1 : place + 2]} - set(grid.plausible)
    distant = sorted(lr for lr in neighbours if max(lr / best, best / lr) > FINE)
    added = [float(f"{math.sqrt(lr * best):.4g}") for lr in distant][: grid.left // len(seeds)]
    why = f"the neighbours of the best rate, {rate(best, lrs)}, are far from it"
    return (tuple(added), seeds, why) if added else None
