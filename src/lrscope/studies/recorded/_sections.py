"""What the report of any file of records says and shows, as far as its results have it."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import analysis, figures
from lrscope.records import DIVERGED_AT, LAST_LOSSES, Labelled
from lrscope.report import Figure, Section, Table, array_of, dataset_of
from lrscope.studies._prose import paragraphs
from lrscope.studies._words import percent, rate, short
from lrscope.studies.recorded._results import INACTIVE, LR, MEGA, ONE_STEP, RATES_SHOWN, evenly

DRAWN = {LR: RATES_SHOWN, "layer": 16}
"""Learning rates and layers that are drawn at most; of more some are chosen evenly."""
MODULES = 3
"""Parts of the network beside each other in a histogram, at most."""
LISTED = 8
"""Values of an axis that are listed, at most."""
MEAN = "Mean over the networks of a rate."


def sections(results: xr.DataTree, _options: Any) -> list[Section]:
    """Return the sections of the report."""
    made = []
    if results.attrs["networks"].filter(like="last ").size:
        made.append(_training(results))
    if "gradient_norms" in results:
        made.append(_gradients(results))
    if "fluctuation" in results:
        made += [_fluctuations(results), _taking_part(results)]
    if "lives" in results:
        made.append(_lives(results))
    tables = [
        Table(
            "recorded",
            "What was recorded",
            lambda results: results.attrs["quantities"],
            note="Every: steps from one record to the next, at the median. MB: as they lie in the files.",
        ),
        Table("layers", "The layers", lambda results: results.attrs["layers"]),
    ]
    made.append(Section("What was recorded", _cost(results), tables))
    if results.attrs["missing"]:
        made.append(Section("What is left out", "\n\n".join(results.attrs["missing"])))
    return made


def _training(results: xr.DataTree) -> Section:
    note = (
        f"Last: the last recorded value that is a number. Not improved: the mean of the last {LAST_LOSSES} losses is "
        "no lower than the first."
    )
    networks = Table("networks", "Every network", lambda results: results.attrs["networks"], note=note)
    if "curves" not in results:
        return Section("Training", "One step was recorded: there are no curves.", [networks])
    curves = _children(results, "curves")

    def draw(results: xr.DataTree) -> Drawing:
        shown = {name: _few(curve) for name, curve in _children(results, "curves").items()}
        diverged = _few(array_of(results, f"ended/{DIVERGED_AT}")) if "ended" in results else None
        return figures.panels(shown, diverged=diverged)

    caption = f"Over the steps{_band(results)}.{_shown(next(iter(curves.values())))}"
    figure = Figure("training", "Every recorded number of the network", caption, draw)
    every = max(curve.attrs["every"] for curve in curves.values())
    text = f"Of long records one of {every} steps is drawn." if every > 1 else ""
    return Section("Training", text, [figure, networks])


def _gradients(results: xr.DataTree) -> Section:
    table = Table("gradient_norms", "Gradient norms by layer", "gradient_norms", ("layer", LR), note=MEAN)
    if "gradients" not in results:
        return Section("Gradients by layer", "One step was recorded.", [table])
    norms = results["gradients"].attrs
    of = " and ".join(name.replace("_", " ") for name in norms["of"])
    caption = f"Norm of the {of} of each layer{_band(results)}.{_shown(dataset_of(results, 'gradient_norms'))}"
    figure = Figure(
        "gradients",
        "Gradients by layer",
        caption,
        lambda results: figures.panels(_few(dataset_of(results, "gradients")), col="layer"),
    )
    return Section("Gradients by layer", _read_of(norms["every"]), [figure, table])


def _fluctuations(results: xr.DataTree) -> Section:
    text = (
        "The fluctuation of a neuron is the variance over the recorded steps of the standard deviation of what belongs "
        "to it (its incoming weights, their gradients, its activations over the samples; the absolute value of its "
        "bias), divided by the largest in its top-level module. "
    )
    first = "Shown is the first network of each learning rate. " if len(results.attrs["networks"]) > 1 else ""
    every = results["participation"].attrs["every"]
    histograms = [_histogram(name, one["fluctuation"]) for name, one in _children(results, "fluctuation").items()]
    return Section("Fluctuations", text + first + _read_of(every), histograms)


def _histogram(quantity: str, fluctuation: xr.DataArray) -> Figure:
    modules = np.array(list(dict.fromkeys(fluctuation["module"].values.tolist())))
    chosen = modules[evenly(len(modules), MODULES)]
    words = quantity.replace("_", " ")

    def draw(results: xr.DataTree) -> Drawing:
        first = _few(array_of(results, f"fluctuation/{quantity}/fluctuation"))
        inside = first.isel(neuron=np.flatnonzero(np.isin(first["module"].values, chosen)))
        return figures.fluctuation_histogram(inside, analysis.binned(inside), title=words)

    caption = "Histogram of the neurons by normalised fluctuation, and the number of neurons in three ranges."
    caption += f" Shown are {len(chosen)} of {len(modules)} modules." if len(chosen) < len(modules) else ""
    return Figure(f"fluctuation_{quantity}", f"Fluctuation of the {words}", caption + _shown(fluctuation), draw)


def _taking_part(results: xr.DataTree) -> Section:
    intervals = ", with 95% intervals over the networks of a rate, by Student's t" if _band(results) else ""
    caption = (
        f"Share of the neurons of each layer with a normalised fluctuation below {INACTIVE:g}{intervals}."
        f"{_shown(dataset_of(results, 'participation'))}"
    )

    def draw(results: xr.DataTree) -> Drawing:
        shares = {name.replace("_", " "): _few(share) for name, share in _children(results, "inactive").items()}
        return figures.panels(shares, x="layer", mark="points")

    table = Table(
        "participation",
        "Inactive neurons by layer",
        "participation",
        ("quantity", "layer", LR),
        {"quantity": "quantity", "layer": "layer", LR: "lr", "neurons": "neurons", "share": "share inactive"},
        note=MEAN,
    )
    every = results["participation"].attrs["every"]
    return Section("Taking part", _read_of(every), [Figure("inactive", "Inactive neurons", caption, draw), table])


def _lives(results: xr.DataTree) -> Section:
    lives = dataset_of(results, "lives")
    shown, repeated = _shown(lives), results.attrs["repeated"]
    jackknife = "; bands: 95% intervals, leaving out one network at a time (Student's t)" if repeated else ""
    drawn = {
        "dead": Figure(
            "dead",
            "Dead neurons",
            f"Share of the neurons of each layer that are dead, or not born yet{_band(results)}.{shown}",
            lambda results: figures.panels(_few(dataset_of(results, "dead")), col="layer"),
        ),
        "active": Figure(
            "activity",
            "Activity of every neuron",
            "Share of the samples that activate each neuron, of the first network of each learning rate; in the "
            "titles: how many are dead at the end.",
            draw_activity,
        ),
        "survival": Figure(
            "survival",
            "Survival",
            f"Share of the neurons that have not died for good, by Kaplan and Meier{jackknife}.{shown}",
            lambda results: figures.panels(_few(dataset_of(results, "survival")), col="layer", mark="steps"),
        ),
    }
    table = Table(
        "lives",
        "Lives of the neurons by layer",
        "lives",
        ("layer", LR),
        note="Neurons of all networks of a rate. Dead at the end: at their last recorded step, the never active "
        "included.",
    )
    rule = "" if lives.attrs["window"] == 1 else f" for {lives.attrs['window']} recorded steps in a row or more"
    text = (
        f"A neuron is born at the first recorded step at which a sample activates it, and dead while none does{rule}. "
        f"Only the samples of the recorded batches count. {_negative(lives.attrs['negative'])}"
        f"{_read_of(lives.attrs['every'])}"
    )
    return Section("Life of the neurons", text, [*(figure for node, figure in drawn.items() if node in results), table])


def draw_activity(results: xr.DataTree) -> Drawing:
    """Draw the active share of every neuron over the steps, a panel for each child of the node ``active``."""
    nodes = results["active"].children.values()
    maps = {node.attrs["title"]: node["share"].assign_attrs(zero="no sample activates it") for node in nodes}
    return figures.panels(maps, y="neuron", mark="heat")


def _negative(layers: Mapping[str, bool]) -> str:
    """Say that layers whose activations go below 0 have no dead neurons in this sense; nothing where none does."""
    below = [layer for layer, goes_below in layers.items() if goes_below]
    if not below:
        return ""
    which = "all recorded layers" if len(below) == len(layers) else ", ".join(below)
    return f"Activations of {which} go below 0; neurons that are not silent but saturated are not counted. "


def _cost(results: xr.DataTree) -> str:
    files = results.attrs["files"]
    size = sum(file.size_bytes for file in files) / MEGA
    words = [f"{'The file takes' if len(files) == 1 else 'The files take'} {size:.1f} MB."]
    if results.attrs["recording"]:
        recording, training = results.attrs["recording"]
        share = f", {percent(recording / training)} of the time," if training > 0 else ""
        words.append(f"Recording took {short(recording)} of {short(training)} s{share} until the last record.")
    if "command" in files[0].metadata:
        words.append(f"Written by: {files[0].metadata['command']}")
    return " ".join(words)


def _children(results: xr.DataTree, path: str) -> dict[str, xr.Dataset]:
    return {unquote(name): node.to_dataset() for name, node in results[path].children.items()}


def _few(array: Labelled) -> Labelled:
    """Return an array of at most so many learning rates and layers, evenly chosen."""
    return array.isel({dim: evenly(array.sizes[dim], most) for dim, most in DRAWN.items() if dim in array.dims})


def _shown(array: xr.DataArray | xr.Dataset) -> str:
    """Say how many learning rates and layers `_few` shows of an array; nothing where it shows all."""
    names = {LR: "learning rates", "layer": "layers"}
    sizes = {dim: size for dim, size in array.sizes.items() if size > DRAWN.get(str(dim), size)}
    parts = [f"{DRAWN[str(dim)]} of {size} {names[str(dim)]}" for dim, size in sizes.items()]
    return f" Shown are {' and '.join(parts)}." if parts else ""


def _band(results: xr.DataTree) -> str:
    """Say what the bands of curves are; nothing where each rate has one network."""
    if not results.attrs["repeated"]:
        return ""
    means = "95% intervals by Student's t, of geometric means on logarithmic axes"
    return f"; lines: means over the networks of a rate, bands: {means}"


def _read_of(every: int) -> str:
    """Say that records were too long to use every step; nothing where they were not."""
    return f"The records are long: one of {every} recorded steps was used." if every > 1 else ""


def summary(results: xr.DataTree, _options: Any) -> list[str]:
    """Return paragraphs: what the files hold, how the networks ended, how many neurons died."""
    networks, labels = results.attrs["networks"], results.attrs["labels"]
    ends = networks["outcome"].tolist() if "outcome" in networks else []
    lower = "lower loss than at the start"
    words = {"converged": f"ended with a {lower}", "not improved": f"ended with no {lower}"}
    followed = [words.get(end, end) for end in ends if end != ONE_STEP]
    return paragraphs(
        "studies/recorded/summary.txt.j2",
        networks=len(networks),
        axes=[f"{axis} {_listed(values)}" for axis, values in labels.items()],
        steps=results.attrs["steps"],
        complete=results.attrs["files"][-1].complete,
        rates=_rates(results),
        listed_at_most=LISTED,
        ends=ends,
        last_losses=LAST_LOSSES,
        losses=_losses(results) if len(ends) == 1 else {},
        counts=[(followed.count(end), end) for end in dict.fromkeys(followed)],
        dead=_dead(results),
        nan=np.nan,
    )


def _rates(results: xr.DataTree) -> list[str]:
    """Return how each learning rate changed over the steps; nothing of those that did not, or were not recorded."""
    if "curves" not in results or "learning_rate" not in results["curves"].children:
        return []
    texts = []
    for values in array_of(results, "curves/learning_rate/mean").transpose(LR, ...).values:
        known = values[np.isfinite(values)]
        if len(known) and np.ptp(known) > 0:
            ends = f"from {short(known[0])} to {short(known[-1])}"
            texts.append(ends + (f" (up to {short(known.max())})" if known.max() > max(known[0], known[-1]) else ""))
    return texts


def _listed(values: Sequence[Any]) -> str:
    distinct = list(dict.fromkeys(values))
    words = [rate(value, distinct) for value in distinct]
    return ", ".join(words) if len(words) <= LISTED else f"{words[0]} to {words[-1]}, {len(words)} values"


def _losses(results: xr.DataTree) -> dict[str, float]:
    """Return the first and the last loss of the only network, and the mean of its last ones."""
    losses = {"last": float(results.attrs["networks"]["last loss"].item())}
    if np.isfinite(losses["last"]) and "curves" in results and "loss" in results["curves"].children:
        curve = array_of(results, "curves/loss/mean").values.ravel()
        losses |= {"first": float(curve[np.isfinite(curve)][0])}
        losses |= {"late": float(array_of(results, "ended/late_loss").item())}
    return losses


def _dead(results: xr.DataTree) -> list[tuple[int, int, str]]:
    """Return how many neurons were dead at the end, of how many, at each rate; nothing where none was recorded."""
    if "lives" not in results:
        return []
    counts = dataset_of(results, "lives").sum("layer")
    lrs = counts[LR].values.tolist()
    numbers = (counts[name].values.tolist() for name in ("dead at the end", "neurons"))
    each = list(zip(*numbers, (rate(lr, lrs) for lr in lrs), strict=True))
    return each if any(neurons for _, neurons, _ in each) else []
