"""The numbers of one step, taken from the model while they belong together: before the update.

Where something is computed from parameters or gradients they are copied as a whole, each to one vector: a part of the
row, if they stand in it. Length and angle of the gradient follow from it while it is in the cache.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.recorder._layout import SCALARS, Layout
from lrscope.recorder._statistics import NAMES, Into, Statistics
from lrscope.recorder._vectors import Vectors, length_of

LOSS, NORM, ANGLE, SIZE, RATE, SPENT, ELAPSED = range(len(SCALARS))
RING_BYTES = 2**22
"""Rows are kept until they have this size together, and then sorted into variables at once."""
_MOST_ROWS = 128


class Frames:
    """A few rows, filled one after the other.

    Parameters
    ----------
    layout : of a row
    parameters : in the order of the layout's structure

    Attributes
    ----------
    whole : step and step dimensions of the rows that are complete; the row behind them is in hand, and nothing that is
        interrupted leaves rows and this list apart
    vectors : what reads parameters and gradients; it has looked at them when a step is captured
    parameters, gradient, update : vectors (parameter) of the step in hand, before its update, and the update that
        `complete` has measured; each if the layout wants it
    """

    def __init__(self, layout: Layout, parameters: Sequence[nn.Parameter]) -> None:
        self.layout = layout
        self.dtype = dtype_of(parameters)
        width = max(1, layout.width)
        count = max(1, min(_MOST_ROWS, RING_BYTES // (width * self.dtype.itemsize)))
        device = parameters[0].device
        self._rows = torch.full((count + 1, width), torch.nan, dtype=self.dtype, device=device)
        self.whole: list[tuple[int, frozenset[str]]] = []
        self._slots = [_Slot(row, layout) for row in self._rows]
        self._statistics = Statistics([one for one in layout.structure.layers if one.path in layout.layers], self.dtype)
        self.vectors = Vectors(parameters, self.dtype)
        self.update, self._before, *spares = torch.empty((4, layout.size), dtype=self.dtype, device=device).unbind()
        self._spares = spares
        self.parameters, self.gradient = self._before, self._spares[0]
        self._last = -2, self.gradient, 0.0

    @property
    def full(self) -> bool:
        """Tell whether the rows are to be sorted; one more is left for what is heard before that is done."""
        return len(self.whole) >= len(self._slots) - 1

    @property
    def slot(self) -> "_Slot":
        """The row of the step in hand."""
        return self._slots[len(self.whole)]

    def hear(self, path: str, output: Tensor) -> None:
        """Write the statistics of a layer's output into the row."""
        if path in self.layout.layers:
            self._statistics.hear(path, output, self.slot.layers[path])

    def capture(self, step: int, scale: Tensor | None) -> None:
        """Copy parameters and gradients of a step, which the update will change."""
        slot, wanted = self.slot, self.layout.vectors
        self.vectors.look(scale)
        if slot.parameters is not None or "parameters" in wanted:
            self.parameters = self._before if slot.parameters is None else slot.parameters
            self.vectors.parameters(self.parameters)
        if slot.gradients is None and "gradients" not in wanted:
            slot.scalars[NORM] = self.vectors.length()
        else:
            self._take_gradient(step, slot)
        self._statistics.finish(slot.layers)
        self.vectors.forget()

    def _take_gradient(self, step: int, slot: "_Slot") -> None:
        self.gradient = gradient = self._spare() if slot.gradients is None else slot.gradients
        if gradient is self._last[1]:
            self._last = self._last[0], self._spare().copy_(gradient), self._last[2]
        length = slot.scalars[NORM] = self.vectors.gradient(gradient)
        if self.layout.angles:
            slot.scalars[ANGLE] = self._turn(step, gradient, length)
            self._last = step, gradient, length

    def remember(self, step: int, scale: Tensor | None) -> None:
        """Keep the gradient of a step that is not recorded, for the angle of the next."""
        gradient = self._spare()
        self.vectors.look(scale)
        self._last = step, gradient, self.vectors.gradient(gradient)
        self.vectors.forget()

    def complete(self, loss: Tensor | float) -> None:
        """Write what is known only behind the update: the loss as it is given, and how far the parameters went."""
        slot = self.slot
        slot.scalars[LOSS] = loss.item() if isinstance(loss, Tensor) else loss
        if "update" in self.layout.vectors:
            self.vectors.parameters(self.update)
            slot.scalars[SIZE] = length_of(self.update.sub_(self.parameters))
        elif "parameters" in self.layout.vectors:
            slot.scalars[SIZE] = self.vectors.moved(self.parameters)

    def rows(self) -> tuple[Tensor, np.ndarray]:
        """Return rows and scalars (step, scalar) of the steps that are complete."""
        count = len(self.whole)
        scalars = [slot.scalars for slot in self._slots[:count]]
        return self._rows[:count], np.array(scalars).reshape(count, len(SCALARS))

    def begin_anew(self) -> None:
        """Begin with the first row again, with what was heard of the step in hand."""
        if self._statistics.heard and self.whole:
            self._slots[0].row.copy_(self.slot.row)
        self.whole = []

    def _spare(self) -> Tensor:
        """Return memory for a gradient, other than that of the last."""
        self._spares.reverse()
        return self._spares[0]

    def _turn(self, step: int, gradient: Tensor, length: float) -> float:
        """Return the angle (degrees) to the gradient of the step before; NaN if there was none, or it is zero.

        Of difference and sum of the unit gradients, g / |g| - h / |h| and g / |g| + h / |h|, the smaller is computed:
        the angle follows from it without loss, as in `lrscope.trees.angle`.
        """
        before, last, last_length = self._last
        if before != step - 1 or not (0 < length < math.inf and 0 < last_length < math.inf):
            return math.nan
        together = self.vectors.product(gradient, last) >= 0
        ratio = length / last_length
        apart = self.vectors.combined(gradient, last, -ratio if together else ratio)
        near = 2 * math.degrees(math.asin(min(apart / length, math.sqrt(2)) / 2))
        return near if together else 180 - near


def dtype_of(parameters: Iterable[Tensor]) -> torch.dtype:
    """Return the type of the records: that of most digits, of those that every program reads."""
    return torch.float64 if any(one.dtype == torch.float64 for one in parameters) else torch.float32


class _Slot:
    """Views of one row, and the scalars beside it."""

    def __init__(self, row: Tensor, layout: Layout) -> None:
        self.row = row
        self.scalars = [math.nan] * len(SCALARS)
        self.parameters = self._vector(layout, "parameters")
        self.gradients = self._vector(layout, "gradients")
        self.layers = {
            path: Into(row[start : start + count * len(NAMES)]) for path, (start, count) in layout.layers.items()
        }

    def _vector(self, layout: Layout, name: str) -> Tensor | None:
        if name not in layout.starts:
            return None
        return self.row[layout.starts[name] : layout.starts[name] + layout.size]
