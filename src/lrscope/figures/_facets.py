"""Small multiples of labelled arrays: one function for curves, staircases, points, bars and images."""

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lrscope.analysis import over_seeds
from lrscope.errors import must_be
from lrscope.figures._marks import (
    Panel,
    bars,
    crosses_above,
    images,
    lines,
    points,
)
from lrscope.figures._panels import diverged_marks, legend, loss_marks, panel_grid
from lrscope.figures._rate_axis import headline, nothing_known, rate_axis, spreads, value_axis, wrapped
from lrscope.figures._style import (
    SOFT,
    WIDTH,
    axis_label,
    bands,
    colours,
    figure_of,
    layer_lines,
    layer_name,
    rate_name,
    require,
    sentence,
    style,
    value_label,
)
from lrscope.records import STEP, step_dimension

Mark = Literal["line", "steps", "points", "bars", "heat"]
Data = xr.DataArray | xr.Dataset | Mapping[str, xr.DataArray | xr.Dataset]
CENTRES = ("mean", "centre", "median")
"""Names of the variable that a summary is about."""
LAYERS = ("layer", "part")
"""Dimensions whose labels are names of modules."""
HEIGHTS = {"line": 1.5, "steps": 1.6, "points": 1.75, "bars": 1.6, "heat": 2.7}
"""Inches: height of a panel, by mark."""
LETTERS = 130
"""Letters below an axis as wide as a figure; longer labels are turned."""
TITLE = 95
"""Letters of the titles of all panels beside each other."""
ALONE = 2.6
"""Inches: height of a panel that is alone."""
OUT_OF_VIEW = 1e3
"""A line that rises above this multiple of the smallest first value no longer stretches its axis."""


@dataclass(frozen=True)
class Facet:
    """The content of one panel: its title, its summary, and the cases that are drawn with it."""

    title: str
    summary: xr.Dataset
    cases: xr.DataArray | None

    @property
    def centre(self) -> xr.DataArray:
        """The values that are drawn."""
        return self.summary["centre"]


