"""The study's tables: every network, the neurons in an instability, duplicates, the alarm, the controllers."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._alarms import HORIZON, RISE
from lrscope.papers.stability._bench import TARGET_ERRORS
from lrscope.papers.stability._configurations import Configuration
from lrscope.papers.stability._duplicates import THRESHOLD
from lrscope.papers.stability._options import Options
from lrscope.papers.stability._results import SHARES
from lrscope.records import RATE_REASONS
from lrscope.report import Table

DOMINANT = 0.05
"""Neurons with smaller shares in an instability are left out."""
NUMBERS = {
    "final_train_error": "final training error",
    "final_test_error": "final test error",
    "lowest_train_error": "lowest training error",
    "lowest_train_error_step": "lowest training error at step",
    "lowest_test_error": "lowest test error",
    "lowest_test_error_step": "lowest test error at step",
    "lowest_norm_step": "lowest gradient norm at step",
    "onset_sharpness": "onset of sharpness",
    "onset_angle": "onset of angle",
    "onset_gradient_norm": "onset of gradient norm",
    "onset_error": "onset of error",
    "outcome": "outcome",
    "diverged_at": "diverged at step",
}


def networks(options: Options) -> Table:
    """Return the table with a row for each network: errors, onsets, outcome."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        frames = []
        for chosen, table in _each(results, options, "networks"):
            described: dict[str, object] = {
                "target": chosen.target,
                "hidden": chosen.hidden,
                "iterations": chosen.epochs,
            }
            described["init_scale"] = f"{chosen.init_scale:g}"
            rows = table[list(NUMBERS)].to_dataframe().reset_index().assign(**described)
            steps = [name for name in rows if "step" in str(name) or "onset" in str(name) or name == "diverged_at"]
            rows[steps] = rows[steps].mask(rows[steps] < 0)
            frames.append(rows[[*described, "lr", "seed", *NUMBERS]])
        return pd.concat(frames, ignore_index=True)

    note = (
        "Errors are half the mean squared error; steps count updates from 0. An empty onset did not happen. Sharpness "
        "is measured at some steps only, so its onset may be late by the distance of two. Converged means finite, with "
        "a last error below the first: a network may do so and have been unstable on its way."
    )
    named = {name: name for name in ("target", "hidden", "iterations", "lr", "seed")}
    headings = named | {"init_scale": "factor of the initial weights"} | NUMBERS
    return Table("summary", "Every network", frame, columns=headings, note=note)


def neurons(options: Options) -> Table:
    """Return the table of the neurons with the largest shares in the instability of each network of seed 0."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        frames = []
        for chosen, table in _each(results, options, "neurons"):
            rows = table.to_dataframe().reset_index().dropna(subset=list(SHARES))
            rows = rows[rows[list(SHARES)].max(axis=1) >= DOMINANT]
            names = [f"{layer} {index}" for layer, index in zip(rows["layer"], rows["index"], strict=True)]
            frames.append(rows.assign(configuration=chosen.name, name=names)[["configuration", "lr", "name", *SHARES]])
        return pd.concat(frames, ignore_index=True)

    headings = {"configuration": "configuration", "lr": "lr", "name": "neuron"}
    headings |= {"sharpness": "share of the sharpest direction", "oscillation": "share of the oscillation"}
    note = (
        "At the first measurement after the onset of the angle. The sharpest direction is the eigenvector of the "
        "Hessian's largest eigenvalue, the oscillation the part of the update that turns back at every step; both are "
        f"divided among the neurons by squared length. Neurons below {DOMINANT:.0%} of both are left out."
    )
    return Table("dominant_neurons", "Neurons that dominate the instability", frame, columns=headings, note=note)


def duplicates(options: Options) -> Table:
    """Return the table of the pairs of hidden neurons that ever were duplicates, in the networks of seed 0."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        names = ["merged", "parted", "last"]
        frames = [pd.DataFrame(columns=["configuration", "lr", "pair", *names])]
        for chosen, table in _each(results, options, "duplicates"):
            if names[0] in table:
                rows = table[names].to_dataframe().reset_index().dropna(subset="merged")
                frames.append(rows.assign(configuration=chosen.name, parted=rows["parted"].mask(rows["parted"] < 0)))
        return pd.concat([rows for rows in frames if len(rows)] or frames, ignore_index=True)

    headings = {"configuration": "configuration", "lr": "lr", "pair": "neurons", "merged": "merged at step"}
    headings |= {"parted": "parted at step", "last": "similarity at the end"}
    note = f"Duplicates: incoming weights and bias equal up to their sign, similarity {THRESHOLD:g} or more; seed 0."
    return Table("duplicates", "Duplicate neurons", frame, columns=headings, note=note)


