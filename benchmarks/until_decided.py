"""What `--until-decided` saves, and whether the recommended rates contain the best one, where the truth is known.

The five tasks of `benchmarks.recommendation` are trained once with many seeds, which are the truth; runs of the study
then get their scores in a random order of the seeds, as trainings by command would return them.
Run it alone with `python -m benchmarks.until_decided`; it takes some minutes.
"""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from benchmarks import recommendation
from benchmarks.recommendation import TASKS, best_rate
from lrscope.analysis import final_scores
from lrscope.analysis import recommendation as recommended
from lrscope.records import DIVERGED_AT
from lrscope.studies.sweep import Options
from lrscope.studies.sweep._rounds import GRID, grids, next_round, together
from lrscope.training import train

TRUTH, FIRST, FULL, REPETITIONS = 64, 4, 16, 40
"""Seeds that are the truth; seeds of the first round; seeds of the full grid, whose trainings are the budget."""


@dataclass(frozen=True)
class Replay:
    """Scores (lr, seed) of a task, the seeds in the order in which trainings get them."""

    scores: xr.DataArray

    def records(self, lrs: tuple[float, ...], seeds: tuple[int, ...]) -> xr.Dataset:
        """Return records as trainings of these rates and seeds leave them."""
        members = [(lr, seed) for lr in lrs for seed in seeds]
        values = np.array([float(self.scores.sel(lr=lr).isel(seed=seed)) for lr, seed in members])[:, None]
        lost = np.isinf(values)
        dims, label = ("member", "step"), {"long_name": "validation loss", "units": "1"}
        return xr.Dataset(
            {
                "val_loss": (dims, np.where(lost, np.nan, values), label),
                DIVERGED_AT: (dims, np.where(lost, 0, -1), label),
            },
            {
                "step": [0],
                "member": np.arange(len(members)),
                "lr": ("member", [lr for lr, _ in members]),
                "seed": ("member", [seed for _, seed in members]),
            },
            {"axes": ["lr", "seed"]},
        )


def replayed(scores: xr.DataArray, order: np.ndarray) -> xr.DataArray:
    """Return the scores that a run with `--until-decided` asks for; rates that were not trained end it."""
    known = Replay(scores.isel(seed=order))
    lrs = tuple(scores["lr"].values.tolist())
    options = Options(lrs=lrs, seeds=FIRST, until_decided=True, budget=FULL * len(lrs))
    records = {GRID: known.records(lrs, tuple(range(FIRST)))}
    while (chosen := next_round(records, options)) and set(chosen.lrs) <= set(lrs) and max(chosen.seeds) < TRUTH:
        records[chosen.name] = known.records(chosen.lrs, chosen.seeds)
    return together(grids(records), final_scores)


def main() -> None:
    """Print for each task how often the best rate is recommended, and the share of the full grid that was trained."""
    torch.set_num_threads(1)
    recommendation.TRAINED = TRUTH
    for name, task in TASKS.items():
        scores = final_scores(train(task.experiment(name), device="cpu"))
        best, full = best_rate(scores), FULL * scores.sizes["lr"]
        runs = [replayed(scores, np.random.default_rng(number).permutation(TRUTH)) for number in range(REPETITIONS)]
        contains = np.mean([bool(recommended(run).plausible.sel(lr=best)) for run in runs])
        trained = np.mean([int(run.notnull().sum()) / full for run in runs])
        print(
            f"{name}: contains the best rate in {contains:.0%}, {trained:.0%} of the full grid's trainings", flush=True
        )


if __name__ == "__main__":
    main()
