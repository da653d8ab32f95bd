"""The sections of the report: figures and tables of what is known, and how to read them."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib import figure as mpl

from lrscope.figures._style import figure_of
from lrscope.papers.boundary import figures
from lrscope.papers.boundary._claims import PUBLISHED
from lrscope.papers.boundary._options import NOT_RECORDED, Options
from lrscope.papers.boundary._own import OWN
from lrscope.papers.boundary._results import (
    DIMENSION,
    EDGE,
    FIRST,
    LINE,
    NULL,
    PIXEL_COLUMNS,
    SEEDS,
    Condition,
    conditions,
    frames_of,
    pixels,
)
from lrscope.papers.boundary._summary import is_diagonal
from lrscope.papers.boundary.analysis._boxes import SEED
from lrscope.papers.boundary.analysis._seeds import is_log
from lrscope.report import PointCommand
from lrscope.studies import Animation, Figure, Section, Table
from lrscope.studies._words import rate

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
    "95 % intervals (Wilson). Grey: where the edge of a further seed lies, from the first value that does not "
    "train to the last one that does."
)
ROUGH_TEXT = (
    "How many boxes hold a piece of the boundary, for boxes of 1, 2, 4, ... pixels? A smooth curve needs twice as "
    "many of half the size: dimension 1. A boundary that fills the plane needs four times as many: dimension 2. So "
    "does pure noise, which is why a map with an independent seed in every pixel stands beside it."
)
ROUGH_CAPTION = (
    "Left: boxes with a piece of the boundary. Right: by what power their number grows from one size to the next; "
    "line and band: the median over sizes and frames, with its 95 % interval."
)
ZOOM_CAPTION = (
    "Each frame shows what is framed in the one before; the number is the magnification. Colours by rank in each."
)
FILM_CAPTION = "The same as one continuous movement."


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report; those without anything to show are left out."""
    known = conditions(results)
    parts = [
        Section("The map", MAP_TEXT, [_map(each, len(known) > 1, options) for each in known]),
        Section("Over seeds", SEEDS_TEXT, [item for each in known for item in _seeds(each, len(known) > 1)]),
        Section("How rough is the edge?", ROUGH_TEXT, _roughness(results)),
        Section("Zoom", "", [item for each in known for item in _zoom(each, len(known) > 1)]),
        Section("Every trained pixel", "", [PIXEL_TABLE]),
    ]
    return [section for section in parts if section.items]


def _named(name: str, title: str, condition: Condition, several: bool) -> tuple[str, str]:
    """Return the name and title of an item, with its condition where there are several."""
    return (f"{name}_{condition.name}", f"{title}: {condition.name}") if several else (name, title)


def _figure(named: tuple[str, str], caption: str, draw: Callable[[Any], mpl.Figure], condition: Condition) -> Figure:
    path = condition.name
    return Figure(*named, caption, lambda results: draw(results[path]))


def _map(condition: Condition, several: bool, options: Options) -> Figure:
    ranks = frames_of(condition)[0]["rank"]
    x, y = ((float(ranks[dim][0]), float(ranks[dim][-1])) for dim in ("x", "y"))
    log = (is_log(ranks["x"]), is_log(ranks["y"]))
    recordable = options.condition not in NOT_RECORDED
    point = PointCommand(_point_command(options), x, y, figures.map_box(ranks), log) if recordable else None
    caption = MAP_CAPTION + RINGED_CAPTION * bool(_ringed(condition)) + CLICK_CAPTION * recordable
    figure = _figure(_named("map", "The map", condition, several), caption, _draw_map, condition)
    return replace(figure, point=point)


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


def _draw_map(condition: Condition) -> mpl.Figure:
    points = {rate(end): (end, end) for end in _ringed(condition)}
    return figure_of(figures.trainability_map(frames_of(condition)[0]["rank"], points=points))


def _ringed(condition: Condition) -> list[float]:
    """Return where the edge lies with both learning rates equal, if it lies on the map."""
    line, x = condition[LINE], frames_of(condition)[0]["x"]
    ends = [float(line[name][0]) for name in ("lower", "upper")]
    return [end for end in dict.fromkeys(ends) if x.min() < end < x.max()] if is_diagonal(line) else []


