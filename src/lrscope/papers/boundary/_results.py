"""From the maps of a run to the results: a node for each analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lrscope.papers.boundary import analysis
from lrscope.papers.boundary.analysis._boxes import MIN_RESOLUTION, MIN_UNITS, SEED, TILE

Results = Any
"""A DataTree; what its paths lead to, xarray types as a union of all that there can be."""
FRAMES, NULL_MAP, SEEDS = "frames", "null_map", "seeds"
DIMENSION, FIRST, LAST, NULL = "dimension", "first", "last", "null"
LINE, EDGE, MEAN = "line", "edge", "mean"
PIXEL_COLUMNS = ("x", "y", "converged", "value", "steps_used", "condition", "frame", SEED)
"""Of the table of trained pixels."""


def analyse(known: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """Return the results of the maps of a run.

    Parameters
    ----------
    known : maps by the names of their experiments, see `maps`

    Returns
    -------
    DataTree
        Those of these nodes that the maps allow:

        frames/<number> : maps (seed, y, x): the first frame, then those of the zoom; ``rank`` (y, x) of the first seed
        null_map : the map with an independent seed in every pixel
        dimension, first, last, null : `dimension` of all frames, of the first one at as many pixels as the null has,
            of the last one, and of the null; with the ``counts`` (frame, seed, box)
        seeds : `training_probability` in the first frame
        line : ``converged`` (seed, rate), its ``probability`` and the `edge` (seed) where both learning rates are equal
        edge : the `edge_interval`
        mean : `mean_boundary` of the first frame
    """
    frames = sorted((one for one in known.values() if not one.attrs["noise"]), key=lambda one: int(one.attrs["frame"]))
    nulls = [one for one in known.values() if one.attrs["noise"]]
    first = frames[0]
    nodes = {f"{FRAMES}/{number}": frame.assign(rank=_rank(frame)) for number, frame in enumerate(frames)}
    nodes |= _line(first)
    if nulls:
        nodes[NULL_MAP] = nulls[0]
    counted = {DIMENSION: frames, FIRST: [_on_grid_of(nulls, first)], LAST: frames[-1:], NULL: nulls}
    nodes |= {name: _dimension(some) for name, some in counted.items() if _countable(some)}
    if first.sizes[SEED] > 1:
        nodes[SEEDS] = analysis.training_probability(first["converged"])
    if first.sizes[SEED] >= MIN_UNITS and _countable(frames):
        nodes[MEAN] = analysis.mean_boundary(first["converged"])
    return xr.DataTree.from_dict(nodes)


def frames_of(results: Results) -> list[Results]:
    """Return the nodes of the frames, the first one first."""
    nodes = results[FRAMES].children
    return [nodes[name] for name in sorted(nodes, key=int)]


def pixels(results: Results) -> pd.DataFrame:
    """Return a row for each trained pixel; ``frame`` is the number of the frame, and -1 in the null."""
    parts = []
    null = [results[NULL_MAP]] if NULL_MAP in results.children else []
    for number, node in [*enumerate(frames_of(results)), *((-1, each) for each in null)]:
        trained = node["trained"].values
        values = node.to_dataset()[["converged", "value", "steps_used"]].drop_attrs()
        rows = values.to_dataframe(dim_order=[SEED, "y", "x"])[trained.ravel()].reset_index()
        if number < 0:
            rows[SEED] = np.flatnonzero(trained.ravel()) + 1
        parts.append(rows.assign(condition=node.attrs["condition"], frame=number))
    return pd.concat(parts, ignore_index=True)[list(PIXEL_COLUMNS)].astype({"converged": int})


def _on_grid_of(nulls: Sequence[xr.Dataset], first: xr.Dataset) -> xr.Dataset:
    """Return the pixels of the first frame that lie where those of the null do: noise is rougher on a finer grid."""
    strides = {dim: first.sizes[dim] // nulls[0].sizes[dim] if nulls else 1 for dim in ("x", "y")}
    return first.isel({dim: slice(None, None, stride) for dim, stride in strides.items()})


def _rank(frame: xr.Dataset) -> xr.DataArray:
    return analysis.equalised(frame["value"].isel({SEED: 0}, drop=True))


def _countable(known: Sequence[xr.Dataset]) -> bool:
    return bool(known) and min(known[0].sizes["y"], known[0].sizes["x"]) >= MIN_RESOLUTION


def _dimension(known: Sequence[xr.Dataset]) -> xr.Dataset:
    # frames of a zoom have the first seed only
    alike = [one.isel({SEED: [0]}) for one in known] if len(known) > 1 else known
    each = [analysis.box_counts(analysis.boundary(one["converged"])) for one in alike]
    counts = xr.concat(each, xr.Variable("frame", np.arange(len(known))))
    return analysis.dimension(counts).assign(counts=counts.sum(TILE, keep_attrs=True))


def _line(first: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return what is known where both learning rates are equal; of a single one, in the middle of the other axis."""
    x, y = first["x"], first["y"]
    rates = [dim for dim in ("x", "y") if str(first.attrs[f"{dim}_name"]).startswith("lr")]
    if len(rates) == 2 and analysis.has_equal_values(x, y):
        line = analysis.along(first["converged"])
    else:
        middle = (float(x[x.size // 2]), float(y[y.size // 2]))
        line = analysis.along(first["converged"], middle, "y" if rates == ["y"] else "x")
    edges = analysis.edge(line)
    share = analysis.training_probability(line)
    return {
        LINE: line.to_dataset(name="converged").assign(share).assign(edges),
        EDGE: analysis.edge_interval(edges),
    }
