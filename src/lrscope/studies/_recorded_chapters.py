"""Chapters of the report of any file of records. Each returns itself, or a sentence on why it is not there."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import xarray as xr

from lrscope import analysis, figures
from lrscope.records import VALUES, on_grid, step_dimension
from lrscope.report._old import Interactive
from lrscope.studies import _recorded_tables as tables
from lrscope.studies._findings import Chapter, Listed, Still
from lrscope.studies._recorded_view import View, has_one_step, thinned
from lrscope.studies._recorded_words import band, few, of_all, ordinal, read_of, with_unit

COLUMNS = 400
"""Points of a curve to zoom into at most."""
FAR = 1e9
"""What spans more is not for zooming into: its axis would have too many labels."""
MENU = 6
"""Curves that can be chosen to zoom into."""


def training(view: View) -> Chapter | str:
    """Show everything that is one number a step, and how every network ended."""
    names = view.scalars()
    if not names:
        return "There are no curves: neither the loss nor any other number of the whole network was recorded."
    arrays = {name: view.gridded(name) for name in names}
    outcome = view.outcome()
    listed = tables.networks(view, arrays, outcome)
    curves = {name: array for name, array in arrays.items() if not has_one_step(array)}
    if not curves:
        return Chapter("Training", "One step was recorded: there are no curves.", [listed])
    items, most = _curves(view, curves, outcome)
    text = f"Of long records every {ordinal(most)} step is drawn." if most > 1 else ""
    return Chapter("Training", text, [*items, listed])


def _curves(
    view: View, arrays: Mapping[str, xr.DataArray], outcome: xr.Dataset | None
) -> tuple[list[Still | Listed | Interactive], int]:
    """Return the curves, drawn and to zoom into, and of how many recorded steps one is drawn."""
    short = {name: thinned(few(array)) for name, array in arrays.items()}
    log = [name for name, array in arrays.items() if _varies_by_factors(name, array)]
    summaries = {name: analysis.over_seeds(array, log=name in log) for name, (array, _) in short.items()}
    diverged_at = None if outcome is None else few(outcome["diverged_at"])
    draw = partial(figures.scalar_panels, summaries, diverged_at, log)
    caption = f"Over the steps{band(view)}.{of_all(next(iter(arrays.values())))}"
    still = Still("training", "Every recorded number of the network", caption, draw)
    items: list[Still | Listed | Interactive] = [still]
    zoomed = [name for name, array in arrays.items() if not _spans(array, FAR)][:MENU]
    if zoomed:
        items.append(_zoom({name: few(arrays[name]) for name in zoomed}))
    return items, max(every for _, every in short.values())


def gradients(view: View) -> Chapter | str:
    """Show the norm of the gradient of each layer."""
    recorded = [name for name in analysis.GRADIENTS if VALUES in view.statistics(name)]
    if not recorded:
        return "Gradients by layer are left out: their values were not recorded (with the probe Gradients)."
    some, every = view.some(*recorded)
    norms = on_grid(analysis.layer_norms(some, recorded)).assign_attrs(long_name="norm of the gradient")
    if has_one_step(norms):
        return Chapter("Gradients by layer", "One step was recorded.", [tables.norms(norms)])
    short, again = thinned(few(norms))
    summary = analysis.over_seeds(short, log=True)
    of = " and ".join(name.replace("_", " ") for name in recorded)
    caption = f"Norm of the {of} of each layer{band(view)}.{of_all(norms)}"
    draw = partial(figures.curve_panels, summary, "layer")
    still = Still("gradients", "Gradients by layer", caption, draw)
    return Chapter("Gradients by layer", read_of(every * again), [still, tables.norms(norms)])


def recorded(view: View) -> Chapter | str:
    """Say what the files hold, at which steps, and what it has cost."""
    return Chapter("What was recorded", tables.cost(view), [tables.quantities(view), tables.layers(view)])


def _zoom(arrays: Mapping[str, xr.DataArray]) -> Interactive:
    """Return the curves of one cadence with a menu."""
    dim = step_dimension(next(iter(arrays.values())))
    chosen = {name: thinned(array, COLUMNS)[0] for name, array in arrays.items() if dim in array.dims}
    texts = [with_unit(name, array) for name, array in chosen.items()]
    names = xr.DataArray([text[:1].upper() + text[1:] for text in texts], dims="quantity", name="quantity")
    means = [
        analysis.over_seeds(array.assign_attrs(long_name="", units="1"), log=_varies_by_factors(name, arrays[name]))
        for name, array in chosen.items()
    ]
    summary = xr.concat(means, names, coords="minimal", compat="override", combine_attrs="drop_conflicts")
    return Interactive(
        "Curves, to zoom into",
        "Choose a quantity, which the menu names with its unit; hover for values.",
        figures.interactive_curves(summary, "quantity"),
    )


def _varies_by_factors(name: str, array: xr.DataArray) -> bool:
    """Tell whether a quantity has a logarithmic axis, and geometric means: it spans a factor of 10, and is no share."""
    return _spans(array) and not name.endswith("accuracy") and array.attrs.get("units") != "degrees"


def _spans(array: xr.DataArray, factor: float = 10) -> bool:
    """Tell what is easier to read on a logarithmic axis: positive, and over more than a factor."""
    finite = array.where(np.isfinite(array))
    return bool(finite.min() > 0) and bool(finite.max() > factor * finite.min())
