"""Is the boundary of most seeds smoother than that of a single one?"""

import numpy as np
import xarray as xr
from scipy import stats

from lrscope.papers.boundary.analysis._boxes import BOX, LEVEL, SEED, TILE, boundary, box_counts

RESAMPLES = 100
"""Of the seeds, each of which takes as long as counting the boxes of a map."""


def mean_boundary(converged: xr.DataArray) -> xr.Dataset:
    """Return the dimension of the boundary of most seeds beside that of single seeds.

    The boundary of most seeds separates the points that train with at least half of the seeds from the others.

    Parameters
    ----------
    converged : (seed, y, x) bool

    Returns
    -------
    Dataset
        mean, single : slope of the box counts of the boundary of most seeds, and of single ones on average; 0 without a
            boundary
        difference : single less mean, with the ends ``_low`` and ``_high`` of its 95% interval: Student's t with the
            standard error of a bootstrap over seeds
    """
    seeds = converged.sizes[SEED]
    alone = np.array([_slope(converged.isel({SEED: seed})) for seed in range(seeds)])
    draw = np.random.default_rng(0)
    differences = []
    for _ in range(RESAMPLES):
        chosen = draw.integers(0, seeds, seeds)
        differences.append(alone[chosen].mean() - _slope(_most(converged.isel({SEED: chosen}))))
    mean, single = _slope(_most(converged)), float(alone.mean())
    reach = float(stats.t.ppf((1 + LEVEL) / 2, seeds - 1) * np.std(differences, ddof=1))
    ends = {"difference_low": single - mean - reach, "difference_high": single - mean + reach}
    return xr.Dataset({"mean": mean, "single": single, "difference": single - mean} | ends)


def _most(converged: xr.DataArray) -> xr.DataArray:
    return converged.mean(SEED) >= 0.5


def _slope(converged: xr.DataArray) -> float:
    counts = box_counts(boundary(converged)).sum(TILE)
    sizes = np.log2(counts[BOX].values)
    return float(np.polyfit(-sizes, np.log2(counts.values), 1)[0]) if counts.any() else 0.0
