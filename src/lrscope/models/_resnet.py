"""Residual networks for small images, and the whitening of their first layer."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, field_validator
from torch import Tensor, nn

from lrscope.errors import must_be
from lrscope.models._augmentation import FlipShift
from lrscope.specification import specification

Channels = Annotated[int, Field(ge=1)]
Precision = Literal["auto", "full", "half"]
Call = Callable[[nn.Module, Tensor], Tensor]
SCALE = 1 / 9
"""Factor of the logits."""
PATCH = 2
"""Side of a patch in pixels."""
IMAGES = 5000
"""Images, the first ones, from which the filters are computed."""
FLOOR = 5e-4
"""Added to each eigenvalue, so that what hardly varies (grey images in colour) is not blown up."""
_AT_ONCE = 250


@dataclass(frozen=True)
class Whitening:
    """What normalises and whitens the images of one data set.

    Attributes
    ----------
    mean, deviation : (channel) of all pixels of all images
    filters : (filter, channel, row, column); those in the second half are the first ones with the other sign
    shape : channels, height, width of an image
    """

    mean: np.ndarray
    deviation: np.ndarray
    filters: np.ndarray
    shape: tuple[int, int, int]


@lru_cache(maxsize=8)
def whitening_of(data: Any) -> Whitening:
    """Return the whitening of the images that a data set is learned from; once a process.

    The filters are the eigenvectors of the covariance of all patches of 2 by 2 normalised pixels, each divided by the
    root of its eigenvalue: their outputs have the identity as its covariance, but for `FLOOR`.

    References
    ----------
    Page: How to train your ResNet 8 (2019); Jordan: 94% on CIFAR-10 in 3.29 seconds (arXiv 2404.00498), section 3.2.
    """
    images = data.arrays().inputs
    if images.ndim != 4 or min(images.shape[2:]) < PATCH or images.dtype.kind != "f":
        allowed = f"images (sample, channel, height, width) of floating numbers, at least {PATCH} by {PATCH} pixels"
        raise must_be("the inputs of data", allowed, f"{images.dtype} {images.shape}")
    channels, height, width = images.shape[1:]
    mean, deviation = _mean_and_deviation(images)
    normalised = ((some - mean[:, None, None]) / deviation[:, None, None] for some in _pieces(images[:IMAGES]))
    values, vectors = np.linalg.eigh(_covariance(map(patches, normalised)))
    filters = (vectors / np.sqrt(values + FLOOR)).T[::-1].reshape(-1, channels, PATCH, PATCH)
    return Whitening(mean, deviation, np.concatenate([filters, -filters]), (channels, height, width))


def patches(images: np.ndarray) -> np.ndarray:
    """Return the overlapping patches (patch, channel x row x column) of images (sample, channel, height, width)."""
    windows = sliding_window_view(images, (PATCH, PATCH), (2, 3)).transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(-1, images.shape[1] * PATCH**2)


def _pieces(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images some at a time: those of CIFAR-10 would take gigabytes on the way."""
    return (images[start : start + _AT_ONCE] for start in range(0, len(images), _AT_ONCE))


