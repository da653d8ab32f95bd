"""From the records of replicated trainings to the results: a node for each network, below it one for each analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from lrscope.data import Arrays, data_set
from lrscope.errors import LrscopeError, must_be
from lrscope.papers.linearity import analysis
from lrscope.papers.linearity._options import MIN_REPLICATES, Options, Rates
from lrscope.studies._words import listed, rate

LR, BATCH = "lr", "batch"
PATH, SENSITIVITY, CHANGE, GRID = "law", "sensitivity", "accuracy", "laws"
"""A node of each group of analyses that need the same rates: eta, eta + a, eta + b; eta, eta + a; eta, eta + b; all."""
Network = Any
"""The node of a network, a DataTree; what its paths lead to, xarray types as a union of all that there can be."""
WANTED_R2 = (0.9, 0.99, 0.999)
"""Values of R² whose number of trainings is estimated."""
SOURCE_CLASSES = (5, 1)
"""Classes of CIFAR-10 whose images the source shows: dog and automobile."""
SHOWN = 2
"""Classes whose images are shown of other data."""


def analyse(records: Mapping[str, xr.Dataset], options: Options) -> xr.DataTree:
    """Return the results of each network.

    Parameters
    ----------
    records : (member, step) or (lr, batch, step) sums over replicates, by the network's name
    options : of the run

    Returns
    -------
    DataTree
        Below ``/<network>`` one node for each of the analyses `law`, `seeds_saved` (with common seeds), `second_order`,
        `deltas`, `law_by_replicates`, `replicates_for` (dim ``wanted``), `output_sensitivity` as ``sensitivity``,
        `accuracy_change` as ``accuracy``, `delta_against_output`, `favoured` with the ``images``, `laws`,
        and the ``trainings``: their number, ``seconds`` and mean accuracy. The attributes of ``/<network>`` are its
        ``rates`` and, for each group of analyses that cannot be computed, the reason (``unknown``)

    Raises
    ------
    InputError : the records are not those of replicated trainings.
    """
    results = xr.DataTree()
    for name, recorded in records.items():
        if name not in options.networks:
            raise must_be("the networks", f"those of the options ({', '.join(options.networks)})", name)
        sums, rates = analysis.summed(recorded), options.rates(options.networks[name])
        unknown = _unknown_groups(sums, rates)
        results[name] = xr.DataTree.from_dict(_analyses(sums, rates, options, unknown))
        results[name].attrs = {"rates": rates, "unknown": unknown}
    return results


def networks(results: xr.DataTree, node: str = "") -> list[Network]:
    """Return the nodes of the networks, or of those that have a certain node."""
    return [each for each in results.children.values() if not node or node in each.children]


def across(results: xr.DataTree, node: str) -> xr.Dataset:
    """Return a node of all networks that have it, along the dimension ``network``."""
    known = networks(results, node)
    names = xr.Variable("network", [each.name for each in known])
    rules: dict[str, Any] = {"join": "outer", "data_vars": "all", "coords": "minimal", "compat": "override"}
    joined: xr.Dataset = xr.concat([each[node].to_dataset() for each in known], names, **rules)
    return joined


def _unknown_groups(sums: xr.Dataset, rates: Rates) -> dict[str, str]:
    """Return for each group of analyses that cannot be computed the reason: trainings diverged."""
    eta, first, second = rates.three
    needed = {PATH: (eta, first, second), SENSITIVITY: (eta, first), CHANGE: (eta, second)}
    reasons = {group: _reason(sums.sel({LR: list(lrs)}, method="nearest"), lrs) for group, lrs in needed.items()}
    if not bool((sums["replicates"] > 0).any()):
        reasons[GRID] = reasons[PATH]
    return {group: reason for group, reason in reasons.items() if reason}


def _reason(sums: xr.Dataset, lrs: Sequence[float]) -> str:
    """Return why there is no result at these rates; an empty text if there is one."""
    trained = sums["replicates"] > 0
    batches = int(trained.all(LR).sum())
    if batches >= MIN_REPLICATES:
        return ""
    lost = sums["diverged"].sum(BATCH).values.tolist()
    empty = [rate(lr) for lr, known in zip(lrs, trained.any(BATCH).values, strict=True) if not known]
    if empty:
        return f"all {max(lost)} trainings at {listed(empty)} diverged"
    counts = ", ".join(f"{count} at {rate(lr)}" for lr, count in zip(lrs, lost, strict=True) if count)
    return (
        f"trainings diverged ({counts}), and only {batches} of {sums.sizes[BATCH]} batches of trainings have a result "
        f"at each of {listed([rate(lr) for lr in lrs])}; intervals need {MIN_REPLICATES}"
    )


def _analyses(sums: xr.Dataset, rates: Rates, options: Options, unknown: Mapping[str, str]) -> dict[str, xr.Dataset]:
    eta, a, b = three = rates.eta, rates.a, rates.b
    nodes = {"trainings": _trainings(sums)}
    if PATH not in unknown:
        needed = [analysis.replicates_for(sums, *three, r2) for r2 in WANTED_R2]
        nodes |= {
            "law": analysis.law(sums, *three),
            "second_order": analysis.second_order(sums, *three),
            "deltas": analysis.deltas(sums, *three),
            "law_by_replicates": analysis.law_by_replicates(sums, *three),
            "replicates_for": xr.Dataset({"replicates": ("wanted", needed)}, {"wanted": list(WANTED_R2)}),
        }
        if options.pairing == "common":
            nodes["seeds_saved"] = analysis.seeds_saved(sums, *three)
    if SENSITIVITY not in unknown:
        nodes["sensitivity"] = analysis.output_sensitivity(sums, eta, a)
    if CHANGE not in unknown:
        favoured = analysis.favoured(sums, eta, b)
        nodes |= {
            "accuracy": analysis.accuracy_change(sums, eta, b),
            "delta_against_output": analysis.delta_against_output(sums, eta, b),
            "favoured": favoured,
            "images": _images(favoured, sums["learned_targets"], options),
        }
    if options.grid and GRID not in unknown:
        nodes["laws"] = analysis.laws(sums)
    return nodes


def _trainings(sums: xr.Dataset) -> xr.Dataset:
    """Return what is known of the trainings themselves (lr); the accuracy is NaN where all diverged."""
    counts, diverged = sums["replicates"].sum(BATCH), sums["diverged"].sum(BATCH)
    accuracy = sums["accuracy_sum"].sum(BATCH) / counts.where(counts > 0)
    seconds = sums["seconds_sum"].sum() / (counts + diverged).sum()
    return xr.Dataset({"replicates": counts, "diverged": diverged, "accuracy": accuracy, "seconds": seconds})


def _images(favoured: xr.Dataset, targets: xr.DataArray, options: Options) -> xr.Dataset:
    """Return the images (class, side, rank, y, x, perhaps colour) of favoured samples; else the ``reason`` in attrs."""
    if ":" in options.data:
        reason = f"The samples are not shown: a report imports nothing, and they stand at {options.data}."
        return xr.Dataset(attrs={"reason": reason})
    try:
        learned: Arrays = data_set(options.data, options.root).arrays()
    except LrscopeError as error:
        return xr.Dataset(attrs={"reason": f"The samples cannot be shown: {error}"})
    inputs, reason = learned.inputs, ""
    if not np.array_equal(learned.targets, targets.values):
        reason = f"The samples cannot be shown: {options.data} has changed since the training."
    elif inputs.ndim != 4 or inputs.shape[1] not in (1, 3) or inputs.min() < 0 or inputs.max() > 1:
        reason = "The samples are not shown: they are not grey or colour images with values from 0 to 1."
    if reason:
        return xr.Dataset(attrs={"reason": reason})
    pixels = xr.DataArray(inputs, dims=("learned_sample", "colour", "y", "x")).transpose(..., "colour")
    if pixels.sizes["colour"] == 1:
        pixels = pixels.isel(colour=0)
    position = favoured["position"].sel({"class": _shown_classes(favoured, options)})
    return xr.Dataset({"image": pixels.isel(learned_sample=position.clip(min=0)).where(position >= 0)})


def _shown_classes(favoured: xr.Dataset, options: Options) -> list[int]:
    known = favoured["class"].values.tolist()
    if options.data == "cifar10":
        return [label for label in SOURCE_CLASSES if label in known]
    changes = favoured["mean_choosing_change"]
    gap = (changes.sel(side="most") - changes.sel(side="least")).dropna("class")
    return [int(label) for label in gap.sortby(-gap)["class"].values[:SHOWN]]
