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
from lrscope.studies._prose import paragraphs
from lrscope.studies._words import at_rates, percent, rate, short

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
    error = array_of(results, "networks/error")
    outcomes = array_of(results, "networks/outcome").values.ravel().tolist()
    mean = error.mean(["shape", "seed"], skipna=False)
    complete = mean.dropna("lr")  # a rate at which a network diverged does not compete
    digits = partial(short, digits=2)
    share = array_of(results, "modules/share")
    still = {_words(name): float(share.sel(quantity=name).mean()) for name in QUANTITIES}
    moving = 1 - share.mean(["shape", "module", "seed"])
    validated = array_of(results, "definitions/validated").mean(["shape", "seed"]).to_series()
    yardstick = array_of(results, "definitions/yardstick").mean("shape").to_series()
    return paragraphs(
        "papers/fluctuation/summary.txt.j2",
        options=options,
        sizes=error.sizes,
        outcomes=len(outcomes),
        ended=[(outcomes.count(name), words) for name, words in ENDED.items() if name in outcomes],
        complete=complete.values.tolist(),
        complete_errors=at_rates(complete, digits),
        errors=at_rates(mean, digits),
        best=rate(float(complete.idxmin("lr")), mean["lr"].values) if complete.size else "",
        still=still if any(map(np.isfinite, still.values())) else {},
        moving={name: at_rates(moving.sel(quantity=name), percent) for name in SHOWN},
        close=[_words(name) for name in QUANTITIES if validated[name] <= yardstick[name]],
        far=[_words(name) for name in QUANTITIES if validated[name] > yardstick[name]],
    )


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
        "for each shape and seed, their mean and its 95% interval."
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
    "Share of the ReLU neurons that are zero on every sample, by layer: mean over shapes and seeds, with its 95% "
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
    "Loss before each update; of several seeds geometric means with their 95% intervals by Student's t.",
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
