"""What is computed of the images before a network learns: brightness, contrast, and filters that whiten patches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lrscope.errors import must_be

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

    Parameters
    ----------
    data : a data set whose inputs are images (sample, channel, height, width)

    Raises
    ------
    InputError : the inputs are no images.

    References
    ----------
    Page: How to train your ResNet 8 (2019); Jordan: 94 % on CIFAR-10 in 3.29 seconds (arXiv 2404.00498), section 3.2.
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
