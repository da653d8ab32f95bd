"""What the study found, put together: claims, chapters, and a summary in plain words."""

from collections.abc import Mapping
from typing import Any

import hist
import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation import _figures as pictures
from lrscope.papers.fluctuation import _tables as tables
from lrscope.papers.fluctuation._claims import claims
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._published import QUANTITIES
from lrscope.papers.fluctuation._results import Results, results
from lrscope.records import on_grid
from lrscope.studies._findings import Chapter, Findings, Listed, Still
from lrscope.studies._folder import ONLY
from lrscope.studies._words import at_rates, counted, percent, rate, short

TITLE = "Neuronal fluctuations: learning rates against participating neurons"
QUESTION = "Which neurons take part in learning, and how does that depend on the learning rate?"
FLUCTUATION = (
    "The fluctuation of a neuron is the spread of its spread: the variance over the recorded steps of the standard "
    "deviation of what belongs to it (its incoming weights, their gradients, its activations over the points; the "
    "absolute value of its bias), divided by the largest in its part of the network."
)


def findings(by_name: Mapping[str, xr.Dataset], options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures and a summary in plain words.

    Parameters
    ----------
    by_name : the records of the one experiment, `ONLY`
    options : of the run

    Raises
    ------
    InputError : the records lack a quantity that the study needs.
    """
    records = by_name[ONLY]
    found = results(records, options)
    return Findings(
        title=TITLE,
        question=QUESTION,
        summary=_summary(found),
        claims=claims(found),
        chapters=_chapters(found, records),
        histograms=_histograms(found),
    )


def _summary(found: Results) -> list[str]:
    sizes = found.error.sizes
    what = (
        f"{counted(found.error.size, 'autoencoder')} learned {counted(sizes['shape'], 'shape')} at "
        f"{counted(sizes['lr'], 'learning rate')} with {counted(sizes['seed'], 'seed')} for "
        f"{counted(found.options.epochs, 'epoch')}. {_outcomes(found)}"
    )
    return [what, _errors(found), *_movement(found)]


def _outcomes(found: Results) -> str:
    outcome = found.outcome["outcome"].values.ravel().tolist()
    words = {
        "converged": "ended with a lower loss than at the start",
        "not improved": "did not improve",
        "diverged": "diverged",
    }
    counts = {told: outcome.count(name) for name, told in words.items() if name in outcome}
    if len(counts) == 1:
        return f"{'All' if len(outcome) > 1 else 'It'} {next(iter(counts))}."
    return "Of these, " + ", ".join(f"{count} {told}" for told, count in counts.items()) + "."


def _errors(found: Results) -> str:
    """Say which rate reconstructs best; a rate at which a network diverged does not compete."""
    mean = found.error.mean(["shape", "seed"], skipna=False)
    whole = mean.dropna("lr")
    if not whole.size:
        return "At no learning rate did every network come to the end, so none reconstructs best."
    over = "On average over the shapes" if found.error.sizes["shape"] > 1 else "On this shape"
    if whole.size == 1:
        others = "; at every other rate a network diverged" if mean.size > 1 else ""
        return f"{over} the mean squared error of the reconstruction is {at_rates(whole, _two_digits)}{others}."
    listed = f"(mean squared error {at_rates(mean, _two_digits)})"
    if float(whole.min()) == float(whole.max()):
        return f"{over} all learning rates reconstruct alike {listed}."
    best = rate(float(analysis.best(whole, largest=False)), mean["lr"].values)
    return f"{over} a learning rate of {best} reconstructs best {listed}."


def _two_digits(value: float) -> str:
    return short(value, 2)


def _movement(found: Results) -> list[str]:
    """Say how many neurons move, by quantity and by learning rate."""
    still = {name.replace("_", " "): float(part["share"].mean()) for name, part in found.participation.items()}
    if not any(map(np.isfinite, still.values())):
        return ["No network came far enough to tell which neurons move: that takes two recorded steps."]
    listed = ", ".join(f"{percent(share)} by their {name}" for name, share in still.items())
    lead = "Most neurons barely move" if min(still.values()) > 0.5 else "Not every neuron takes part"
    below = f"below {found.options.threshold:g} of the largest in their part"
    return [f"{lead}: of all neurons a fluctuation {below} have {listed}.", _by_rate(found)]


def _by_rate(found: Results) -> str:
    words = []
    for quantity in ("weights", "activations"):
        moving = 1 - found.participation[quantity]["share"].mean(["shape", "part", "seed"])
        words.append(f"by their {quantity}, {at_rates(moving, percent)}")
    over = ", on average over the shapes" if found.error.sizes["shape"] > 1 else ""
    return f"Neurons that take part{over}: {'; '.join(words)}."


def _chapters(found: Results, records: xr.Dataset) -> list[Chapter]:
    shapes = found.error["shape"].values.tolist()
    first = "spiral" if "spiral" in shapes else shapes[0]
    others = [shape for shape in shapes if shape != first]
    return [
        Chapter("Reconstructions", "", [pictures.reconstructions(found), pictures.interactive_reconstructions(found)]),
        Chapter(
            "Fluctuations", FLUCTUATION, [pictures.interactive_fluctuation(found), *pictures.histograms(found, first)]
        ),
        Chapter("Against the published tables", "", _comparison(found)),
        Chapter("Taking part", "", [pictures.inactive(found), tables.participation(found)]),
        Chapter("Life of the neurons", "", [pictures.dead(found), pictures.activity(_active(found, records, first))]),
        Chapter(
            "Training", "", [pictures.loss_curves(found), pictures.interactive_loss(found), tables.networks(found)]
        ),
        *(Chapter(f"Fluctuations: {shape}", "", pictures.histograms(found, shape), True) for shape in others),
    ]


def _comparison(found: Results) -> list[Still | Listed]:
    if not found.distance["weights"].size:
        return [tables.counts(found)]
    return [pictures.against_published(found), tables.distances(found), tables.counts(found)]


def _active(found: Results, records: xr.Dataset, shape: str) -> xr.DataArray:
    """Return the active share of one network (step, neuron): the shape's, of the first seed, at a middle rate.

    It is the middle of the rates at which the network did not diverge, if there are any.
    """
    outcome = found.outcome["outcome"].sel(shape=shape).isel(seed=0)
    rates = outcome["lr"].values[outcome.values != "diverged"]
    rates = rates if len(rates) else outcome["lr"].values
    chosen = {"shape": shape, "lr": rates[len(rates) // 2], "seed": outcome["seed"].item()}
    member = np.flatnonzero(np.all([records[axis].values == value for axis, value in chosen.items()], axis=0))
    grid = on_grid(analysis.by_neuron(records.isel(member=member), "activations", "active"))
    return analysis.arranged(grid.isel(shape=0, lr=0, seed=0))


def _histograms(found: Results) -> dict[str, hist.Hist[Any]]:
    """Return histograms of the fluctuations: one a quantity, part and rate, over shapes and seeds."""
    made = {}
    for quantity in QUANTITIES:
        values = found.fluctuation[quantity]
        for part in ("encoder", "decoder"):
            for lr in values["lr"].values:
                chosen = values.isel(neuron=np.flatnonzero(values["part"].values == part)).sel(lr=lr).values
                histogram = hist.Hist.new.Reg(20, 0, 1 + 1e-9, label=f"normalised fluctuation of {quantity}").Double()
                made[f"fluctuation_{quantity}_{part}_lr_{lr:g}"] = histogram.fill(chosen[np.isfinite(chosen)])
    return made
