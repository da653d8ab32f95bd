"""Small multiples of labelled arrays: one function for curves, staircases, points and images."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lrscope.analysis import over_seeds
from lrscope.errors import must_be
from lrscope.figures._marks import Panel, crosses_above, images, lines, points
from lrscope.figures._rate_axis import nothing_known, rate_axis, spreads, value_axis
from lrscope.figures._style import (
    ALARM,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    bands,
    colours,
    headline,
    layer_name,
    panel_grid,
    rate_name,
    rate_text,
    require,
    sentence,
    short_names,
    style,
    value_label,
    wrapped,
)
from lrscope.records import STEP, step_dimension

Mark = Literal["line", "steps", "points", "heat"]
Data = xr.DataArray | xr.Dataset | Mapping[str, xr.DataArray | xr.Dataset]
CENTRES = ("mean", "centre", "median")
"""Names of the variable that a summary is about."""
LAYERS = ("layer", "module")
"""Dimensions whose labels are names of modules."""
HEIGHTS = {"line": 1.5, "steps": 1.6, "points": 1.75, "heat": 2.7}
"""Inches: height of a panel, by mark."""
ALONE = 2.6
"""Inches: height of a panel that is alone."""
LETTERS = 130
"""Letters below an axis as wide as a figure; longer labels are turned."""
TITLE = 87
"""Letters of the titles of all panels beside each other."""
OUT_OF_VIEW = 1e3
"""A line that rises above this multiple of the smallest first value no longer stretches its axis."""
NAMED_RATES = 6
"""Learning rates with a legend; more have a colour bar."""


@dataclass(frozen=True)
class Facet:
    """The content of one panel: its title, summary, cases drawn with it, and dimension of the horizontal axis."""

    title: str
    summary: xr.Dataset
    cases: xr.DataArray | None
    x: str

    @property
    def centre(self) -> xr.DataArray:
        """The values that are drawn."""
        return self.summary["centre"]

    @property
    def values(self) -> np.ndarray:
        """Everything that decides how far a vertical axis goes."""
        parts = [self.summary[name] for name in ("centre", "low", "high") if name in self.summary]
        parts += [] if self.cases is None else [self.cases]
        return np.concatenate([part.values.ravel().astype(float) for part in parts])


def panels(
    data: Data,
    x: str = STEP,
    y: str | None = None,
    hue: str | None = "lr",
    col: str | None = None,
    mark: Mark = "line",
    band: str | Sequence[str] | None = None,
    diverged: xr.DataArray | None = None,
) -> Figure:
    """Draw labelled arrays as small multiples; dimensions become axes, colours and panels, `attrs` the labels.

    Parameters
    ----------
    data : DataArray; or a summary: Dataset with ``mean`` (or ``centre``, ``median``) and its interval ``low`` to
        ``high``, as `lrscope.analysis.over_seeds` returns. Any other Dataset, and a mapping by title, has a panel for
        each of its arrays. Attributes that are read: ``long_name`` and ``units``; ``scale``, ``log`` or ``linear``;
        ``reference``, a value for a dashed line; of images ``zero``, what a value of exactly 0 means
    x : dimension of the horizontal axis. ``step`` stands for any step dimension; learning rates have a logarithmic
        axis, text has equal distances
    y : dimension of the vertical axis of an image
    hue : dimension with a colour for each label, ignored where it is missing or is `x`
    col : dimension with a panel for each label
    mark : ``line``, ``steps`` (a value holds until the next), ``points``, or ``heat`` for an image
    band : dimensions, usually ``seed``, over which the mean and its 95% interval are taken, by
        `lrscope.analysis.over_seeds` (geometric where ``scale`` is ``log``); points also show each case
    diverged : step at which each member diverged, -1 where none did: a cross above the panel. Further dimensions are
        repetitions

    Returns
    -------
    Figure : panels of one quantity have common axes. In a summary with ``count``, a circle marks where a line loses its
        first seed and a cross where its last one ends. Infinite values of points are crosses above the panel

    Raises
    ------
    InputError : an unknown mark, no data, or a dimension that is not drawn.

    Examples
    --------
    >>> coords = {"lr": [0.01, 0.1], "seed": [0, 1], "step": [0, 1, 2]}
    >>> loss = xr.DataArray(np.ones((2, 2, 3)), coords=coords, attrs={"long_name": "loss"})
    >>> figure = panels(loss, col="seed")
    >>> [ax.get_title("left") for ax in figure.axes], len(figure.axes[0].lines)
    (['seed 0', 'seed 1'], 2)
    """
    if mark not in get_args(Mark):
        raise must_be("mark", f"one of {', '.join(get_args(Mark))}", mark)
    facets = _facets(data, x, col, band)
    if not facets:
        raise must_be("data", "one array or more", "none")
    for facet in facets:
        others = [y or "neuron"] if mark == "heat" else [hue] if hue in facet.centre.dims and hue != facet.x else []
        if mark != "points":  # whose further dimensions are cases
            require("data", facet.centre, facet.x, *others)
    with style():
        figure, axes, left_over = _grid(facets, mark)
        if mark == "heat":
            images(figure, axes, [facet.centre for facet in facets], [facet.x for facet in facets], y or "neuron")
        else:
            drawings = [_panel(ax, facet, hue, mark) for ax, facet in zip(axes, facets, strict=True)]
            for panel, facet in zip(drawings, facets, strict=True):
                _vertical(panel.ax, facets if _alike(facets)[1] else [facet])
                _horizontal(panel.ax, facet.centre[facet.x], mark)
            marks = _events(drawings, facets, mark, diverged)
            _legend(figure, axes, left_over, drawings[-1], marks)
        _label(figure, axes, facets, mark)
    return figure


def _facets(data: Data, x: str, col: str | None, band: str | Sequence[str] | None) -> list[Facet]:
    """Return what each panel shows, in the order of reading."""
    if isinstance(data, xr.Dataset) and not any(name in data for name in CENTRES):
        data = {headline(axis_label(array)): array for array in data.values()}
    by_title = {"": data} if isinstance(data, xr.DataArray | xr.Dataset) else data
    facets = []
    for title, one in by_title.items():
        summary, cases = _summary(one, band)
        dim = step_dimension(summary) if x == STEP and STEP not in summary.dims else x
        labels: list[Any] = [None] if col is None else summary[col].values.tolist()
        for label, name in zip(labels, short_names(labels) if col in LAYERS else labels, strict=True):
            here = {} if col is None else {col: label}
            words = [*([sentence(title)] if title else []), *([] if col is None else [_panel_title(col, name)])]
            chosen = None if cases is None else cases.sel(here)
            facets.append(Facet(", ".join(words), summary.sel(here), chosen, dim))
    return facets


def _summary(
    data: xr.DataArray | xr.Dataset, band: str | Sequence[str] | None
) -> tuple[xr.Dataset, xr.DataArray | None]:
    """Return the summary with its variable called ``centre``, and the cases that it summarises where they are known."""
    if isinstance(data, xr.Dataset):
        name = next(name for name in CENTRES if name in data)
        kept = [name, *(part for part in ("low", "high", "count") if part in data)]
        summary = data[kept].rename({name: "centre"})
        if data.attrs.get("scale") == "log":
            summary["centre"].attrs.setdefault("scale", "log")
        return summary, None
    if band is None:
        return data.rename("centre").to_dataset(), None
    dims = [band] if isinstance(band, str) else list(band)
    stacked = data.stack(repetition=dims).drop_vars(["repetition", *dims]).rename(repetition="seed")
    named = any(word in str(data.attrs.get("long_name", "")) for word in ("share", "accuracy"))
    finite = data.where(np.isfinite(data))
    is_share = named and not bool(((finite < 0) | (finite > 1)).any())  # an accuracy may be logged in percent
    summary = over_seeds(
        stacked.assign_attrs(data.attrs),
        log=data.attrs.get("scale") == "log",
        bounds=(0, 1) if is_share else (-np.inf, np.inf),
    ).rename(mean="centre")
    for name in ("scale", "reference"):
        summary["centre"].attrs.update({name: data.attrs[name]} if name in data.attrs else {})
    return summary, data


def _panel_title(dim: str, label: Hashable) -> str:
    if dim == "lr":
        return rate_name(label)
    if isinstance(label, str):
        return sentence(layer_name(label) if dim in LAYERS else label)
    return sentence(f"{dim} {value_label(label)}")


def _is_text(coordinate: xr.DataArray) -> bool:
    return coordinate.dtype.kind in "OUSTb"


def _alike(facets: Sequence[Facet]) -> tuple[bool, bool]:
    """Return whether all panels have the same horizontal axis, and whether they have the same quantity."""
    first, *others = (facet.centre[facet.x] for facet in facets)
    same_x = all(other.name == first.name and np.array_equal(other, first) for other in others)
    return same_x, len({axis_label(facet.centre) for facet in facets}) == 1


def _grid(facets: Sequence[Facet], mark: Mark) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure, a panel for each facet, and the places left over."""
    count, (same_x, same_y) = len(facets), _alike(facets)
    columns = 2 if _is_text(facets[0].centre[facets[0].x]) else 4 if same_y else 2 if count in (2, 4) else 3
    height = HEIGHTS[mark] if count > 1 else ALONE
    figure, axes, left_over = panel_grid(count, columns, height, sharex=same_x, sharey=same_y and mark != "heat")
    if count == 1 and mark != "heat":
        figure.set_figwidth(0.65 * WIDTH)
    return figure, axes, left_over


