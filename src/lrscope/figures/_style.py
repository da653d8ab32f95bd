"""One look for all figures: font, lines, colours, and how labels are read from `attrs`.

Figures are made without pyplot: nothing is registered anywhere, nothing has to be closed, no display is needed.
"""

import textwrap
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from itertools import takewhile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

from lrscope.errors import must_be

WIDTH = 7.0
"""Inches: the text width of a two-column journal."""
AROUND = 0.55
"""Inches: height of what stands around the panels of a figure."""
NAME = 28
"""Letters of the name of a layer; more would leave no room for the panel."""
INK, SOFT, FAINT = "#222222", "#7a7a7a", "#e9e9e9"
"""Text and marks; what is secondary; lines and areas under the data."""
ALARM = "#c1121f"
"""What failed: a member that diverged."""
ORDERED = LinearSegmentedColormap.from_list("lrscope", ["#12355b", "#5b3f8c", "#b5446e", "#ec7d4b", "#f3b61f"])
"""From small to large learning rates: lightness grows throughout, so that it also reads without colour."""
DISTINCT = ("#12355b", "#ec7d4b", "#1b8a7a", "#b5446e", "#9a6d00", "#6d4aa0")
"""Of text labels, which have no order."""
_RC = mpl.rc_params_from_file(Path(__file__).with_name("lrscope.mplstyle"), use_default_template=False)


def style() -> AbstractContextManager[None]:
    """Return the context in which figures of lrscope are made; every figure function enters it by itself.

    Examples
    --------
    >>> with style():
    ...     ax = Figure().subplots()
    >>> ax.spines["top"].get_visible()
    False
    """
    return mpl.rc_context(_RC)


def new_figure(width: float = WIDTH, height: float = 3.0) -> Figure:
    """Return an empty figure of a size in inches whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def panel_grid(count: int, columns: int, height: float, **shared: Any) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure with `count` panels, at most `columns` beside each other; the panels; the places left over."""
    across = min(columns, count)
    down = -(-count // across)
    figure = new_figure(WIDTH, height * down + AROUND)
    axes = list(figure.subplots(down, across, squeeze=False, **shared).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count], axes[count:]


def colours(labels: Sequence[Hashable] | np.ndarray) -> dict[Hashable, str]:
    """Return a colour for each label: numbers from dark for the smallest to light for the largest, text in its order.

    Examples
    --------
    >>> list(colours([0.01, 0.001])), list(colours(["validation", "training"]))
    ([0.001, 0.01], ['validation', 'training'])
    """
    known = np.asarray(labels).tolist()
    if all(isinstance(label, str) for label in known):
        return {label: DISTINCT[place % len(DISTINCT)] for place, label in enumerate(known)}
    known = sorted(known)
    places = np.linspace(0, 0.84, len(known)) if len(known) > 1 else [0.35]
    return {label: to_hex(ORDERED(place)) for label, place in zip(known, places, strict=True)}


def value_label(value: Hashable) -> str:
    """Return a value of an axis as short text.

    Examples
    --------
    >>> value_label(0.0001), value_label(3e-06), value_label("circle")
    ('0.0001', '3e-6', 'circle')
    """
    if not isinstance(value, float):
        return str(value)
    mantissa, _, exponent = f"{value:g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def rate_text(lr: float) -> str:
    """Return a learning rate with three digits."""
    return value_label(float(f"{lr:.3g}"))


def axis_label(array: xr.DataArray) -> str:
    """Return `long_name [units]` of an array, without a unit where it is 1."""
    name = str(array.attrs.get("long_name", array.name or ""))
    units = str(array.attrs.get("units", "1"))
    return name if units in ("1", "") else f"{name} [{units}]"


def rate_name(lr: Hashable) -> str:
    """Return what a line of a learning rate is called; text in its place, such as "not recorded", stays as it is."""
    return f"lr {lr if isinstance(lr, str) else rate_text(float(str(lr)))}"


def bands(ax: Axes, count: int) -> None:
    """Shade every other of the places 0, 1, 2, ... of a horizontal axis."""
    for place in range(0, count, 2):
        ax.axvspan(place - 0.5, place + 0.5, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    ax.set_xlim(-0.5, count - 0.5)


def beside(count: int, width: float) -> np.ndarray:
    """Return where `count` marks of one place stand: spread evenly over `width`."""
    return np.linspace(-width / 2, width / 2, count) if count > 1 else np.zeros(1)


def sentence(text: str) -> str:
    """Return words with the first letter in upper case; names of modules and numbers as they are."""
    words = text.replace("_", " ")
    return words[:1].upper() + words[1:] if words.replace(" ", "").isalpha() else text


def layer_name(name: Hashable) -> str:
    """Return what a layer or part is called: one that is only numbered, as in `torch.nn.Sequential`, is a layer."""
    return f"layer {name}" if str(name)[:1].isdigit() else str(name)


def short_names(names: Sequence[str]) -> list[str]:
    """Return names of layers without what all of them share, and with initials for their first steps, if too long."""
    if max(map(len, names), default=0) <= NAME:
        return list(names)
    paths = [name.split(".") for name in names]
    most = min(map(len, paths)) - 1 if len(paths) > 1 else 0
    first = min(most, _same(paths))
    last = min(most - first, _same([path[::-1] for path in paths]))
    return [_abbreviated(path[first : len(path) - last]) for path in paths]


def _abbreviated(path: Sequence[str]) -> str:
    """Return a name that is not too long; numbers stay, so that blocks have different names."""
    name = ".".join(path)
    if len(name) <= NAME:
        return name
    initials = [step if step.isdigit() else "".join(word[:1] for word in step.split("_")) for step in path[:-1]]
    name = ".".join([*initials, path[-1]])
    return name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[-NAME // 2 :]}"


def _same(paths: Sequence[Sequence[str]]) -> int:
    """Return with how many equal steps all paths begin."""
    return len(list(takewhile(lambda steps: len(set(steps)) == 1, zip(*paths, strict=False))))


def headline(text: str) -> str:
    """Return a text with its first letter in upper case, whatever else it holds."""
    return text[:1].upper() + text[1:]


def wrapped(label: str, letters: int) -> str:
    """Return a label in lines of at most so many letters, for beside a low panel."""
    return "\n".join(textwrap.wrap(label, letters, break_long_words=False, break_on_hyphens=False))


def require(name: str, array: xr.DataArray | xr.Dataset, *dims: str) -> None:
    """Refuse an array whose dimensions are not exactly `dims`, in any order.

    Raises
    ------
    InputError : with what to do about the others.
    """
    if set(map(str, array.dims)) != set(dims):
        allowed = f"of dimensions ({', '.join(dims)})"
        raise must_be(name, allowed, tuple(map(str, array.dims)), "Select the others with .sel() or reduce them first.")
