"""The handwritten digits that come with scikit-learn: images without a download."""

import importlib

import numpy as np
from pydantic import model_validator

from lrscope.data._images import Count, DividedImages, Images, Seed, Share
from lrscope.specification import specification

_ALL = 1797
_LARGEST = 16


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
    Alpaydin, Kaynak: Optical recognition of handwritten digits (UCI, 1998), the test set, as scikit-learn ships it.

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
        self._split().learned(_ALL)
        self._split().validation(_ALL)
        return self

    def _images(self) -> Images:
        # scikit-learn takes a second to import: only who uses the digits waits for it
        bunch = importlib.import_module("sklearn.datasets").load_digits()
        return Images(bunch.images[:, None].astype(np.uint8), bunch.target, _LARGEST)
