"""What a file of records tells, in plain words."""

import numpy as np
import xarray as xr

from lrscope.errors import InputError
from lrscope.records import LOSS
from lrscope.studies._recorded_view import LR, ONE_STEP, View
from lrscope.studies._recorded_words import rate_text
from lrscope.studies._words import counted, percent, short

FEW = 8
"""Values of an axis that are listed."""


def summary(view: View) -> list[str]:
    """Return paragraphs: what the file holds, how the networks ended, how many neurons died."""
    return [text for text in (_held(view), _open(view), _learned(view), _lived(view)) if text]


def _held(view: View) -> str:
    steps = [view.records[dim].values for dim in view.records.coords if str(dim).startswith("step")]
    first, last = min(values[0] for values in steps), max(values[-1] for values in steps)
    axes = "; ".join(f"{axis} {_listed(values)}" for axis, values in view.labels.items())
    of = f" ({axes})" if axes else ""
    steps_of = f", from step {first} to step {last}" if first < last else f": one step was recorded, step {first}"
    return f"The records are of {counted(view.networks, 'network')}{of}{steps_of}."


def _listed(values: object) -> str:
    distinct = list(dict.fromkeys(values))  # type: ignore[call-overload]
    words = [rate_text(value, distinct) for value in distinct]
    return ", ".join(words) if len(words) <= FEW else f"{words[0]} to {words[-1]}, {len(words)} values"


def _open(view: View) -> str:
    if view.complete:
        return ""
    return (
        "The file is not complete: its training was interrupted, or still goes on. "
        "This report tells what had been written."
    )


def _learned(view: View) -> str:
    outcome = view.outcome()
    if outcome is None:
        return ""
    loss = view.gridded(LOSS)
    ends = outcome["outcome"].values.ravel()
    trained = ends[[isinstance(end, str) for end in ends.tolist()]].tolist()
    if len(trained) == 1:
        return f"{_one(trained[0], loss)}"
    followed = [end for end in trained if end != ONE_STEP]
    if not followed:
        return ""
    words = {"converged": "ended with a lower loss than at the start", "not improved": "did not improve"}
    counts = {end: followed.count(end) for end in dict.fromkeys(followed)}
    if len(counts) == 1 and len(followed) == len(trained):
        return f"All {len(trained)} networks {words.get(trained[0], trained[0])}."
    return "Of the networks " + ", ".join(f"{count} {words.get(end, end)}" for end, count in counts.items()) + "."


def _one(end: str, loss: xr.DataArray) -> str:
    values = loss.values.ravel()
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "Its loss was never a number."
    if end == ONE_STEP:
        return f"The loss was {short(float(finite[0]))} then."
    went = f"The loss went from {short(float(finite[0]))} to {short(float(finite[-1]))}"
    told = {"converged": ".", "not improved": ": it did not improve.", "diverged": ", and then the network diverged."}
    return went + told.get(end, ".")


def _lived(view: View) -> str:
    """Say how many neurons are dead at the end; nothing where that was not recorded."""
    if not view.followed("activations"):
        return ""
    try:
        lives, _ = view.lives
    except InputError:  # the chapter on lives says why
        return ""
    known = lives["dead_share"].notnull()
    if not bool(known.any()):
        return ""
    dead = ((lives["died"] >= 0) & known).sum(["seed", "neuron"]) / known.sum(["seed", "neuron"])
    if dead.sizes[LR] == 1:
        count = int(((lives["died"] >= 0) & known).sum())
        return f"At the end {count} of {int(known.sum())} recorded neurons were dead."
    lrs = dead[LR].values.tolist()
    texts = [f"{percent(share)} at {rate_text(lr, lrs)}" for share, lr in zip(dead.values.tolist(), lrs, strict=True)]
    return f"Neurons that were dead at the end: {', '.join(texts)}."
