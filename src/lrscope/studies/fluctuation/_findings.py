"""What the study found, put together: claims, chapters, and a summary in plain words."""

from typing import Any

import hist
import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.records import on_grid
from lrscope.studies._findings import Chapter, Findings, Listed, Still
from lrscope.studies.fluctuation import _figures as pictures
from lrscope.studies.fluctuation import _tables as tables
from lrscope.studies.fluctuation._claims import claims
from lrscope.studies.fluctuation._options import Options
from lrscope.studies.fluctuation._published import QUANTITIES
from lrscope.studies.fluctuation._results import Results, results

TITLE = "Neuronal fluctuations: learning rates against participating neurons"
QUESTION = "Which neurons take part in learning, and how does that depend on the learning rate?"
FLUCTUATION = (
    "The fluctuation of a neuron is the spread of its spread: the variance over the recorded steps of the standard "
    "deviation of what belongs to it (its incoming weights, their gradients, its activations over the points; the "
    "absolute value of its bias), divided by the largest in its part of the network."
)


def findings(records: xr.Dataset, options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures and a summary in plain words.

    Raises
    ------
    InputError : the records lack a quantity that the study needs.
    """
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
    sizes, rates = found.error.sizes, [float(lr) for lr in found.error["lr"]]
    seeds = f"{sizes['seed']} {'seed' if sizes['seed'] == 1 else 'seeds'}"
    what = (
        f"{found.error.size} autoencoders learned {sizes['shape']} {'shape' if sizes['shape'] == 1 else 'shapes'} at "
        f"{len(rates)} learning rates with {seeds} for {found.options.epochs} epochs. {_outcomes(found)}"
    )
    return [what, _errors(found), _movement(found), _by_rate(found)]


def _outcomes(found: Results) -> str:
    outcome = found.outcome["outcome"].values.ravel().tolist()
    counted = {name: outcome.count(name) for name in ("converged", "not improved", "diverged") if name in outcome}
    if list(counted) == ["converged"]:
        return "All of them converged."
    return "Of these, " + ", ".join(f"{count} {name}" for name, count in counted.items()) + "."


def _errors(found: Results) -> str:
    mean = found.error.mean(["shape", "seed"])
    if not mean.notnull().any():
        return "No network came to the end, so there is no reconstruction to judge."
    best = float(analysis.best(mean, largest=False))
    values = ", ".join(f"{value:.2g} at {lr:g}" for lr, value in zip(mean["lr"].values, mean.values, strict=True))
    return f"On average over the shapes a learning rate of {best:g} reconstructs best (mean squared error {values})."


def _movement(found: Results) -> str:
    threshold = found.options.threshold
    still = {name: float(part["share"].mean()) for name, part in found.participation.items()}
    listed = ", ".join(f"{share:.0%} by their {name.replace('_', ' ')}" for name, share in still.items())
    return f"Most neurons barely move: a fluctuation below {threshold:g} of the largest in their part have {listed}."


def _by_rate(found: Results) -> str:
    """Say how the share of neurons that take part changes with the learning rate."""
    words = []
    for quantity in ("weights", "activations"):
        moving = 1 - found.participation[quantity]["share"].mean(["shape", "part", "seed"])
        listed = ", ".join(
            f"{share:.0%} at {lr:g}" for lr, share in zip(moving["lr"].values, moving.values, strict=True)
        )
        words.append(f"by their {quantity}, {listed}")
    return f"Neurons that take part, on average over the shapes: {'; '.join(words)}."


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
        Chapter("Life of the neurons", "", [pictures.dead(found), pictures.activity(_active(records, first))]),
        Chapter(
            "Training", "", [pictures.loss_curves(found), pictures.interactive_loss(found), tables.networks(found)]
        ),
        *(Chapter(f"Fluctuations: {shape}", "", pictures.histograms(found, shape), True) for shape in others),
    ]


def _comparison(found: Results) -> list[Still | Listed]:
    if not found.distance["weights"].size:
        return [tables.counts(found)]
    return [pictures.against_published(found), tables.distances(found), tables.counts(found)]


def _active(records: xr.Dataset, shape: str) -> xr.DataArray:
    """Return the active share of one network (step, neuron): the shape's, at the middle rate, of the first seed."""
    members = np.flatnonzero(records["shape"].values == shape)
    middle = np.sort(np.unique(records["lr"].values))[len(np.unique(records["lr"].values)) // 2]
    chosen = [member for member in members if records["lr"].values[member] == middle][:1]
    grid = on_grid(analysis.by_neuron(records.isel(member=chosen), "activations", "active"))
    return analysis.arranged(grid.isel(shape=0, lr=0, seed=0))


def _histograms(found: Results) -> dict[str, hist.Hist[Any]]:
    """Return histograms of the fluctuations for the ROOT file: one a quantity, part and rate, over shapes and seeds."""
    made = {}
    for quantity in QUANTITIES:
        values = found.fluctuation[quantity]
        for part in ("encoder", "decoder"):
            for lr in values["lr"].values:
                chosen = values.isel(neuron=np.flatnonzero(values["part"].values == part)).sel(lr=lr).values
                histogram = hist.Hist.new.Reg(20, 0, 1 + 1e-9, label=f"normalised fluctuation of {quantity}").Double()
                made[f"fluctuation_{quantity}_{part}_lr_{lr:g}"] = histogram.fill(chosen[np.isfinite(chosen)])
    return made
