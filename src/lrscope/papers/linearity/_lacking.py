"""What cannot be computed because trainings diverged, and why: for each part of the results one reason."""

from collections.abc import Sequence

import xarray as xr

from lrscope.papers.linearity._options import FEWEST, Rates
from lrscope.studies._words import listed, rate

LR, BATCH = "lr", "batch"
PATH, SENSITIVITY, CHANGE, LAWS = "path", "sensitivity", "change", "laws"
"""Parts of the results: what needs eta, eta + a and eta + b; eta and eta + a; eta and eta + b; every rate."""


def reasons(sums: xr.Dataset, rates: Rates) -> dict[str, str]:
    """Return why a part of the results cannot be computed, for each part that cannot.

    Intervals need 8 batches with trainings at each rate of the part.

    Parameters
    ----------
    sums : (lr, batch) ``replicates`` and ``diverged``
    rates : of the network

    Examples
    --------
    >>> sums = xr.Dataset({"replicates": (("lr", "batch"), [[2] * 8, [2] * 8, [0] * 8])}, {"lr": [0.2, 0.25, 90.0]})
    >>> sums["diverged"] = 2 - sums["replicates"]
    >>> reasons(sums, Rates(0.2, 0.05, 89.8, grid=False))
    {'path': 'all 16 trainings at 90 diverged', 'change': 'all 16 trainings at 90 diverged'}
    """
    eta, first, second = rates.three
    needed = {PATH: (eta, first, second), SENSITIVITY: (eta, first), CHANGE: (eta, second)}
    found = {part: _reason(sums.sel({LR: list(lrs)}, method="nearest"), lrs) for part, lrs in needed.items()}
    found[LAWS] = "" if bool((sums["replicates"] > 0).any()) else found[PATH]
    return {part: reason for part, reason in found.items() if reason}


def _reason(sums: xr.Dataset, lrs: Sequence[float]) -> str:
    """Return why there is no result at these rates; nothing if there is one."""
    trained = sums["replicates"] > 0
    batches = int(trained.all(LR).sum())
    if batches >= FEWEST:
        return ""
    empty = [place for place, one in enumerate(trained.any(BATCH).values) if not one]
    if empty:
        count = int(sums["diverged"].isel({LR: empty[0]}).sum())
        return f"all {count} trainings at {listed([rate(lrs[place]) for place in empty])} diverged"
    lost = sums["diverged"].sum(BATCH).values.tolist()
    told = [f"{count} at {rate(lr)}" for lr, count in zip(lrs, lost, strict=True) if count]
    return (
        f"so many trainings diverged ({', '.join(told)}) that {batches} of {sums.sizes[BATCH]} batches of trainings "
        f"have a result at each of {listed([rate(lr) for lr in lrs])}, and intervals need {FEWEST}"
    )
