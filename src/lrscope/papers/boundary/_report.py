"""The report: what it shows, and the answer in plain words."""

from collections.abc import Sequence

import xarray as xr

from lrscope.papers.boundary._maps import TRAINED
from lrscope.papers.boundary._options import MAP, Options
from lrscope.papers.boundary._results import PIXEL_COLUMNS, pixels
from lrscope.papers.boundary._score import CONVERGED
from lrscope.studies import Section, Table
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
    return [Section("Every trained point", "", [MAP_TABLE])]


MAP_TABLE = Table(
    "map",
    "Trained points",
    pixels,
    columns={name: name for name in PIXEL_COLUMNS},
    note="x and y in the units of the axes; frame -1 is the null.",
)
