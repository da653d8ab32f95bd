"""The study's tables: what became of each network, how the alarm did, how the ways to choose a rate did."""

import itertools
from collections.abc import Iterator

import numpy as np

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._alarms import FIRST_SEED_JUDGED, RISE, AlarmTest
from lrscope.papers.stability._bench import TARGET_ERRORS
from lrscope.papers.stability._duplicates import Pair, pairs_of
from lrscope.papers.stability._results import Results, Trained
from lrscope.records import RATE_REASONS
from lrscope.report._old import Table
from lrscope.studies._cells import number, step_number
from lrscope.studies._findings import Listed

SUMMARY = (
    *("target", "hidden", "lr", "epochs", "init_scale", "seed", "final_train_error", "final_test_error"),
    *("min_train_error", "min_train_error_step", "min_test_error", "min_test_error_step", "min_gradient_norm_step"),
    *("angle_onset_step", "gradient_norm_onset_step", "error_onset_step", "sharpness_crossing_step", "outcome"),
)
"""Columns of ``summary.csv``."""
KINDS = ("sharpness", "oscillation")
CARRIES = 0.05
"""A neuron with a smaller share does not carry the instability."""


def summary(found: Results) -> Listed:
    """Return one row a network: errors, onsets, outcome."""
    rows = [_row(trained, lr, seed) for trained in found.trained.values() for lr, seed in trained.members()]
    note = (
        "Errors are half the mean squared error; steps count updates from 0. An empty onset did not happen. Sharpness "
        "is measured at some steps only, its crossing may be late by the distance of two. Converged means finite, "
        "with a last error below the first: a network may do so and have become unstable on its way."
    )
    return Listed("summary", Table("Every network", SUMMARY, rows, note))


def _row(trained: Trained, lr: float, seed: int) -> tuple[str | float | int | None, ...]:
    chosen = trained.configuration
    train, test = (trained.lowest(error, lr, seed) for error in ("loss", "val_loss"))
    signs = ("angle", "gradient_norm", "error", "sharpness")
    return (
        *(chosen.target, chosen.hidden, lr, chosen.epochs, chosen.init_scale, seed),
        *(number(trained.final(error, lr, seed)) for error in ("loss", "val_loss")),
        *(number(train[0]), step_number(train[1]), number(test[0]), step_number(test[1])),
        step_number(trained.lowest("gradient_norm", lr, seed)[1]),
        *(step_number(trained.onset(sign, lr, seed)) for sign in signs),
        outcome_of(trained, lr, seed),
    )


def outcome_of(trained: Trained, lr: float, seed: int) -> str:
    """Return how a network ended, with the step where it diverged."""
    ended = trained.outcome.isel(member=trained.member(lr, seed))
    words = str(ended["outcome"].item())
    return f"{words} at step {int(ended['diverged_at'])}" if words == "diverged" else words


def carriers(found: Results) -> Listed:
    """Return who carries each instability of seed 0, one row a neuron that holds a twentieth of it or more."""
    rows = []
    for trained, lr in ((each, lr) for each in found.trained.values() for lr, seed in each.members() if seed == 0):
        shares = trained.carriers(lr)
        if shares is None:
            continue
        chosen = shares.isel(neuron=np.flatnonzero(np.maximum(*(shares[kind].values for kind in KINDS)) >= CARRIES))
        for place in range(chosen.sizes["neuron"]):
            one = chosen.isel(neuron=place)
            name = f"{one['layer'].item()} {int(one['index'])}"
            rows.append((trained.configuration.name, lr, name, *(number(float(one[kind])) for kind in KINDS)))
    columns = ("configuration", "lr", "neuron", "share of the sharpest direction", "share of the oscillation")
    note = (
        "At the first measurement behind the onset of the angle. The sharpest direction is the eigenvector of the "
        "Hessian's largest eigenvalue, the oscillation the part of the update that turns back at every step; both are "
        f"dealt to the neurons by squared length. Neurons below {CARRIES:.0%} of both are left out."
    )
    return Listed("carriers", Table("Which neurons carry the instability", columns, rows, note))