def _mean_and_deviation(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both for each channel; a deviation of 0 becomes 1."""
    count = images[:, 0].size
    sums = (some.sum((0, 2, 3), dtype=np.float64) for some in _pieces(images))
    mean = np.sum(list(sums), 0) / count
    squares = (((some - mean[:, None, None]) ** 2).sum((0, 2, 3)) for some in _pieces(images))
    deviation = np.sqrt(np.sum(list(squares), 0) / count)
    return mean, np.where(deviation > 0, deviation, 1.0)


def _covariance(pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Return the covariance (column, column) of the rows of all pieces."""
    moments = [(len(piece), piece.sum(0), piece.T @ piece) for piece in pieces]
    count, total, products = (sum(each) for each in zip(*moments, strict=True))
    mean = total / count
    covariance: np.ndarray = products / count - np.outer(mean, mean)
    return covariance


@specification
class FastResNet:
    """Whitened patches of 2 by 2 pixels, then a residual block for each of `widths`, then a scaled linear layer.

    A block is a convolution, pooling that halves the image, BatchNorm and GELU, then a second convolution and BatchNorm
    around which the block's input to them is carried. Inputs are images from 0 to 1; the module normalises them itself.
    In training mode it flips and shifts them (`FlipShift`); in evaluation mode its outputs are the mean of those for
    an image and for the mirrored one. The filters of the first layer are computed from `data` and are not trained, its
    bias is. BatchNorm has no scales of its own, only biases, as in the benchmark.

    Attributes
    ----------
    data : the data set whose images are learned from, which the whitening is computed from
    widths : channels of each block
    classes : outputs, one logit each
    shift, flips : pixels that images are moved by at most while learning, and whether they are mirrored
    precision : ``half`` computes in bfloat16, with the images channels last; parameters, BatchNorm's statistics and the
        outputs stay float32. ``full`` does not, and ``auto`` does so on a GPU only. Networks of float64 never do.

    Raises
    ------
    InputError : a field that is not allowed; later, when a module is made, data without images, or with images that
        are too small for so many blocks or such a shift.

    References
    ----------
    Jordan: 94% on CIFAR-10 in 3.29 seconds on a single GPU (arXiv 2404.00498), ``airbench94``. It has no residual
    connection but one by initialisation, alternates the flips from epoch to epoch, computes in float16, evaluates with
    shifted images, too, and its biases learn 64 times as fast.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> module = FastResNet(Digits(samples=50), widths=(8, 16))()
    >>> module(torch.rand(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    data: Any
    widths: Annotated[tuple[Channels, ...], Field(min_length=1)] = (64, 256, 256)
    classes: Annotated[int, Field(ge=1)] = 10
    shift: Annotated[int, Field(ge=0)] = 2
    flips: bool = True
    precision: Precision = "auto"

    @field_validator("data")
    @classmethod
    def _has_images(cls, data: Any) -> Any:
        if not hasattr(data, "arrays") or isinstance(data, type):
            raise must_be("data", "a data set with arrays()", data)
        try:
            hash(data)
        except TypeError:
            raise must_be("data", "hashable, for it is read once a process", type(data).__name__) from None
        return data

    def __call__(self) -> nn.Module:
        """Return a new module with the parts ``flip_shift``, ``normalise``, ``whiten``, ``blocks`` and ``head``."""
        whitening = whitening_of(self.data)
        side = min(whitening.shape[1:])
        if (side - PATCH + 1) >> len(self.widths) < 1:
            remedy = f"The images of data are {side} pixels wide or high: each block halves them."
            raise must_be("widths", "of fewer blocks", self.widths, remedy)
        if self.shift >= side:
            raise must_be("shift", f"below the {side} pixels of an image", self.shift)
        return _FastResNet(self, whitening)


class _FastResNet(nn.Module):
    """The network as a plain module."""

    def __init__(self, chosen: FastResNet, whitening: Whitening) -> None:
        super().__init__()
        filters = len(whitening.filters)
        widths = (filters, *chosen.widths)
        self.flip_shift = FlipShift(chosen.shift, chosen.flips)
        self.normalise = Normalise(whitening)
        self.whiten = nn.Conv2d(whitening.shape[0], filters, PATCH)
        self.whiten.weight = nn.Parameter(torch.tensor(whitening.filters, dtype=torch.float32), requires_grad=False)
        nn.init.zeros_(self.whiten.bias)  # type: ignore[arg-type]  # it has one
        self.gelu = nn.GELU()
        self.blocks = nn.ModuleList(map(Block, widths, chosen.widths))
        self.head = nn.Linear(widths[-1], chosen.classes, bias=False)
        self._precision = chosen.precision

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (sample, class) of images (sample, channel, height, width)."""
        with self._computing(images):
            outputs = self._through(images, lambda layer, image: layer(image))
            if not self.training:
                # Without hooks, which then see each layer once, for the image as it is.
                outputs = (outputs + self._through(images.flip(-1), lambda layer, image: layer.forward(image))) / 2
        return outputs.to(images.dtype)

    def _through(self, images: Tensor, call: Call) -> Tensor:
        images = call(self.normalise, call(self.flip_shift, images))
        features = channels_last(images) if self._half(images) else images
        features = call(self.gelu, call(self.whiten, features))
        for block in self.blocks:
            features = block(features, call)
        return call(self.head, features.amax((2, 3))) * SCALE

    def _half(self, images: Tensor) -> bool:
        chosen = self._precision == "half" or (self._precision == "auto" and images.is_cuda)
        return chosen and images.dtype == torch.float32

    def _computing(self, images: Tensor) -> AbstractContextManager[Any]:
        if not self._half(images):
            return nullcontext()
        # Weights that are cast once and kept would outlive the transforms of an ensemble.
        return torch.autocast(images.device.type, torch.bfloat16, cache_enabled=False)


class Block(nn.Module):
    """Halves the image, then adds what a second convolution makes of it.

    Parameters
    ----------
    inputs, outputs : channels
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        conv = _convolution(inputs, outputs)
        nn.init.dirac_(conv.weight.data[:inputs])  # hands its input on, as far as there are channels
        self.first = nn.Sequential(OrderedDict(conv=conv, pool=nn.MaxPool2d(2), norm=Norm(outputs), gelu=nn.GELU()))
        self.second = nn.Sequential(OrderedDict(conv=_convolution(outputs, outputs), norm=Norm(outputs)))
        self.gelu = nn.GELU()

    def forward(self, images: Tensor, call: Call) -> Tensor:
        """Return images (sample, output, height / 2, width / 2)."""
        for layer in self.first:
            images = call(layer, images)
        added = images
        for layer in self.second:
            added = call(layer, added)
        return call(self.gelu, images + added)


class Norm(nn.BatchNorm2d):
    """BatchNorm that computes in the precision of its statistics, whatever its input has, and learns biases only.

    PyTorch's own takes inputs of half precision beside statistics of float32, but not when it is lifted over members.

    Parameters
    ----------
    channels : of the images
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=0.4)  # trainings are short: the benchmark's value
        self.weight.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Return images of the same shape and type."""
        return super().forward(input.to(self.bias.dtype)).to(input.dtype)


class Normalise(nn.Module):
    """Takes the mean of each channel away and divides by its deviation."""

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.mean, self.deviation = (
            nn.Buffer(torch.tensor(values, dtype=torch.float32).view(-1, 1, 1))
            for values in (whitening.mean, whitening.deviation)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return images of the same shape."""
        normalised: Tensor = (images - self.mean) / self.deviation
        return normalised


def channels_last(images: Tensor) -> Tensor:
    """Return images with the channels of a pixel side by side in memory, by operations that can be lifted."""
    return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
