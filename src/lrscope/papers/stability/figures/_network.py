"""Panels of one network: its weights over the steps, U into the hidden neurons and V out of them, and its function."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from lrscope.figures._style import ALARM, INK, ORDERED, SOFT, axis_label
from lrscope.papers.stability.figures._events import mark_divergence
from lrscope.papers.stability.figures._run import draw_line, readable_end, step_axis, wrapped
from lrscope.records import step_dimension

NAMED = 8
"""Up to this many neurons have a colour each; more have shades in their order."""
PALETTE = ("#3f8fc5", "#c0392b", "#6a9a2d", "#8e5ea8", "#d8a31a", "#2a4b7c", "#d17aa0", "#7a5c3e")
BIAS = (0, (2.5, 1.5))
"""Dashes."""
FUNCTION: dict[str, dict[str, Any]] = {
    "target": {"color": "#c3c9d2", "linewidth": 2.8, "label": "target"},
    "learned": {"color": "#12355b", "linewidth": 1.1, "label": "learned function"},
}


@dataclass(frozen=True)
class Weight:
    """One weight over the steps, the neuron that it belongs to (None for the output's bias), and its looks."""

    neuron: int | None
    bias: bool
    values: xr.DataArray
    look: dict[str, Any]


def neuron_colours(count: int) -> list[str]:
    """Return a colour for each hidden neuron."""
    if count <= NAMED:
        return list(PALETTE[:count])
    return [to_hex(ORDERED(place)) for place in np.linspace(0, 0.95, count)]


def hidden_weights(run: xr.Dataset) -> Iterator[Weight]:
    """Yield the weights and biases of U, neuron by neuron."""
    weights, biases = run["weights_hidden"], run["biases_hidden"]
    for neuron, look in enumerate(_looks(weights.sizes["neuron_hidden"])):
        of_neuron = weights.isel(neuron_hidden=neuron)
        for entry in range(of_neuron.sizes["input_hidden"]):
            yield Weight(neuron, False, of_neuron.isel(input_hidden=entry), look)
        yield Weight(neuron, True, biases.isel(neuron_hidden=neuron), look | {"linestyle": BIAS})


def output_weights(run: xr.Dataset) -> Iterator[Weight]:
    """Yield the weights of V, one a hidden neuron, and the bias of the output."""
    weights, bias = run["weights_output"].isel(neuron_output=0), run["biases_output"].isel(neuron_output=0)
    for neuron, look in enumerate(_looks(weights.sizes["input_output"])):
        yield Weight(neuron, False, weights.isel(input_output=neuron), look)
    yield Weight(None, True, bias, {"color": INK, "linestyle": BIAS, "linewidth": 0.9, "zorder": 2.5})


def _looks(count: int) -> list[dict[str, Any]]:
    """Return colour and width of each neuron; a later one is thinner, so that it does not hide one that it equals."""
    widths = np.linspace(2.0, 0.8, count) if count > 1 else [1.2]
    return [{"color": colour, "linewidth": width} for colour, width in zip(neuron_colours(count), widths, strict=True)]


def weights_panel(run: xr.Dataset, ax: Axes, hidden: bool) -> None:
    """Draw the weights of the hidden layer, or those of the output."""
    for weight in hidden_weights(run) if hidden else output_weights(run):
        draw_line(ax, weight.values, end=readable_end(run), **weight.look)
    ax.set_ylabel(wrapped("weights U of the hidden layer" if hidden else "weights V of the output"))
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    step_axis(ax, run)
    mark_divergence(ax, run, label=False)


def weight_legend(run: xr.Dataset) -> list[Line2D]:
    """Return legend entries for the neurons and for the dashes."""
    count = run.sizes["neuron_hidden"]
    palette = neuron_colours(count)
    shown = range(count) if count <= NAMED else [0, count // 2, count - 1]
    names = [f"neuron {neuron}" if neuron == 0 else f"{neuron}" for neuron in shown]
    handles = [Line2D([], [], color=palette[neuron], label=name) for neuron, name in zip(shown, names, strict=True)]
    return [*handles, Line2D([], [], color=SOFT, linestyle=BIAS, label="biases")]


def function_legend() -> list[Line2D]:
    """Return legend entries for the target and the learned function."""
    return [Line2D([], [], **look) for look in FUNCTION.values()]


def function_panel(run: xr.Dataset, ax: Axes) -> None:
    """Draw the last recorded output over the input, and the target below it."""
    inputs, outputs, targets = sorted_function(run)
    learned = outputs.values[-1, :, 0]
    ax.plot(inputs, targets.values[-1, :, 0], **FUNCTION["target"])
    if np.isfinite(learned).all():
        ax.plot(inputs, learned, **FUNCTION["learned"])
    else:
        ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel=axis_label(run["inputs"]), ylabel=axis_label(run["outputs"]))
    if np.isfinite(inputs).all():  # a network that diverged at once has not even recorded its inputs
        ax.set_xlim(inputs[0], inputs[-1])


def sorted_function(run: xr.Dataset) -> tuple[np.ndarray, xr.DataArray, xr.DataArray]:
    """Return inputs (sample) in ascending order, with outputs and targets (step, sample, output) in the same order."""
    outputs, targets, inputs = (run[name] for name in ("outputs", "targets", "inputs"))
    dim = step_dimension(outputs)
    first = inputs.isel({name: 0 for name in inputs.dims if name != "sample"}).values
    order = np.argsort(first, kind="stable")
    outputs, targets = (array.transpose(dim, "sample", "output").isel(sample=order) for array in (outputs, targets))
    return first[order], outputs, targets
