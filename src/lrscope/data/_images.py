"""What all data sets of images share, and small digits that come with the package: images without a download."""

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator, model_validator

from lrscope.data._arrays import Arrays
from lrscope.errors import must_be
from lrscope.specification import specification

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Images:
    """Images and their classes, as files hold them.

    Attributes
    ----------
    pixels : (sample, channel, height, width), from 0 to `largest`
    labels : (sample) integers
    largest : value of a pixel that is white
    """

    pixels: np.ndarray
    labels: np.ndarray
    largest: int

    def __len__(self) -> int:
        return len(self.pixels)

    def arrays(self, order: np.ndarray) -> Arrays:
        """Return some images: inputs float32 from 0 to 1, targets int64.

        Parameters
        ----------
        order : (sample) their positions
        """
        inputs = self.pixels[order].astype(np.float32)
        inputs /= self.largest  # in place: the images of CIFAR-10 are 600 MB
        return Arrays(inputs, self.labels[order].astype(np.int64))


def divided(count: int, share: float | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions, among `count` samples, of those learned from and of those kept for validation.

    One permutation of a seed decides: fewer samples are the first of more, and those for validation do not depend on
    how many are learned from.

    Parameters
    ----------
    share : of the samples, that is kept for validation; None where others are, from a file of their own: then both are
        all positions

    Raises
    ------
    InputError : none is left on one of the two sides.
    """
    order = np.random.default_rng(seed).permutation(count)
    if share is None:
        return order, order
    kept = round(share * count)
    if not 0 < kept < count:
        raise must_be("val_share", f"a share that leaves some of {count} images on either side", share)
    return order[kept:], order[:kept]


def _first(order: np.ndarray, samples: int | None, name: str) -> np.ndarray:
    if samples is not None and samples > len(order):
        raise must_be(name, f"at most the {len(order)} that there are", samples)
    return order[:samples]


class DividedImages(ABC):
    """Images of which some are kept for validation; the subclass is a specification with the four fields.

    Attributes
    ----------
    val_share : of the images, that is kept for validation; None if the standard test images are
    split_seed : of the permutation by which images are split and chosen
    samples, val_samples : how many images to learn from and to validate on at most; None for all
    """

    val_share: float | None
    split_seed: int
    samples: int | None
    val_samples: int | None

    def arrays(self) -> Arrays:
        """Return images (sample, channel, height, width), float32 from 0 to 1, and classes (sample), int64."""
        images = self._images()
        return images.arrays(self._learned(len(images)))

    def validation(self) -> Arrays:
        """Return images and classes validation, in the same form."""
        images = self._images(test=self.val_share is None)
        return images.arrays(self._kept(len(images)))

    @abstractmethod
    def _images(self, test: bool = False) -> Images:
        """Return the images to learn from, or the standard test images."""

    def _learned(self, count: int) -> np.ndarray:
        return _first(divided(count, self.val_share, self.split_seed)[0], self.samples, "samples")

    def _kept(self, count: int) -> np.ndarray:
        return _first(divided(count, self.val_share, self.split_seed)[1], self.val_samples, "val_samples")


@specification
class ImagesOfFolder(DividedImages):
    """Images from files in a folder, with standard test images in files of their own.

    Attributes
    ----------
    root : folder of the files
    val_share : of the training images, that is kept for validation; by default the standard test images are
    split_seed, samples, val_samples : as in `DividedImages`
    """

    root: str | Path
    val_share: Share | None = None
    split_seed: Seed = 0
    samples: Count | None = None
    val_samples: Count | None = None

    @field_validator("root")
    @classmethod
    def _as_text(cls, root: str | Path) -> str | Path:
        return str(root)


@specification
class Digits(DividedImages):
    """1797 images (sample, 1, 8, 8) of handwritten digits, grey in 17 steps, and the digits 0 to 9 that they show.

    Attributes
    ----------
    val_share : of the images, that is kept for validation
    split_seed : of the permutation by which images are split and chosen
    samples, val_samples : how many images to learn from and to validate on at most; None for all

    Raises
    ------
    InputError : more samples than there are, or a share that leaves none on one side.

    References
    ----------
    Alpaydin, Kaynak: Optical recognition of handwritten digits (UCI, 1998), the test set, CC BY 4.0. scikit-learn's
    `load_digits` has the same images.

    Examples
    --------
    >>> Digits().arrays().inputs.shape, Digits().validation().inputs.shape
    ((1438, 1, 8, 8), (359, 1, 8, 8))
    """

    val_share: Share = 0.2
    split_seed: Seed = 0
    samples: Count | None = None
    val_samples: Count | None = None

    @model_validator(mode="after")
    def _enough(self) -> "Digits":
        self._learned(1797)
        self._kept(1797)
        return self

    def _images(self, test: bool = False) -> Images:  # noqa: ARG002  there are no others
        return _digits()


@functools.cache
def _digits() -> Images:
    # A copy of ours, as scikit-learn, which has them too, takes a second to import in every process.
    with np.load(Path(__file__).with_name("digits.npz")) as stored:
        return Images(stored["images"][:, None], stored["classes"].astype(np.int64), largest=16)