def rate_changes(options: Options) -> Table:
    """Return the table of how often a gradient-driven rate changed for which reason."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        rows = []
        for chosen, table in _each(results, options, "guided"):
            for lr in table["lr"].values:
                for seed in table["seed"].values:
                    reasons = table["rate_reason"].sel(lr=lr, seed=seed).values.astype(int)
                    counts = np.bincount(reasons[reasons >= 0], minlength=len(RATE_REASONS))
                    named = zip(RATE_REASONS, counts.tolist(), strict=True)
                    rows += [(chosen.name, lr, seed, reason, count) for reason, count in named if count]
        return pd.DataFrame(rows, columns=["configuration", "lr", "seed", "reason", "updates"])

    return Table("rate_changes", "Why the gradient-driven rate changed", frame)


def alarm() -> Table:
    """Return the table of how good each quantity is as an alarm."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        tested = results["alarm"].to_dataset()
        leads = {f"lead {quantile:.0%}": tested["lead_quantiles"].sel(quantile=quantile, drop=True)
                 for quantile in tested["quantile"].values}  # fmt: skip
        chosen = tested[["precision", "recall", "f1"]].assign(leads)
        for name in ("onsets", "networks", "early"):
            chosen[name] = tested[name]
        return chosen.to_dataframe(dim_order=["target", "signal"]).reset_index()

    headings = {name: name for name in ("target", "signal", "precision", "recall")} | {"f1": "F-score"}
    headings |= {name: name for name in ("lead 10%", "lead 50%", "lead 90%", "onsets", "networks")}
    headings |= {"early": "unstable from the start"}
    note = (
        f"An onset is a rise of the error by {RISE - 1:.0%} or more. An alarm is true if one follows within {HORIZON} "
        "steps. F-score: harmonic mean of precision and recall. Lead: steps from the alarm to the onset, quantiles. "
        f"Networks of seeds {grids.ALARM_SEEDS_CHOSEN_ON} and above; the rules were chosen on the others."
    )
    return Table("alarm", "How each quantity warns", frame, columns=headings, note=note)


def controllers() -> Table:
    """Return the table of how each controller did on each target, from each starting rate."""
    headings = {
        "target": "target",
        "controller": "controller",
        "lr": "starting rate",
        "final_error": "final error",
        "low": "lower quartile",
        "high": "upper quartile",
        "diverged": "share diverged",
        "steps_to_target": "steps to target",
        "reached": "share that reached it",
    }
    levels = ", ".join(f"{target} {error:g}" for target, error in TARGET_ERRORS.items())
    note = (
        f"{grids.BENCH_SEEDS} seeds each, {grids.BENCH_SAMPLES} points; final error: median of those that did not "
        f"diverge. Target errors: {levels}; networks that miss theirs count with all steps. Diverged: not finite, or "
        "not below the first error at the end."
    )
    index = ("target", "controller", "lr")
    return Table("controllers", "Controllers of the learning rate", "bench", index, headings, note)


def _each(results: xr.DataTree, options: Options, kind: str) -> Iterator[tuple[Configuration, xr.Dataset]]:
    """Yield each configuration with one of its nodes, if it has that."""
    for chosen in grids.configurations(options):
        if kind in results[chosen.name].children:
            yield chosen, results[f"{chosen.name}/{kind}"].to_dataset()
