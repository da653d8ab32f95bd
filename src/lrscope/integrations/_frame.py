"""The numbers of one step, taken from the model while they belong together: before the update.

Parameters and gradients are copied as a whole, each into its part of the row; lengths and the angle of the gradient
follow from it while it is in the cache.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.integrations._layout import SCALARS, Layout
from lrscope.integrations._statistics import NAMES, Statistics

RING_BYTES = 2**19
"""Rows are kept until they have this size together, which a cache holds, and then sorted into variables at once."""
_MOST_ROWS = 32


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
        self._room = [torch.empty(layout.size, dtype=self.dtype, device=device) for _ in range(3)]
        self._last_unit = -2
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
        self._take_gradient(slot.gradients if slot.gradients is not None else self._room[0], scale)
        gradient = slot.gradients if slot.gradients is not None else self._room[0]
        torch.linalg.vector_norm(gradient, out=slot.scalars["norm"])
        if self.layout.angles:
            self._turn(step, gradient, slot)
        self._statistics.finish(slot.layers, slot.flat)

    def remember(self, step: int, scale: Tensor | None) -> None:
        """Keep the direction of the gradient of a step that is not recorded, for the angle of the next."""
        self._take_gradient(self._room[0], scale)
        torch.div(self._room[0], torch.linalg.vector_norm(self._room[0]), out=self._room[1])
        self._last_unit = step

    def complete(self, loss: Tensor | float) -> None:
        """Write what is known only behind the update: the loss as it is given, and how far the parameters went."""
        slot = self.slot
        if isinstance(loss, Tensor):
            slot.scalars["loss"].copy_(loss.detach().reshape(()))
        else:
            slot.scalars["loss"].fill_(loss)
        if self.layout.measures_update and slot.parameters is not None:
            self.update_into(self._room[0])
            torch.linalg.vector_norm(self._room[0], out=slot.scalars["size"])

    def update_into(self, out: Tensor) -> Tensor:
        """Return the update that has just been made (parameter)."""
        assert self.slot.parameters is not None
        torch.cat(self._flat(), out=out)
        return out.sub_(self.slot.parameters)

    @property
    def update(self) -> Tensor:
        """The update that `complete` has measured."""
        return self._room[0]

    def taken(self) -> Tensor:
        """Return the rows that are filled, and begin with the first again."""
        rows = self.rows[: self.used]
        minus, plus = (rows[:, self.layout.starts[name]] for name in ("minus", "plus"))
        if self.layout.angles:
            minus.copy_(torch.rad2deg(2 * torch.atan2(minus, plus)))
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
        """Measure how the gradient lies to the one before, by unit vectors, and remember it."""
        last, new = self._room[1], self._room[2]
        torch.div(gradient, slot.scalars["norm"], out=new)
        if self._last_unit == step - 1:
            room = self._room[0] if gradient is not self._room[0] else torch.empty_like(gradient)
            torch.linalg.vector_norm(torch.sub(new, last, out=room), out=slot.scalars["minus"])
            torch.linalg.vector_norm(torch.add(new, last, out=room), out=slot.scalars["plus"])
        else:
            slot.scalars["minus"].fill_(torch.nan)
        self._room[1], self._room[2] = new, last
        self._last_unit = step

    def _flat(self) -> list[Tensor]:
        """Return the parameters as vectors; views are made again where a parameter has got other memory."""
        places = [one.data_ptr() for one in self._parameters]
        if places != self._places:
            self._views = [one.detach().reshape(-1) for one in self._parameters]
            shared = all(view.data_ptr() == place for view, place in zip(self._views, places, strict=True))
            self._places = places if shared else []
        return self._views

    def _take_gradient(self, out: Tensor, scale: Tensor | None) -> None:
        gradients = [one.grad for one in self._parameters]
        pieces = [
            torch.zeros_like(one).reshape(-1)
            if gradient is None
            else gradient.to_dense().reshape(-1)
            if gradient.is_sparse
            else gradient.reshape(-1)
            for one, gradient in zip(self._parameters, gradients, strict=True)
        ]
        torch.cat(pieces, out=out)
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
