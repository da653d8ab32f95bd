"""The chapters on fluctuation and participation in the report of any file of records."""

import numpy as np
import xarray as xr

from lrscope import analysis, figures
from lrscope.report import Figure, Section
from lrscope.studies import _recorded_tables as tables
from lrscope.studies._recorded_view import SEED, View
from lrscope.studies._recorded_words import drawing, evenly, few, interval, of_all, read_of

THRESHOLD = 0.1
"""A normalised fluctuation below it: inactive."""
PARTS = 3
"""Parts beside each other in a histogram."""


def fluctuations(view: View) -> Section | str:
    """Show the histogram of fluctuations of each quantity, for one network a rate."""
    moved, every = view.moved
    if not moved:
        return _missing("Fluctuations are")
    stills = [_histogram(quantity, values) for quantity, values in moved.items()]
    text = (
        "The fluctuation of a neuron is the variance over the recorded steps of the standard deviation of what belongs "
        "to it (its incoming weights, their gradients, its activations over the samples; the absolute value of its "
        "bias), divided by the largest in its part of the network. "
    )
    first = "Shown is the first network of each learning rate. " if view.networks > 1 else ""
    return Section("Fluctuations", text + first + read_of(every), stills)


def taking_part(view: View) -> Section | str:
    """Show the share of inactive neurons of each layer."""
    moved, every = view.moved
    if not moved:
        return _missing("Which neurons take part is")
    found = {name: analysis.participation(values, THRESHOLD, "layer") for name, values in moved.items()}
    shares = {name.replace("_", " "): few(each["share"]) for name, each in found.items()}
    summaries = {name: analysis.over_seeds(share, bounds=(0, 1)) for name, share in shares.items()}
    largest = max((each["share"] for each in found.values()), key=lambda share: share.size)
    caption = (
        f"Share of the neurons of each layer with a normalised fluctuation below {THRESHOLD:g}{interval(view)}."
        f"{of_all(largest)}"
    )
    still = Figure(
        "inactive", "Inactive neurons", caption, drawing(figures.panels, summaries, x="layer", mark="points")
    )
    return Section("Taking part", read_of(every), [still, tables.participation(found)])


def _missing(what: str) -> str:
    return f"{what} left out: that takes weights, biases, gradients or activations of two recorded steps or more."


def _histogram(quantity: str, values: xr.DataArray) -> Figure:
    """Return the histogram of one network a rate; of many parts a few, evenly chosen."""
    first = few(values).isel({SEED: 0})
    parts = np.array(list(dict.fromkeys(first["part"].values.tolist())))
    chosen = parts[evenly(len(parts), PARTS)]
    inside = first.isel(neuron=np.flatnonzero(np.isin(first["part"].values, chosen)))
    words = quantity.replace("_", " ")
    draw = drawing(figures.fluctuation_histogram, inside, analysis.binned(inside), None, words)
    some = f" Shown are {len(chosen)} of {len(parts)} parts." if len(chosen) < len(parts) else ""
    caption = "Histogram of the neurons by normalised fluctuation, and the number of neurons in three ranges."
    caption += some + of_all(values)
    return Figure(f"fluctuation_{quantity}", f"Fluctuation of the {words}", caption, draw)
