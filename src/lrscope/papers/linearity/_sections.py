"""The sections of the report: figures and tables of what is known, and how to read them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import figure as mpl
from matplotlib.axes import Axes

from lrscope.figures import panels
from lrscope.figures._style import new_figure, style
from lrscope.papers.linearity import figures
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import CHANGE, GRID, PATH, SENSITIVITY, Network, across, networks
from lrscope.papers.linearity._summary import unknown
from lrscope.studies import Animation, Figure, Section, Table, array_of, dataset_of
from lrscope.studies._words import short

SOURCE_TRAININGS = 120_000
"""40 000 at each of three rates."""
CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LAW_COLUMNS = {
    "eta": "eta",
    "a": "a",
    "b": "b",
    "replicates": "trainings",
    "r2": "R²",
    "r2_corrected": "R² without noise",
    "r2_corrected_low": "R² from",
    "r2_corrected_high": "R² to",
    "slope": "slope",
    "slope_corrected": "slope without noise",
    "slope_corrected_low": "slope from",
    "slope_corrected_high": "slope to",
    "expected_slope": "b / a",
}


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report; those without anything to show are left out."""
    known = networks(results)
    lost = [text for text in map(unknown, known) if text]
    examples = dict.fromkeys(each["images"].attrs.get("reason", "") for each in networks(results, CHANGE))
    grids = [each.name for each in networks(results, GRID)]
    parts = [
        Section("Unavailable", "\n\n".join([*lost, UNAVAILABLE]), [_rates()] if lost else []),
        Section("The law", LAW, _law(results)),
        Section("How many trainings", NOISE, _noise(results, options)),
        Section("Where it breaks", BREAKS, [_grid_figure(name) for name in grids]),
        Section("What the rate does", RATE, [*_rate(results, options), *([] if lost else [_rates()])]),
        Section("Which examples", "\n\n".join([EXAMPLES, *filter(None, examples)]), _examples(results, options)),
        Section("Cost", COST, [_cost_table(options)]),
        Section("Every law of the grid", "", [_grid_table(name) for name in grids], collapsed=True),
    ]
    return [section for section in parts if section.items]


def _table(
    name: str, title: str, node: str, columns: dict[str, str], note: str, index: Sequence[str] = ("network",)
) -> Table:
    """Return a table of a node of all networks that have it."""

    def chosen(results: xr.DataTree) -> xr.Dataset:
        values = across(results, node)
        return values[[column for column in columns if column in values.data_vars]]

    return Table(name, title, chosen, index, {"network": "network"} | columns, note)


def _interval(name: str, heading: str) -> dict[str, str]:
    """Return the columns of an estimate and both ends of its interval."""
    return {name: heading, f"{name}_low": f"{heading}, from", f"{name}_high": f"{heading}, to"}


def _panels(
    node: str, draw: Callable[[Network, Axes], None], width: float, height: float
) -> Callable[[xr.DataTree], mpl.Figure]:
    """Return what draws a panel for each network that has a node."""

    def figure(results: xr.DataTree) -> mpl.Figure:
        known = networks(results, node)
        with style():
            drawn = new_figure(width * len(known), height)
            for ax, network in zip(drawn.subplots(1, len(known), squeeze=False).flat, known, strict=True):
                draw(network, ax)
                if len(known) > 1:
                    ax.set_title(f"{network.name}\n{ax.get_title('left')}", fontsize=7.5, fontweight="normal")
        return drawn

    return figure


def _law(results: xr.DataTree) -> list[Any]:
    names = [each.name for each in networks(results, PATH)]
    if not names:
        return []

    def scatter(network: Network, ax: Axes) -> None:
        deltas = network["deltas"].to_dataset().isel(replicates=-1, drop=True)
        figures.law_scatter(deltas, network["law"].to_dataset(), ax)

    def film(results: xr.DataTree, name: str) -> Iterator[np.ndarray]:
        return figures.law_film(
            *(dataset_of(results, f"{name}/{node}") for node in ("deltas", "law_by_replicates", "law"))
        )

    films = [
        Animation(
            f"law_{name}_film",
            f"The law with more and more trainings: {name}",
            "With few trainings both changes share the noise of the mean at eta.",
            partial(film, name=name),
        )
        for name in names
    ]
    caption = (
        "One point for each output for each validation sample: the mean over the trainings at the rate eta + a "
        "(across) and at eta + b (up), each less that at eta. Dashed: the law, slope b / a."
    )
    note = (
        "R² and slope as in the source, and without the noise that finitely many trainings leave, with 95% "
        "intervals. A straight line has the slope b / a and an R² of 1, which R² without noise may exceed by chance."
    )
    figure = Figure("law", "The law", caption, _panels(PATH, scatter, 4.0, 3.8))
    return [figure, _table("law", "The law", PATH, LAW_COLUMNS, note), *films]


