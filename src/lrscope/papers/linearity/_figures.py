"""The study's figures: which result is shown how."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from lrscope.figures import figure_of
from lrscope.papers.linearity import figures
from lrscope.papers.linearity._results import Network, Results, change_of, path_of
from lrscope.report._old import Interactive
from lrscope.studies._findings import Still
from lrscope.studies._words import short

LAST = {"replicates": -1}
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SOURCE, SHEETS = (5, 1), 2
"""Classes that the source shows, dog and automobile; classes that are shown of other data."""
WANTED = 0.99
"""R² whose number of trainings is marked."""


def law(network: Network) -> Still:
    """Return the source's figure 1."""
    caption = (
        "Every point is one output for one validation sample: the mean over the trainings at the rate eta + a (across) "
        "and at eta + b (up), each less that at eta. Dashed: the law, slope b / a."
    )
    draw = partial(_one, "law_scatter", path_of(network).deltas.isel(LAST), path_of(network).law)
    return Still(f"law_{network.name}", f"The law: {network.name}", caption, draw)


def interactive(network: Network) -> Interactive:
    """Return the same with a slider over the number of trainings."""
    path = path_of(network)
    figure = figures.interactive_law(path.deltas, path.course, path.law)
    caption = "Move the slider: with few trainings both changes share the noise of the mean at eta."
    return Interactive(f"The law with more and more trainings: {network.name}", caption, figure)


def course(found: Results, network: Network) -> Still:
    """Return R² against the number of trainings."""
    pairing, path = found.options.pairing, path_of(network)
    draw = partial(_course, {pairing: path.course}, WANTED, {pairing: path.needed[WANTED]})
    caption = (
        "R² as in the source over the first trainings, and what the noise of a training and the shape of the path let "
        "expect, both estimated from all of them."
    )
    return Still(f"r2_{network.name}", f"R² against the number of trainings: {network.name}", caption, draw)


def grid(network: Network) -> Still:
    """Return the law over the grid of rates."""
    assert network.laws is not None
    caption = (
        "R² without noise for every rate eta of the grid and every two changes a, b of it; framed: both at most half "
        "of eta, where the source found the law to hold."
    )
    draw = partial(figures.law_grid, network.laws)
    return Still(f"grid_{network.name}", f"Where the law breaks: {network.name}", caption, draw)


def sensitivity(found: Results, network: Network) -> Still:
    """Return how fast the mean output of each class changes."""
    caption = (
        "Change of the mean output of each class per unit of the learning rate, with 95 % intervals: over all "
        "validation samples, and over those of the class."
    )
    assert network.sensitivity is not None, network.lacking
    draw = partial(_classes, network.sensitivity, class_names(found))
    return Still(f"sensitivity_{network.name}", f"Sensitivity by class: {network.name}", caption, draw)


def relation(network: Network) -> Still:
    """Return the source's figure 2."""
    caption = (
        "Every point is one output for one validation sample. Points with intervals: means of 20 bins of the output. "
        "Output and change share the noise of the mean at eta, with opposite sign."
    )
    draw = partial(_one, "delta_by_output", change_of(network).relation)
    return Still(f"delta_{network.name}", f"The change against the output itself: {network.name}", caption, draw)


def curvature(network: Network) -> Still:
    """Return the term of second order against that of first."""
    caption = "Both terms of the parabola through the three rates, at eta + b; on a straight path the second is zero."
    draw = partial(_second, path_of(network).second, network.rates.b)
    return Still(f"second_order_{network.name}", f"How the path bends: {network.name}", caption, draw)


def sheets(found: Results, network: Network) -> list[Still]:
    """Return the source's figures 3 to 6, of two classes: the source's, or those whose groups differ most."""
    names = class_names(found)
    eta, _, higher = network.rates.three
    caption = (
        f"Samples of middling confidence at {short(eta, 6)} (40th to 60th percentile of their class), learned from, "
        f"whose mean output of the own class gains most, and least, at {short(higher, 6)}. Chosen by half of the "
        "trainings; the changes and confidences are those of the other half, which did not choose."
    )
    drawn, change = [], change_of(network)
    for label in _shown(found, network):
        images = change.sheets.images[label]
        name = names[label] if names else f"class {label}"
        draw = partial(figures.image_sheet, change.favoured.sel({"class": label}), images, name)
        title = f"Whom the higher rate favours: {name}, {network.name}"
        drawn.append(Still(f"favoured_{network.name}_{label}", title, caption, draw))
    return drawn


def _shown(found: Results, network: Network) -> list[int]:
    """Return the classes whose samples are shown."""
    there = list(change_of(network).sheets.images)
    if found.options.data == "cifar10":
        return [label for label in SOURCE if label in there]
    changes = change_of(network).favoured["mean_choosing_change"].sel({"class": there})
    apart = (changes.sel(side="most") - changes.sel(side="least")).values
    return [there[place] for place in np.argsort(-apart, kind="stable")[:SHEETS] if np.isfinite(apart[place])]


def class_names(found: Results) -> Sequence[str]:
    """Return the names of the classes, where they are known and no numbers."""
    return CIFAR if found.options.data == "cifar10" else ()


def _one(name: str, *results: xr.Dataset) -> Figure:
    """Return the figure of one of the functions that draw into axes."""
    return figure_of(getattr(figures, name)(*results))


def _course(courses: dict[str, xr.Dataset], wanted: float, needed: dict[str, float]) -> Figure:
    return figure_of(figures.r2_by_replicates(courses, wanted, needed))


def _classes(sensitivity: xr.Dataset, names: Sequence[str]) -> Figure:
    return figure_of(figures.class_sensitivity(sensitivity, names))


def _second(second: xr.Dataset, b: float) -> Figure:
    return figure_of(figures.second_order_term(second, b))
