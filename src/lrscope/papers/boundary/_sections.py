"""The sections of the report: figures and tables of what is known, and how to read them."""

import shlex
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import figure as mpl

from lrscope.figures import panels
from lrscope.papers.boundary import figures
from lrscope.papers.boundary._axes import is_log
from lrscope.papers.boundary._claims import PUBLISHED
from lrscope.papers.boundary._options import NOT_RECORDED, Options
from lrscope.papers.boundary._own import OWN
from lrscope.papers.boundary._point import PIXEL, POINT
from lrscope.papers.boundary._results import (
    DIMENSION,
    EDGE,
    FIRST,
    LINE,
    NULL,
    PIXEL_COLUMNS,
    SEEDS,
    Results,
    frames_of,
    pixels,
)
from lrscope.papers.boundary._score import CONVERGED
from lrscope.papers.boundary._summary import PARTS, is_diagonal
from lrscope.papers.boundary.analysis._boxes import SEED
from lrscope.report import PointCommand
from lrscope.studies import Animation, Figure, Section, Table
from lrscope.studies._words import counted, rate

MAP_TEXT = (
    "Each pixel is one training: its place gives the two values that were chosen for it, its colour what became of "
    "it. A training converges if the mean of its last 20 losses is below the first one."
)
MAP_CAPTION = (
    "Blue and green: converged, the faster the greener. Red and yellow: diverged, the faster the yellower. Each half "
    "of the scale is used evenly, by rank, so that colours of different maps cannot be compared."
)
RINGED_CAPTION = " Ringed: the edge with both learning rates equal."
CLICK_CAPTION = " Click on a point for the command that records it in full."
SEEDS_TEXT = (
    "The edge of a single seed is where it is by chance. Over seeds, a point trains with a probability; a value is "
    "safe if the edge of nearly all seeds lies above it."
)
LINE_CAPTION = (
    "Above, a row for each seed: values that train are blue, others red. Below, the share of seeds that train, with "
    "95% intervals (Wilson, bluish). Grey: where the edge of a further seed lies, from the first value that does not "
    "train to the last one that does."
)
ROUGH_TEXT = (
    "How many boxes hold a piece of the boundary, for boxes of 1, 2, 4, ... pixels? A smooth curve needs twice as "
    "many of half the size: dimension 1. A boundary that fills the plane needs four times as many: dimension 2. So "
    "does pure noise, which is why a map with an independent seed in every pixel stands beside it."
)
ROUGH_CAPTION = (
    "Left: boxes with a piece of the boundary. Right: by what power their number grows from one size to the next; "
    "line and band: the median over sizes and frames, with its 95% interval."
)
ZOOM_CAPTION = (
    "Each frame shows what is framed in the one before; the number is the magnification. Colours by rank in each."
)
POINT_TEXT = (
    "The training of the point and those of pixels next to it on the other side of the edge, again and in full: with "
    "weights, gradients and activations at every step, all in the file of records."
)
FILM_CAPTION = "The frames of the zoom as one continuous movement."


def sections(results: Results, options: Options) -> list[Section]:
    """Return the sections of the report; those without anything to show are left out."""
    parts = [
        Section("The map", MAP_TEXT, [_map(results, options)]),
        Section("Over seeds", SEEDS_TEXT, _seeds(results)),
        Section("How rough is the edge?", ROUGH_TEXT, [COUNTS, DIMENSIONS] if DIMENSION in results.children else []),
        Section("Zoom", "", [ZOOM, FILM] if len(frames_of(results)) > 1 else []),
        Section("Every trained pixel", "", [PIXEL_TABLE]),
        Section("What a point did", POINT_TEXT, [POINT_FIGURE, POINT_TABLE] if POINT in results.children else []),
    ]
    return [section for section in parts if section.items]


def _map(results: Results, options: Options) -> Figure:
    ranks = frames_of(results)[0]["rank"]
    x, y = ((float(ranks[dim][0]), float(ranks[dim][-1])) for dim in ("x", "y"))
    log = (is_log(ranks["x"]), is_log(ranks["y"]))
    recordable = options.condition not in NOT_RECORDED
    point = PointCommand(_point_command(options), x, y, figures.map_box(ranks), log) if recordable else None
    caption = MAP_CAPTION + RINGED_CAPTION * bool(_ringed(results)) + CLICK_CAPTION * recordable
    return Figure("map", "The map", caption, _draw_map, point=point)


def _point_command(options: Options) -> str:
    """Return the command that records a point in full, with the options of this run."""
    words = ["lrscope", "run", "boundary"]
    own = options.condition == OWN
    for each in fields(options):
        value = getattr(options, each.name)
        if (
            value != each.default
            and each.name not in ("zoom", "zooms", "null", "seeds", "at")
            and not (own and value == OWN)
        ):
            values = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [f"--{each.name.replace('_', '-')}", *map(str, values)]
    return f"{shlex.join(words)} --at {{x}},{{y}} --zooms 0 --null 0 --out results/point"


def _draw_map(results: Results) -> mpl.Figure:
    points = {rate(end): (end, end) for end in _ringed(results)}
    return figures.trainability_map(frames_of(results)[0]["rank"], points)


