"""The answer of the study in plain words, from its numbers."""

from functools import partial

import numpy as np
import xarray as xr

from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._tables import QUANTITIES
from lrscope.report import array_of
from lrscope.studies._words import at_rates, counted, percent, rate, short

ENDED = {
    "converged": "ended with a lower loss than at the start",
    "not improved": "did not improve",
    "diverged": "diverged",
}


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the answer, one text a paragraph."""
    sizes = array_of(results, "networks/error").sizes
    trained = (
        f"{counted(sizes['shape'] * sizes['lr'] * sizes['seed'], 'autoencoder')} learned "
        f"{counted(sizes['shape'], 'shape')} at {counted(sizes['lr'], 'learning rate')} with "
        f"{counted(sizes['seed'], 'seed')} for {counted(options.epochs, 'epoch')}. {_outcomes(results)}"
    )
    return [trained, _errors(results), *_movement(results, options), *_tables(results)]


def _outcomes(results: xr.DataTree) -> str:
    outcome = array_of(results, "networks/outcome").values.ravel().tolist()
    counts = {words: outcome.count(name) for name, words in ENDED.items() if name in outcome}
    if len(counts) == 1:
        return f"{'All' if len(outcome) > 1 else 'It'} {next(iter(counts))}."
    return "Of these, " + ", ".join(f"{count} {words}" for words, count in counts.items()) + "."


def _errors(results: xr.DataTree) -> str:
    """Return which rate reconstructs best; a rate at which a network diverged does not compete."""
    error = array_of(results, "networks/error")
    mean = error.mean(["shape", "seed"], skipna=False)
    complete = mean.dropna("lr")
    if not complete.size:
        return "At every learning rate some network diverged, so none reconstructs best."
    over = "On average over the shapes" if error.sizes["shape"] > 1 else "On this shape"
    digits = partial(short, digits=2)
    if complete.size == 1:
        others = "; at every other rate a network diverged" if mean.size > 1 else ""
        return f"{over} the mean squared error of the reconstruction is {at_rates(complete, digits)}{others}."
    listed = f"(mean squared error {at_rates(mean, digits)})"
    if float(complete.min()) == float(complete.max()):
        return f"{over} all learning rates reconstruct equally well {listed}."
    best = rate(float(complete.idxmin("lr")), mean["lr"].values)
    return f"{over} a learning rate of {best} reconstructs best {listed}."


def _movement(results: xr.DataTree, options: Options) -> list[str]:
    """Return how many neurons take part, by quantity and by learning rate."""
    share = array_of(results, "parts/share")
    still = {name: float(share.sel(quantity=name).mean()) for name in QUANTITIES}
    if not any(map(np.isfinite, still.values())):
        return ["No network came far enough to tell which neurons move: that takes two recorded steps."]
    listed = ", ".join(f"{percent(value)} by their {name.replace('_', ' ')}" for name, value in still.items())
    lead = "Most neurons barely move" if min(still.values()) > 0.5 else "Not every neuron takes part"
    below = f"below {options.threshold:g} of the largest in their part"
    moving = 1 - share.mean(["shape", "part", "seed"])
    words = [f"by their {name}, {at_rates(moving.sel(quantity=name), percent)}" for name in ("weights", "activations")]
    over = ", on average over the shapes" if share.sizes["shape"] > 1 else ""
    return [
        f"{lead}: the fluctuation lies {below} for {listed}.",
        f"Neurons that take part{over}: {'; '.join(words)}.",
    ]


def _tables(results: xr.DataTree) -> list[str]:
    """Return how the published tables compare, with definitions that they did not choose."""
    validated = array_of(results, "definitions/validated").mean(["shape", "seed"])
    yardstick = array_of(results, "definitions/yardstick").mean("shape")
    if not bool((validated.notnull() & yardstick.notnull()).any()):
        return []
    close = [name.replace("_", " ") for name in QUANTITIES if _value(validated, name) <= _value(yardstick, name)]
    far = [name.replace("_", " ") for name in QUANTITIES if _value(validated, name) > _value(yardstick, name)]
    lead = "Each shape judged with the definition of fluctuation that fits the other shapes best, our tables of "
    words = []
    if close:
        words.append(f"{lead}{' and '.join(close)} are as close to the published ones as those of two shapes are")
    if far:
        words.append(f"{'those of ' if close else lead}{' and '.join(far)} are not")
    return ["; ".join(words) + "."]


def _value(array: xr.DataArray, quantity: str) -> float:
    return float(array.sel(quantity=quantity))
