"""Chapters of the report of any file of records. Each returns itself, or a sentence on why it is not there."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope import analysis, figures
from lrscope.records import VALUES, on_grid
from lrscope.report import Figure, Section
from lrscope.studies import _recorded_tables as tables
from lrscope.studies._recorded_view import View, has_one_step, thinned
from lrscope.studies._recorded_words import band, drawing, few, of_all, ordinal, read_of


def training(view: View) -> Section | str:
    """Show everything that is one number a step, and how every network ended."""
    names = view.scalars()
    if not names:
        return "There are no curves: neither the loss nor any other number of the whole network was recorded."
    arrays = {name: view.gridded(name) for name in names}
    outcome = view.outcome()
    listed = tables.networks(view, arrays, outcome)
    curves = {name: array for name, array in arrays.items() if not has_one_step(array)}
    if not curves:
        return Section("Training", "One step was recorded: there are no curves.", [listed])
    figure, most = _curves(view, curves, outcome)
    text = f"Of long records every {ordinal(most)} step is drawn." if most > 1 else ""
    return Section("Training", text, [figure, listed])


def _curves(view: View, arrays: Mapping[str, xr.DataArray], outcome: xr.Dataset | None) -> tuple[Figure, int]:
    """Return the curves, and of how many recorded steps one is drawn."""
    short = {name: thinned(few(array)) for name, array in arrays.items()}
    log = [name for name, array in arrays.items() if _varies_by_factors(name, array)]
    summaries = {name: analysis.over_seeds(array, log=name in log) for name, (array, _) in short.items()}
    diverged_at = None if outcome is None else few(outcome["diverged_at"])
    draw = drawing(figures.panels, summaries, diverged=diverged_at)
    caption = f"Over the steps{band(view)}.{of_all(next(iter(arrays.values())))}"
    figure = Figure("training", "Every recorded number of the network", caption, draw)
    return figure, max(every for _, every in short.values())


def gradients(view: View) -> Section | str:
    """Show the norm of the gradient of each layer."""
    recorded = [name for name in analysis.GRADIENTS if VALUES in view.statistics(name)]
    if not recorded:
        return "Gradients by layer are left out: their values were not recorded (with the probe Gradients)."
    some, every = view.some(*recorded)
    norms = on_grid(analysis.layer_norms(some, recorded)).assign_attrs(long_name="norm of the gradient")
    if has_one_step(norms):
        return Section("Gradients by layer", "One step was recorded.", [tables.norms(norms)])
    short, again = thinned(few(norms))
    summary = analysis.over_seeds(short, log=True)
    of = " and ".join(name.replace("_", " ") for name in recorded)
    caption = f"Norm of the {of} of each layer{band(view)}.{of_all(norms)}"
    draw = drawing(figures.panels, summary, col="layer")
    still = Figure("gradients", "Gradients by layer", caption, draw)
    return Section("Gradients by layer", read_of(every * again), [still, tables.norms(norms)])


def recorded(view: View) -> Section | str:
    """Say what the files hold, at which steps, and what it has cost."""
    return Section("What was recorded", tables.cost(view), [tables.quantities(view), tables.layers(view)])


def _varies_by_factors(name: str, array: xr.DataArray) -> bool:
    """Tell whether a quantity has a logarithmic axis, and geometric means: it spans a factor of 10, and is no share."""
    return _spans(array) and not name.endswith("accuracy") and array.attrs.get("units") != "degrees"


def _spans(array: xr.DataArray, factor: float = 10) -> bool:
    """Tell whether an array is positive and spans more than a factor: easier to read on a logarithmic axis."""
    finite = array.where(np.isfinite(array))
    return bool(finite.min() > 0) and bool(finite.max() > factor * finite.min())