def _panel(ax: Axes, facet: Facet, hue: str | None, mark: Mark) -> Panel:
    colour = hue if hue in facet.centre.dims and hue != facet.x else None
    palette = colours(facet.centre[colour or "lr"].values) if colour or facet.x == "lr" else {}
    cases, summary = facet.cases if mark == "points" else None, facet.summary
    if mark == "points" and cases is None and set(summary["centre"].dims) - {facet.x, colour}:
        cases, summary = facet.centre, summary[["centre"]]
    panel = Panel(ax, summary, cases, facet.x, colour, palette)
    if mark == "points":
        points(panel)
    else:
        lines(panel, steps=mark == "steps")
    return panel


def _vertical(ax: Axes, facets: Sequence[Facet]) -> None:
    """Set scale, limits and ticks of a vertical axis from all values that it shows."""
    centre = facets[0].centre
    values = np.concatenate([facet.values for facet in facets])
    reference = centre.attrs.get("reference")
    if reference is not None:
        ax.axhline(float(reference), color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), gid="reference")
        values = np.r_[values, float(reference)]
    ax.grid(axis="y")
    if nothing_known(ax, values):
        return
    known = values[np.isfinite(values)]
    drawn = np.concatenate([facet.centre.values.ravel() for facet in facets])
    if spreads(xr.DataArray(drawn, dims="value", name=centre.name, attrs=centre.attrs)):
        value_axis(ax, known[known <= _in_view(facets)])
    elif centre.attrs.get("units", "1") == "1" and "share" in f"{centre.attrs.get('long_name', centre.name)}":
        ax.set_ylim(*((-0.03, 1.03) if known.max() > 0.3 else (-0.03 * known.max(), 1.1 * known.max() or 1.03)))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5))


