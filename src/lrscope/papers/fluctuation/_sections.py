"""What the report of the study shows. Seed 0 stands for the paper where one network must be chosen."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import analysis, figures
from lrscope.figures._style import sentence
from lrscope.papers.fluctuation import _figures as own
from lrscope.papers.fluctuation._definitions import STANDARD, name_of
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._results import AXES
from lrscope.papers.fluctuation._tables import QUANTITIES
from lrscope.report import Figure, Section, Table, array_of, dataset_of
from lrscope.studies._words import rate

FLUCTUATION = (
    "The fluctuation of a neuron is the spread of its spread: the variance over the recorded steps of the standard "
    "deviation of what belongs to it (its incoming weights, their gradients, its activations over the points; the "
    "absolute value of its bias), divided by the largest in its part of the network. The paper gives no formula; "
    "{count} definitions were compared with its tables (below)."
)
JUDGED = (
    "The paper describes its measure in words only. Each shape is therefore judged with the definition that comes "
    "closest to the published tables of the other shapes, and the yardstick is the distance between the published "
    "tables of two shapes at the same rate and part: a reproduction with other random numbers should come that close."
)
BELOW = 120
"""Values of the fluctuation at which the share of neurons below it is drawn."""
COLUMNS = 400
"""Steps of an image at most."""
SHOWN = ("weights", "activations")
"""Quantities whose histograms are on the page, for one shape; all others are drawn on request."""


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
        Section("Taking part", "", [_inactive(results, options), PARTICIPATION]),
        Section("Fluctuations", FLUCTUATION.format(count=count), [_below(first, options), *shown]),
        Section(
            "Against the published tables",
            JUDGED if compared else "",
            [AGAINST, DISTANCES, DEFINITIONS, COUNTS] if compared else [COUNTS],
        ),
        Section("Life of the neurons", "", [_dead(results), _activity(results)]),
        Section("Training", "", [_loss(results), NETWORKS]),
        *(
            Section(f"Fluctuations: {shape}", "", [_histogram(shape, name, True) for name in QUANTITIES], True)
            for shape in others
        ),
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _repetitions(results: xr.DataTree) -> str:
    sizes = array_of(results, "networks/error").sizes
    if sizes["shape"] * sizes["seed"] == 1:
        return "one shape, one seed"
    return "a small point for each shape and seed, their mean and its 95 % interval"


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


def _inactive(results: xr.DataTree, options: Options) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        shares = {}
        for quantity in QUANTITIES:
            share = array_of(results, f"neurons/{quantity}/share").rename(of_layer="layer")
            shares[sentence(quantity)] = share.assign_attrs(long_name="share of inactive neurons")
        return figures.panels(shares, x="layer", mark="points", band=("shape", "seed"))

    caption = f"Share of the neurons of each layer with a normalised fluctuation below {options.threshold:g}: "
    return Figure("inactive", "Inactive neurons", f"{caption}{_repetitions(results)}.", draw)


def _below(shape: str, options: Options) -> Figure:
    """Return which share of the neurons fluctuates less than a value: one line is a whole histogram."""

    def draw(results: xr.DataTree) -> Drawing:
        at = xr.DataArray(np.logspace(-4, 0, BELOW), dims="limit", name="limit")
        rows = []
        for quantity in QUANTITIES:
            values = array_of(results, f"neurons/{quantity}/fluctuation").sel(shape=shape).isel(seed=0)
            below = [_share_below(values, part, at) for part in ("encoder", "decoder")]
            rows.append(xr.concat(below, xr.DataArray(["encoder", "decoder"], dims="part", name="part")))
        names = xr.DataArray(list(map(_words, QUANTITIES)), dims="quantity", name="quantity")
        share = xr.concat(rows, names).assign_attrs(long_name="share of neurons below", units="1")
        share["limit"].attrs = {"long_name": "normalised fluctuation", "scale": "log"}
        drawing = figures.panels(share, x="limit", col=("part", "quantity"), mark="steps")
        return own.lines_at(drawing, options.threshold, *analysis.EDGES[1:-1])

    caption = (
        f"Share of the neurons whose normalised fluctuation lies below the value on the horizontal axis ({shape}); "
        f"dashed: the threshold {options.threshold:g} below which a neuron counts as inactive, and the edges of the "
        "paper's bins, 0.3 and 0.7. The higher a line, the fewer neurons take part."
    )
    return Figure(f"fluctuation_{shape}", f"How much the neurons fluctuate, {shape}", caption, draw)


def _share_below(values: xr.DataArray, part: str, at: xr.DataArray) -> xr.DataArray:
    inside = values.isel(neuron=np.flatnonzero(values["part"].values == part)).drop_vars(["steps_used"])
    return (inside < at).where(inside.notnull()).mean("neuron").assign_coords(limit=at)


def _histogram(shape: str, quantity: str, appendix: bool) -> Figure:
    """Return histograms with tables as in the paper (figures 4 to 8, and 12 to 64)."""

    def draw(results: xr.DataTree) -> Drawing:
        here = {"shape": shape, "quantity": quantity}
        return own.histograms(
            array_of(results, f"neurons/{quantity}/fluctuation").sel(shape=shape).isel(seed=0),
            array_of(results, "parts/counts").sel(here).isel(seed=0),
            array_of(results, "parts/published").sel(here),
            np.array(analysis.EDGES),
            f"{shape}: {_words(quantity)}",
        )

    caption = "Histogram of the neurons by normalised fluctuation, and below it the table of the paper's bins."
    title = f"Fluctuation of the {_words(quantity)}, {shape}"
    return Figure(f"fluctuation_{quantity}_{shape}", title, caption, draw, appendix)


def _against(results: xr.DataTree) -> Drawing:
    return own.against_published(array_of(results, "parts/low"), array_of(results, "parts/published_low"))


AGAINST = Figure(
    "against_published",
    "Measured against published",
    "Share of the neurons in the lowest bin (0 to 0.3) of every table, a point for each shape: measured against "
    "published. On the diagonal both are equal.",
    _against,
)
DISTANCES = Figure(
    "definitions",
    "How other definitions fare",
    "Distance of every definition of fluctuation to the published tables, mean over shapes, rates, parts and seeds "
    "(logarithmic). The line is the distance between the published tables of two shapes.",
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
    note="Distance to the published tables (total variation), mean over shapes, rates, parts and seeds; chosen for: so "
    "many shapes were judged with it, because it is the closest on the other shapes.",
)


def _counts(results: xr.DataTree) -> xr.Dataset:
    parts = dataset_of(results, "parts")
    bins = {str(name): parts["counts"].sel(bin=name, drop=True) for name in parts["bin"].values}
    theirs = {f"published {name}": parts["published"].sel(bin=name, drop=True) for name in parts["bin"].values}
    columns = bins | theirs | {"distance to published": parts["distance"]}
    return xr.Dataset({name: array.assign_attrs(long_name=name) for name, array in columns.items()})


COUNTS = Table(
    "fluctuation_counts",
    "Binned fluctuations",
    _counts,
    ("shape", "quantity", "part", "lr", "seed"),
    note="Number of neurons by normalised fluctuation. Distance: total variation.",
)


def _by_layer(results: xr.DataTree) -> xr.Dataset:
    tables = []
    for quantity in QUANTITIES:
        node = dataset_of(results, f"neurons/{quantity}")
        tables.append(node[["share"]].mean(["shape", "seed"]).assign(neurons=node["size"]).rename(of_layer="layer"))
    names = xr.DataArray(list(map(_words, QUANTITIES)), dims="quantity", name="quantity")
    order = list(dict.fromkeys(layer for table in tables for layer in table["layer"].values.tolist()))
    return xr.concat(tables, names, join="outer").sel(layer=order)


PARTICIPATION = Table(
    "participation",
    "Inactive neurons by layer",
    _by_layer,
    ("quantity", "layer", "lr"),
    {"quantity": "quantity", "layer": "layer", "lr": "lr", "neurons": "neurons", "share": "share inactive"},
    "Mean over shapes and seeds.",
)


def _dead(results: xr.DataTree) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        share = array_of(results, "dead/share").assign_attrs(long_name="share of dead neurons")
        return figures.panels(share, col="layer", band=("shape", "seed"))

    caption = "Share of the ReLU neurons that are zero on every sample, by layer: mean over shapes and seeds"
    more = array_of(results, "networks/error").sizes["shape"] > 1
    return Figure("dead", "Dead neurons", caption + (" and its 95 % interval." if more else "."), draw)


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


def _loss(results: xr.DataTree) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        diverged = array_of(results, "networks/diverged_at")
        loss = array_of(results, "loss/loss").assign_attrs(scale="log")
        return figures.panels(loss, col="shape", band="seed", diverged=diverged)

    several = array_of(results, "networks/error").sizes["seed"] > 1
    bands = "; geometric means over the seeds, bands: their 95 % intervals by Student's t."
    caption = "Loss before each update" + (bands if several else ".")
    return Figure("loss", "Loss", caption, draw)


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
    "Error: mean square over points and coordinates.",
)
