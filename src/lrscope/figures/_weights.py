"""The weights of a network with one hidden layer over the steps: U into the hidden neurons, V out of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from lrscope.figures._run import draw_line, variable, wrapped
from lrscope.figures._style import INK, ORDERED, SOFT

NAMED = 8
"""Neurons up to this number have a colour of their own; more have shades in their order."""
PALETTE = ("#3f8fc5", "#c0392b", "#6a9a2d", "#8e5ea8", "#d8a31a", "#2a4b7c", "#d17aa0", "#7a5c3e")
BIAS = (0, (2.5, 1.5))
"""Dashes."""


@dataclass(frozen=True)
class Weight:
    """One weight over the steps: whose it is, and how it is drawn."""

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
    weights, biases = variable(run, "weights_hidden"), variable(run, "biases_hidden")
    looks = _looks(weights.sizes["neuron_hidden"])
    for neuron, look in enumerate(looks):
        of_neuron = weights.isel(neuron_hidden=neuron)
        for entry in range(of_neuron.sizes["input_hidden"]):
            yield Weight(neuron, False, of_neuron.isel(input_hidden=entry), look)
        yield Weight(neuron, True, biases.isel(neuron_hidden=neuron), look | {"linestyle": BIAS})


def output_weights(run: xr.Dataset) -> Iterator[Weight]:
    """Yield the weights of V, one a hidden neuron and output, and its biases."""
    weights, biases = variable(run, "weights_output"), variable(run, "biases_output")
    looks = _looks(weights.sizes["input_output"])
    for output in range(weights.sizes["neuron_output"]):
        of_output = weights.isel(neuron_output=output)
        for neuron, look in enumerate(looks):
            yield Weight(neuron, False, of_output.isel(input_output=neuron), look)
        bias = biases.isel(neuron_output=output)
        yield Weight(None, True, bias, {"color": INK, "linestyle": BIAS, "linewidth": 0.9, "zorder": 2.5})


def draw_weights(ax: Axes, weights: Iterator[Weight], name: str, end: float) -> list[Line2D]:
    """Draw weights as lines; a later neuron is thinner, so that it does not hide one that it equals."""
    lines = [draw_line(ax, weight.values, end=end, **weight.look) for weight in weights]
    ax.set_ylabel(wrapped(name))
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    return lines


def weight_legend(run: xr.Dataset) -> list[Line2D]:
    """Return legend entries for the neurons, and for what is dashed."""
    count = variable(run, "weights_hidden").sizes["neuron_hidden"]
    palette = neuron_colours(count)
    shown = range(count) if count <= NAMED else [0, count // 2, count - 1]
    names = [f"neuron {neuron}" if neuron == 0 else f"{neuron}" for neuron in shown]
    handles = [Line2D([], [], color=palette[neuron], label=name) for neuron, name in zip(shown, names, strict=True)]
    return [*handles, Line2D([], [], color=SOFT, linestyle=BIAS, label="biases")]


def _looks(count: int) -> list[dict[str, Any]]:
    widths = np.linspace(2.0, 0.8, count) if count > 1 else [1.2]
    palette = neuron_colours(count)
    return [{"color": colour, "linewidth": width} for colour, width in zip(palette, widths, strict=True)]
