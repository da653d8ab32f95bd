"""The study's tables."""

import math
from typing import Any

import xarray as xr

from lrscope.report import Table
from lrscope.studies._cells import number, step_number
from lrscope.studies._findings import Listed
from lrscope.studies._words import NOTHING, percent, short
from lrscope.studies.sweep._results import LR, SEED, Results, mean_curve

WORDS = {"lr": "learning rate", "initialisation": "initialisation", "order": "order of the data", "rest": "rest"}


def rates(found: Results) -> Listed:
    """Return one row a rate: what it comes to, how often it diverges, and whether it is recommended."""
    recommended, columns = found.recommended, ["lr", "validation loss", "from", "to"]
    columns += [] if found.accuracy is None else ["validation accuracy"]
    columns += ["networks", "diverged", "probability of divergence", "worse than best", "at least", "at most"]
    columns += ["best in resamples", "in the range"]
    rows = []
    for lr in recommended[LR].values.tolist():
        row = recommended.sel({LR: lr})
        cells = [lr, *(number(row[name]) for name in ("score", "score_low", "score_high"))]
        cells += [] if found.accuracy is None else [number(found.accuracy.sel({LR: lr}).mean())]
        cells += [int(row["members"]), int(row["diverged"]), _share_range(row)]
        cells += [number(row[name]) for name in ("difference", "difference_low", "difference_high")]
        rows.append((*cells, number(row["probability_best"]), bool(row["plausible"])))
    note = (
        "Validation loss: geometric mean over the seeds that did not diverge, with a 95 % interval. Worse: mean log "
        "ratio to the best rate, paired by seed, with 95 % bounds; 0.1 is about 10 %."
    )
    return Listed("rates", Table("Every learning rate", columns, rows, note))


def networks(found: Results) -> Listed:
    """Return one row a network."""
    columns = ["lr", "seed", "outcome", "diverged at step", "validation loss", "steps to target"]
    columns += [] if found.accuracy is None else ["validation accuracy"]
    rows: list[tuple[Any, ...]] = []
    for lr in found.scores[LR].values.tolist():
        for seed in found.scores[SEED].values.tolist():
            place = {LR: lr, SEED: seed}
            score = float(found.scores.sel(place))
            if math.isnan(score):
                continue
            cells = [lr, seed, str(found.outcome["outcome"].sel(place).item())]
            cells += [step_number(found.outcome["diverged_at"].sel(place)), number(found.scores.sel(place))]
            cells += [None if found.targets is None else step_number(found.targets["steps"].sel(place))]
            cells += [] if found.accuracy is None else [number(found.accuracy.sel(place))]
            rows.append(tuple(cells))
    target = NOTHING if found.targets is None else short(float(found.targets["target"]))
    note = f"Target: a validation loss of {target}."
    return Listed("networks", Table("Every network", columns, rows, note))


def insides(found: Results) -> Listed:
    """Return one row a rate: the medians over the seeds of what is found inside at the end."""
    names = [str(name) for name in found.insides]
    columns = ["lr", *(str(found.insides[name].attrs["long_name"]) for name in names)]
    median = found.insides.median(SEED)
    rows = [(lr, *(number(median[name].sel({LR: lr})) for name in names)) for lr in median[LR].values.tolist()]
    note = "Medians over the seeds; angle, norm and update of the last epoch. A neuron is dead if silent for an epoch."
    return Listed("inside_by_rate", Table("Inside the networks at the end", columns, rows, note))


def range_test(found: Results) -> Listed:
    """Return one row a rule of the range test: what it suggests, and how often that lies in the range."""
    columns = ["rule", "suggestion, median", "smallest", "largest", "inside the range", "factor from the best"]
    rows = []
    for rule in found.agreement["rule"].values.tolist():
        suggestion, agree = found.tested["suggestion"].sel(rule=rule), found.agreement.sel(rule=rule)
        ends = [number(of(SEED)) for of in (suggestion.median, suggestion.min, suggestion.max)]
        rows.append((str(rule), *ends, percent(float(agree["share"])), number(agree["factor"])))
    return Listed("range_test_rules", Table("What the range test suggests", columns, rows, "One test a seed."))


def variance(split: xr.Dataset) -> Listed:
    """Return one row a source of variance."""
    columns = ["source", "share", "from", "to"]
    names = [str(name) for name in split["source"].values]
    rows = [(name, *(number(split[each].sel(source=name)) for each in ("share", "low", "high"))) for name in names]
    sure = ", with 95 % intervals" if split["low"].notnull().any() else ""
    note = f"Shares of the variance of the logarithm of the last validation loss{sure}."
    return Listed("variance_shares", Table("What decides about the outcome", columns, rows, note))


def rounds(found: Results) -> Listed:
    """Return one row a round of the grid."""
    first = (1, len(found.options.lrs), found.options.seeds, "the grid that was asked for")
    further = [(number, len(one.lrs), len(one.seeds), one.why) for number, one in enumerate(found.rounds, 2)]
    return Listed("rounds", Table("Rounds", ["round", "rates", "seeds", "why"], [first, *further]))


def curves(found: Results) -> Listed:
    """Return one row an epoch and rate: means over the seeds."""
    names = list(found.curves)
    means = {name: mean_curve(curve)["mean"] for name, curve in found.curves.items()}
    steps = found.curves[names[0]]["step"].values.tolist()
    rows = [
        (lr, (step + 1) // found.per_epoch, step, *(number(means[name].sel({LR: lr, "step": step})) for name in names))
        for lr in found.scores[LR].values.tolist()
        for step in steps
    ]
    columns = ["lr", "epoch", "step", *names]
    return Listed(
        "epochs",
        Table(
            "Course of the training",
            columns,
            rows,
            "Means over the seeds that did not diverge; of losses, geometric ones.",
        ),
    )


def _share_range(row: xr.Dataset) -> str:
    return f"{percent(float(row['diverged_low']))} to {percent(float(row['diverged_high']))}"