def _noise(results: xr.DataTree, options: Options) -> list[Any]:
    if not networks(results, PATH):
        return []

    def draw(results: xr.DataTree) -> mpl.Figure:
        courses = {each.name: each["law_by_replicates"].to_dataset() for each in networks(results, PATH)}
        return figures.r2_by_replicates(courses)

    caption = (
        "Points: R² as in the source over the first trainings. Dashed: what is expected from the noise of a training "
        "and the shape of the path, both estimated from all trainings."
    )
    needed = _table(
        "trainings_needed",
        "Trainings for a wanted R²",
        "replicates_for",
        {"wanted": "R²", "replicates": "trainings at each rate"},
        "From signal and noise as estimated from all trainings: rough where R² without noise has a wide interval. "
        "Where R² without noise is lower than the wanted one, no number is enough.",
        ("network", "wanted"),
    )
    saved = _table(
        "seeds_saved",
        "What common seeds save",
        "seeds_saved",
        _interval("x", "worth for eta + a") | _interval("y", "worth for eta + b"),
        "How many trainings with different seeds at each rate one training with common seeds is worth, with 95% "
        "intervals.",
    )
    figure = Figure("r2_by_trainings", "R² against the number of trainings", caption, draw)
    return [figure, needed, *([saved] if options.pairing == "common" else [])]


def _grid_figure(name: str) -> Figure:
    caption = (
        "R² without noise for every rate eta of the grid and every two changes a, b of it; framed: both at most half "
        "of eta, where the source found the law to hold."
    )
    return Figure(
        f"grid_{name}",
        f"Where the law breaks: {name}",
        caption,
        lambda results: figures.law_grid(dataset_of(results, f"{name}/laws")),
    )


def _grid_table(name: str) -> Table:
    note = (
        "Every eta with every two changes that lead to other rates of the grid, in both orders: R² is the same, "
        "the slope is not. Laws at rates at which too many trainings diverged have no numbers."
    )
    return Table(f"laws_{name}", f"The law over the grid, {name}", f"{name}/laws", columns=LAW_COLUMNS, note=note)


def _rates() -> Table:
    return _table(
        "rates",
        "Every learning rate",
        "trainings",
        {"lr": "lr", "replicates": "trainings", "diverged": "diverged", "accuracy": "validation accuracy"},
        "Accuracy: mean over the trainings. Trainings that diverged are left out at their rate.",
        ("network", "lr"),
    )


def _rate(results: xr.DataTree, options: Options) -> list[Any]:
    items: list[Any] = []
    if networks(results, CHANGE):
        caption = (
            "One point for each output for each validation sample. Points with intervals: means of 20 bins of the "
            "output. Output and change share the noise of the mean at eta, with opposite sign."
        )
        draw = _panels(
            CHANGE, lambda each, ax: figures.delta_by_output(each["delta_against_output"].to_dataset(), ax), 4.0, 3.5
        )
        table = _table(
            "delta_against_output",
            "The change against the output itself",
            "delta_against_output",
            {"r2_line": "R² of a line", "r2_bins": "R² of bins"}
            | _interval("r2_corrected", "line, without noise")
            | _interval("r2_bins_corrected", "bins, without noise"),
            "How much of the variance of the change to eta + b the mean output at eta explains; 20 bins with as many "
            "points each.",
        )
        items += [Figure("delta_against_output", "The change against the output itself", caption, draw), table]
    if networks(results, SENSITIVITY):
        caption = (
            "Change of the mean output of each class per unit of the learning rate, with 95% intervals: over all "
            "validation samples, and over those of the class."
        )
        table = _table(
            "sensitivity",
            "Sensitivity by class",
            SENSITIVITY,
            {"output": "class"} | _interval("own", "own samples") | _interval("mean", "all samples"),
            "Change of the mean output of a class per unit of the learning rate, with 95% intervals.",
            ("network", "output"),
        )
        sensitivity = partial(_sensitivity, names=class_names(options))
        items += [Figure("sensitivity", "Sensitivity by class", caption, sensitivity, appendix=True), table]
    if networks(results, PATH):
        curvature = _table(
            "curvature",
            "The second-order term",
            "second_order",
            _interval("share", "share of the change") | _interval("ratio", "of the first-order term"),
            "Mean squares, over samples and outputs, of the quadratic term of the parabola through the three rates, "
            "without noise, with 95% intervals. Estimates are unbiased and may be below 0 where there is little "
            "curvature. Linear and quadratic term need not be orthogonal: no part of a whole.",
        )
        items.append(curvature)
    return items


def _sensitivity(results: xr.DataTree, names: Sequence[str]) -> mpl.Figure:
    values = across(results, SENSITIVITY)
    groups = {"mean": "all samples", "own": "samples of this class"}
    parts = {
        part: xr.concat([values[f"{group}{end}"] for group in groups], xr.Variable("group", list(groups.values())))
        for part, end in {"mean": "", "low": "_low", "high": "_high"}.items()
    }
    data = xr.Dataset(parts).assign_coords(output=list(names) or list(map(str, range(values.sizes["output"]))))
    data["output"].attrs["long_name"] = "class"
    data["mean"].attrs = {"long_name": "change per unit of rate", "units": "1"}
    return panels(data, x="output", hue="group", col="network", mark="points")