def _seeds(condition: Condition, several: bool) -> list[Any]:
    if SEEDS not in condition.children:
        return []
    named = partial(_named, condition=condition, several=several)
    share_caption = f"The share of {int(condition[SEEDS].attrs['seeds'])} seeds whose training converges."
    return [
        _figure(named("line", "Along a line"), LINE_CAPTION, _draw_line, condition),
        _figure(named("probability", "Share of seeds that train"), share_caption, _draw_probability, condition),
        Table(
            *named("edge", "The edge along the line, seed by seed"),
            lambda results: results[condition.name][LINE].to_dataset()[["lower", "upper", "crossings"]],
            ["seed"],
            {"seed": "seed", "lower": "all train below", "upper": "none trains above", "crossings": "changes"},
            "Empty: no value of the line trains, or all do.",
        ),
    ]


def _draw_line(condition: Condition) -> mpl.Figure:
    line = condition[LINE].to_dataset()
    return figures.line_cut(line["converged"], line[["probability", "low", "high"]], condition[EDGE].to_dataset())


def _draw_probability(condition: Condition) -> mpl.Figure:
    return figure_of(figures.probability_map(condition[SEEDS].to_dataset()))


def _roughness(results: xr.DataTree) -> list[Any]:
    known = conditions(results, DIMENSION)
    if not known:
        return []
    several = len(conditions(results)) > 1
    drawn = [
        _figure(_named("box_counts", "Box counts", each, several), ROUGH_CAPTION, _draw_counts, each) for each in known
    ]
    note = (
        "95 % intervals from a bootstrap over the frames of a zoom (5 or more), else over seeds (5 or more), else "
        "over the parts of the frame. First frame: at as many points as the null has, if there is one. Finest: between "
        "boxes of 2 and 1 pixels. Published: a median over scales and some 50 frames."
    )
    return [*drawn, Table("dimension", "The dimension of the boundary", _dimensions, note=note)]


def _draw_counts(condition: Condition) -> mpl.Figure:
    null = condition[NULL]["counts"] if NULL in condition.children else None
    return figures.box_counts_by_size(condition[DIMENSION]["counts"], condition[DIMENSION].to_dataset(), null)


def _dimensions(results: xr.DataTree) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for condition in conditions(results, DIMENSION):
        nodes = {DIMENSION: "all frames", FIRST: "first frame", NULL: "null"}
        for node, name in nodes.items():
            if node in condition.children and (node != FIRST or NULL in condition.children):
                published = PUBLISHED.get(condition.name) if node == DIMENSION else None
                rows.append({"condition": condition.name, "of": name, "published": published} | _row(condition[node]))
    table = pd.DataFrame(rows)
    return table if len(conditions(results)) > 1 else table.drop(columns="condition")


def _row(values: Condition) -> dict[str, Any]:
    names = {"median": "median", "slope": "regression", "finest": "finest"}
    row = {
        f"{heading}{end}": float(values[f"{name}{key}"])
        for name, heading in names.items()
        for key, end in {"": "", "_low": ", from", "_high": ", to"}.items()
    }
    return row | {"interval over": f"{int(values['units'])} {values.attrs['over']}s"}


def _zoom(condition: Condition, several: bool) -> Sequence[Any]:
    path = condition.name
    if len(frames_of(condition)) == 1:
        return []

    def film(results: xr.DataTree) -> figures.ZoomFilm:
        return figures.ZoomFilm([each["value"].isel({SEED: 0}) for each in frames_of(results[path])])

    return [
        _figure(_named("zoom", "Frames of the zoom", condition, several), ZOOM_CAPTION, _draw_zoom, condition),
        Animation(*_named("zoom_film", "The zoom as a film", condition, several), FILM_CAPTION, film),
    ]


def _draw_zoom(condition: Condition) -> mpl.Figure:
    return figures.zoom_frames([each["rank"] for each in frames_of(condition)])


PIXEL_TABLE = Table(
    "map",
    "Trained pixels",
    pixels,
    columns={name: name for name in PIXEL_COLUMNS},
    note="x and y in the units of the axes; value as in the source: below 0 where the training converged; frame -1 is "
    "the null.",
)