def alarm(test: AlarmTest) -> Listed:
    """Return how good each signal is, one row a target and signal."""
    shares, counts, leads = ("precision", "recall", "f1"), ("onsets", "members", "early"), (0.1, 0.5, 0.9)
    names = ("lead 10 %", "lead 50 %", "lead 90 %", "onsets", "networks", "unstable from the start")
    rows = []
    for target, signal in itertools.product(
        test.scores["target"].values.tolist(), test.scores["signal"].values.tolist()
    ):
        here = test.scores.sel(target=target, signal=signal)
        lead = [number(float(here["lead"].sel(quantile=each))) for each in leads]
        counted = [int(here[name]) for name in counts]
        rows.append((target, signal, *(number(float(here[name])) for name in shares), *lead, *counted))
    note = (
        f"An onset is a rise of the error by {RISE - 1:.0%} or more. An alarm is true if one follows within 100 steps. "
        "F-score: harmonic mean of precision and recall. Lead: steps from the alarm to the onset. Networks of seeds "
        f"{FIRST_SEED_JUDGED} and above; the rules were chosen on the others."
    )
    columns = ("target", "signal", "precision", "recall", "F-score", *names)
    return Listed("alarm", Table("How each sign warns", columns, rows, note))


def bench(found: Results) -> Listed:
    """Return how each way to choose the rate did, one row a target, way and starting rate."""
    assert found.bench is not None
    columns = (
        "target",
        "way",
        "starting rate",
        "final error",
        "lower quartile",
        "upper quartile",
        "diverged",
        "steps to target",
    )
    names = ("final_error", "low", "high", "diverged", "steps_to_target", "reached")
    axes = [found.bench[axis].values.tolist() for axis in ("target", "controller", "lr")]
    rows = []
    for target, way, lr in itertools.product(*axes):
        here = found.bench.sel(target=target, controller=way, lr=lr)
        rows.append((target, way, lr, *(number(float(here[name])) for name in names)))
    levels = ", ".join(f"{target} {error:g}" for target, error in TARGET_ERRORS.items())
    note = (
        f"{grids.BENCH_SEEDS} seeds each, {grids.BENCH_SAMPLES} points; final error: median of those that did not "
        f"diverge. Target errors: {levels}; networks that miss theirs count with all steps. Diverged: not finite, or "
        "not below the first error at the end."
    )
    return Listed("controllers", Table("Ways to choose the rate", (*columns, "share that reached it"), rows, note))


def changes(found: Results) -> Listed:
    """Return how often the rate changed for which reason, one row a guided run and reason."""
    rows = []
    for trained in (each for each in found.trained.values() if each.guided is not None):
        assert trained.guided is not None
        for place in range(trained.guided.sizes["member"]):
            run = trained.guided.isel(member=place)
            counts = np.bincount(run["rate_reason"].values, minlength=len(RATE_REASONS))
            name = trained.configuration.name
            labels = (name, float(run["lr"]), int(run["seed"]))
            rows += [(*labels, reason, int(count)) for reason, count in zip(RATE_REASONS, counts, strict=True) if count]
    columns = ("configuration", "lr", "seed", "reason", "updates")
    return Listed("rate_changes", Table("Why the rate changed", columns, rows))


def duplicates(found: Results) -> Listed:
    """Return when pairs of hidden neurons became duplicates and parted, one row a pair."""
    rows = []
    for each in all_pairs(found):
        when = step_number(each.merged), step_number(each.parted)
        rows.append((each.configuration, each.lr, f"{each.one} and {each.other}", *when, number(each.last)))
    columns = ("configuration", "lr", "neurons", "merged at step", "parted at step", "similarity at the end")
    note = "Duplicates: incoming weights and bias equal up to their sign, similarity 0.99 or more; seed 0."
    return Listed("duplicates", Table("Duplicate neurons", columns, rows, note))


def all_pairs(found: Results) -> Iterator[Pair]:
    """Yield the pairs of hidden neurons of all configurations that ever were duplicates."""
    for trained in found.trained.values():
        yield from pairs_of(trained)
