"""Many trainings of the source's network at once: all pixels share the samples, so that layers are matrix products.

The forward pass of P pixels is one product (P·n, n) x (n, m), their gradients are one (n, m) x (m, P·n).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lrscope.papers.boundary._conditions import WIDTH
from lrscope.papers.boundary._map import Map

ACTIVATIONS = {"cpu": 2**17, "cuda": 2**26}
"""Of the pixels that take a step together, so many at most: on a CPU they fit the cache of a core."""
MOST_AT_ONCE = 512
"""Pixels that take a step together on a CPU, at most: those of a few samples."""
SEGMENT = 16
"""Steps between two looks at which pixels go on."""
DATA_SEED = 2**32 - 2
"""Of samples, and plus 1 of batches, which all maps share. Those of the initial weights are smaller; more than 32 bits
would be of no use, since PyTorch's generator takes the lowest 32 only."""


def at_once(asked: Map, device: str) -> int:
    """Return how many pixels take a step together."""
    fitting = ACTIVATIONS[device] // asked.network.units
    return min(fitting, MOST_AT_ONCE) if device == "cpu" else fitting


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: products of matrices are rounded differently with several, and the edge is sensitive."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
@_one_thread()
def losses(asked: Map, pixels: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Train pixels, and return their losses (step, pixel) before each update; NaN from the first that is not finite.

    A training is not continued after a loss that is not finite. Nor does the source's return from there: the error of
    an output is then above 1e154, its product with the output weights, which are as large, overflows, and the
    gradients of a layer are sums of infinities of both signs.

    Parameters
    ----------
    pixels : (pixel) numbers ``(seed * resolution + row) * resolution + column``
    """
    dtype = getattr(torch, asked.dtype)
    first, second = (each.to(device, dtype) for each in _weights(asked, pixels))
    across, along = (torch.from_numpy(each).to(device, dtype) for each in asked.values(pixels))
    offsets = across if asked.condition == "init-offset" else None
    if offsets is not None:
        across = along  # one rate for both layers
        if asked.offset == "initial":
            first += offsets[:, None, None]
            offsets = None
    result = torch.full((asked.steps, len(pixels)), math.nan, dtype=dtype, device=device)
    live = torch.arange(len(pixels), device=device)
    size = at_once(asked, device)
    step = _Step(asked, *samples_of(asked, device), min(size, len(pixels)))
    for start in range(0, asked.steps, SEGMENT):
        steps = range(start, min(start + SEGMENT, asked.steps))
        for chunk in live.split(size):
            weights = first[chunk], second[chunk]
            rates = across[chunk, None, None], along[chunk, None, None]
            added = None if offsets is None else offsets[chunk, None, None]
            result[steps.start : steps.stop, chunk] = step.taken(weights, rates, added, steps)
            first[chunk], second[chunk] = weights
        live = live[result[steps.stop - 1, live].isfinite()]
        if not len(live):
            break
    # Within a segment a pixel whose loss overflowed was carried on.
    result = result.where(result.isfinite().int().cummin(0).values.bool(), math.nan)
    return result.double().numpy(force=True)


class _Step:
    """The steps of a chunk of pixels, in memory that is used again.

    Hidden units h are ``scale * s + shift``, with s the array that is kept: for tanh the sigmoid of twice its argument,
    which takes PyTorch a quarter of the time of tanh and differs by 3e-16 at most.
    """

    def __init__(self, asked: Map, inputs: Tensor, targets: Tensor, pixels: int) -> None:
        network = asked.network
        self.activation = network.activation
        self.scale, self.shift, inside, self.slope = {
            "tanh": (2.0, -1.0, 2 * math.sqrt(2), 2.0),
            "relu": (math.sqrt(2), 0.0, 1.0, math.sqrt(2)),
            "linear": (1.0, 0.0, 1.0, 1.0),
        }[network.activation]
        self.inputs = inputs * (inside / math.sqrt(WIDTH))
        self.targets = targets
        self.batches = _batches(asked.steps, network.samples, network.batch) if network.batch else None
        shape = (pixels, WIDTH, network.samples)
        self.units = inputs.new_empty(shape)
        self.slopes = inputs.new_empty((*shape[:2], network.batch or network.samples))

    def taken(
        self, weights: tuple[Tensor, Tensor], rates: tuple[Tensor, Tensor], added: Tensor | None, steps: range
    ) -> Tensor:
        """Take steps, change the weights (pixel, n, n) and (pixel, 1, n) in place, return the losses (step, pixel)."""
        first, second = weights
        pixels, m = len(first), len(self.targets)
        units = self.units[:pixels]
        losses = first.new_empty((len(steps), pixels))
        learned = self.slopes.shape[2]
        factors = [rate * (-2 / (learned * WIDTH)) for rate in rates]
        factors[0] = factors[0] * self.slope
        for row, step in enumerate(steps):
            if added is not None:
                first += added
            torch.mm(first.view(-1, WIDTH), self.inputs, out=units.view(-1, m))
            if self.activation == "tanh":
                units.sigmoid_()
            elif self.activation == "relu":
                units.clamp_(min=0)
            errors = torch.bmm(second, units).mul_(self.scale / WIDTH)
            if self.shift:
                errors.add_(second.sum(2, keepdim=True), alpha=self.shift / WIDTH)
            errors -= self.targets
            torch.bmm(errors, errors.transpose(1, 2), out=losses[row].view(-1, 1, 1))
            gradients = self._gradients(units, errors, step)
            first.addcmul_(gradients[0], (factors[0] * second).transpose(1, 2))
            second.addcmul_(gradients[1], factors[1])
        return losses / m

    def _gradients(self, units: Tensor, errors: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the gradients of both layers, but for factors of the pixel (and, of the first, of the neuron)."""
        inputs, pixels = self.inputs, len(units)
        if self.batches is not None:
            batch = self.batches[step]
            inputs, units, errors = inputs[:, batch], units[:, :, batch], errors[:, :, batch]
        of_second = torch.bmm(errors, units.transpose(1, 2)).mul_(self.scale)
        if self.shift:
            of_second.add_(errors.sum(2, keepdim=True), alpha=self.shift)
        slopes = self.slopes[:pixels]
        if self.activation == "tanh":
            torch.mul(units, errors, out=slopes).addcmul_(slopes, units, value=-1)  # s (1 - s) times the error
        elif self.activation == "relu":
            torch.mul(units.sign_(), errors, out=slopes)
        else:
            slopes.copy_(errors.expand_as(slopes))
        of_first = torch.mm(inputs, slopes.view(-1, slopes.shape[2]).T)  # faster than (P·n, m) x (m, n)
        return of_first.view(WIDTH, pixels, WIDTH).permute(1, 2, 0), of_second


def _weights(asked: Map, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the initial weights of pixels: (pixel, n, n), a row for each hidden unit, and (pixel, 1, n)."""
    known, places = np.unique(asked.seeds_of(pixels), return_inverse=True)
    both = torch.stack([initial_weights(int(seed)) for seed in known])[torch.from_numpy(places)]
    return both[:, :WIDTH], both[:, WIDTH:]


@lru_cache(maxsize=64)
def initial_weights(seed: int) -> Tensor:
    """Return the initial weights of a seed, standard normal (n + 1, n): rows of hidden units, then the output's."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(WIDTH + 1, WIDTH, generator=generator, dtype=torch.float64)


def samples_of(asked: Map, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Return inputs (n, m) and targets (m) of all pixels, standard normal; of fewer samples the first ones."""
    generator = torch.Generator().manual_seed(DATA_SEED)
    drawn = torch.randn(asked.network.samples, WIDTH + 1, generator=generator, dtype=torch.float64)
    drawn = drawn.to(device, getattr(torch, asked.dtype))
    return drawn[:, :WIDTH].T.contiguous(), drawn[:, WIDTH].contiguous()


def _batches(steps: int, samples: int, size: int) -> Tensor:
    """Return the samples of the batch of each step (step, sample), drawn with replacement."""
    generator = torch.Generator().manual_seed(DATA_SEED + 1)
    return torch.randint(samples, (steps, size), generator=generator)
