"""Values of a map as positions of a colour scale."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata

GAP = 0.25
"""Left free on each side of zero: both signs differ by more than any two neighbours of one sign."""


def equalised(value: xr.DataArray) -> xr.DataArray:
    """Return values by their rank: converging from 0.25 (fastest) to 1, diverging from -0.25 (fastest) to -1.

    Each half of the scale is used evenly, so that a map shows as much as it can. Equal values have equal ranks.

    Parameters
    ----------
    value : (..., y, x) below zero where a network converged

    References
    ----------
    J. Sohl-Dickstein, "The boundary of neural network trainability is fractal" (arXiv 2402.06184), figure 1.
    """
    return value.copy(data=np.interp(value.values, *rank_scale(value))).assign_attrs(long_name="rank", units="1")


def rank_scale(value: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values in ascending order, and the place of each on the scale of `equalised`."""
    known = np.sort(value.values.ravel())
    ranks = rankdata(known, "average") - 1
    converging = int(np.searchsorted(known, 0.0))
    share = np.where(
        known < 0, ranks / max(converging - 1, 1) - 1, (ranks - converging) / max(len(known) - converging - 1, 1)
    )
    return known, np.where(known < 0, GAP, -GAP) - (1 - GAP) * share
