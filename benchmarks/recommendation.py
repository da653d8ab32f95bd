"""Whether the recommended range contains the best rate where the truth is known: many seeds, few of them shown.

Run it alone with `python -m benchmarks.recommendation`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import xarray as xr
from sklearn.datasets import load_breast_cancer, load_digits, make_moons
from torch import nn

from lrscope.analysis import final_scores, recommendation
from lrscope.data import Samples
from lrscope.optim import SGD, Adam
from lrscope.probes import Loss, ValidationLoss, every
from lrscope.training import Experiment, Sweep, train

TRAINED, SEEDS, SHOWN, REPETITIONS = 128, 32, 8, 500
"""Seeds trained at each rate, seeds that are the truth, seeds that a recommendation gets, random choices of these."""
FIRST = 1000
"""The first seed: with those below, the method was chosen."""
NEGLIGIBLE, PENALTY = 0.05, 2.0
"""As in the recommendation: largest share of divergence of a rate that can be the best; a diverged network's loss."""
MUST_CONTAIN = 0.95
MAY_DECIDE = 0.05
Held = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]
"""Inputs and targets to learn from; inputs and targets validation."""


@dataclass(frozen=True)
class Task:
    """What is trained, and at which rates."""

    data: Callable[[], Held]
    sizes: tuple[int, ...]
    activation: Callable[[], nn.Module]
    optimizer: Any
    rates: tuple[float, float, int]
    epochs: int
    batch_size: int
    loss: str = "cross_entropy"

    def experiment(self, name: str) -> Experiment:
        inputs, targets, validation = self.data()
        return Experiment(
            data=Samples(inputs, targets, name, validation=validation),
            model=self.network,
            loss=self.loss,
            optimizer=self.optimizer,
            sweep=Sweep(
                lr=[float(f"{lr:.4g}") for lr in np.geomspace(*self.rates)], seed=range(FIRST, FIRST + TRAINED)
            ),
            epochs=self.epochs,
            batch_size=self.batch_size,
            probes=(Loss(when=every(10)), ValidationLoss(when=every(1, "epoch"))),
        )

    def network(self) -> nn.Module:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(self.sizes):
            layers += [nn.Linear(inputs, outputs), self.activation()]
        return nn.Sequential(*layers[:-1])


def _split(inputs: np.ndarray, targets: np.ndarray, count: int) -> Held:
    order = np.random.default_rng(0).permutation(len(inputs))
    learned, held = order[count:], order[:count]
    return inputs[learned], targets[learned], (inputs[held], targets[held])


def digits() -> Held:
    inputs, targets = load_digits(return_X_y=True)
    return _split(inputs / 16, targets, 597)


def cancer() -> Held:
    inputs, targets = load_breast_cancer(return_X_y=True)
    return _split((inputs - inputs.mean(0)) / inputs.std(0), targets, 190)


def moons() -> Held:
    return _split(*make_moons(600, noise=0.25, random_state=0), 300)


def sine() -> Held:
    random = np.random.default_rng(0)
    x = random.uniform(-5, 5, (300, 1))
    return _split(x / 5, np.sin(x) * (25 - x * x) / 20 + random.normal(0, 0.1, x.shape), 150)


MOMENTUM = SGD(momentum=0.9)
TASKS: Mapping[str, Task] = {
    "digits, SGD with momentum": Task(digits, (64, 32, 10), nn.ReLU, MOMENTUM, (1e-3, 1.0, 9), 15, 64),
    "digits, Adam": Task(digits, (64, 32, 10), nn.ReLU, Adam(), (3e-4, 0.1, 8), 15, 64),
    "breast cancer, Adam": Task(cancer, (30, 16, 2), nn.ReLU, Adam(), (3e-4, 0.1, 8), 15, 32),
    "two moons, SGD with momentum": Task(moons, (2, 16, 16, 2), nn.Tanh, MOMENTUM, (3e-3, 3.0, 9), 20, 30),
    "sine, SGD with momentum": Task(sine, (1, 16, 1), nn.Tanh, MOMENTUM, (1e-3, 3.0, 9), 60, 30, "mse"),
}


def page() -> str:
    """Train, measure, and return the section of docs/benchmarks.md; an error if the range is not right often enough."""
    torch.set_num_threads(1)
    scores = {name: final_scores(train(task.experiment(name), device="cpu")) for name, task in TASKS.items()}
    found = {name: judged(grid) for name, grid in scores.items()}
    twins = {name: judged_twins(grid) for name, grid in scores.items()}
    _refuse(found, twins)
    return f"""## The recommendation, where the truth is known

Grids of small networks with {TRAINED} seeds a rate. {REPETITIONS} times a recommendation gets {SHOWN} seeds, drawn at
random from the first {SEEDS}; *contains* is how often its plausible rates contain the one that is the best by all
{SEEDS} (the geometric mean of the last validation loss; networks that diverged count as twice the largest finite one),
*of the others* that of the {TRAINED - SEEDS} seeds that no recommendation has seen. The bare mean and the median of the
{SEEDS} losses, as other definitions of the best, stand beside it.

{_table(found)}

*Plausible*: rates in the range, of those of the grid. At least {MUST_CONTAIN:.0%} must contain the best rate of the
{SEEDS}, on every task.

Two equal rates: beside the best rate of each task stands a twin, which is the same rate with other seeds, and of the
grid only these two and their neighbours are left, or only these two ({REPETITIONS // 2} times).

{_table_of_twins(twins)}

It may decide for one of two equal rates in {MAY_DECIDE:.0%} of the cases.
"""


