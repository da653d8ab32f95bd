"""The study's figures: which result is shown how. Seed 0 stands for the paper where one network must be chosen."""

from functools import partial

import xarray as xr

from lrscope import analysis, figures
from lrscope.papers.fluctuation._published import QUANTITIES
from lrscope.papers.fluctuation._results import Results
from lrscope.report._old import Interactive
from lrscope.studies._findings import Still
from lrscope.studies._words import rate

HEAT_STEPS = 400
"""Columns of the heat map at most."""


def reconstructions(found: Results) -> Still:
    """Return the paper's figures 1 to 3 and those of its appendix in one: every shape at every rate."""
    outputs, targets, error = (array.isel(seed=0) for array in (found.outputs, found.targets, found.error))
    draw = partial(figures.reconstructions, outputs, targets, error)
    caption = "Original (grey) and reconstruction of each shape (row) at each learning rate (column), at the last step."
    return Still("reconstructions", "Reconstructions", caption, draw)


def interactive_reconstructions(found: Results) -> Interactive:
    """Return the same to zoom into, with a menu of shapes."""
    outputs, targets, error = (_spiral_first(array) for array in (found.outputs, found.targets, found.error))
    figure = figures.interactive_reconstructions(outputs, targets, error)
    return Interactive("Reconstructions, to zoom into", "Choose a shape; drag to zoom, double-click to return.", figure)


def histograms(found: Results, shape: str) -> list[Still]:
    """Return the histograms with tables of one shape (figures 4 to 8, and 12 to 64), one a quantity."""
    return [_histogram(found, shape, quantity) for quantity in QUANTITIES]


def _histogram(found: Results, shape: str, quantity: str) -> Still:
    fluctuation, counts = (
        array.sel(shape=shape).isel(seed=0) for array in (found.fluctuation[quantity], found.counts[quantity])
    )
    published = found.published[quantity]
    theirs = published.sel(shape=shape).reindex(lr=counts["lr"]) if shape in published["shape"] else None
    words = quantity.replace("_", " ")
    caption = "Histogram of the neurons by normalised fluctuation, and the table of the paper's bins under it"
    beside = "; the published counts in brackets." if theirs is not None else "."
    draw = partial(figures.fluctuation_histogram, fluctuation, counts, theirs, f"{shape}: {words}")
    return Still(f"fluctuation_{quantity}_{shape}", f"Fluctuation of the {words}, {shape}", caption + beside, draw)


def interactive_fluctuation(found: Results) -> Interactive:
    """Return the fluctuation of every neuron, with menus of shape and quantity."""
    values = {quantity.replace("_", " "): _spiral_first(array) for quantity, array in found.fluctuation.items()}
    caption = "Each point is a neuron: hover for its layer, number and value; choose shape and quantity."
    return Interactive("Every neuron", caption, figures.interactive_fluctuation(values))


def against_published(found: Results) -> Still:
    """Return the share of neurons in the lowest bin of every table, measured against published."""
    quantities = xr.DataArray([name.replace("_", " ") for name in QUANTITIES], dims="quantity", name="quantity")
    ours = xr.concat([_lowest(found.counts[name]) for name in QUANTITIES], quantities)
    theirs = xr.concat([_lowest(found.published[name]) for name in QUANTITIES], quantities)
    summary = analysis.over_seeds(
        ours.assign_attrs(long_name="share of neurons in the lowest bin", units="1"), bounds=(0, 1)
    )
    bars = "; bars: 95 % intervals of the mean over the seeds (Student's t)" if found.seeds > 1 else ""
    caption = (
        "Share of the neurons in the lowest bin (0 to 0.3) of each table: measured (filled) and published (open), "
        f"joined by a thin line{bars}."
    )
    return Still(
        "against_published", "Measured against published", caption, partial(figures.published_panels, summary, theirs)
    )


def loss_curves(found: Results) -> Still:
    """Return the loss of every shape, one line a rate, a band over the seeds."""
    summary = analysis.over_seeds(found.loss, log=True)
    draw = partial(figures.curve_panels, summary, diverged_at=found.outcome["diverged_at"])
    caption = "Loss before each update" + (
        "; geometric means over the seeds, bands: 95 % intervals (Student's t)." if found.seeds > 1 else "."
    )
    return Still("loss", "Loss", caption, draw)


def interactive_loss(found: Results) -> Interactive:
    """Return the loss with a menu of shapes."""
    step = found.loss.dims[-1]
    thinned = found.loss.isel({step: slice(None, None, max(1, found.loss.sizes[step] // HEAT_STEPS))})
    figure = figures.interactive_curves(analysis.over_seeds(thinned, log=True))
    return Interactive("Loss, to zoom into", "Choose a shape; hover for the value.", figure)


def inactive(found: Results) -> Still:
    """Return the share of inactive neurons by layer and rate, a panel a quantity; the shapes count as repetitions."""
    summaries = {
        quantity.replace("_", " "): analysis.over_seeds(_as_seeds(part["share"]), bounds=(0, 1))
        for quantity, part in found.by_layer.items()
    }
    caption = (
        f"Share of the neurons of each layer with a normalised fluctuation below {found.options.threshold:g}; "
        f"{_repetitions(found)}."
    )
    return Still("inactive", "Inactive neurons", caption, partial(figures.inactive_panels, summaries))


def dead(found: Results) -> Still:
    """Return the share of dead neurons of each layer over the steps, one line a rate, mean over the shapes."""
    share = _as_seeds(analysis.share(found.dead["dead"], "layer"))
    draw = partial(figures.curve_panels, analysis.over_seeds(share, bounds=(0, 1)), panels="layer", log=False)
    caption = f"Share of the ReLU neurons that are zero on every sample, by layer; {_repetitions(found)}."
    return Still("dead", "Dead neurons", caption, draw)


def activity(active: xr.DataArray) -> Still:
    """Return which share of the samples activates each neuron over the steps, for one network."""
    step = active.dims[-2]
    thinned = active.isel({step: slice(None, None, max(1, active.sizes[step] // HEAT_STEPS))})
    place = f"{active['shape'].item()}, lr {rate(active['lr'].item())}, seed {active['seed'].item()}"
    caption = f"Share of the points that activate each ReLU neuron while the network learns ({place})."
    return Still("activity", "Activity of every neuron", caption, partial(figures.activity_maps, {place: thinned}))


def _repetitions(found: Results) -> str:
    """Say what is averaged, and what the interval is of."""
    cases = found.error.sizes["shape"] * found.seeds
    if cases == 1:
        return "one shape, one seed"
    return f"mean over the {cases} cases (shape, seed), and the 95 % interval of a mean of such cases (Student's t)"


def _lowest(counts: xr.DataArray) -> xr.DataArray:
    total = counts.sum("bin", skipna=False)
    return (counts.isel(bin=0, drop=True) / total.where(total > 0)).transpose("part", "shape", "lr", ...)


def _spiral_first(array: xr.DataArray) -> xr.DataArray:
    """Return the networks of the first seed, the paper's main shape leading: a menu starts with it."""
    shapes = sorted(array["shape"].values.tolist(), key=lambda shape: shape != "spiral")
    return array.isel(seed=0).sel(shape=shapes)


def _as_seeds(array: xr.DataArray) -> xr.DataArray:
    """Return an array whose shapes and seeds together are repetitions, along ``seed``."""
    stacked = array.stack(repetition=("shape", "seed")).drop_vars(["repetition", "shape", "seed"])
    return stacked.rename(repetition="seed").assign_attrs(array.attrs)