def panels(
    data: Data,
    x: str = STEP,
    y: str | None = None,
    hue: str | None = "lr",
    col: str | tuple[str, str] | None = None,
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
        ``reference``, a value for a dashed line; of images ``flag_meanings``, the names of the numbers 0, 1, ..., and
        ``zero``, what a value of exactly 0 means
    x : dimension of the horizontal axis. ``step`` stands for any step dimension; learning rates have a logarithmic
        axis, text has equal distances
    y : dimension of the vertical axis of an image
    hue : dimension with a colour for each label, ignored where it is missing or is `x`
    col : dimension with a panel for each label, or two of them: rows and columns
    mark : ``line``, ``steps`` (a value holds until the next), ``points``, ``bars``, or ``heat`` for an image
    band : dimensions, usually ``seed``, over which the mean and its 95 % interval are taken, by
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
    facets = _facets(data, col, band)
    for facet in facets:
        _refuse_undrawn(facet, x, y, hue, mark)
    with style():
        rows = len(set(_labels(data, col[0]))) if isinstance(col, tuple) else 0
        figure, axes, left_over = _grid(facets, x, mark, rows)
        if mark == "heat":
            arrays = [facet.centre for facet in facets]
            images(figure, axes, arrays, [_dim(array, x) for array in arrays], y or "neuron")
        else:
            _graphs(figure, axes, left_over, facets, (x, hue, mark, diverged))
        _label(figure, axes, facets, x, mark)
    return figure


def _facets(data: Data, col: str | tuple[str, str] | None, band: str | Sequence[str] | None) -> list[Facet]:
    """Return what each panel shows, in the order of reading."""
    if isinstance(data, xr.Dataset) and not any(name in data for name in CENTRES):
        data = {headline(axis_label(array)): array for array in data.values()}
    if isinstance(data, Mapping) and not isinstance(data, xr.Dataset):
        return [facet for title, one in data.items() for facet in _split(one, col, band, sentence(title))]
    return _split(data, col, band, "")


def _split(
    data: xr.DataArray | xr.Dataset, col: str | tuple[str, str] | None, band: str | Sequence[str] | None, title: str
) -> list[Facet]:
    summary, cases = _summary(data, band)
    dims = [] if col is None else [col] if isinstance(col, str) else list(col)
    facets = []
    for labels in itertools.product(*(summary[dim].values.tolist() for dim in dims)):
        chosen = dict(zip(dims, labels, strict=True))
        words = [title] if title else []
        words += [_panel_title(dim, label) for dim, label in chosen.items()]
        facets.append(Facet(", ".join(words), summary.sel(chosen), None if cases is None else cases.sel(chosen)))
    return facets


def _summary(
    data: xr.DataArray | xr.Dataset, band: str | Sequence[str] | None
) -> tuple[xr.Dataset, xr.DataArray | None]:
    """Return the summary with its variable called ``centre``, and the cases behind it where they are at hand."""
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
    is_share = "share" in str(data.attrs.get("long_name", ""))
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


def _labels(data: Data, dim: str) -> list[Hashable]:
    first = next(iter(data.values())) if isinstance(data, Mapping) and not isinstance(data, xr.Dataset) else data
    return list(first[dim].values.tolist())


def _refuse_undrawn(facet: Facet, x: str, y: str | None, hue: str | None, mark: str) -> None:
    """Refuse dimensions that nothing shows; points may have further ones, which are cases."""
    centre = facet.centre
    horizontal = _dim(centre, x)
    if mark == "heat":
        require("data", centre, horizontal, y or "neuron")
    else:
        drawn = [horizontal, *([hue] if hue is not None and hue in centre.dims and hue != horizontal else [])]
        further = [str(dim) for dim in centre.dims if dim not in drawn] if mark == "points" else []
        require("data", centre, *drawn, *further)


def _dim(array: xr.DataArray | xr.Dataset, x: str) -> str:
    return step_dimension(array) if x == STEP and STEP not in array.dims else x


def _alike(facets: Sequence[Facet], x: str) -> tuple[bool, bool]:
    """Return whether all panels have the same horizontal axis, and whether they have the same quantity."""
    first, *others = (facet.centre[_dim(facet.centre, x)] for facet in facets)
    same_x = all(other.name == first.name and np.array_equal(other, first) for other in others)
    return same_x, len({axis_label(facet.centre) for facet in facets}) == 1


def _grid(facets: Sequence[Facet], x: str, mark: Mark, rows: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure with a panel for each facet."""
    if not facets:
        raise must_be("data", "one array or more", "none")
    count = len(facets)
    same_x, same_y = _alike(facets, x)
    text = facets[0].centre[_dim(facets[0].centre, x)].dtype.kind in "OUST"
    columns = count // rows if rows else 2 if text else 4 if same_y else 2 if count in (2, 4) else 3
    height = HEIGHTS[mark] if count > 1 else ALONE
    figure, axes, left_over = panel_grid(count, columns, height, sharex=same_x, sharey=same_y and mark != "heat")
    if count == 1 and mark != "heat":
        figure.set_figwidth(0.65 * WIDTH)
    return figure, axes, left_over


def _graphs(figure: Figure, axes: list[Axes], left_over: list[Axes], facets: list[Facet], how: tuple[Any, ...]) -> None:
    """Draw everything but images, with the axes and the legend that belong to it."""
    x, hue, mark, diverged = how
    draw: dict[str, Callable[[Panel], None]] = {"line": lines, "points": points, "bars": bars}
    same_y, lost = _alike(facets, x)[1], False
    for ax, facet in zip(axes, facets, strict=True):
        dim = _dim(facet.centre, x)
        colour = hue if hue in facet.centre.dims and hue != dim else None
        palette = colours(facet.centre[colour or "lr"].values) if colour or dim == "lr" else {}
        cases = facet.cases if mark == "points" else None
        summary = facet.summary
        if mark == "points" and cases is None and (set(summary["centre"].dims) - {dim, colour}):
            cases, summary = facet.centre, summary[["centre"]]
        panel = Panel(ax, summary, cases, dim, colour, palette)
        if mark == "steps":
            lines(panel, steps=True)
        else:
            draw[mark](panel)
        _vertical(ax, facets if same_y else [facet], mark)
        _horizontal(ax, facet.centre[dim], mark)
        if mark in ("line", "steps"):
            lost |= diverged is None and dim.startswith(STEP) and _mark_losses(panel)
            _mark_diverged(panel, diverged, facet)
    crossed = diverged is not None and bool((diverged >= 0).any())
    crossed |= mark == "points" and any(bool(np.isposinf(_values(facet)).any()) for facet in facets)
    legend(figure, axes, left_over, facets[0].centre, panel.hue, [*loss_marks(lost), *diverged_marks(crossed)])


def _values(facet: Facet) -> np.ndarray:
    """Return everything that decides how far a vertical axis goes."""
    parts = [facet.summary[name].values.ravel() for name in ("centre", "low", "high") if name in facet.summary]
    parts += [] if facet.cases is None else [facet.cases.values.ravel()]
    return np.concatenate([np.asarray(part, dtype=float) for part in parts])


def _vertical(ax: Axes, facets: Sequence[Facet], mark: Mark) -> None:
    """Set scale, limits and ticks of a vertical axis from all values that it shows."""
    centre = facets[0].centre
    values = np.concatenate([_values(facet) for facet in facets])
    reference = centre.attrs.get("reference")
    if reference is not None:
        ax.axhline(float(reference), color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), gid="reference")
        values = np.r_[values, float(reference)]
    ax.grid(axis="y")
    if nothing_known(ax, values):
        return
    known = values[np.isfinite(values)]
    if mark != "bars" and spreads(centre.copy(data=centre.values) if len(facets) == 1 else _joined(facets)):
        value_axis(ax, known[known <= _in_view(facets)])
    elif centre.attrs.get("units", "1") == "1" and "share" in f"{centre.attrs.get('long_name', centre.name)}":
        low = 0.0 if mark == "bars" else -0.03
        ax.set_ylim(*((low, 1.03) if known.max() > 0.3 else (low * known.max(), 1.1 * known.max() or 1.03)))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5))


def _joined(facets: Sequence[Facet]) -> xr.DataArray:
    values = np.concatenate([facet.centre.values.ravel() for facet in facets])
    return xr.DataArray(values, dims="value", attrs=facets[0].centre.attrs)


def _in_view(facets: Sequence[Facet]) -> float:
    """Return the largest value that a logarithmic axis must hold: not that of a line that escapes."""
    if not any(str(dim).startswith(STEP) for dim in facets[0].centre.dims):
        return np.inf
    first = np.concatenate([facet.centre.isel({step_dimension(facet.centre): 0}).values.ravel() for facet in facets])
    known = first[np.isfinite(first) & (first > 0)]
    return OUT_OF_VIEW * float(known.min()) if len(known) else np.inf


def _horizontal(ax: Axes, coordinate: xr.DataArray, mark: Mark) -> None:
    values = coordinate.values
    if values.dtype.kind in "OUSTb":
        labels = [
            layer_lines(label) if coordinate.name in ("layer", "part") else str(label) for label in values.tolist()
        ]
        bands(ax, len(labels))
        ax.set_xticks(range(len(labels)), labels)
        ax.tick_params(axis="x", length=0)
        letters = sum(max(map(len, label.split("\n"))) for label in labels)
        if letters > LETTERS * ax.get_window_extent().width / figure_of(ax).get_window_extent().width:
            ax.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    elif coordinate.name == "lr":
        rate_axis(ax, coordinate)
    elif mark in ("line", "steps"):
        ax.set_xscale("log" if coordinate.attrs.get("scale") == "log" else "linear")
        ax.set_xlim(values[0], values[-1] if len(values) > 1 else values[0] + 1)


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
        look: dict[str, Any] = {
            "color": colour,
            "linestyle": "none",
            "zorder": 5,
            "clip_on": False,
            "markersize": 4.5,
            "markerfacecolor": "white",
        }
        for places, gid, shape in ((fewer, "first lost", "o"), (ended, "last lost", "x")):
            if len(places):
                panel.ax.plot(x[places], values[places], shape, gid=gid, **look)
                marked = True
    return marked


def _mark_diverged(panel: Panel, diverged: xr.DataArray | None, facet: Facet) -> None:
    if diverged is None:
        return
    here = {
        str(dim): facet.centre[dim].item() for dim in diverged.dims if facet.centre.coords.get(dim, diverged).ndim == 0
    }
    for _, colour, selected in panel.each():
        steps = diverged.sel(here | selected).values.ravel()
        steps = steps[steps >= 0]
        crosses_above(panel.ax, steps, np.full(len(steps), colour))


def _label(figure: Figure, axes: list[Axes], facets: list[Facet], x: str, mark: Mark) -> None:
    """Write titles and labels: once for the figure where all panels have the same, else beside each."""
    same_x, same_y = _alike(facets, x)
    marked = any(collection.get_gid() == "diverged" for ax in axes for collection in ax.collections)
    spec = axes[0].get_subplotspec()
    columns = 1 if spec is None else spec.get_gridspec().ncols
    for place, (ax, facet) in enumerate(zip(axes, facets, strict=True)):
        ax.set_title(wrapped(facet.title, TITLE // columns), pad=9 if marked else 5)
        label, known = axis_label(facet.centre), facet.title.lower()
        ax.set_ylabel(
            "" if mark == "heat" or (same_y and len(axes) > 1) or label.lower() == known else wrapped(label, 26)
        )
        coordinate = facet.centre[_dim(facet.centre, x)]
        text = coordinate.dtype.kind in "OUST"
        ax.set_xlabel("" if same_x or text else axis_label(coordinate))
        if mark == "heat" and place % columns:
            ax.set_yticklabels([])
        if same_x:
            ax.tick_params(labelbottom=place + columns >= len(axes))
    if same_x and not text:
        write = figure.supxlabel if len(axes) > 1 else axes[0].set_xlabel
        write(axis_label(coordinate), fontsize=7.5)
    if same_y and len(axes) > 1 and mark != "heat":
        figure.supylabel(axis_label(facets[0].centre), fontsize=7.5)
