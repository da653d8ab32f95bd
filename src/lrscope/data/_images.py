"""What all data sets of images share: which images are learned from, which are held out, and in what form."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

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


@dataclass(frozen=True)
class Split:
    """Which of a number of images are learned from, and which are held out, by one permutation of a seed.

    Fewer samples are the first of more, and the images held out do not depend on how many are learned from.

    Attributes
    ----------
    share : of the images, that is held out; None if others are, from a file of their own
    seed : of the permutation
    samples, held_out_samples : how many to take of each at most; None for all
    """

    share: float | None
    seed: int
    samples: int | None
    held_out_samples: int | None

    def learned(self, count: int) -> np.ndarray:
        """Return the positions, among `count` images, of those learned from.

        Raises
        ------
        InputError : as many are not there, or none is left on one of the two sides.
        """
        return _first(self._order(count)[self._held_out(count) :], self.samples, "samples")

    def held_out(self, count: int) -> np.ndarray:
        """Return the positions, among `count` images, of those held out; `count` is that of their own file, if any.

        Raises
        ------
        InputError : as `learned`
        """
        own = self._order(count)[: count if self.share is None else self._held_out(count)]
        return _first(own, self.held_out_samples, "held_out_samples")

    def _order(self, count: int) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(count)

    def _held_out(self, count: int) -> int:
        if self.share is None:
            return 0
        held_out = round(self.share * count)
        if not 0 < held_out < count:
            allowed = f"a share that leaves some of {count} images on either side"
            raise must_be("held_out_share", allowed, self.share)
        return held_out


def _first(order: np.ndarray, samples: int | None, name: str) -> np.ndarray:
    if samples is not None and samples > len(order):
        raise must_be(name, f"at most the {len(order)} that there are", samples)
    return order[:samples]


class DividedImages(ABC):
    """Images of which some are held out; the subclass is a specification with the four fields.

    Attributes
    ----------
    held_out_share : of the images, that is held out from training; None if others are
    split_seed : of the permutation by which images are held out and chosen
    samples, held_out_samples : how many images to learn from and to hold out at most; None for all
    """

    held_out_share: float | None
    split_seed: int
    samples: int | None
    held_out_samples: int | None

    def arrays(self) -> Arrays:
        """Return images (sample, channel, height, width), float32 from 0 to 1, and classes (sample), int64."""
        images = self._images()
        return images.arrays(self._split().learned(len(images)))

    def held_out(self) -> Arrays:
        """Return images and classes held out, in the same form."""
        images = self._with_held_out()
        return images.arrays(self._split().held_out(len(images)))

    @abstractmethod
    def _images(self) -> Images:
        """Return the images to learn from, with those held out of them."""

    def _with_held_out(self) -> Images:
        """Return the images among which are those held out."""
        return self._images()

    def _split(self) -> Split:
        return Split(self.held_out_share, self.split_seed, self.samples, self.held_out_samples)


@specification
class ImagesOfFolder(DividedImages):
    """Images from files in a folder, with standard test images in files of their own.

    Attributes
    ----------
    root : folder of the files
    held_out_share : of the training images, that is held out; by default the standard test images are
    split_seed, samples, held_out_samples : as in `DividedImages`
    """

    root: str | Path
    held_out_share: Share | None = None
    split_seed: Seed = 0
    samples: Count | None = None
    held_out_samples: Count | None = None

    @field_validator("root")
    @classmethod
    def _as_text(cls, root: str | Path) -> str | Path:
        return str(root)

    @abstractmethod
    def _test_images(self) -> Images:
        """Return the standard test images."""

    def _with_held_out(self) -> Images:
        return self._images() if self.held_out_share else self._test_images()