def _in_view(facets: Sequence[Facet]) -> float:
    """Return the largest value that a logarithmic axis must hold: not that of a line that escapes."""
    if not facets[0].x.startswith(STEP):
        return np.inf
    first = np.concatenate([facet.centre.isel({facet.x: 0}).values.ravel() for facet in facets])
    known = first[np.isfinite(first) & (first > 0)]
    return OUT_OF_VIEW * float(known.min()) if len(known) else np.inf


def _horizontal(ax: Axes, coordinate: xr.DataArray, mark: Mark) -> None:
    values = coordinate.values
    if _is_text(coordinate):
        labels = [str(label) for label in values.tolist()]
        if coordinate.name in LAYERS:  # in two lines
            labels = short_names(labels)
            labels = [layer_name(label).replace(" " if label[:1].isdigit() else ".", "\n", 1) for label in labels]
        bands(ax, len(labels))
        ax.set_xticks(range(len(labels)), labels)
        ax.tick_params(axis="x", length=0)
        letters = sum(max(map(len, label.split("\n"))) for label in labels)
        if letters > LETTERS * ax.get_window_extent().width / ax.figure.get_window_extent().width:
            ax.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    elif coordinate.name == "lr":
        rate_axis(ax, coordinate)
    elif mark in ("line", "steps"):
        ax.set_xscale("log" if coordinate.attrs.get("scale") == "log" else "linear")
        if values.dtype.kind == "i" and ax.get_xscale() == "linear":
            ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
        ax.set_xlim(values[0], values[-1] if len(values) > 1 else values[0] + 1)


def _events(
    drawings: Sequence[Panel], facets: Sequence[Facet], mark: Mark, diverged: xr.DataArray | None
) -> list[Line2D]:
    """Mark where networks diverged, or where lines lost seeds; return what the legend says of it."""
    crossed = mark == "points" and any(bool(np.isposinf(facet.values).any()) for facet in facets)
    crossed |= diverged is not None and bool((diverged >= 0).any())
    lost = False
    for panel, facet in zip(drawings, facets, strict=True):
        if diverged is not None:
            _mark_diverged(panel, diverged, facet.centre)
        elif mark in ("line", "steps") and facet.x.startswith(STEP):
            lost |= _mark_losses(panel)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 4.5, "markerfacecolor": "white"}
    circle = Line2D([], [], color=INK, marker="o", label="first seed diverged", **look)
    end = Line2D([], [], color=INK, marker="x", label="last seed diverged", **look)
    cross = Line2D([], [], color=ALARM, marker="x", label="diverged", **look)
    return [*([circle, end] if lost else []), *([cross] if crossed else [])]


