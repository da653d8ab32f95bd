"""What the records say, in plain words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from lrscope.report import array_of, dataset_of
from lrscope.studies._words import counted, percent, rate, short
from lrscope.studies.recorded._results import LR, ONE_STEP

LISTED = 8
"""Values of an axis that are listed, at most."""


def summary(results: xr.DataTree, _options: Any) -> list[str]:
    """Return paragraphs: what the files hold, how the networks ended, how many neurons died."""
    texts = [_contents(results)]
    if not results.attrs["files"][-1].complete:
        texts.append(
            "The file is not complete: its training was interrupted, or still goes on. "
            "This report covers what had been written."
        )
    return [text for text in (*texts, _ends(results), _lives(results)) if text]


def _contents(results: xr.DataTree) -> str:
    first, last = results.attrs["steps"]
    axes = "; ".join(f"{axis} {_listed(values)}" for axis, values in results.attrs["labels"].items())
    networks = counted(len(results.attrs["networks"]), "network") + (f" ({axes})" if axes else "")
    steps = f", from step {first} to step {last}" if first < last else f": one step was recorded, step {first}"
    return f"The records are of {networks}{steps}."


def _listed(values: Sequence[Any]) -> str:
    distinct = list(dict.fromkeys(values))
    words = [rate(value, distinct) for value in distinct]
    return ", ".join(words) if len(words) <= LISTED else f"{words[0]} to {words[-1]}, {len(words)} values"


def _ends(results: xr.DataTree) -> str:
    networks = results.attrs["networks"]
    if "outcome" not in networks:
        return ""
    ends = networks["outcome"].tolist()
    if len(ends) == 1:
        return _end_of_one(results, ends[0])
    followed = [end for end in ends if end != ONE_STEP]
    if not followed:
        return ""
    words = {"converged": "ended with a lower loss than at the start", "not improved": "did not improve"}
    counts = {end: followed.count(end) for end in dict.fromkeys(followed)}
    if len(counts) == 1 and len(followed) == len(ends):
        return f"All {len(ends)} networks {words.get(ends[0], ends[0])}."
    return "Of the networks " + ", ".join(f"{count} {words.get(end, end)}" for end, count in counts.items()) + "."


def _end_of_one(results: xr.DataTree, end: str) -> str:
    last = float(results.attrs["networks"]["last loss"].item())
    if np.isnan(last):
        return "Its loss was never a number."
    if end == ONE_STEP:
        return f"The loss was {short(last)} then."
    curve = array_of(results, "curves/loss/mean").values.ravel()
    ending = {"not improved": ": it did not improve.", "diverged": ", and then the network diverged."}.get(end, ".")
    return f"The loss went from {short(float(curve[np.isfinite(curve)][0]))} to {short(last)}{ending}"


def _lives(results: xr.DataTree) -> str:
    """Say how many neurons are dead at the end; nothing where that was not recorded."""
    if "lives" not in results:
        return ""
    counts = dataset_of(results, "lives").sum("layer")
    neurons, dead = counts["neurons"].values, counts["dead at the end"].values
    if not neurons.any():
        return ""
    if len(dead) == 1:
        return f"At the end {dead[0]} of {neurons[0]} recorded neurons were dead."
    lrs = counts[LR].values.tolist()
    shares = np.where(neurons > 0, dead / np.maximum(neurons, 1), np.nan).tolist()
    texts = [f"{percent(share)} at {rate(lr, lrs)}" for share, lr in zip(shares, lrs, strict=True)]
    return f"Neurons that were dead at the end: {', '.join(texts)}."
