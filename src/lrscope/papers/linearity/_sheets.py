"""Images of the samples that a higher rate favours, from the data set, where it is still there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from lrscope.data import Arrays, data_set
from lrscope.errors import LrscopeError
from lrscope.papers.linearity._options import Options

SIDES = ("most", "least")


@dataclass(frozen=True)
class Sheets:
    """The images of each class.

    Attributes
    ----------
    images : class -> side (``most``, ``least``) -> (rank, height, width) or (rank, height, width, 3), 0 to 1
    why : says why there are none
    """

    images: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)
    why: str = ""


def sheets_of(favoured: xr.Dataset, targets: xr.DataArray, options: Options) -> Sheets:
    """Return the images of favoured samples, by class.

    Parameters
    ----------
    favoured : of `analysis.favoured`
    targets : (learned_sample) classes of the samples that were learned from, to know them again
    options : of the run
    """
    try:
        learned: Arrays = data_set(options.data, options.root).arrays()
    except LrscopeError as error:
        return Sheets(why=f"The samples cannot be shown: {error}")
    if not np.array_equal(learned.targets, targets.values):
        return Sheets(why=f"The samples cannot be shown: {options.data} holds others now than were learned from.")
    inputs = learned.inputs
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3) or inputs.min() < 0 or inputs.max() > 1:
        return Sheets(why="The samples are not shown: they are no grey or coloured images with values from 0 to 1.")
    images = np.moveaxis(inputs, 1, -1)
    pictured = images[..., 0] if images.shape[-1] == 1 else images
    return Sheets({int(one): _of_class(favoured.sel({"class": one}), pictured) for one in favoured["class"].values})


def _of_class(favoured: xr.Dataset, images: np.ndarray) -> dict[str, np.ndarray]:
    places = {side: favoured["position"].sel(side=side).values for side in SIDES}
    return {side: images[place[place >= 0]] for side, place in places.items()}
