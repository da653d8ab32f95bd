"""Images of the samples that a higher learning rate favours, read from the data set if it is still there."""

import numpy as np
import xarray as xr

from lrscope.data import Arrays, data_set
from lrscope.errors import LrscopeError
from lrscope.papers.linearity._options import Options

SOURCE_CLASSES = (5, 1)
"""Classes of CIFAR-10 that the source shows: dog and automobile."""
SHOWN = 2
"""Classes that are shown of other data."""


def images_of(favoured: xr.Dataset, targets: xr.DataArray, options: Options) -> xr.Dataset:
    """Return the images of favoured samples: the source's classes, or those whose two groups differ most.

    Parameters
    ----------
    favoured : of `analysis.favoured`
    targets : (learned_sample) classes of the samples that were learned from, which the data set must still hold
    options : of the run

    Returns
    -------
    Dataset
        image : (class, side, rank, y, x), or with a further dimension ``colour``, 0 to 1; NaN where a class has fewer
            samples. Empty if there are no images; ``attrs["reason"]`` then says why
    """
    try:
        learned: Arrays = data_set(options.data, options.root).arrays()
    except LrscopeError as error:
        return _without(f"The samples cannot be shown: {error}")
    if not np.array_equal(learned.targets, targets.values):
        return _without(f"The samples cannot be shown: {options.data} has changed since the training.")
    inputs = learned.inputs
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3) or inputs.min() < 0 or inputs.max() > 1:
        return _without("The samples are not shown: they are not grey or colour images with values from 0 to 1.")
    pixels = xr.DataArray(inputs, dims=("learned_sample", "colour", "y", "x")).transpose(..., "colour")
    if pixels.sizes["colour"] == 1:
        pixels = pixels.isel(colour=0)
    position = favoured["position"].sel({"class": _shown_classes(favoured, options)})
    return xr.Dataset({"image": pixels.isel(learned_sample=position.clip(min=0)).where(position >= 0)})


def _without(reason: str) -> xr.Dataset:
    return xr.Dataset(attrs={"reason": reason})


def _shown_classes(favoured: xr.Dataset, options: Options) -> list[int]:
    known = favoured["class"].values.tolist()
    if options.data == "cifar10":
        return [label for label in SOURCE_CLASSES if label in known]
    changes = favoured["mean_choosing_change"]
    gap = (changes.sel(side="most") - changes.sel(side="least")).dropna("class")
    return [int(label) for label in gap.sortby(-gap)["class"].values[:SHOWN]]
