"""Whether the smooth optimum and its range are right where the truth is known: a finer grid with many seeds.

Run it alone with `python -m benchmarks.optimum`; it trains some 20 000 small networks.
"""

import dataclasses

import numpy as np
import torch
import xarray as xr

from benchmarks.recommendation import NEGLIGIBLE, TASKS, Task
from lrscope.analysis import final_scores, optimum
from lrscope.analysis._scores import on_log_scale
from lrscope.training import train

FINER, RATES, SEEDS, REPETITIONS = 4, 7, 4, 500
TOLERANCE = 0.05


def page() -> str:
    """Train, measure, and return the section of docs/benchmarks.md."""
    torch.set_num_threads(1)
    lines = [
        "| task | best rate | interval contains it | median width | range given | costs at most 5 % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    all_found = []
    for name, task in TASKS.items():
        found = judged(finer(task))
        all_found.append(found)
        lines.append(_row(name, found, best=f"{found['best'][0]:.3g}"))
    together = {key: np.concatenate([one[key] for one in all_found]) for key in all_found[0]}
    lines.append(_row("all", together, best=""))
    for placement in range(FINER):
        chosen = together["placement"] == placement
        own = {key: values[chosen] for key, values in together.items()}
        lines.append(_row(f"all, {placement} of {FINER} of a step higher", own, best=""))
    return f"""## The optimum between the rates, where the truth is known

The grids of the recommendation, {FINER} times finer and with all their seeds, are the truth: the rate with the lowest
mean logarithm of the last validation loss. {REPETITIONS} times `optimum` gets every {FINER}th rate, {RATES} in all, and
{SEEDS} random seeds; the first rate is each of {FINER} neighbours in turn, so that the best one lies everywhere between
two rates. *Contains*: share of the 95 % intervals with the best rate inside. *Width*: factor between their
ends. *Range given*: how often some rate is known to cost at most {TOLERANCE:.0%}; *costs*: how often every rate of the
range does, or none is given.

{chr(10).join(lines)}
"""


def finer(task: Task) -> xr.DataArray:
    """Return the scores (lr, seed) of a task on a finer grid."""
    lowest, highest, count = task.rates
    fine = dataclasses.replace(task, rates=(lowest, highest, FINER * (count - 1) + 1))
    return final_scores(train(fine.experiment("finer"), device="cpu"))


def judged(scores: xr.DataArray) -> dict[str, np.ndarray]:
    """Return what each repetition found, beside the truth; `placement` is that of its rates on the finer grid."""
    coarse = (scores.sizes["lr"] - 1) // FINER + 1
    middle, size = FINER * ((coarse - RATES) // 2), FINER * (RATES - 1) + 1
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {"best": [], "placement": [], "contains": [], "width": [], "given": [], "cost": []}
    for repetition in range(REPETITIONS):
        placement = repetition % FINER
        truth = scores.isel(lr=slice(middle + placement, middle + placement + size))
        mean = on_log_scale(truth).mean("seed").where((truth == np.inf).mean("seed") <= NEGLIGIBLE)
        best, cost = float(mean.idxmin("lr")), np.expm1(mean - mean.min())
        seeds = np.sort(random.choice(scores.sizes["seed"], SEEDS, replace=False))
        one = optimum(truth.isel(lr=slice(None, None, FINER), seed=seeds), tolerance=TOLERANCE, seed=repetition)
        found["best"].append(best)
        found["placement"].append(placement)
        found["contains"].append(bool(one.best_low <= best * 1.000001 and best <= one.best_high * 1.000001))
        found["width"].append(float(one.best_high / one.best_low))
        inside = cost.where((cost["lr"] >= one.low) & (cost["lr"] <= one.high))
        found["given"].append(bool(np.isfinite(one.low)))
        found["cost"].append(float(inside.max().fillna(0.0)))
    return {name: np.array(values) for name, values in found.items()}


def _row(name: str, found: dict[str, np.ndarray], best: str) -> str:
    width = f"{np.median(found['width']):.2f}"
    right = f"{(found['cost'] <= TOLERANCE).mean():.1%}"
    return f"| {name} | {best} | {found['contains'].mean():.1%} | {width} | {found['given'].mean():.0%} | {right} |"


if __name__ == "__main__":
    print(page())
