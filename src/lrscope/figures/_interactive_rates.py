"""Outcomes by learning rate that one can ask: hover a seed for its loss, its accuracy and how it ended."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from lrscope.figures._interactive import _AXIS, _LAYOUT
from lrscope.figures._rate_axis import NARROW, SHADE, TAKEN, places, range_blocks, rates_of, rooms
from lrscope.figures._rates import DIVERGED, NONE_DIVERGED, SCORE
from lrscope.figures._style import ALARM, FAINT, INK, SOFT, axis_label, colours, rate_text, require

HEIGHT = 520
"""Pixels."""
OUTCOME = ("trained to the end", "diverged")


def interactive_rates(
    recommended: xr.Dataset,
    scores: xr.DataArray,
    accuracy: xr.DataArray | None = None,
    outcome: xr.DataArray | None = None,
) -> go.Figure:
    """Return the outcome of every seed at each learning rate; hovering tells its loss, accuracy and outcome.

    Parameters
    ----------
    recommended : Dataset (lr) of `lrscope.analysis.recommendation`
    scores : (lr, seed) last validation loss; infinite for a member that diverged, NaN for one that was not trained
    accuracy : (lr, seed) last validation accuracy, told when hovering
    outcome : (lr, seed) texts of `lrscope.records.outcomes`, told when hovering; by default whether it diverged

    Returns
    -------
    plotly Figure : points of the seeds, those that diverged as crosses on top; centres with intervals; the recommended
        range shaded; below, the share that diverged with its interval

    Raises
    ------
    InputError : other dimensions, or a rate that is not above 0.
    """
    require("recommended", recommended, "lr")
    require("scores", scores, "lr", "seed")
    scores = scores.transpose("lr", "seed")
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.8, 0.2])
    for lr, colour in colours(scores["lr"].values).items():
        texts = _texts(scores.sel(lr=lr), *(None if one is None else one.sel(lr=lr) for one in (accuracy, outcome)))
        figure.add_traces(_seeds(scores, float(str(lr)), colour, texts), rows=1, cols=1)
    for trace in [trace for trace in figure.data if trace.name == "diverged"][:1]:
        trace.showlegend = True
    figure.add_trace(_centres(recommended), 1, 1)
    if np.isfinite(float(recommended["best"])):
        figure.add_trace(_best(recommended), 1, 1)
    figure.add_trace(_bars(recommended), 2, 1)
    if not bool((recommended["diverged"] > 0).any()):
        x, y = "x2 domain", "y2 domain"
        figure.add_annotation(text=NONE_DIVERGED, x=0.5, y=0.5, xref=x, yref=y, showarrow=False, font_color=SOFT)
    for ends in range_blocks(recommended):
        figure.add_vrect(*ends, fillcolor=SHADE, line_width=0, layer="below", row=1, col=1)
    _axes(figure, recommended, scores)
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom"}
    margin = {"l": 60, "r": 15, "t": 80, "b": 60}
    return figure.update_layout(_LAYOUT | {"height": HEIGHT, "margin": margin, "legend": legend})


def _texts(scores: xr.DataArray, accuracy: xr.DataArray | None, outcome: xr.DataArray | None) -> list[str]:
    """Return for each seed of one rate what hovering tells."""
    texts = []
    for place, score in enumerate(scores.values.tolist()):
        seed = scores["seed"].values[place].item()
        lines = [f"lr {rate_text(float(scores['lr']))}, seed {seed}"]
        if np.isfinite(score):
            lines.append(f"{axis_label(scores)} {score:.4g}")
        if accuracy is not None and np.isfinite(accuracy.sel(seed=seed)):
            lines.append(f"{axis_label(accuracy)} {float(accuracy.sel(seed=seed)):.4g}")
        ended = OUTCOME[int(score == np.inf)] if outcome is None else str(outcome.sel(seed=seed).item())
        texts.append("<br>".join([*lines, ended]))
    return texts


def _seeds(scores: xr.DataArray, rate: float, colour: str, texts: list[str]) -> list[go.Scatter]:
    """Return the points of the seeds of a rate, and crosses on top for those that diverged."""
    of_rate, told = scores.sel(lr=rate).values, np.array(texts)
    known, lost = np.isfinite(of_rate), np.isposinf(of_rate)
    across = places(rate, known | lost, rooms(rates_of(scores))[rate])
    look: dict[str, Any] = {"mode": "markers", "hovertemplate": "%{text}<extra></extra>", "showlegend": False}
    dot = {"color": colour, "size": 7, "opacity": 0.8}
    cross = {"color": colour, "size": 7, "symbol": "x-thin", "line": {"width": 2, "color": colour}}
    points = go.Scatter(x=across[known], y=of_rate[known], text=told[known], marker=dot, name="a seed", **look)
    height = np.full(lost.sum(), _top(scores))
    crosses = go.Scatter(x=across[lost], y=height, text=told[lost], marker=cross, name="diverged", **look)
    return [trace for trace in (points, crosses) if len(trace.x)]


def _top(scores: xr.DataArray) -> float:
    """Return where crosses stand: above all points."""
    known = scores.values[np.isfinite(scores.values)]
    if not len(known):
        return 1.0
    if known.min() <= 0:
        return float(known.max() + 0.1 * (known.max() - known.min()))
    return float(known.max() * max(known.max() / known.min(), 1.1) ** 0.1)


def _centres(recommended: xr.Dataset) -> go.Scatter:
    centre, low, high = (recommended[name].values.astype(float) for name in SCORE)
    told = np.stack([low, high], -1)
    return go.Scatter(
        x=rates_of(recommended), y=centre, mode="markers", marker={"color": INK, "size": 8}, name="centre",
        error_y={"array": high - centre, "arrayminus": centre - low, "color": INK, "width": 0, "thickness": 1.5},
        customdata=told,
        hovertemplate="lr %{x}<br>%{y:.4g}, %{customdata[0]:.4g} to %{customdata[1]:.4g}<extra></extra>",
    )  # fmt: skip


def _best(recommended: xr.Dataset) -> go.Scatter:
    best = float(recommended["best"])
    return go.Scatter(
        x=[best], y=[float(recommended["score"].sel(lr=best))], mode="markers", name="best",
        marker={"color": TAKEN, "size": 11, "symbol": "diamond"}, hoverinfo="skip",
    )  # fmt: skip


def _bars(recommended: xr.Dataset) -> go.Bar:
    """Return the shares that diverged, with their intervals where some did."""
    rates = rates_of(recommended)
    own = rooms(rates)
    half = np.array([own[rate] * 0.55 for rate in rates.tolist()])
    share, low, high = (np.nan_to_num(recommended[name].values.astype(float)) for name in DIVERGED)
    above, below = (high - share) * (share > 0), (share - low) * (share > 0)
    counts = recommended["diverged"].values, recommended["members"].values
    told = [f"{int(lost)} of {int(all_)} diverged" for lost, all_ in zip(*counts, strict=True)]
    told = [f"{text}<br>probability {a:.2f} to {b:.2f}" for text, a, b in zip(told, low, high, strict=True)]
    return go.Bar(
        x=rates, y=share, width=(rates * (10**half - 10**-half)), marker={"color": ALARM, "opacity": 0.4},
        error_y={"array": above, "arrayminus": below, "color": ALARM, "width": 0, "thickness": 1.5},
        name="share diverged", showlegend=False, text=told, textposition="none",
        hovertemplate="lr %{x}<br>%{text}<extra></extra>",
    )  # fmt: skip


def _axes(figure: go.Figure, recommended: xr.Dataset, scores: xr.DataArray) -> None:
    rates = np.sort(rates_of(recommended))
    own = rooms(rates)
    ends = [np.log10(rates[0]) - 1.3 * own[rates[0]], np.log10(rates[-1]) + 1.3 * own[rates[-1]]]
    texts: dict[str, Any] = {"tickvals": rates.tolist(), "ticktext": [rate_text(rate) for rate in rates]}
    figure.update_xaxes(**_AXIS, type="log", range=[float(end) for end in ends], **texts)
    figure.update_xaxes(title={"text": axis_label(recommended["lr"]), "standoff": 8}, automargin=True, row=2, col=1)
    grid = _AXIS | {"showgrid": True, "gridcolor": FAINT}
    figure.update_yaxes(**grid, title=axis_label(recommended["score"]), **_value_ticks(scores), row=1, col=1)
    figure.update_yaxes(**grid, title="share diverged", range=[0, 1], tickvals=[0, 0.5, 1], row=2, col=1)


def _value_ticks(scores: xr.DataArray) -> dict[str, Any]:
    """Return scale and ticks of the losses: 1, 2, 5 of each power of ten, or the powers alone if there are many."""
    known = scores.values[np.isfinite(scores.values)]
    if not len(known):
        return {"tickvals": [], "range": [0, 2]}
    if known.min() <= 0:
        return {"type": "linear"}
    first, last = np.floor(np.log10(known.min())), np.ceil(np.log10(known.max()))
    steps: tuple[float, ...] = (1, 2, 5) if last - first <= 3 else (1,)
    if known.max() < NARROW * known.min():
        steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
    values = [float(step * 10.0**decade) for decade in np.arange(first, last + 1) for step in steps]
    return {"type": "log", "tickvals": values, "ticktext": [f"{value:g}" for value in values]}
