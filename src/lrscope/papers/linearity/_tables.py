"""The study's tables: which results under which headings."""

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import across, networks
from lrscope.papers.linearity._summary import SOURCE_TRAININGS
from lrscope.studies import Table

LAW = {
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
    "slope_low": "slope from",
    "slope_high": "slope to",
    "expected_slope": "b / a",
}
NETWORK = {"network": "network"}


def _interval(name: str, heading: str) -> dict[str, str]:
    """Return the columns of an estimate and both ends of its interval."""
    return {name: heading, f"{name}_low": f"{heading}, from", f"{name}_high": f"{heading}, to"}


def _across_networks(
    name: str, title: str, node: str, columns: dict[str, str], note: str, index: Sequence[str] = ()
) -> Table:
    """Return a table of a node of all networks that have it."""

    def chosen(results: xr.DataTree) -> xr.Dataset:
        values = across(results, node)
        return values[[column for column in columns if column in values.data_vars]]

    return Table(name, title, chosen, index, NETWORK | columns, note)


def law_of_grid(network: str) -> Table:
    """Return the table of all laws of the grid."""
    return Table(
        f"laws_{network}",
        f"The law over the grid, {network}",
        f"{network}/laws",
        columns=LAW,
        note="Every eta with every two changes that lead to other rates of the grid, in both orders: R² is the same, "
        "the slope is not. Laws at rates at which too many trainings diverged have no numbers.",
    )


def cost(options: Options) -> Table:
    """Return the table of measured times, and of what as many trainings as the source's would take."""

    def frame(results: xr.DataTree) -> pd.DataFrame:
        seconds = pd.Series({each.name: float(each["trainings"]["seconds"]) for each in networks(results)})
        hours = SOURCE_TRAININGS * seconds / 3600
        columns = {
            "network": seconds.index,
            "trainings": [int(each["trainings"]["replicates"].sum()) for each in networks(results)],
            "seconds a training": seconds.values,
            "trainings an hour": 3600 / seconds.values,
            f"hours for {SOURCE_TRAININGS:,} trainings": hours.values,
        }
        if options.price is not None:
            columns[f"cost at {options.price:g} an hour"] = hours.values * options.price
        return pd.DataFrame(columns)

    note = "Of one worker: a machine with all its cores or its GPU, or one core or GPU of a Ray cluster."
    return Table("cost", "What trainings cost", frame, note=note)


law = _across_networks(
    "law",
    "The law",
    "law",
    LAW,
    note="R² and slope as in the source, and without the noise that finitely many trainings leave, with 95 % "
    "intervals. A straight line has the slope b / a and an R² of 1, which R² without noise may exceed by chance.",
)
rates = _across_networks(
    "rates",
    "Every learning rate",
    "trainings",
    {"lr": "lr", "replicates": "trainings", "diverged": "diverged", "accuracy": "validation accuracy"},
    note="Accuracy: mean over the trainings. Trainings that diverged are left out at their rate.",
    index=("network", "lr"),
)
trainings_needed = _across_networks(
    "trainings_needed",
    "Trainings for a wanted R²",
    "replicates_for",
    {"wanted": "R²", "replicates": "trainings at each rate"},
    note="From signal and noise as estimated from all trainings: rough where R² without noise has a wide interval. "
    "Where R² without noise is lower than the wanted one, no number is enough.",
    index=("network", "wanted"),
)
seeds_saved = _across_networks(
    "seeds_saved",
    "What common seeds save",
    "seeds_saved",
    _interval("x", "worth for eta + a") | _interval("y", "worth for eta + b"),
    note="How many trainings with different seeds at each rate one training with common seeds is worth, with 95 % "
    "intervals.",
)
curvature = _across_networks(
    "curvature",
    "The second-order term",
    "second_order",
    _interval("share", "share of the change") | _interval("ratio", "of the first-order term"),
    note="Mean squares, over samples and outputs, of the quadratic term of the parabola through the three rates, "
    "without noise, with 95 % intervals. Estimates are unbiased and may be below 0 where there is little curvature. "
    "Linear and quadratic term need not be orthogonal: no part of a whole.",
)
relation = _across_networks(
    "delta_against_output",
    "The change against the output itself",
    "delta_against_output",
    {"r2_line": "R² of a line", "r2_bins": "R² of bins"}
    | _interval("r2_corrected", "line, without noise")
    | _interval("r2_bins_corrected", "bins, without noise"),
    note="How much of the variance of the change to eta + b the mean output at eta explains; 20 bins with as many "
    "points each.",
)
sensitivity = _across_networks(
    "sensitivity",
    "Sensitivity by class",
    "sensitivity",
    {"output": "class"} | _interval("own", "own samples") | _interval("mean", "all samples"),
    note="Change of the mean output of a class per unit of the learning rate, with 95 % intervals.",
    index=("network", "output"),
)
favoured = _across_networks(
    "favoured",
    "Which samples a higher rate favours",
    "favoured",
    {
        "class": "class",
        "side": "side",
        "samples": "samples",
        "mean_change": "mean change",
        "mean_confidence_low": "confidence at eta",
        "mean_confidence_high": "confidence at eta + b",
        "mean_choosing_change": "mean change in the choosing half",
    },
    note="Of the samples of middling confidence: those whose mean output of their own class rises most, and least. "
    "Chosen by half of the trainings; all but the last column are from the other half.",
    index=("network", "class", "side"),
)
