"""Values of a map as positions of a colour scale."""

import numpy as np
import xarray as xr
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
    converges = value.values < 0
    count, ranks = int(converges.sum()), rankdata(value.values).reshape(value.shape) - 1
    share = np.where(converges, ranks / max(count - 1, 1) - 1, (ranks - count) / max(value.size - count - 1, 1))
    places = np.where(converges, GAP, -GAP) - (1 - GAP) * share
    return value.copy(data=places).assign_attrs(long_name="rank", units="1")
