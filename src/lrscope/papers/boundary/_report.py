"""The report: what it shows, and the answer in plain words."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib import figure as mpl

from lrscope.figures._style import axis_label, new_figure
from lrscope.papers.boundary._maps import SEED, TRAINED, X, Y
from lrscope.papers.boundary._options import MAP, Options
from lrscope.papers.boundary._results import PIXEL_COLUMNS, pixels
from lrscope.papers.boundary._score import CONVERGED, VALUE
from lrscope.studies import Figure, Section, Table
from lrscope.studies._words import percent


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the answer, one text a paragraph."""
    first = results[MAP]
    share, trained = (float(first[name].mean()) for name in (CONVERGED, TRAINED))
    return [
        f"{percent(share)} of the {options.resolution} by {options.resolution} points of the map train. "
        f"{percent(trained)} of them were trained; the others lie where all points around train, or none."
    ]


def sections(_results: xr.DataTree, _options: Options) -> Sequence[Section]:
    """Return the sections of the report."""
    return [Section("The map", "", [MAP_FIGURE, MAP_TABLE])]


def draw_map(results: xr.DataTree) -> mpl.Figure:
    """Return the map of the first seed: converging points blue and green, the others red and yellow."""
    frame = results[MAP].to_dataset().isel({SEED: 0}).transpose(Y, X)
    values = frame[VALUE].values
    good = int((values < 0).sum())
    shades = np.concatenate([np.linspace(1, 0.25, good), np.linspace(-0.25, -1, values.size - good)])
    drawing = new_figure(height=7.0)
    ax = drawing.subplots()
    image = np.interp(values, np.sort(values, axis=None), shades)
    ax.pcolormesh(frame[X], frame[Y], image, cmap="Spectral", vmin=-1, vmax=1, rasterized=True)
    ax.set(xscale="log", yscale="log", xlabel=axis_label(frame[X]), ylabel=axis_label(frame[Y]))
    return drawing


MAP_FIGURE = Figure(
    "map",
    "Which pairs train",
    "Blue and green: trained, the darker the slower. Red and yellow: did not.",
    draw_map,
)
MAP_TABLE = Table(
    "map",
    "Trained points",
    pixels,
    columns={name: name for name in PIXEL_COLUMNS},
    note="x and y in the units of the axes; frame -1 is the null.",
)