def _mark_losses(panel: Panel) -> bool:
    """Mark on each line where its first seed was lost and where its last one ended; return whether there was one."""
    marked, (bottom, top) = False, panel.ax.get_ylim()
    x = panel.summary[panel.x].values
    for _, colour, selected in panel.each():
        summary = panel.summary.sel(selected)
        values = summary["centre"].clip(bottom, top).values
        known = np.flatnonzero(np.isfinite(values))
        if not len(known) or (known[-1] == len(x) - 1 and "count" not in summary):
            continue
        counts = summary["count"].values if "count" in summary else np.zeros(len(x))
        fewer = np.flatnonzero((counts < counts.max()) & np.isfinite(values))[:1]
        ended = known[-1:] if known[-1] < len(x) - 1 else known[:0]
        look: dict[str, Any] = {"color": colour, "linestyle": "none", "zorder": 5, "clip_on": False}
        look |= {"markersize": 4.5, "markerfacecolor": "white"}
        for places, gid, shape in ((fewer, "first lost", "o"), (ended, "last lost", "x")):
            if len(places):
                panel.ax.plot(x[places], values[places], shape, gid=gid, **look)
                marked = True
    return marked


def _mark_diverged(panel: Panel, diverged: xr.DataArray, centre: xr.DataArray) -> None:
    here = {str(dim): centre[dim].item() for dim in diverged.dims if centre.coords.get(dim, diverged).ndim == 0}
    for _, colour, selected in panel.each():
        steps = diverged.sel(here | selected).values.ravel()
        steps = steps[steps >= 0]
        crosses_above(panel.ax, steps, np.full(len(steps), colour))


def _legend(figure: Figure, axes: list[Axes], left_over: Sequence[Axes], panel: Panel, marks: Sequence[Line2D]) -> None:
    """Name the colours: a legend where a panel is missing, else above them; a colour bar of many learning rates."""
    handles = list(marks)
    if panel.hue == "lr" and len(panel.palette) > NAMED_RATES:
        _rate_bar(figure, axes, panel)
    elif panel.hue is not None:
        name = rate_name if panel.hue == "lr" else value_label
        named = [Line2D([], [], color=colour, label=name(label)) for label, colour in panel.palette.items()]
        handles = [*named, *handles]
    if not handles or len(handles) == len(axes) == 1:
        return
    if left_over:
        left_over[-1].legend(handles=handles, loc="center")
    else:
        columns = min(len(handles), int(figure.get_figwidth() / 1.1))
        figure.legend(handles=handles, loc="outside upper right", ncols=columns)


def _rate_bar(figure: Figure, axes: list[Axes], panel: Panel) -> None:
    """Put a colour bar of learning rates beside the panels."""
    count = len(panel.palette)
    drawn = ScalarMappable(
        BoundaryNorm(np.arange(count + 1) - 0.5, count), ListedColormap(list(panel.palette.values()))
    )
    bar = figure.colorbar(drawn, ax=axes, pad=0.015, aspect=30, ticks=range(count))
    bar.ax.set_yticklabels([rate_text(float(str(rate))) for rate in panel.palette])
    bar.ax.tick_params(length=0)
    bar.set_label(axis_label(panel.summary["lr"]))
    bar.outline.set_visible(False)


def _label(figure: Figure, axes: list[Axes], facets: list[Facet], mark: Mark) -> None:
    """Write titles and labels: once for the figure where all panels have the same, else beside each."""
    same_x, same_y = _alike(facets)
    marked = any(collection.get_gid() == "diverged" for ax in axes for collection in ax.collections)
    spec = axes[0].get_subplotspec()
    columns = 1 if spec is None else spec.get_gridspec().ncols
    for place, (ax, facet) in enumerate(zip(axes, facets, strict=True)):
        ax.set_title(wrapped(facet.title, TITLE // columns), pad=9 if marked else 5)
        label, coordinate = axis_label(facet.centre), facet.centre[facet.x]
        named = mark == "heat" or (same_y and len(axes) > 1) or label.lower() == facet.title.lower()
        ax.set_ylabel("" if named else wrapped(label, 22))
        ax.set_xlabel("" if same_x or _is_text(coordinate) else axis_label(coordinate))
        if mark == "heat" and place % columns:
            ax.set_yticklabels([])
        if same_x:
            ax.tick_params(labelbottom=place + columns >= len(axes))
    if same_x and not _is_text(coordinate):
        write = figure.supxlabel if len(axes) > 1 else axes[0].set_xlabel
        write(axis_label(coordinate), fontsize=7.5)
    if same_y and len(axes) > 1 and mark != "heat":
        figure.supylabel(axis_label(facets[0].centre), fontsize=7.5)
