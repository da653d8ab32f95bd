"""What the report of the study shows. Seed 0 stands for the paper where one network must be chosen."""

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import figures
from lrscope.figures._style import sentence
from lrscope.papers.fluctuation import _figures as own
from lrscope.papers.fluctuation._definitions import QUANTITIES, STANDARD, name_of
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._results import AXES
from lrscope.report import Figure, Section, Table, array_of, dataset_of
from lrscope.studies._words import at_rates, counted, percent, rate, short

FLUCTUATION = (
    "The fluctuation of a neuron is the spread of its spread: the variance over the recorded steps of the standard "
    "deviation of what belongs to it (its incoming weights, their gradients, its activations over the points; the "
    "absolute value of its bias), divided by the largest in its top-level module. The paper gives no formula; "
    "{count} definitions were compared with its tables (below)."
)
JUDGED = (
    "The paper describes its measure in words only. Each shape is therefore judged with the definition that comes "
    "closest to the published tables of the other shapes, and the yardstick is the distance between the published "
    "tables of two shapes at the same rate and module: a reproduction with other random numbers should come that close."
)
COLUMNS = 400
"""Steps of an image at most."""
SHOWN = ("weights", "activations")
"""Quantities whose histograms are on the page, for one shape; all others are drawn on request."""
ENDED = {
    "converged": "ended with a lower loss than at the start",
    "not improved": "ended with no lower loss than at the start",
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
    share = array_of(results, "modules/share")
    still = {name: float(share.sel(quantity=name).mean()) for name in QUANTITIES}
    if not any(map(np.isfinite, still.values())):
        return ["No network came far enough to tell which neurons move: that takes two recorded steps."]
    listed = ", ".join(f"{percent(value)} by their {_words(name)}" for name, value in still.items())
    lead = "Most neurons barely move" if min(still.values()) > 0.5 else "Not every neuron takes part"
    below = f"below {options.threshold:g} of the largest in their module"
    moving = 1 - share.mean(["shape", "module", "seed"])
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
    ours, theirs = validated.to_series(), yardstick.to_series()
    close = [_words(name) for name in QUANTITIES if ours[name] <= theirs[name]]
    far = [_words(name) for name in QUANTITIES if ours[name] > theirs[name]]
    lead = "Each shape judged with the definition of fluctuation that fits the other shapes best, our tables of "
    words = []
    if close:
        words.append(f"{lead}{' and '.join(close)} are as close to the published ones as those of two shapes are")
    if far:
        words.append(f"{'those of ' if close else lead}{' and '.join(far)} are not")
    return ["; ".join(words) + "."]


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report."""
    shapes = array_of(results, "networks/error")["shape"].values.tolist()
    first = "spiral" if "spiral" in shapes else shapes[0]
    others = [shape for shape in shapes if shape != first]
    compared = bool(array_of(results, "definitions/distance").notnull().any())
    shown = [_histogram(first, quantity, quantity not in SHOWN) for quantity in QUANTITIES]
    count = array_of(results, "definitions/distance").sizes["definition"]
    return [
        Section("Reconstructions", "", [RECONSTRUCTIONS]),
        Section("Taking part", "", [_inactive(options)]),
        Section("Fluctuations", FLUCTUATION.format(count=count), shown),
        Section(
            "Against the published tables",
            JUDGED if compared else "",
            [DISTANCES, DEFINITIONS, COUNTS] if compared else [COUNTS],
        ),
        Section("Life of the neurons", "", [DEAD, _activity(results)]),
        Section("Training", "", [LOSS, NETWORKS]),
        *(
            Section(f"Fluctuations: {shape}", "", [_histogram(shape, name, True) for name in QUANTITIES], True)
            for shape in others
        ),
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


RECONSTRUCTIONS = Figure(
    "reconstructions",
    "Reconstructions",
    "Original (grey) and reconstruction of each shape (column) at each learning rate (row), at the last step.",
    lambda results: own.reconstructions(
        array_of(results, "points/outputs").isel(seed=0),
        array_of(results, "points/targets").isel(seed=0),
        array_of(results, "networks/error").isel(seed=0),
    ),
)


def _inactive(options: Options) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        shares = {}
        for quantity in QUANTITIES:
            share = array_of(results, f"neurons/{quantity}/share").rename(of_layer="layer")
            shares[sentence(quantity)] = share.assign_attrs(long_name="share of inactive neurons")
        return figures.panels(shares, x="layer", mark="points", band=("shape", "seed"))

    caption = (
        f"Share of the neurons of each layer with a normalised fluctuation below {options.threshold:g}: a small point "
        "for each shape and seed, their mean and its 95 % interval."
    )
    return Figure("inactive", "Inactive neurons", caption, draw)


def _histogram(shape: str, quantity: str, appendix: bool) -> Figure:
    """Return histograms with tables as in the paper (figures 4 to 8, and 12 to 64)."""

    def draw(results: xr.DataTree) -> Drawing:
        here = {"shape": shape, "quantity": quantity}
        return figures.fluctuation_histogram(
            array_of(results, f"neurons/{quantity}/fluctuation").sel(shape=shape).isel(seed=0),
            array_of(results, "modules/counts").sel(here).isel(seed=0),
            array_of(results, "modules/published").sel(here),
            f"{shape}: {_words(quantity)}",
        )

    caption = "Histogram of the neurons by normalised fluctuation, and below it the table of the paper's bins."
    title = f"Fluctuation of the {_words(quantity)}, {shape}"
    return Figure(f"fluctuation_{quantity}_{shape}", title, caption, draw, appendix)


DISTANCES = Figure(
    "definitions",
    "How other definitions fare",
    "Distance of every definition of fluctuation (grey) to the published tables, mean over shapes, rates, modules and "
    "seeds (logarithmic). The line is the distance between the published tables of two shapes.",
    lambda results: own.distances(
        array_of(results, "definitions/distance").mean(["shape", "seed"], keep_attrs=True),
        name_of(STANDARD),
        array_of(results, "definitions/validated").mean(["shape", "seed"]),
        array_of(results, "definitions/yardstick").mean("shape"),
    ),
)


def _by_definition(results: xr.DataTree) -> xr.Dataset:
    """Return the mean distance of every definition, the closest first, and for how many shapes it was chosen."""
    definitions = dataset_of(results, "definitions")
    distance = definitions["distance"].mean(["shape", "seed"])
    table = xr.Dataset({name: distance.sel(quantity=name, drop=True) for name in QUANTITIES})
    names = distance["definition"].values.tolist()
    chosen = definitions["chosen"].values.tolist()
    table = table.assign(mean=distance.mean("quantity"), chosen=("definition", [chosen.count(name) for name in names]))
    return table.sortby("mean")


DEFINITIONS = Table(
    "definitions",
    "Every definition of fluctuation",
    _by_definition,
    columns={
        "definition": "definition",
        **{name: _words(name) for name in QUANTITIES},
        "mean": "mean",
        "chosen": "chosen for",
    },
    note="Distance to the published tables (total variation), mean over shapes, rates, modules and seeds; chosen for: "
    "so many shapes were judged with it, because it is the closest on the other shapes.",
)


def _counts(results: xr.DataTree) -> xr.Dataset:
    modules = dataset_of(results, "modules")
    bins = {str(name): modules["counts"].sel(bin=name, drop=True) for name in modules["bin"].values}
    theirs = {f"published {name}": modules["published"].sel(bin=name, drop=True) for name in modules["bin"].values}
    columns = bins | theirs | {"distance to published": modules["distance"]}
    return xr.Dataset({name: array.assign_attrs(long_name=name) for name, array in columns.items()})


COUNTS = Table(
    "fluctuation_counts",
    "Binned fluctuations",
    _counts,
    ("shape", "quantity", "module", "lr", "seed"),
    note="Number of neurons by normalised fluctuation. Distance: total variation.",
)


DEAD = Figure(
    "dead",
    "Dead neurons",
    "Share of the ReLU neurons that are zero on every sample, by layer: mean over shapes and seeds, with its 95 % "
    "interval where there are several.",
    lambda results: figures.panels(
        array_of(results, "dead/share").assign_attrs(long_name="share of dead neurons"),
        col="layer",
        band=("shape", "seed"),
    ),
)


def _activity(results: xr.DataTree) -> Figure:
    active = array_of(results, "active/share")
    place = f"{active['shape'].item()}, lr {rate(active['lr'].item())}, seed {active['seed'].item()}"

    def draw(results: xr.DataTree) -> Drawing:
        active = array_of(results, "active/share")
        step = str(active.dims[0])
        thinned = active.isel({step: slice(None, None, max(1, active.sizes[step] // COLUMNS))})
        silent = thinned.assign_attrs(long_name="share of the points", zero="no point activates it")
        return figures.panels(silent, y="neuron", mark="heat")

    caption = f"Share of the points that activate each ReLU neuron while the network learns ({place})."
    return Figure("activity", "Activity of every neuron", caption, draw)


LOSS = Figure(
    "loss",
    "Loss",
    "Loss before each update; of several seeds geometric means with their 95 % intervals by Student's t.",
    lambda results: figures.panels(
        array_of(results, "loss/loss").assign_attrs(scale="log"),
        col="shape",
        band="seed",
        diverged=array_of(results, "networks/diverged_at"),
    ),
)


def _networks(results: xr.DataTree) -> xr.Dataset:
    networks = dataset_of(results, "networks")
    return networks.assign(diverged_at=networks["diverged_at"].where(networks["diverged_at"] >= 0))


NETWORKS = Table(
    "networks",
    "Every network",
    _networks,
    AXES,
    {
        **{name: name for name in AXES},
        "outcome": "outcome",
        "diverged_at": "diverged at step",
        "first_loss": "first loss",
        "last_loss": "last loss",
        "error": "reconstruction error",
    },
    "Error: mean square over points and coordinates. Converged: the mean of the last 20 losses lies below the first.",
)