def _examples(results: xr.DataTree, options: Options) -> list[Any]:
    """Return the source's figures 3 to 6: one class of each network, the others in the appendix."""
    items: list[Any] = []
    for each in networks(results, CHANGE):
        eta, _, higher = each.attrs["rates"].three
        caption = (
            f"Samples of middling confidence at {short(eta, 6)} (40th to 60th percentile of their class) that were "
            f"learned from, whose mean output of their own class gains most, and least, at {short(higher, 6)}. Chosen "
            "by half of the trainings; the changes and confidences are those of the other half, which did not choose."
        )
        images = each["images"]
        for place, label in enumerate(images["class"].values.tolist() if "image" in images else []):
            name = class_names(options)[label] if class_names(options) else f"class {label}"
            title = f"Samples that the higher rate favours: {name}, {each.name}"
            draw = partial(_sheet, network=each.name, label=label, name=name)
            items.append(Figure(f"favoured_{each.name}_{label}", title, caption, draw, appendix=place > 0))
    columns = {
        "class": "class",
        "side": "side",
        "samples": "samples",
        "mean_change": "mean change",
        "mean_confidence_low": "confidence at eta",
        "mean_confidence_high": "confidence at eta + b",
        "mean_choosing_change": "mean change in the choosing half",
    }
    note = (
        "Of the samples of middling confidence: those whose mean output of their own class rises most, and least. "
        "Chosen by half of the trainings; all but the last column are from the other half."
    )
    title = "Which samples a higher rate favours"
    table = _table("favoured", title, "favoured", columns, note, ("network", "class", "side"))
    return [*items, *([table] if networks(results, CHANGE) else [])]


def class_names(options: Options) -> Sequence[str]:
    """Return the names of the classes where they are known."""
    return CIFAR_10 if options.data == "cifar10" else ()


def _sheet(results: xr.DataTree, network: str, label: int, name: str) -> mpl.Figure:
    images = array_of(results, f"{network}/images/image").sel({"class": label}).transpose("side", "rank", "y", "x", ...)
    by_side = {side: images.sel(side=side).values for side in ("most", "least")}
    return figures.image_sheet(dataset_of(results, f"{network}/favoured").sel({"class": label}), by_side, name)


def _cost_table(options: Options) -> Table:
    """Return the table of measured times, and of what as many trainings as the source's would take."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        seconds = pd.Series({each.name: float(each["trainings"]["seconds"]) for each in networks(results)})
        hours = SOURCE_TRAININGS * seconds / 3600
        columns = {
            "network": seconds.index,
            "trainings": [int(each["trainings"]["replicates"].sum()) for each in networks(results)],
            "seconds a training": seconds.values,
            "trainings an hour": [float(f"{rate:.3g}") for rate in 3600 / seconds.values],
            f"hours for {SOURCE_TRAININGS:,} trainings": hours.values,
        }
        if options.price is not None:
            columns[f"cost at {options.price:g} an hour"] = hours.values * options.price
        return pd.DataFrame(columns)

    note = "Of one worker: a machine with all its cores or its GPU, or one core or GPU of a Ray cluster."
    return Table("cost", "What trainings cost", frame, note=note)


UNAVAILABLE = (
    "A training diverges when its loss or gradient is not finite any more; it is left out at its rate. Whatever does "
    "not need these rates is shown below. For the rest, choose smaller rates."
)
LAW = (
    "The mean output of many trainings is a function of the learning rate. If it moves along a straight line, the "
    "change from eta to eta + b is b / a times that from eta to eta + a, for every output of every sample; the table "
    "has eta, a and b. Both changes share the mean at eta, whose noise alone correlates them: independent trainings "
    "without any effect of the rate would have an R² of 0.25 and a slope of 0.5. The corrected values use only "
    "products of different trainings, which share no noise."
)
NOISE = (
    "The noise of a mean falls with the number of trainings. Trainings with common seeds begin with the same weights "
    "and see the data in the same order at every rate, so that a part of their noise is the same and cancels in the "
    "change."
)
BREAKS = (
    "The law for every rate of a grid and every two changes that lead to other rates of it. A training that diverged "
    "is left out at its rate."
)
RATE = (
    "Whether the change follows from the output itself (the source's question 1); the change per unit of the learning "
    "rate, class by class; and how far the path bends."
)
EXAMPLES = (
    "The source's question 2. Both groups are chosen by half of the trainings, in which they are extreme partly by "
    "chance; changes and confidences are those of the other half, which chance does not favour. Shown are the classes "
    "of the source, or those whose groups differ most; the table has all."
)
COST = f"The source trained {SOURCE_TRAININGS:,} networks in about 128 hours of an A100 GPU, 3.83 seconds each."
