"""How each way to choose the learning rate does, from which starting rate."""

import warnings
from collections.abc import Mapping

import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._ways import WAYS
from lrscope.records import LOSS, MEMBER, on_grid

TARGET_ERRORS = {"f1": 1e-3, "f2": 2.0}
"""Training error to be reached: half way, on a logarithmic axis, to what the best reach, about."""


def bench(by_name: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return how the ways did, from the records of all experiments.

    Returns
    -------
    Dataset (target, controller, lr)
        final_error : median over the seeds of the training error at the last step, of the networks that did not
            diverge; NaN if all did
        low, high : their lower and upper quartile
        diverged : share of the seeds that diverged: not finite, or not below the first error in the end
        steps_to_target : mean over the seeds of the first step with the target error or less; those that never
            reach it count with all steps; NaN where none does
        reached : share of the seeds that reach it
    """
    of_targets = [
        xr.concat([_of_one(by_name[grids.bench_name(target, way)], target) for way in WAYS], _names("controller", WAYS))
        for target in grids.SIZES
    ]
    return _labelled(xr.concat(of_targets, _names("target", grids.SIZES)))


def _names(dim: str, names: object) -> xr.Variable:
    return xr.Variable(dim, list(names))  # type: ignore[call-overload]


def _of_one(lazily: xr.Dataset, target: str) -> xr.Dataset:
    """Return how one way did on one target (lr)."""
    loss = lazily[[LOSS]].load()[LOSS]
    first, last = loss.isel(step=0), loss.isel(step=-1)
    diverged = ~(last < first)
    hit = loss <= TARGET_ERRORS[target]
    reached = hit.any("step")
    steps = loss["step"].isel(step=hit.argmax("step")).where(reached, loss.sizes["step"]).drop_vars("step")
    by_member = {"final": last.where(~diverged), "diverged": diverged.astype(float), "steps": steps, "reached": reached}
    grid = on_grid(
        xr.Dataset({name: (MEMBER, array.values) for name, array in by_member.items()}, loss.coords)
        .drop_vars("step")
        .assign_attrs(axes=lazily.attrs["axes"])
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")  # where all seeds diverged there is no error to tell
        return xr.Dataset(
            {
                "final_error": grid["final"].median("seed"),
                "low": grid["final"].quantile(0.25, "seed").drop_vars("quantile"),
                "high": grid["final"].quantile(0.75, "seed").drop_vars("quantile"),
                "diverged": grid["diverged"].mean("seed"),
                "steps_to_target": grid["steps"].mean("seed").where(grid["reached"].any("seed")),
                "reached": grid["reached"].mean("seed"),
            }
        )


def _labelled(found: xr.Dataset) -> xr.Dataset:
    names = {
        "final_error": "training error",
        "diverged": "share diverged",
        "steps_to_target": "steps to target",
        "reached": "share of networks that reached it",
    }
    for name, long_name in names.items():
        found[name].attrs = {"long_name": long_name, "units": "updates" if name == "steps_to_target" else "1"}
    found["lr"].attrs = {"long_name": "learning rate at the start", "units": "1", "scale": "log"}
    return found
