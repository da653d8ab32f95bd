"""The study's tables: every network, the neurons in an instability, duplicates, the alarm, the controllers."""

from collections.abc import Iterator

import pandas as pd
import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._analysis import DUPLICATES, HORIZON, RISE, TARGET_ERRORS
from lrscope.papers.stability._configurations import Configuration
from lrscope.papers.stability._results import SHARES
from lrscope.report import Table

DOMINANT = 0.05
"""Neurons with smaller shares in an instability are left out."""
PLACE = {"configuration": "configuration", "lr": "lr"}
DESCRIBED = {name: name for name in ("target", "hidden", "iterations", "init_scale", "lr", "seed")}
DESCRIBED |= {"init_scale": "factor of the initial weights"}
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


def _each(results: xr.DataTree, kind: str) -> Iterator[tuple[Configuration, xr.Dataset]]:
    """Yield each configuration with one of its nodes, if it has that."""
    for chosen in grids.configurations(results.attrs["options"]):
        if kind in results[chosen.name].children:
            yield chosen, results[f"{chosen.name}/{kind}"].to_dataset()


def _networks(results: xr.DataTree) -> pd.DataFrame:
    frames = []
    for chosen, table in _each(results, "networks"):
        rows = table[list(NUMBERS)].to_dataframe().reset_index()
        steps = [name for name in rows if "step" in str(name) or "onset" in str(name) or name == "diverged_at"]
        rows[steps] = rows[steps].mask(rows[steps] < 0)
        described = {"target": chosen.target, "hidden": chosen.hidden, "iterations": chosen.epochs}
        frames.append(rows.assign(**described, init_scale=chosen.init_scale))
    return pd.concat(frames, ignore_index=True)


NETWORKS = Table(
    "summary",
    "Every network",
    _networks,
    columns=DESCRIBED | NUMBERS,
    note="Errors are half the mean squared error; steps count updates from 0. An empty onset did not happen. Sharpness "
    "is measured at some steps only, so its onset may be late by the distance of two. Converged means finite, with "
    "a last error below the first: a network may do so and have been unstable on its way.",
)


def _neurons(results: xr.DataTree) -> pd.DataFrame:
    frames = []
    for chosen, table in _each(results, "neurons"):
        rows = table.to_dataframe().reset_index().dropna(subset=list(SHARES))
        rows = rows[rows[list(SHARES)].max(axis=1) >= DOMINANT]
        names = [f"{layer} {index}" for layer, index in zip(rows["layer"], rows["index"], strict=True)]
        frames.append(rows.assign(configuration=chosen.name, name=names))
    return pd.concat(frames, ignore_index=True)


NEURONS = Table(
    "dominant_neurons",
    "Neurons that dominate the instability",
    _neurons,
    columns=PLACE
    | {"name": "neuron", "sharpness": "share of the sharpest direction", "oscillation": "share of the oscillation"},
    note="At the first measurement after the onset of the angle. The sharpest direction is the eigenvector of the "
    "Hessian's largest eigenvalue, the oscillation the part of the update that turns back at every step; both are "
    f"divided among the neurons by squared length. Neurons below {DOMINANT:.0%} of both are left out.",
)


def _duplicates(results: xr.DataTree) -> pd.DataFrame:
    names = ["configuration", "lr", "pair", "merged", "parted", "last"]
    frames = []
    for chosen, table in _each(results, "duplicates"):
        if "merged" in table:
            rows = table.to_dataframe().reset_index().dropna(subset="merged")
            frames.append(rows.assign(configuration=chosen.name, parted=rows["parted"].mask(rows["parted"] < 0)))
    return pd.concat([rows for rows in frames if len(rows)] or [pd.DataFrame(columns=names)], ignore_index=True)


PAIRS = Table(
    "duplicates",
    "Duplicate neurons",
    _duplicates,
    columns=PLACE
    | {"pair": "neurons", "merged": "merged at step", "parted": "parted at step", "last": "similarity at the end"},
    note=f"Duplicates: incoming weights and bias equal up to their sign, similarity {DUPLICATES:g} or more; seed 0.",
)


def _alarm(results: xr.DataTree) -> xr.Dataset:
    tested = results["alarm"].to_dataset()
    leads = {f"lead {quantile:.0%}": tested["lead_quantiles"].sel(quantile=quantile, drop=True)
             for quantile in tested["quantile"].values}  # fmt: skip
    return tested.assign(leads).drop_dims(["quantile", "member"])


ALARM = Table(
    "alarm",
    "How each quantity warns",
    _alarm,
    ("target", "signal"),
    {
        **{name: name for name in ("target", "signal", "precision", "recall")},
        "f1": "F-score",
        **{name: name for name in ("lead 10%", "lead 50%", "lead 90%", "onsets", "networks")},
        "early": "unstable from the start",
    },
    f"An onset is a rise of the error by {RISE - 1:.0%} or more. An alarm is true if one follows within {HORIZON} "
    "steps. F-score: harmonic mean of precision and recall. Lead: steps from the alarm to the onset, quantiles. "
    f"Networks of seeds {grids.ALARM_SEEDS_CHOSEN_ON} and above; the rules were chosen on the others.",
)
CONTROLLERS = Table(
    "controllers",
    "Controllers of the learning rate",
    "bench",
    ("target", "controller", "lr"),
    {
        "target": "target",
        "controller": "controller",
        "lr": "starting rate",
        "final_error": "final error",
        "low": "lower quartile",
        "high": "upper quartile",
        "diverged": "share diverged",
        "steps_to_target": "steps to target",
        "reached": "share that reached it",
    },
    f"{grids.BENCH_SEEDS} seeds each, {grids.BENCH_SAMPLES} points; final error: median of those that did not diverge. "
    f"Target errors: {', '.join(f'{target} {error:g}' for target, error in TARGET_ERRORS.items())}; networks that miss "
    "theirs count with all steps. Diverged: not finite, or not below the first error at the end.",
)
