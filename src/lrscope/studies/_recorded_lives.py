"""The chapter on the lives of neurons in the report of any file of records."""

from math import ceil

import numpy as np
import xarray as xr

from lrscope import analysis, figures
from lrscope.records import on_grid, step_dimension
from lrscope.report import Figure, Section
from lrscope.studies import _recorded_tables as tables
from lrscope.studies._recorded_view import LR, SEED, View, thinned
from lrscope.studies._recorded_words import MOST, band, drawing, evenly, few, of_all, rate_text, read_of
from lrscope.studies._words import percent

COLUMNS = 400
"""Columns of an image at most."""


def life(view: View) -> Section | str:
    """Show who is born, dies and comes back."""
    if not view.has("activations"):
        return "Dead neurons are left out: activations were not recorded (with the probe Activations)."
    if not view.followed("activations"):
        return "Life of the neurons is left out: that takes activations of two recorded steps or more."
    lives, every = view.lives
    stills = [_dead(view, lives), *_activity(view, lives)]
    if bool((lives["ever_dead"] > 0).any()):
        stills += [_survival(view, lives), _history(lives)]
    window = int(lives.attrs["window"])
    rule = "" if window == 1 else f" for {window} recorded steps in a row or more"
    text = (
        f"A neuron is born at the first recorded step at which a sample activates it, and dead while none does{rule}. "
        f"Only the samples of the recorded batches count. {_signed(view)}{read_of(every)}"
    )
    return Section("Life of the neurons", text, [*stills, tables.lives(lives)])


def _signed(view: View) -> str:
    """Say that layers whose activations go below 0 have no dead neurons in this sense; nothing where none does."""
    some, _ = view.some("activations")
    low = {str(array.attrs["layer"]): array for array in some.values() if array.attrs["statistic"] == "min"}
    below = [layer for layer, array in low.items() if bool((array < 0).any())]
    if not below:
        return ""
    which = "all recorded layers" if len(below) == len(low) else ", ".join(below)
    return f"Activations of {which} go below 0; neurons that are not silent but saturated are not counted. "


def _dead(view: View, lives: xr.Dataset) -> Figure:
    silent = (lives["state"] != 1).where(lives["state"].notnull()).assign_attrs(long_name="neurons without life")
    share = analysis.share(silent)
    short, _ = thinned(few(share))
    draw = drawing(figures.panels, analysis.over_seeds(short, bounds=(0, 1)), col="layer")
    caption = f"Share of the neurons of each layer that are dead, or not born yet{band(view)}.{of_all(share)}"
    return Figure("dead", "Dead neurons", caption, draw)


def _activity(view: View, lives: xr.Dataset) -> list[Figure]:
    """Return the activity of every neuron, for one network a rate; nothing where active shares were not recorded."""
    if "active" not in view.statistics("activations"):
        return []
    some, _ = view.some("activations")
    member = np.flatnonzero((some[SEED] == 0).values)
    shares = on_grid(analysis.by_neuron(some.isel(member=member), "activations", "active")).isel({SEED: 0})
    maps = {}
    for place in evenly(shares.sizes[LR], MOST[LR]):
        of_rate, _ = thinned(analysis.arranged(shares.isel({LR: place})), COLUMNS)
        maps[_rate_title(lives.isel({LR: place, SEED: 0}))] = of_rate.assign_attrs(zero="no sample activates it")
    which = ", of the first network of each learning rate" if view.networks > 1 else ""
    caption = f"Share of the samples that activate each neuron{which}; in the titles: how many are dead at the end."
    return [
        Figure("activity", "Activity of every neuron", caption, drawing(figures.panels, maps, y="neuron", mark="heat"))
    ]


def _rate_title(lives: xr.Dataset) -> str:
    known = lives["dead_share"].notnull()
    gone = float(((lives["died"] >= 0) & known).sum() / known.sum()) if bool(known.any()) else np.nan
    return f"lr {rate_text(lives[LR].item())}: {percent(gone)} dead"


def _survival(view: View, lives: xr.Dataset) -> Figure:
    summary = analysis.survival(lives, "layer")
    dim = step_dimension(summary)
    every = max(1, ceil(summary.sizes[dim] / COLUMNS))
    draw = drawing(figures.panels, few(summary).isel({dim: slice(None, None, every)}), col="layer", mark="steps")
    band = (
        "; bands: 95 % intervals, leaving out one network at a time (Student's t)"
        if view.networks > lives.sizes[LR]
        else ""
    )
    caption = f"Share of the neurons that have not died for good, by Kaplan and Meier{band}.{of_all(summary)}"
    return Figure("survival", "Survival", caption, draw)


def _history(lives: xr.Dataset) -> Figure:
    """Return the history of the network in which most happened."""
    events = (lives["deaths"] + lives["revivals"]).sum("neuron")
    busiest = events.where(lives["dead_share"].notnull().any("neuron"), -1).argmax(...)
    one = lives.isel({str(dim): int(place) for dim, place in busiest.items()})
    dim = step_dimension(one)
    short = one.isel({dim: slice(None, None, max(1, ceil(one.sizes[dim] / COLUMNS)))})
    named = " ".join(name.replace(" ", "_") for name in analysis.LIFE_STATES)
    state = analysis.by_life(short)["state"].assign_attrs(flag_meanings=named)
    draw = drawing(figures.panels, state, y="neuron", mark="heat")
    which = f" (lr {rate_text(one[LR].item())}, repetition {one[SEED].item()})" if events.size > 1 else ""
    caption = f"Every neuron of the network in which most died and came back{which}: a row each."
    return Figure("lives", "Life histories", caption, draw)
