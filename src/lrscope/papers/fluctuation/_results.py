"""The numbers of the study: what claims, tables and figures are made of."""

from collections.abc import Mapping
from typing import Any

import hist
import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation._definitions import (
    QUANTITIES,
    STANDARD,
    candidates,
    compared,
    name_of,
    published_counts,
    shares,
    total_variation,
)
from lrscope.papers.fluctuation._options import Options
from lrscope.records import on_grid, outcomes, step_dimension
from lrscope.report import array_of

AXES = ("shape", "lr", "seed")


@np.errstate(over="ignore", invalid="ignore")  # a network that diverges passes through infinity
def analyse(records: Mapping[str, xr.Dataset], options: Options) -> xr.DataTree:
    """Return the results of the study from the records of its one experiment.

    Returns
    -------
    DataTree
        networks : (shape, lr, seed) ``error`` of the reconstruction at the last step, ``first_loss``, ``last_loss``,
            ``outcome``, ``diverged_at``
        neurons/<quantity> : ``fluctuation`` (shape, lr, seed, neuron), ``share`` (shape, lr, seed, layer) of inactive
            neurons
        modules : (quantity, shape, lr, seed, module) ``inactive`` neurons, ``moving`` ones, ``share`` of inactive ones
            and of those in the lowest bin, ``low``; ``counts`` in the bins of the paper and ``published`` ones (...,
            bin), their ``distance``
        definitions : of `compared`
        loss : ``loss`` (shape, lr, seed, step)
        points : ``outputs``, ``targets`` (shape, lr, seed, sample, output) at the last step
        dead : ``share`` of ReLU neurons that are zero on every sample (shape, lr, seed, step, layer)
        active : ``share`` of the samples that activate each neuron of one network (step, neuron)

    Raises
    ------
    InputError : a quantity was not recorded.
    """
    only = records["records"]
    by_definition = {quantity: on_grid(candidates(only, quantity)) for quantity in QUANTITIES}
    fluctuation = {quantity: of.sel(definition=name_of(STANDARD), drop=True) for quantity, of in by_definition.items()}
    networks, published = _networks(only), published_counts()
    dead = on_grid(analysis.share(analysis.dead(only))).rename("share")
    outputs, targets = (_last(_on_grid(only, name)) for name in ("outputs", "targets"))
    tree = {
        "networks": networks,
        "modules": _modules(fluctuation, published, options.threshold),
        "definitions": compared(
            {name: analysis.binned(values.drop_vars("steps_used")) for name, values in by_definition.items()}, published
        ),
        "loss": _on_grid(only, "loss").rename("loss").to_dataset(),
        "points": xr.Dataset({"outputs": outputs, "targets": targets}),
        "dead": dead.to_dataset(),
        "active": _active(only, networks).to_dataset(name="share"),
    }
    for quantity, values in fluctuation.items():
        share = analysis.participation(values, options.threshold, "layer")["share"].drop_vars("module")
        tree[f"neurons/{quantity}"] = xr.Dataset({"fluctuation": values, "share": share.rename(layer="of_layer")})
    return xr.DataTree.from_dict(tree)


def histograms(results: xr.DataTree) -> dict[str, hist.Hist[Any]]:
    """Return histograms of the fluctuations, one for each quantity, module and rate, over shapes and seeds."""
    filled = {}
    for quantity in QUANTITIES:
        values = array_of(results, f"neurons/{quantity}/fluctuation")
        for module in dict.fromkeys(values["module"].values.tolist()):
            inside = values.isel(neuron=np.flatnonzero(values["module"].values == module))
            for lr in values["lr"].values:
                chosen = inside.sel(lr=lr).values
                histogram = hist.Hist.new.Reg(20, 0, 1 + 1e-9, label=f"normalised fluctuation of {quantity}").Double()
                filled[f"fluctuation_{quantity}_{module}_lr_{lr:g}"] = histogram.fill(chosen[np.isfinite(chosen)])
    return filled


def _networks(records: xr.Dataset) -> xr.Dataset:
    outcome = on_grid(outcomes(records))
    loss = _on_grid(records, "loss")
    step = step_dimension(loss)
    outputs, targets = (_last(_on_grid(records, name)) for name in ("outputs", "targets"))
    error = ((outputs.astype(float) - targets) ** 2).mean(["sample", "output"], skipna=False)
    return xr.Dataset(
        {
            "error": error.assign_attrs(long_name="reconstruction error", units="1"),
            "first_loss": loss.isel({step: 0}, drop=True),
            "last_loss": loss.isel({step: -1}, drop=True),
            "outcome": outcome["outcome"],
            "diverged_at": outcome["diverged_at"],
        }
    )


def _modules(
    fluctuation: Mapping[str, xr.DataArray], published: Mapping[str, xr.DataArray], threshold: float
) -> xr.Dataset:
    """Return for each quantity and module how many neurons are inactive, and the tables of the paper beside ours."""
    rows = []
    for quantity, values in fluctuation.items():
        counted = analysis.participation(values, threshold, "module")
        counts = analysis.binned(values).astype(float)
        known = counts.sum("bin") > 0
        theirs = published[quantity].reindex(shape=values["shape"], lr=values["lr"])
        neurons = counted["neurons"].where(counted["neurons"] > 0)
        row = {
            "inactive": counted["inactive"].where(neurons.notnull()),
            "moving": neurons - counted["inactive"],
            "share": counted["share"],
            "counts": counts.where(known),
            "published": theirs.reindex(module=counts["module"]),
            "distance": total_variation(counts, theirs),
            "low": shares(counts).isel(bin=0, drop=True),
        }
        rows.append(xr.Dataset(row).drop_vars("steps_used", errors="ignore"))
    return xr.concat(
        rows, xr.DataArray(list(fluctuation), dims="quantity", name="quantity"), coords="minimal", compat="override"
    )


def _on_grid(records: xr.Dataset, name: str) -> xr.DataArray:
    return on_grid(records[[name]].compute())[name]


def _last(array: xr.DataArray) -> xr.DataArray:
    return array.isel({step_dimension(array): -1}, drop=True)


def _active(records: xr.Dataset, networks: xr.Dataset) -> xr.DataArray:
    """Return the active share (step, neuron) of one network: of the spiral if there is one, seed 0, a middle rate."""
    shapes = networks["shape"].values.tolist()
    shape = "spiral" if "spiral" in shapes else shapes[0]
    outcome = networks["outcome"].sel(shape=shape).isel(seed=0)
    rates = outcome["lr"].values[outcome.values != "diverged"]
    rates = rates if len(rates) else outcome["lr"].values
    active = on_grid(analysis.by_neuron(records, "activations", "active"))
    return analysis.arranged(active.sel(shape=shape, lr=rates[len(rates) // 2], seed=outcome["seed"].item()))
