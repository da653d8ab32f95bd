"""How each controller of the learning rate does, from which starting rate."""

import warnings
from collections.abc import Mapping

import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.records import LOSS, on_grid

TARGET_ERRORS = {"f1": 1e-3, "f2": 2.0}
"""Training error to be reached: about half way, on a logarithmic axis, to the best."""


def bench(by_name: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return how the controllers did, from the records of all experiments.

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
    by_target = []
    for target in grids.SIZES:
        of_target = [_of_one(by_name[grids.bench_name(target, name)], target) for name in grids.CONTROLLERS]
        by_target.append(xr.concat(of_target, xr.Variable("controller", list(grids.CONTROLLERS))))
    result = xr.concat(by_target, xr.Variable("target", list(grids.SIZES)))
    names = {
        "final_error": ("training error", "1"),
        "diverged": ("share diverged", "1"),
        "steps_to_target": ("steps to target", "updates"),
    }
    for name, (long_name, units) in names.items():
        result[name].attrs = {"long_name": long_name, "units": units}
    result["lr"].attrs = {"long_name": "learning rate at the start", "units": "1", "scale": "log"}
    return result


def _of_one(lazily: xr.Dataset, target: str) -> xr.Dataset:
    """Return how one controller did on one target (lr)."""
    loss = on_grid(lazily[[LOSS]].load())[LOSS]
    first, last = loss.isel(step=0, drop=True), loss.isel(step=-1, drop=True)
    diverged = ~(last < first)
    hit = loss <= TARGET_ERRORS[target]
    reached = hit.any("step")
    steps = loss["step"][hit.argmax("step")].drop_vars("step").where(reached, loss.sizes["step"])
    final = last.where(~diverged)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")  # where all seeds diverged there is no final error
        return xr.Dataset(
            {
                "final_error": final.median("seed"),
                "low": final.quantile(0.25, "seed").drop_vars("quantile"),
                "high": final.quantile(0.75, "seed").drop_vars("quantile"),
                "diverged": diverged.mean("seed"),
                "steps_to_target": steps.mean("seed").where(reached.any("seed")),
                "reached": reached.mean("seed"),
            }
        )
