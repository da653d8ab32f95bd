"""The numbers of one step, taken from the model while they belong together: before the update.

Parameters and gradients are copied as a whole, each into its part of the row; lengths and the angle of the gradient
follow from it while it is in the cache.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch._utils import _flatten_dense_tensors

from lrscope.integrations._layout import SCALARS, Layout
from lrscope.integrations._statistics import NAMES, Statistics

RING_BYTES = 2**22
"""Rows are kept until they have this size together, and then sorted into variables at once."""
_MOST_ROWS = 128
_FEW = 2**16
"""Up to so many elements it is faster to let PyTorch flatten them, and to copy once more."""


class Frames:
    """A few rows, filled one after the other.

    Parameters
    ----------
    layout : of a row
    parameters : in the order of the layout's structure
    """

    def __init__(self, layout: Layout, parameters: Sequence[nn.Parameter]) -> None:
        self.layout = layout
        self._parameters = list(parameters)
        exact = any(one.dtype == torch.float64 for one in self._parameters)
        self.dtype = torch.float64 if exact else torch.float32
        width = max(1, layout.width)
        rows = max(1, min(_MOST_ROWS, RING_BYTES // (width * self.dtype.itemsize)))
        device = self._parameters[0].device
        self.rows = torch.full((rows, width), torch.nan, dtype=self.dtype, device=device)
        self.used = 0
        self._slots = [_Slot(row, layout) for row in self.rows]
        self._statistics = Statistics([one for one in layout.structure.layers if one.path in layout.layers], self.dtype)
        self._room = torch.empty(layout.size, dtype=self.dtype, device=device)
        self._spares = [torch.empty_like(self._room), torch.empty_like(self._room)] if layout.angles else [self._room]
        self._last = -2, self._room, 0.0
        self._views: list[Tensor] = []
        self._places: list[int] = []

    @property
    def full(self) -> bool:
        """Tell whether the next step has no row."""
        return self.used == len(self._slots)

    @property
    def slot(self) -> "_Slot":
        """The row of the step in hand."""
        return self._slots[self.used]

    def hear(self, path: str, output: Tensor) -> None:
        """Write the statistics of a layer's output into the row."""
        if path in self.layout.layers:
            self._statistics.hear(path, output, self.slot.layers[path])

    def capture(self, step: int, scale: Tensor | None) -> None:
        """Copy parameters and gradients of a step, which the update will change."""
        slot = self.slot
        if slot.parameters is not None:
            torch.cat(self._flat(), out=slot.parameters)
        gradient = slot.gradients if slot.gradients is not None else self._spare()
        if gradient is self._last[1]:
            self._last = self._last[0], self._spare().copy_(gradient), self._last[2]
        self._take_gradient(gradient, scale)
        torch.linalg.vector_norm(gradient, out=slot.scalars["norm"])
        if self.layout.angles:
            self._turn(step, gradient, slot)
        self._statistics.finish(slot.layers, slot.flat)

    def remember(self, step: int, scale: Tensor | None) -> None:
        """Keep the gradient of a step that is not recorded, for the angle of the next."""
        gradient = self._spare()
        self._take_gradient(gradient, scale)
        self._last = step, gradient, float(torch.linalg.vector_norm(gradient))

    def _spare(self) -> Tensor:
        """Return memory for a gradient, other than that of the last."""
        self._spares.reverse()
        return self._spares[0]

    def complete(self, loss: Tensor | float) -> None:
        """Write what is known only behind the update: the loss as it is given, and how far the parameters went."""
        slot = self.slot
        if isinstance(loss, Tensor):
            slot.scalars["loss"].copy_(loss.detach().reshape(()))
        else:
            slot.scalars["loss"].fill_(loss)
        if self.layout.measures_update and slot.parameters is not None:
            self.update_into(self._room)
            torch.linalg.vector_norm(self._room, out=slot.scalars["size"])

    def update_into(self, out: Tensor) -> Tensor:
        """Return the update that has just been made (parameter)."""
        assert self.slot.parameters is not None
        torch.cat(self._flat(), out=out)
        return out.sub_(self.slot.parameters)

    @property
    def update(self) -> Tensor:
        """The update that `complete` has measured."""
        return self._room

    def taken(self) -> Tensor:
        """Return the rows that are filled, and begin with the first again."""
        rows = self.rows[: self.used]
        self.used = 0
        return rows

    def not_finite(self, rows: Tensor) -> np.ndarray:
        """Tell for each row whether its loss or its gradient is not finite."""
        loss, norm = (rows[:, self.layout.starts[name]] for name in ("loss", "norm"))
        wrong = ~torch.isfinite(loss) | torch.isnan(norm)
        for number in torch.nonzero(torch.isinf(norm) & ~wrong).flatten().tolist():
            first = self.layout.starts.get("gradients")
            whole = None if first is None else rows[number, first : first + self.layout.size]
            wrong[number] = whole is None or not bool(torch.isfinite(whole).all())
        return np.asarray(wrong.cpu().numpy())

    def _turn(self, step: int, gradient: Tensor, slot: "_Slot") -> None:
        """Measure how the gradient lies to the one before, and remember it.

        Of difference and sum of the unit gradients, g / |g| - h / |h| and g / |g| + h / |h|, the smaller is computed:
        the other follows from it, and the small one not from the other.
        """
        length = float(slot.scalars["norm"])
        before, last, last_length = self._last
        slot.scalars["angle"].fill_(torch.nan)
        if before == step - 1 and length > 0 and last_length > 0:
            together = float(torch.dot(gradient, last)) >= 0
            ratio = length / last_length
            room = torch.add(gradient, last, alpha=-ratio if together else ratio, out=self._room)
            torch.linalg.vector_norm(room, out=slot.scalars["angle"])
            near = min(float(slot.scalars["angle"]) / length, math.sqrt(2))
            far = 2 * math.degrees(math.asin(near / 2))
            slot.scalars["angle"].fill_(far if together else 180 - far)
        self._last = step, gradient, length

    def _flat(self) -> list[Tensor]:
        """Return the parameters as vectors; views are made again where a parameter has got other memory."""
        places = [one.data_ptr() for one in self._parameters]
        if places != self._places:
            self._views = [one.detach().reshape(-1) for one in self._parameters]
            shared = all(view.data_ptr() == place for view, place in zip(self._views, places, strict=True))
            self._places = places if shared else []
        return self._views

    def _take_gradient(self, out: Tensor, scale: Tensor | None) -> None:
        """Write the gradients as one vector; zero where there is none, as for a layer that was not used."""
        gradients = [one.grad for one in self._parameters]
        if any(gradient is None or gradient.is_sparse for gradient in gradients):
            pairs = zip(gradients, self._parameters, strict=True)
            gradients = [torch.zeros_like(one) if gradient is None else gradient.to_dense() for gradient, one in pairs]
        if len(out) <= _FEW:
            out.copy_(_flatten_dense_tensors(gradients))
        else:
            torch.cat([gradient.reshape(-1) for gradient in gradients if gradient is not None], out=out)
        if scale is not None:
            out.div_(scale)


class _Slot:
    """Views of one row."""

    def __init__(self, row: Tensor, layout: Layout) -> None:
        self.row = row
        self.scalars = {name: row[layout.starts[name]] for name in SCALARS}
        self.parameters = self._vector(layout, "parameters")
        self.gradients = self._vector(layout, "gradients")
        self.layers = {
            path: [row[start : start + count] for start in starts] for path, (starts, count) in layout.layers.items()
        }
        start, count = layout.flat
        self.flat = row[start : start + count * len(NAMES)].view(len(NAMES), count).unbind() if count else ()

    def _vector(self, layout: Layout, name: str) -> Tensor | None:
        if name not in layout.starts:
            return None
        return self.row[layout.starts[name] : layout.starts[name] + layout.size]
