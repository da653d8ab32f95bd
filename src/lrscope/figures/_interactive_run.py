"""A run with a slider over its steps: what was learned, error, norm, angle, path, weights, sharpness move together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex, to_rgb
from plotly.subplots import make_subplots

from lrscope.errors import must_be
from lrscope.figures._events import Onsets, happened
from lrscope.figures._frames import ARROWS, Functions, Path, functions_of, path_of, place_of
from lrscope.figures._interactive import _AXIS, _LAYOUT
from lrscope.figures._run import COLOURS, ERRORS, escaped, last_known, log_range, thinned, variable
from lrscope.figures._sharpness import sharpness_top
from lrscope.figures._style import ALARM, FAINT, INK, SOFT, axis_label
from lrscope.figures._training import NAMES
from lrscope.figures._weights import Weight, hidden_weights, output_weights
from lrscope.records import step_dimension

HEIGHT = 900
"""Pixels."""
LINE, WEIGHT_LINE, SAMPLES = 600, 240, 160
"""Points of a line, of the line of one of many weights, of the learned function: all of it is text in the page."""
PATH = 1500
"""Points of the gradient path."""
MANY = 12
"""Lines in a panel from which each has fewer points."""
PLAY = 60
"""Milliseconds a frame."""
ROWS = ("function", "error", "sharpness"), ("path", "norm", "hidden"), ("closeup", "angle", "output")
PLACES = {name: (row, column) for row, names in enumerate(ROWS, 1) for column, name in enumerate(names, 1)}
TITLES = {
    "function": "learned function",
    "error": "error",
    "sharpness": "sharpness",
    "path": "gradient path",
    "norm": "gradient norm",
    "hidden": "weights U",
    "closeup": "last arrows",
    "angle": "angle [degrees]",
    "output": "weights V",
}
CRITERIA = {"error": "error", "norm": "gradient norm", "angle": "angle", "sharpness": "sharpness"}
"""Panel -> the sign of instability that it shows."""


@dataclass(frozen=True)
class _Dots:
    """Dots on the lines of a panel."""

    panel: str
    arrays: Sequence[xr.DataArray]
    colours: Sequence[str]
    size: float = 7

    def at(self, step: int) -> dict[str, np.ndarray]:
        """Return where the dots were at a step."""
        known = [array[step_dimension(array)].values for array in self.arrays]
        places = [place_of(steps, step) for steps in known]
        x = [steps[place] for steps, place in zip(known, places, strict=True)]
        y = [array.values[place] for array, place in zip(self.arrays, places, strict=True)]
        return {"x": _whole(x), "y": _short(y)}


def interactive_run(run: xr.Dataset, steps: Sequence[int] | np.ndarray, onsets: Onsets | None = None) -> go.Figure:
    """Return a run with a slider over its steps, and buttons that play it.

    Parameters
    ----------
    run : records of one member, as for `run_film`
    steps : at which the slider stops, about 100, such as those of `frame_steps`
    onsets : criterion -> step, or DataArray (criterion): vertical lines

    Returns
    -------
    plotly Figure : nine panels, a frame for each step. Lines have at most 600 points, with the smallest and the largest
        of each stretch; dots move on them

    Raises
    ------
    InputError : no frames, or a variable was not recorded.
    """
    chosen = np.asarray(steps)
    if not len(chosen):
        raise must_be("steps", "one frame or more", list(chosen))
    function, path, dots = functions_of(run, SAMPLES), path_of(run), _movers(run)
    titles = [TITLES[name] for names in ROWS for name in names]
    figure = make_subplots(3, 3, subplot_titles=titles, horizontal_spacing=0.075, vertical_spacing=0.085)
    for panel, trace in _still(run, function, path):
        _add(figure, panel, trace)
    first = len(figure.data)
    now = _moments(function, path, dots, int(chosen[0]))
    for (panel, look), place in zip(_moving(dots), now, strict=True):
        _add(figure, panel, go.Scatter(**place, **look, hoverinfo="skip"))
    moved = list(range(first, len(figure.data)))
    figure.frames = [
        go.Frame(data=_moments(function, path, dots, int(step)), name=str(step), traces=moved) for step in chosen
    ]
    _axes(figure, run, function, path)
    _mark(figure, run, onsets)
    return figure.update_layout(
        _LAYOUT | {"height": HEIGHT, "margin": {"l": 50, "r": 15, "t": 70, "b": 130}}
    ).update_layout(sliders=[_slider(chosen)], updatemenus=[_buttons()], hovermode="closest")


def _still(run: xr.Dataset, function: Functions, path: Path) -> Iterator[tuple[str, go.Scatter]]:
    """Yield what does not move: panel and trace."""
    yield "function", _line(function.inputs, function.targets, "#c3c9d2", "target", 5)
    for name in ERRORS:
        if name in run:
            yield "error", _curve(run[name], ERRORS[name], NAMES[name])
    yield "norm", _curve(variable(run, "gradient_norm"), COLOURS["gradient norm"], "gradient norm")
    yield "angle", _curve(variable(run, "gradient_angle"), COLOURS["angle"], "angle")
    end = escaped(run)
    yield "sharpness", _curve(variable(run, "sharpness"), COLOURS["sharpness"], "sharpness", end=end)
    limit = _curve(variable(run, "stability_limit"), INK, axis_label(run["stability_limit"]))
    yield "sharpness", limit.update(line={"dash": "dash", "width": 1})
    for panel, weights in (("hidden", list(hidden_weights(run))), ("output", list(output_weights(run)))):
        points = LINE if len(weights) < MANY else WEIGHT_LINE
        for weight in weights:
            yield panel, _weight(weight, points, end)
    x, y = path.thinned(PATH).T
    yield "path", _line(x, y, _pale(COLOURS["gradient norm"]), "gradient path", 1)


def _movers(run: xr.Dataset) -> list[_Dots]:
    errors = [name for name in ERRORS if name in run]
    end, dots = escaped(run), [_Dots("error", [run[name] for name in errors], [ERRORS[name] for name in errors])]
    dots.append(_Dots("norm", [run["gradient_norm"]], [COLOURS["gradient norm"]]))
    dots.append(_Dots("angle", [run["gradient_angle"]], [COLOURS["angle"]]))
    dots.append(_Dots("sharpness", [_until(run["sharpness"], end)], [COLOURS["sharpness"]]))
    for panel, weights in (("hidden", list(hidden_weights(run))), ("output", list(output_weights(run)))):
        colours = [weight.look["color"] for weight in weights]
        dots.append(_Dots(panel, [_until(weight.values, end) for weight in weights], colours, 5))
    return dots


def _moments(function: Functions, path: Path, dots: Sequence[_Dots], step: int) -> list[dict[str, np.ndarray]]:
    """Return of everything that moves where it was at a step, in the order of `_moving`."""
    near = path.closeup(step).points[::-1]
    made = {"x": _short(function.inputs), "y": _short(function.at(step))}
    head = {"x": _short(path.at(step)[:1]), "y": _short(path.at(step)[1:])}
    arrows = {"x": _short(near[:, 0]), "y": _short(near[:, 1])}
    return [made, head, arrows, *(dot.at(step) for dot in dots)]


def _moving(dots: Sequence[_Dots]) -> list[tuple[str, dict[str, Any]]]:
    """Return panel and look of everything that moves."""
    colour = COLOURS["gradient norm"]
    arrows = {"size": [8] + [3] * ARROWS, "color": [ALARM] + [colour] * ARROWS, "line": {"width": 0}, "opacity": 1}
    looks = [
        ("function", {"mode": "lines", "line": {"color": "#12355b", "width": 1.6}}),
        ("path", {"mode": "markers", "marker": {"size": 7, "color": ALARM}}),
        ("closeup", {"mode": "lines+markers", "marker": arrows, "line": {"color": colour, "width": 1.4}}),
    ]
    marks = [(dot.panel, {"mode": "markers", "marker": {"size": dot.size, "color": list(dot.colours)}}) for dot in dots]
    return looks + marks


def _add(figure: go.Figure, panel: str, trace: go.Scatter) -> None:
    row, column = PLACES[panel]
    figure.add_trace(trace.update(showlegend=False), row, column)


def _line(x: np.ndarray, y: np.ndarray, colour: str, name: str, width: float) -> go.Scatter:
    look = {"color": colour, "width": width}
    return go.Scatter(x=_short(x), y=_short(y), mode="lines", line=look, name=name, hoverinfo="name")


def _curve(array: xr.DataArray, colour: str, name: str, points: int = LINE, end: float = np.inf) -> go.Scatter:
    array = _until(array, end)
    steps, values = thinned(array[step_dimension(array)].values, array.values.astype(float), points)
    hover = "step %{x}<br>%{y:.3g}"
    line = {"color": _pale(colour), "width": 1.3}
    return go.Scatter(x=_whole(steps), y=_short(values), mode="lines", line=line, name=name, hovertemplate=hover)


def _weight(weight: Weight, points: int, end: float) -> go.Scatter:
    name = "bias" if weight.neuron is None else f"neuron {weight.neuron}" + (", bias" if weight.bias else "")
    trace = _curve(weight.values, weight.look["color"], name, points, end)
    return trace.update(line={"dash": "dot" if weight.bias else "solid", "width": weight.look["linewidth"]})


def _until(array: xr.DataArray, end: float) -> xr.DataArray:
    dim = step_dimension(array)
    return array.isel({dim: slice(0, max(1, int((array[dim].values < end).sum())))})


def _pale(colour: str) -> str:
    """Return a colour halfway to white, for lines on which dots of the full colour move."""
    red, green, blue = (0.55 + 0.45 * part for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _short(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return values with seven digits: half the text. What float32 cannot hold is left out."""
    with np.errstate(over="ignore"):
        short = np.asarray(values, dtype=float).astype(np.float32)
    return np.where(np.isfinite(short), short, np.float32(np.nan))


