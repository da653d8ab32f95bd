"""From the records of trained pixels to the results: a node for each map."""

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from lrscope.papers.boundary._maps import SEED, TRAINED, X, Y, maps
from lrscope.papers.boundary._options import MAP, NULL, Options
from lrscope.papers.boundary._score import CONVERGED, STEPS_USED, VALUE

PIXEL_COLUMNS = ("x", "y", CONVERGED, VALUE, STEPS_USED, "frame", SEED)
"""Of the table of trained pixels."""


def analyse(records: Mapping[str, xr.Dataset], _options: Options) -> xr.DataTree:
    """Return the results: a node for each of the `maps` of a run.

    Raises
    ------
    InputError : the records are not those of maps.
    """
    return xr.DataTree.from_dict({f"/{name}": each for name, each in maps(records).items()})


def frames(results: xr.DataTree) -> list[str]:
    """Return the names of the nodes of the frames, the first one first."""
    return [name for name in results.children if name == MAP or results[name].attrs["frame"]]


def pixels(results: xr.DataTree) -> pd.DataFrame:
    """Return a row for each trained pixel of the frames, and of the null, in the order of `PIXEL_COLUMNS`.

    ``frame`` is the number of the frame; that of the null is -1.
    """
    parts = []
    for name in [*frames(results), *([NULL] if NULL in results.children else [])]:
        node = results[name].to_dataset()
        trained = node[TRAINED].values
        rows = node[[CONVERGED, VALUE, STEPS_USED]].to_dataframe(dim_order=[SEED, Y, X])[trained.ravel()].reset_index()
        rows["frame"] = -1 if name == NULL else node.attrs["frame"]
        parts.append(rows[list(PIXEL_COLUMNS)])
    return pd.concat(parts, ignore_index=True).astype({CONVERGED: int})
