"""The sections of the report: figures and tables of what is known, and how to read them."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import xarray as xr
from matplotlib import figure as mpl
from matplotlib.axes import Axes

from lrscope.figures import figure_of, panels
from lrscope.figures._style import new_figure, style
from lrscope.papers.linearity import _tables as tables
from lrscope.papers.linearity import figures
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import CHANGE, GRID, PATH, SENSITIVITY, Network, across, networks
from lrscope.papers.linearity._summary import SOURCE_TRAININGS, cost, unknown
from lrscope.studies import Animation, Figure, Section, array_of, dataset_of
from lrscope.studies._words import short

CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MARKED_R2 = 0.99
"""R² whose number of trainings is marked."""


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report; those without anything to show are left out."""
    grid = [each.name for each in networks(results, GRID)]
    lost = [text for text in map(unknown, networks(results)) if text]
    parts = [
        Section("Unavailable", "\n\n".join([*lost, UNAVAILABLE]), [tables.rates] if lost else []),
        Section("The law", LAW, _law(results)),
        Section("How many trainings", NOISE, _noise(results, options)),
        Section("Where it breaks", BREAKS, [_grid_figure(name) for name in grid]),
        Section("What the rate does", RATE, _rate(results, options) + ([] if lost else [tables.rates])),
        Section("Which examples", _examples_text(results), _examples(results, options)),
        Section(
            "Cost",
            "\n\n".join([COST, *(cost(each, options.price) for each in networks(results))]),
            [tables.cost(options)],
        ),
        Section("Every law of the grid", "", [tables.law_of_grid(name) for name in grid], collapsed=True),
    ]
    return [section for section in parts if section.items]


def _law(results: xr.DataTree) -> list[Any]:
    names = [each.name for each in networks(results, PATH)]
    if not names:
        return []
    caption = (
        "One point for each output for each validation sample: the mean over the trainings at the rate eta + a "
        "(across) and at eta + b (up), each less that at eta. Dashed: the law, slope b / a."
    )
    return [
        Figure("law", "The law", caption, _panels(PATH, _scatter, 4.0, 3.8)),
        tables.law,
        *(
            Animation(
                f"law_{name}_film",
                f"The law with more and more trainings: {name}",
                "With few trainings both changes share the noise of the mean at eta.",
                partial(_film, name=name),
            )
            for name in names
        ),
    ]


def _noise(results: xr.DataTree, options: Options) -> list[Any]:
    if not networks(results, PATH):
        return []
    caption = (
        "Points: R² as in the source over the first trainings. Dashed: what the noise of a training and the shape of "
        "the path let expect, both estimated from all trainings."
    )
    figure = Figure("r2_by_trainings", "R² against the number of trainings", caption, _r2_by_replicates)
    return [figure, tables.trainings_needed, *([tables.seeds_saved] if options.pairing == "common" else [])]


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


def _rate(results: xr.DataTree, options: Options) -> list[Any]:
    items: list[Any] = []
    if networks(results, CHANGE):
        caption = (
            "One point for each output for each validation sample. Points with intervals: means of 20 bins of the "
            "output. Output and change share the noise of the mean at eta, with opposite sign."
        )
        draw = _panels(CHANGE, _relation, 4.0, 3.5)
        items += [
            Figure("delta_against_output", "The change against the output itself", caption, draw),
            tables.relation,
        ]
    if networks(results, SENSITIVITY):
        caption = (
            "Change of the mean output of each class per unit of the learning rate, with 95 % intervals: over all "
            "validation samples, and over those of the class."
        )
        draw = partial(_sensitivity, names=class_names(options))
        items += [Figure("sensitivity", "Sensitivity by class", caption, draw, appendix=True), tables.sensitivity]
    if networks(results, PATH):
        caption = (
            "Both terms of the parabola through the three rates, at eta + b; on a straight path the second is zero."
        )
        draw = _panels(PATH, _second_order, 4.0, 3.0)
        items += [Figure("second_order", "How the path bends", caption, draw, appendix=True), tables.curvature]
    return items


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
            items.append(
                Figure(
                    f"favoured_{each.name}_{label}",
                    f"Samples that the higher rate favours: {name}, {each.name}",
                    caption,
                    partial(_sheet, network=each.name, label=label, name=name),
                    appendix=place > 0,
                )
            )
    return [*items, *([tables.favoured] if networks(results, CHANGE) else [])]


def _examples_text(results: xr.DataTree) -> str:
    reasons = dict.fromkeys(each["images"].attrs.get("reason", "") for each in networks(results, CHANGE))
    return "\n\n".join([EXAMPLES, *filter(None, reasons)])


def class_names(options: Options) -> Sequence[str]:
    """Return the names of the classes where they are known."""
    return CIFAR_10 if options.data == "cifar10" else ()


def _panels(
    node: str, draw: Callable[[Network, Axes], Axes], width: float, height: float
) -> Callable[[xr.DataTree], mpl.Figure]:
    """Return what draws a panel for each network that has a node."""

    def figure(results: xr.DataTree) -> mpl.Figure:
        known = networks(results, node)
        with style():
            drawn = new_figure(width * len(known), height)
            for ax, network in zip(drawn.subplots(1, len(known), squeeze=False).flat, known, strict=True):
                draw(network, ax)
                if len(known) > 1:
                    text = "\n".join(filter(None, [network.name, ax.get_title("left")]))
                    ax.set_title(text, fontsize=7.5, fontweight="normal", linespacing=1.4)
        return drawn

    return figure


def _scatter(network: Network, ax: Axes) -> Axes:
    deltas = network["deltas"].to_dataset().isel(replicates=-1, drop=True)
    return figures.law_scatter(deltas, network["law"].to_dataset(), ax)


def _film(results: xr.DataTree, name: str) -> figures.LawFilm:
    deltas, course, law = (dataset_of(results, f"{name}/{node}") for node in ("deltas", "law_by_replicates", "law"))
    return figures.LawFilm(deltas, course, law)


def _r2_by_replicates(results: xr.DataTree) -> mpl.Figure:
    known = networks(results, PATH)
    courses = {each.name: each["law_by_replicates"].to_dataset() for each in known}
    needed = {each.name: float(each["replicates_for"]["replicates"].sel(wanted=MARKED_R2)) for each in known}
    return figure_of(figures.r2_by_replicates(courses, MARKED_R2, needed))


def _relation(network: Network, ax: Axes) -> Axes:
    return figures.delta_by_output(network["delta_against_output"].to_dataset(), ax)


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


def _second_order(network: Network, ax: Axes) -> Axes:
    return figures.second_order_term(network["second_order"].to_dataset(), network.attrs["rates"].b, ax)


def _sheet(results: xr.DataTree, network: str, label: int, name: str) -> mpl.Figure:
    images = array_of(results, f"{network}/images/image").sel({"class": label}).transpose("side", "rank", "y", "x", ...)
    by_side = {side: images.sel(side=side).values for side in ("most", "least")}
    return figures.image_sheet(dataset_of(results, f"{network}/favoured").sel({"class": label}), by_side, name)


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
