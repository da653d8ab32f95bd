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
from lrscope.studies.sweep._scores import Compared, scores_of
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
ENOUGH = 4
"""Seeds at least, where there is one only: it says nothing about chance."""
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


def settings_of(rounds: list[xr.Dataset], options: Compared) -> Settings:
    """Return the scores of all rounds by their settings."""

    def asked(one: xr.Dataset) -> xr.DataArray:
        return on_grid(xr.ones_like(one[MEMBER], dtype=float).assign_attrs(one.attrs))

    scores, sign = together(rounds, lambda one: scores_of(one, options)), -1.0 if options.maximize else 1.0
    return Settings(scores, list(options.axes), sign, together(rounds, asked).notnull())


def rounds_at_best(rounds: list[xr.Dataset], settings: Settings) -> list[xr.Dataset]:
    """Return the records of the rounds that trained the best setting, those of its members only."""
    chosen = [settings.at_best(one) for one in rounds]
    return [one for one in chosen if one.sizes[MEMBER]]


def rounds_of(records: Mapping[str, xr.Dataset], options: Compared) -> list[Round]:
    """Return the rounds after the first one that were trained, each with its reason."""
    names = [GRID, *(f"round{number}" for number in range(2, len(grids(records)) + 1))]
    earlier = [{name: records[name] for name in names[:count]} for count in range(1, len(names))]
    return [following for known in earlier if (following := next_round(known, options))]


def next_round(records: Mapping[str, xr.Dataset], options: Compared) -> Round | None:
    """Return the next round: beyond an end of the grid, more seeds, or between the best rate and its neighbours.

    Where there are further axes, only those of their values are trained again with which some rate may be the best of
    all. None if the data decide on a grid that is fine enough, if no affordable number of seeds would decide, or if the
    budget is spent; the same records always give the same round.
    """
    if not options.until_decided:
        return None
    rounds = grids(records)
    left = options.trainings - sum(one.sizes[MEMBER] for one in rounds)
    settings = settings_of(rounds, options)
    best = _Grid(settings, settings.best, settings.contenders, left)
    others = [
        _Grid(settings, name, {axis: [value] for axis, value in labels.items()}, left)
        for name, labels in settings.labels.items()
        if name != settings.best and settings.falls_at_an_end(name)
    ]
    rules = [(_all_diverge, best), (_beyond_the_best, best), *((_beyond_the_best, other) for other in others)]
    rules += [(rule, best) for rule in (_more_seeds, _between, _beyond_the_range)]
    for rule, grid in rules:
        chosen = rule(grid)
        if chosen:
            return Round(f"round{len(rounds) + 1}", *chosen, grid.axes)
    return None


Chosen = tuple[tuple[float, ...], tuple[int, ...], str]
"""Rates, seeds and reason of a round."""


@dataclass(frozen=True)
class _Grid:
    """What is trained so far with a setting, and with which values of the axes more can be trained."""

    settings: Settings
    setting: str
    axes: Mapping[str, Sequence[Any]]
    trainings: int

    @property
    def left(self) -> int:
        """How many trainings are left for each combination of the axes."""
        return self.trainings // math.prod(len(values) for values in self.axes.values())

    @property
    def rates(self) -> xr.Dataset:
        """The recommendation (lr) at the setting."""
        return self.settings.each[self.setting]

    @property
    def lrs(self) -> list[float]:
        """All rates of the setting, ascending."""
        return list(self.rates["lr"].values.tolist())

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
        scores = self.settings.scores.sel(self.settings.labels[self.setting]).sel(lr=lr)
        return tuple(scores.dropna("seed")["seed"].values.tolist())

    def extended(self, upwards: bool, seeds: tuple[int, ...], why: str) -> Chosen | None:
        """Return rates beyond an end, as far apart as the last two there, but by no less than `FINE`."""
        last = self.lrs[-2:] if upwards else self.lrs[:2]
        factor = max(last[-1] / last[0], FINE) if len(last) > 1 else SPACING
        numbers = range(1, min(BEYOND, self.left // len(seeds)) + 1)
        added = [last[-1] * factor**number if upwards else last[0] / factor**number for number in numbers]
        rounded = sorted(float(f"{lr:.4g}") for lr in added if SMALLEST <= lr <= LARGEST)
        return (tuple(rounded), seeds, why) if rounded else None


def _all_diverge(grid: _Grid) -> Chosen | None:
    if math.isfinite(grid.best):
        return None
    seeds = next(filter(None, map(grid.seeds, grid.lrs)), ())  # what failed has no score
    return grid.extended(False, seeds, "all networks diverged") if seeds else None


def _beyond_the_best(grid: _Grid) -> Chosen | None:
    """Return rates beyond the end of the grid, if the best rate is the last one there, with the seeds that it has."""
    lrs, best = grid.lrs, grid.best
    if best not in (lrs[0], lrs[-1]):
        return None
    upwards = best == lrs[-1] and not (len(lrs) == 1 and bool(grid.rates["diverged"].any()))
    with_what = f" with {grid.setting}" if grid.setting else ""
    why = f"the best rate{with_what}, {rate(best, lrs)}, is the {'largest' if upwards else 'smallest'} of the grid"
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
    """Return the rates that cannot be distinguished, with the seeds that would exclude all or some, if affordable."""
    if grid.undecided < 2:
        return None
    trained = len(grid.seeds(grid.best))
    affordable = trained + grid.left // len(grid.plausible)
    needed = _seeds_needed(grid.settings, trained, affordable) if trained > 1 else min(ENOUGH, affordable)
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


def _seeds_needed(settings: Settings, trained: int, affordable: int) -> int:
    """Return the seeds that would exclude all combinations but the best; -1 if there are none.

    With several settings, those that would exclude all but the fewest near it: what is left has fewer trainings. Of
    rates alone most would go to seeds that decide nothing.
    """
    scores, rates = settings.flat_scores, settings.flat
    while int(rates["plausible"].sum()) > 1:
        needed = int(rates["seeds_needed"])
        if trained < needed <= affordable or len(settings.labels) == 1:
            return needed
        others = rates["plausible"] & (rates["lr"] != rates["best"])
        nearest = rates["difference"].where(others).idxmin("lr")
        scores = scores.sel(lr=scores["lr"] != nearest)
        rates = analysis.recommendation(scores)
    return -1


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
