"""Whether what is recommended is right where the truth is known: a finer grid with many seeds.

The smooth optimum and its range, and `--until-decided`, whose rounds get their scores from the finer grid. Run it alone
with `python -m benchmarks.optimum`; it trains some 20 000 small networks.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from benchmarks.recommendation import NEGLIGIBLE, TASKS, Task
from lrscope.analysis import final_scores, optimum, recommendation
from lrscope.analysis._scores import ranked
from lrscope.records import MEMBER
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._rounds import GRID, grids, next_round, together
from lrscope.training import train

FINER, RATES, SEEDS, REPETITIONS = 4, 7, 4, 500
TOLERANCE = 0.05
FULL_SEEDS, FIRST_SEEDS, SHARE = 8, 3, 0.6
"""Seeds of the full grid, and of the first round of `--until-decided`; its budget as a share of the full grid."""


def page() -> str:
    """Train, measure, and return the section of docs/benchmarks.md."""
    torch.set_num_threads(1)
    lines = [
        "| task | best rate | interval contains it | median width | range given | costs at most 5 % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    all_found, rounds = [], []
    for name, task in TASKS.items():
        scores = finer(task)
        found = judged(scores)
        all_found.append(found)
        lines.append(_row(name, found))
        contains, used = until_decided(scores)
        rounds.append(f"| {name} | {contains:.1%} | {used:.0%} |")
    together = {key: np.concatenate([one[key] for one in all_found]) for key in all_found[0] if key != "best"}
    lines.append(_row("all", together))
    return f"""## The optimum between the rates, where the truth is known

The grids of the recommendation, {FINER} times finer and with all their seeds, are the truth: the rate with the lowest
mean logarithm of the last validation loss. {REPETITIONS} times `optimum` gets every {FINER}th rate, {RATES} in all, and
{SEEDS} random seeds. *Contains*: share of the 95 % intervals with the best rate inside. *Width*: factor between their
ends. *Range given*: how often some rate is known to cost at most {TOLERANCE:.0%}; *costs*: how often every rate of the
range does, or none is given.

{chr(10).join(lines)}

`--until-decided` from {FIRST_SEEDS} seeds on, with a budget of {SHARE:.0%} of the full grid of {FULL_SEEDS} seeds:

| task | recommended rates contain the best of the grid | trained of the full grid |
|---|---:|---:|
{chr(10).join(rounds)}
"""


def finer(task: Task) -> xr.DataArray:
    """Return the scores (lr, seed) of a task on a finer grid."""
    lowest, highest, count = task.rates
    fine = dataclasses.replace(task, rates=(lowest, highest, FINER * (count - 1) + 1))
    return final_scores(train(fine.experiment("finer"), device="cpu"))


def judged(scores: xr.DataArray) -> dict[str, np.ndarray]:
    """Return what each repetition found, beside the truth."""
    coarse = (scores.sizes["lr"] - 1) // FINER + 1
    first = FINER * ((coarse - RATES) // 2)
    truth = scores.isel(lr=slice(first, first + FINER * (RATES - 1) + 1))
    mean = ranked(truth).mean("seed").where((truth == np.inf).mean("seed") <= NEGLIGIBLE)
    best, cost = float(mean.idxmin("lr")), np.expm1(mean - mean.min())
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {"contains": [], "width": [], "given": [], "cost": []}
    for repetition in range(REPETITIONS):
        seeds = np.sort(random.choice(scores.sizes["seed"], SEEDS, replace=False))
        one = optimum(truth.isel(lr=slice(None, None, FINER), seed=seeds), tolerance=TOLERANCE, seed=repetition)
        found["contains"].append(bool(one.best_low <= best * 1.000001 and best <= one.best_high * 1.000001))
        found["width"].append(float(one.best_high / one.best_low))
        inside = cost.where((cost["lr"] >= one.low) & (cost["lr"] <= one.high))
        found["given"].append(bool(np.isfinite(one.low)))
        found["cost"].append(float(inside.max().fillna(0.0)))
    return {name: np.array(values) for name, values in found.items()} | {"best": np.array([best])}


def until_decided(scores: xr.DataArray) -> tuple[float, float]:
    """Return how often the rates recommended in the end contain the best one, and the share of the grid trained."""
    truth = ranked(scores).mean("seed").where((scores == np.inf).mean("seed") <= NEGLIGIBLE)
    lrs = scores["lr"].values[::FINER]
    best, full = float(truth.sel(lr=lrs).idxmin("lr")), len(lrs) * FULL_SEEDS
    options = Options(lrs=tuple(lrs.tolist()), seeds=FIRST_SEEDS, until_decided=True, budget=int(SHARE * full))
    random = np.random.default_rng(0)
    contained, trained = [], []
    for _ in range(REPETITIONS // 5):
        shown = scores.isel(seed=random.permutation(scores.sizes["seed"]))
        records = {GRID: _replayed(shown, options.lrs, range(FIRST_SEEDS))}
        while chosen := next_round(records, options, _scores):
            records[chosen.name] = _replayed(shown, chosen.lrs, chosen.seeds)
        whole = together(grids(records), _scores)
        found = recommendation(whole)
        plausible = found["lr"].values[found["plausible"].values]
        # A rate between those of the grid may be better than the best of them.
        contained.append(best in plausible or bool((truth.sel(lr=plausible, method="nearest") <= truth.min()).any()))
        trained.append(int(whole.notnull().sum()) / full)
    return float(np.mean(contained)), float(np.mean(trained))


def _replayed(scores: xr.DataArray, lrs: Sequence[float], seeds: Sequence[int]) -> xr.Dataset:
    """Return the records of a round, with the scores of the nearest rates."""
    grid = scores.isel(seed=list(seeds)).sel(lr=list(lrs), method="nearest")
    grid = grid.assign_coords(lr=list(lrs), seed=list(seeds))
    return xr.Dataset({"number": (MEMBER, np.arange(grid.size))}, attrs={"grid": grid})


def _scores(records: xr.Dataset) -> xr.DataArray:
    grid: xr.DataArray = records.attrs["grid"]
    return grid


def _row(name: str, found: dict[str, np.ndarray]) -> str:
    best = f"{found['best'][0]:.3g}" if "best" in found else ""
    width = f"{np.median(found['width']):.2f}"
    right = f"{(found['cost'] <= TOLERANCE).mean():.1%}"
    return f"| {name} | {best} | {found['contains'].mean():.1%} | {width} | {found['given'].mean():.0%} | {right} |"


if __name__ == "__main__":
    print(page())