def best_rate(scores: xr.DataArray, by: str = "log") -> float:
    """Return the rate that is the best by these seeds: by the mean of the logarithm, the mean, or the median."""
    diverged = (scores == np.inf).mean("seed")
    largest = scores.where(np.isfinite(scores)).max()
    finite = scores.where(np.isfinite(scores), largest * PENALTY)
    means = {"log": np.log(finite).mean("seed"), "mean": finite.mean("seed"), "median": finite.median("seed")}
    return float(means[by].where(diverged <= NEGLIGIBLE).idxmin("lr"))


def judged(scores: xr.DataArray) -> dict[str, float]:
    """Return how often recommendations from some of the seeds contain the best rates, and how wide they are."""
    known, others = scores.isel(seed=slice(0, SEEDS)), scores.isel(seed=slice(SEEDS, None))
    truths = {by: best_rate(known, by) for by in ("log", "mean", "median")} | {"others": best_rate(others)}
    random = np.random.default_rng(0)
    chosen = [np.sort(random.permutation(SEEDS)[:SHOWN]) for _ in range(REPETITIONS)]
    found = [recommendation(known.isel(seed=some), resamples=256) for some in chosen]
    contained = {by: np.mean([one.plausible.sel(lr=truth) for one in found]) for by, truth in truths.items()}
    sizes = [int(one.plausible.sum()) for one in found]
    right = [float(one.best) == truths["log"] for one in found]
    decided = [bool(one.decided) for one in found]
    wrong = [one.decided and float(one.best) != truths["log"] for one in found]
    return {
        **{f"contains, {by}": float(share) for by, share in contained.items()},
        "plausible": float(np.mean(sizes)),
        "largest": max(sizes),
        "rates": scores.sizes["lr"],
        "best": truths["log"],
        "right": float(np.mean(right)),
        "decided": float(np.mean(decided)),
        "wrong": float(np.mean(wrong)),
    }


def judged_twins(scores: xr.DataArray) -> dict[str, float]:
    """Return how often a recommendation decides although the best rate stands in the grid twice, with other seeds."""
    best = int(np.flatnonzero(scores["lr"] == best_rate(scores))[0])
    neighbours = [place for place in (best - 1, best + 1) if 0 <= place < scores.sizes["lr"]]
    random = np.random.default_rng(1)
    decided: dict[str, list[bool]] = {"among neighbours": [], "alone": []}
    for _ in range(REPETITIONS // 2):
        order = random.permutation(TRAINED)
        grid = scores.isel(seed=np.sort(order[:SHOWN])).drop_vars("seed")
        twin = scores.isel(lr=[best], seed=np.sort(order[SHOWN : 2 * SHOWN])).drop_vars("seed")
        twin = twin.assign_coords(lr=twin["lr"] * 1.0001)
        for name, beside in (("among neighbours", neighbours), ("alone", [])):
            shown = xr.concat([grid.isel(lr=sorted([best, *beside])), twin], "lr").assign_coords(seed=range(SHOWN))
            found = recommendation(shown, resamples=256)
            decided[name].append(bool(found.decided))
    return {name: float(np.mean(some)) for name, some in decided.items()}


def _table(found: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        f"| task | best rate | contains | of the others | mean | median | plausible | most | best of {SHOWN} is best "
        "| decides | wrongly |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in found.items():
        contains = [f"{one[f'contains, {by}']:.1%}" for by in ("log", "others", "mean", "median")]
        sizes = [f"{one['plausible']:.1f} of {one['rates']}", f"{one['largest']}"]
        shares = [f"{one[key]:.1%}" for key in ("right", "decided", "wrong")]
        cells = [name, f"{one['best']:.4g}", *contains, *sizes, *shares]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table_of_twins(twins: Mapping[str, Mapping[str, float]]) -> str:
    lines = ["| task | decides among neighbours | decides between the two alone |", "|---|---:|---:|"]
    lines += [f"| {name} | {one['among neighbours']:.1%} | {one['alone']:.1%} |" for name, one in twins.items()]
    return "\n".join(lines)


def _refuse(found: Mapping[str, Mapping[str, float]], twins: Mapping[str, Mapping[str, float]]) -> None:
    """Raise an error where a requirement is missed; three standard errors are left to chance where rates are equal."""
    for name, one in found.items():
        if one["contains, log"] < MUST_CONTAIN:
            raise RuntimeError(f"the range must contain the best rate of {name} in {MUST_CONTAIN:.0%}; got {one}.")
    most = MAY_DECIDE + 3 * (MAY_DECIDE * (1 - MAY_DECIDE) / (REPETITIONS // 2)) ** 0.5
    for name, shares in twins.items():
        if max(shares.values()) > most:
            raise RuntimeError(f"equal rates of {name} must be decided in at most {most:.1%}; got {shares}.")


if __name__ == "__main__":
    print(page())