def _ringed(results: Results) -> list[float]:
    """Return where the edge lies with both learning rates equal, if it lies on the map."""
    line, x = results[LINE], frames_of(results)[0]["x"]
    ends = [float(line[name][0]) for name in ("lower", "upper")]
    return [end for end in dict.fromkeys(ends) if x.min() < end < x.max()] if is_diagonal(line) else []


def _seeds(results: Results) -> list[Any]:
    if SEEDS not in results.children:
        return []
    share_caption = f"The share of {int(results[SEEDS].attrs['seeds'])} seeds whose training converges."
    return [
        Figure("line", "Along a line", LINE_CAPTION, _draw_line),
        Figure(
            "probability",
            "Share of seeds that train",
            share_caption,
            lambda results: figures.probability_map(results[SEEDS].to_dataset()),
        ),
        Table(
            "edge",
            "The edge along the line, seed by seed",
            lambda tree: tree[LINE].to_dataset()[["lower", "upper", "crossings"]],
            ["seed"],
            {"seed": "seed", "lower": "all train below", "upper": "none trains above", "crossings": "changes"},
            "Empty: no value of the line trains, or all do.",
        ),
    ]


def _draw_line(results: Results) -> mpl.Figure:
    line = results[LINE].to_dataset()
    return figures.line_cut(line["converged"], line[["probability", "low", "high"]], results[EDGE].to_dataset())


def _draw_counts(results: Results) -> mpl.Figure:
    null = results[NULL]["counts"] if NULL in results.children else None
    return figures.box_counts_by_size(results[DIMENSION]["counts"], results[DIMENSION].to_dataset(), null)


def _dimensions(results: Results) -> pd.DataFrame:
    published = PUBLISHED.get(frames_of(results)[0].attrs["condition"])
    rows = [{"of": "all frames", "published": published} | _row(results[DIMENSION])]
    if NULL in results.children:
        rows += [
            {"of": name, "published": None} | _row(results[node])
            for node, name in {FIRST: "first frame", NULL: "null"}.items()
        ]
    return pd.DataFrame(rows)


def _row(values: Any) -> dict[str, Any]:
    names = {"median": "median", "slope": "regression", "finest": "finest"}
    row = {
        f"{heading}{end}": float(values[f"{name}{key}"])
        for name, heading in names.items()
        for key, end in {"": "", "_low": ", from", "_high": ", to"}.items()
    }
    over = str(values.attrs["over"])
    return row | {"interval over": counted(int(values["units"]), PARTS.get(over, over))}


def _draw_point(results: Results) -> mpl.Figure:
    node = results[POINT].to_dataset()
    arrays = {"Loss": node["loss"], "Sharpness": node["sharpness"].rename(step_sharpness="step")}
    arrays |= {
        f"Distance of the {quantity}": node["distance"].sel(quantity=quantity, drop=True)
        for quantity in node["quantity"].values.tolist()
    }
    return panels({title: array.where(np.isfinite(array) & (array > 0)) for title, array in arrays.items()}, hue=PIXEL)


COUNTS = Figure("box_counts", "Box counts", ROUGH_CAPTION, _draw_counts)
DIMENSIONS = Table(
    "dimension",
    "The dimension of the boundary",
    _dimensions,
    note="95% intervals from a bootstrap over the frames of a zoom (5 or more), else over seeds (5 or more), else "
    "over the parts of the frame. First frame: at as many points as the null has, if there is one. Finest: between "
    "boxes of 2 and 1 pixels. Published: a median over scales and some 50 frames.",
)
ZOOM = Figure(
    "zoom",
    "Frames of the zoom",
    ZOOM_CAPTION,
    lambda results: figures.zoom_frames([each["rank"] for each in frames_of(results)]),
)
FILM = Animation(
    "zoom_film",
    "The zoom as a film",
    FILM_CAPTION,
    lambda results: figures.zoom_film([each["value"].isel({SEED: 0}) for each in frames_of(results)]),
)
PIXEL_TABLE = Table(
    "map",
    "Trained pixels",
    pixels,
    columns={name: name for name in PIXEL_COLUMNS},
    note="x and y in the units of the axes; value as in the source: below 0 where the training converged; frame -1 is "
    "the null.",
)
POINT_FIGURE = Figure(
    "point",
    "Where they part",
    "Losses, and the sharpness over its limit of stability (dashed: 1). Distances are those from the point, or from "
    "the last pixel before the edge, as shares of the length of its weights, gradients, and mean activations.",
    _draw_point,
)
POINT_TABLE = Table(
    "point",
    "The point and the pixels across the edge",
    lambda results: results[POINT].to_dataset().drop_dims(["step", "step_sharpness", "quantity"]),
    columns={
        PIXEL: "pixel",
        "x": "x",
        "y": "y",
        "mapped": "trains on the map",
        CONVERGED: "trains here",
        "far": "weights differ by 1% from step",
        "very_far": "by 10%",
        "factor": "losses by a factor of 2",
        "unstable": "sharpness above its limit from step",
    },
    note="x and y in the units of the axes; each step is the first at which that is so.",
)