def _whole(steps: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(steps, dtype=np.int32)


def _axes(figure: go.Figure, run: xr.Dataset, function: Functions, path: Path) -> None:
    steps = run["step"].values
    last = steps[-1] if last_known(run) is None else min(steps[-1], 1.3 * escaped(run) + 5)
    figure.update_xaxes(**_AXIS, range=[int(steps[0]), float(last)], nticks=5, tickangle=0)
    figure.update_yaxes(**_AXIS)
    for panel in ("error", "norm"):
        low, high = _decades(figure, panel)
        ticks = {"exponentformat": "power", "dtick": max(1, round((high - low) / 5)) if high - low > 1.2 else "D2"}
        figure.update_yaxes(type="log", range=[low, high], **ticks, row=PLACES[panel][0], col=PLACES[panel][1])
    figure.update_yaxes(tickvals=[0, 45, 90, 135, 180], range=[-5, 185], row=3, col=2)
    figure.update_yaxes(range=[0, sharpness_top(run)], row=1, col=3)
    figure.update_xaxes(range=[float(function.inputs[0]), float(function.inputs[-1])], row=1, col=1)
    figure.update_yaxes(range=_around(function.targets, 0.25), row=1, col=1)
    figure.update_xaxes(range=_around(path.ends[:, 0], 0.06), row=2, col=1)
    figure.update_yaxes(range=_around(path.ends[:, 1], 0.06), scaleanchor="x4", row=2, col=1)
    figure.update_xaxes(range=[-1, 1], showticklabels=False, ticks="", row=3, col=1)
    figure.update_yaxes(range=[-1, 1], showticklabels=False, ticks="", scaleanchor="x7", row=3, col=1)
    figure.update_annotations(font={"size": 12.5, "color": INK}, yshift=2)


def _around(values: np.ndarray, room: float) -> list[float]:
    """Return the ends of an axis that shows all values with some room."""
    more = room * float(np.ptp(values)) or 1.0
    return [float(values.min()) - more, float(values.max()) + more]


def _decades(figure: go.Figure, panel: str) -> list[float]:
    """Return the ends of a logarithmic axis, in decades, that a divergence does not stretch beyond reading."""
    row, column = PLACES[panel]
    traces = figure.select_traces(row=row, col=column, selector={"mode": "lines"})
    low, high = log_range([np.asarray(trace.y, dtype=float) for trace in traces]) or (1.0, 10.0)
    return [float(np.log10(low)), float(np.log10(high))]


def _mark(figure: go.Figure, run: xr.Dataset, onsets: Onsets | None) -> None:
    """Draw each onset as a line in the panel that shows its criterion, and a divergence in all of them."""
    events, diverged = happened(onsets), last_known(run)
    for panel, criterion in CRITERIA.items():
        row, column = PLACES[panel]
        if criterion in events:
            step, colour = events[criterion], COLOURS[criterion]
            line = {"width": 1, "dash": "dot", "color": colour}
            text = {"text": f"onset {step}", "font": {"size": 11, "color": colour}}
            figure.add_vline(step, line=line, row=row, col=column, annotation=text, annotation_position="top left")
    if diverged is not None:
        figure.add_annotation(text=f"diverged at {diverged}", font={"color": ALARM}, showarrow=False, xref="x2 domain",
                              yref="y2 domain", x=1, y=0.02)  # fmt: skip


def _slider(steps: np.ndarray) -> dict[str, Any]:
    """Return the slider; moving it shows a frame at once."""
    at_once = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    stops = [{"label": str(step), "method": "animate", "args": [[str(step)], at_once]} for step in steps]
    place = {"x": 0, "len": 1, "y": -0.035, "pad": {"t": 20}}
    shown = {"prefix": "step ", "xanchor": "left", "font": {"size": 14, "color": INK}}
    look = {
        "bgcolor": FAINT,
        "bordercolor": SOFT,
        "ticklen": 0,
        "minorticklen": 0,
        "font": {"color": "rgba(0,0,0,0)", "size": 1},
    }
    return {"steps": stops, "currentvalue": shown, "active": 0} | place | look


def _buttons() -> dict[str, Any]:
    moving = {"mode": "immediate", "fromcurrent": True, "frame": {"duration": PLAY, "redraw": False}}
    play = {"label": "Play", "method": "animate", "args": [None, moving | {"transition": {"duration": 0}}]}
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
    pause = {"label": "Pause", "method": "animate", "args": [[None], still]}
    place = {"x": 0, "xanchor": "left", "y": -0.035, "yanchor": "top", "pad": {"t": 85}}
    return {"type": "buttons", "direction": "left", "showactive": False, "buttons": [play, pause]} | place
