"""The chapters on fluctuation and participation in the report of any file of records."""

from functools import partial

import numpy as np
import xarray as xr

from lrscope import analysis, figures
from lrscope.studies import _recorded_tables as tables
from lrscope.studies._findings import Chapter, Still
from lrscope.studies._recorded_view import LR, SEED, View
from lrscope.studies._recorded_words import LAYERS, chosen_rates, interval, read_of

THRESHOLD = 0.1
"""A normalised fluctuation below it: inactive."""
PARTS = 4
"""Parts beside each other in a histogram."""


def fluctuations(view: View) -> Chapter | str:
    """Show the histogram of fluctuations of each quantity, for one network a rate."""
    moved, every = view.moved
    if not moved:
        return _no_movement("Fluctuations")
    stills = [still for quantity, values in moved.items() for still in _histograms(quantity, values)]
    text = (
        "The fluctuation of a neuron is the variance over the recorded steps of the standard deviation of what belongs "
        "to it (its incoming weights, their gradients, its activations over the samples; the absolute value of its "
        "bias), divided by the largest in its part of the network. "
    )
    first = "Shown is the first network of each learning rate. " if view.networks > 1 else ""
    return Chapter("Fluctuations", text + first + read_of(every), stills)


def taking_part(view: View) -> Chapter | str:
    """Show the share of inactive neurons of each layer."""
    moved, every = view.moved
    if not moved:
        return _no_movement("Which neurons take part")
    found = {name: analysis.participation(values, THRESHOLD, "layer") for name, values in moved.items()}
    fewer = next(iter(found.values())).sizes["layer"] <= LAYERS
    shown = found if fewer else {name: analysis.participation(values, THRESHOLD) for name, values in moved.items()}
    by = "layer" if fewer else "part"
    summaries = {
        name.replace("_", " "): analysis.over_seeds(each["share"].isel({LR: chosen_rates(each)}))
        for name, each in shown.items()
    }
    caption = f"Share of the neurons of each {by} with a normalised fluctuation below {THRESHOLD:g}{interval(view)}."
    still = Still("inactive", "Inactive neurons", caption, partial(figures.inactive_panels, summaries, by))
    return Chapter("Taking part", read_of(every), [still, tables.participation(found)])


def _no_movement(what: str) -> str:
    return f"{what} is left out: that takes weights, biases, gradients or activations of two recorded steps or more."


def _histograms(quantity: str, values: xr.DataArray) -> list[Still]:
    """Return the histograms of one network a rate, a few parts in each."""
    first = values.isel({SEED: 0, LR: chosen_rates(values)})
    parts = list(dict.fromkeys(first["part"].values.tolist()))
    groups = [parts[start : start + PARTS] for start in range(0, len(parts), PARTS)]
    words = quantity.replace("_", " ")
    stills = []
    for number, group in enumerate(groups, start=1):
        inside = first.isel(neuron=np.flatnonzero(np.isin(first["part"].values, group)))
        draw = partial(figures.fluctuation_histogram, inside, analysis.binned(inside), None, words)
        name = f"fluctuation_{quantity}" + (f"_{number}" if len(groups) > 1 else "")
        of_parts = f", {group[0]} to {group[-1]}" if len(groups) > 1 else ""
        caption = "Histogram of the neurons by normalised fluctuation, and the number of neurons in three ranges."
        stills.append(Still(name, f"Fluctuation of the {words}{of_parts}", caption, draw))
    return stills
