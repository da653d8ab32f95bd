"""What the report shows: the summary, and sections of figures and tables."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope.figures import panels
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability import _tables as tables
from lrscope.papers.stability import figures
from lrscope.papers.stability._analysis import DUPLICATES, similarity
from lrscope.papers.stability._configurations import Configuration, Options, label
from lrscope.papers.stability._results import ERRORS, network, onsets_of
from lrscope.records import RATE_REASONS, step_dimension
from lrscope.report import Animation, Figure, Section, Table, array_of
from lrscope.studies._prose import paragraphs
from lrscope.studies._words import counted, percent

Item = Figure | Animation | Table
Network = tuple[Configuration, float]
"""A network of seed 0: its configuration and learning rate."""
FORMULAS = {"f1": "f1(x) = exp(x/5)", "f2": "f2(x) = sin(x) (25 - x\N{SUPERSCRIPT TWO})"}
ONSETS = (
    "Onsets of instability, each the step at which it began: the sharpness (largest eigenvalue of the Hessian) crosses "
    "2 / lr, the angle between consecutive gradients grows after a calm, the gradient norm grows from its lowest "
    "value, the gradient begins to turn round at every step (oscillation), the error rises."
)
SMALLER = "Does a smaller rate only learn more slowly, or does it also stay stable for longer than it is slower?"
ALARM = (
    "An alarm knows the past only. Each quantity is tried over a grid of learning rates and seeds: does an alarm come "
    "before the error rises, and does the error rise after an alarm?"
)
GUIDED = (
    "A rate driven by the angle between consecutive gradients: it is raised while they stay aligned, and lowered at "
    "once to half of what the last step shows to be stable when they turn; the first step is a short trial. It is "
    "compared with other controllers, all with the same seeds and starting rates."
)
MARKED_REASONS = RATE_REASONS[1:6]  # those of the gradient angle
FRAMES = 120
MARGIN = 20
"""Steps that a zoom shows before the first onset and after that of the error, at least."""
PAIRS = 6
"""Pairs of neurons with a line of their own."""


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the answer in plain words, one text a paragraph."""
    networks = [(chosen, lr) for chosen in grids.configurations(options) for lr in chosen.lrs]
    unstable = [each for each in networks if onsets_of(results, *each)["error"] >= 0]
    every = [results[f"{chosen.name}/networks"].to_dataset()["outcome"] for chosen in grids.configurations(options)]
    scales = dict.fromkeys(f"{chosen.init_scale:g}" for chosen, _ in networks if chosen.init_scale != 1)
    targets = dict.fromkeys(chosen.target for chosen, _ in networks)
    return paragraphs(
        "papers/stability/summary.txt.j2",
        count=sum(outcome.size for outcome in every),
        diverged=sum(int((outcome == "diverged").sum()) for outcome in every),
        unstable=len(unstable),
        networks=len(networks),
        named=label(*networks[0]),
        scales=list(scales),
        formulas=[FORMULAS[target] for target in targets if target in FORMULAS],
        first=_announced(results, *unstable[0]) if unstable else {},
        alarms=_alarms(results) if options.published else [],
    )


def _announced(results: xr.DataTree, chosen: Configuration, lr: float) -> dict[str, Any]:
    """Return in which order the onsets came in one network, how long before the error's, and in which neurons."""
    onsets = {name: step for name, step in onsets_of(results, chosen, lr).items() if step >= 0}
    error = onsets.pop("error")
    before = sorted((step, name.replace("_", " ")) for name, step in onsets.items() if step < error)
    share = results[f"{chosen.name}/neurons"].to_dataset()["oscillation"].sel(lr=lr).dropna("neuron")
    largest = share.sortby(share, ascending=False)[:3]
    neurons = zip(largest["layer"].values, largest["index"].values, largest.values.tolist(), strict=True)
    return {
        "name": label(chosen, lr),
        "error": error,
        "before": [f"{name} {counted(error - step, 'step')} before" for step, name in before],
        "shares": [f"{layer} {index} {percent(value)}" for layer, index, value in neurons],
    }


def _alarms(results: xr.DataTree) -> list[tuple[str, float, float, float]]:
    """Return for each target how many rises the angle announces, how many alarms are right, and the median lead."""
    angle = results["alarm"].to_dataset().sel(signal="angle")
    numbers = (angle["recall"], angle["precision"], angle["lead_quantiles"].sel(quantile=0.5))
    return list(zip(angle["target"].values.tolist(), *(each.values.tolist() for each in numbers), strict=True))


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report."""
    chosen = _published(results) if options.published else _single(results, options)
    return [*chosen, Section("Every network", "", [tables.NETWORKS])]


def _published(results: xr.DataTree) -> list[Section]:
    first, second, fourth, fifth = grids.FIGURE_1, grids.FIGURE_1_OF_F2, grids.FIGURE_4, grids.FIGURE_5
    onset: list[Item] = [*_onset_figures(results, first, 1.0), *_onset_figures(results, second, 0.1, appendix=True)]
    smaller: list[Item] = [_errors(grids.FIGURE_3, "figure_3", "Three rates, figure 3")]
    smaller += [_sharpness(grids.FIGURE_3, lr, appendix=True) for lr in (0.3, 0.4)]
    neurons: list[Item] = [
        _rows([(fourth, 0.2), (fourth, 0.4)], "figure_4", "Two rates, figure 4"),
        _duplicates(fourth, 0.4),
        _rows([(fifth, 0.05)], "figure_5", "More neurons, figure 5"),
        _duplicates(fifth, 0.05, appendix=True),
        _rows([(grids.FIGURE_6, 0.1), (grids.FIGURE_6_SCALED, 0.1)], "figure_6", "Larger initial weights, figure 6"),
        tables.PAIRS,
    ]
    controllers: list[Item] = [_guided(first, 1.0), _guided(second, 0.1), *(_bench(target) for target in grids.SIZES)]
    controllers.append(tables.CONTROLLERS)
    return [
        Section("How instability begins", ONSETS, [*onset, tables.NEURONS]),
        Section("Smaller rates", SMALLER, smaller),
        Section("Duplicate neurons", "", neurons),
        Section("The alarm", ALARM, [LEAD_TIMES, tables.ALARM]),
        Section("A gradient-driven learning rate", GUIDED, controllers),
    ]


def _single(results: xr.DataTree, options: Options) -> list[Section]:
    (chosen,) = grids.configurations(options)
    lr = _detailed_rate(results, chosen)
    several: list[Item] = [_errors(chosen, "errors", "Every learning rate")] if len(chosen.lrs) > 1 else []
    parts = [
        Section("How instability begins", ONSETS, [*_onset_figures(results, chosen, lr), tables.NEURONS]),
        Section("The learning rate", "", [*several, _guided(chosen, lr)]),
    ]
    if chosen.hidden > 2:  # two hidden neurons or more: a pair
        pairs: list[Item] = [_duplicates(chosen, lr, appendix=True), tables.PAIRS]
        parts.append(Section("Duplicate neurons", "", pairs))
    return parts


def _detailed_rate(results: xr.DataTree, chosen: Configuration) -> float:
    """Return the highest learning rate at which the network of seed 0 did not diverge, or the highest of all."""
    diverged_at = results[f"{chosen.name}/networks"].to_dataset()["diverged_at"].sel(seed=0)
    whole = diverged_at["lr"].values[diverged_at.values < 0]
    return float(np.max(whole if len(whole) else diverged_at["lr"].values))


def zoom_of(results: xr.DataTree, chosen: Configuration, lr: float) -> tuple[int, int] | None:
    """Return first and last step around the onset, from before the angle's to after the error's; None without one."""
    onsets = onsets_of(results, chosen, lr)
    angle, error = onsets["angle"], onsets["error"]
    if error < 0:
        return None
    first = angle if 0 <= angle < error else error
    margin = max(MARGIN, error - first)
    return max(0, first - margin // 2), min(chosen.epochs - 1, error + margin)


def _file(kind: str, chosen: Configuration, lr: float) -> str:
    return f"{kind}_{chosen.name}" + (f"_lr{lr:g}" if len(chosen.lrs) > 1 else "")


def _run(results: xr.DataTree, chosen: Configuration, lr: float) -> tuple[xr.Dataset, dict[str, int]]:
    return network(results, chosen, lr, "records"), onsets_of(results, chosen, lr)


def _onset_figures(
    results: xr.DataTree, chosen: Configuration, lr: float, appendix: bool = False
) -> Iterator[Figure | Animation]:
    """Yield figures 1 and 2, the sharpness and the film of one network, as far as there is something to see."""
    zoom, name = zoom_of(results, chosen, lr), label(chosen, lr)

    def training(results: xr.DataTree) -> Drawing:
        return figures.training_panels(*_run(results, chosen, lr), zoom)

    def path(results: xr.DataTree, zoom: tuple[int, int]) -> Drawing:
        return figures.gradient_path(network(results, chosen, lr, "records"), zoom)

    def film(results: xr.DataTree) -> figures.Film:
        run, onsets = _run(results, chosen, lr)
        return figures.run_film(run, figures.frame_steps(run, zoom, FRAMES), onsets)

    caption = "Error, gradient norm, angle and weights"
    caption += (
        f"; vertical lines: onsets. Zooms on steps {zoom[0]} to {zoom[1]}." if zoom else ", and what was learned."
    )
    yield Figure(_file("training", chosen, lr), f"Training of {name}", caption, training)
    moved = int(network(results, chosen, lr)["diverged_at"]) != 0
    if zoom and moved:
        caption = (
            "Each arrow is as long as the gradient and turned from the one before by their angle, to alternating sides."
            f" Left: all steps. Right: steps {zoom[0]} to {zoom[1]}; crosses mark the lowest gradient norm and error."
        )
        draw = partial(path, zoom=zoom)
        yield Figure(_file("gradient_path", chosen, lr), f"Path of the gradient of {name}", caption, draw, appendix)
    yield _sharpness(chosen, lr, appendix)
    if zoom and moved:
        caption = "Learned function, error, gradient norm, angle, gradient path, weights and sharpness, step by step."
        yield Animation(_file("film", chosen, lr), f"Film of {name}", caption, film)


def _sharpness(chosen: Configuration, lr: float, appendix: bool = False) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        return figures.sharpness_panels(*_run(results, chosen, lr))

    caption = (
        "Largest eigenvalue of the Hessian against 2 / lr, above which gradient descent is unstable; errors below."
    )
    return Figure(_file("sharpness", chosen, lr), f"Sharpness of {label(chosen, lr)}", caption, draw, appendix)


def _errors(chosen: Configuration, name: str, title: str) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        records = results[f"{chosen.name}/records"].to_dataset().sel(seed=0)
        errors = xr.concat([records[error] for error in ERRORS.values()], xr.Variable("error", ["training", "test"]))
        drawing = panels(errors.assign_attrs(long_name="error", scale="log"), hue="error", col="lr")
        for ax, lr in zip(drawing.axes, records["lr"].values.tolist(), strict=False):
            figures.mark_onset(ax, onsets_of(results, chosen, lr), "error")
        return drawing

    return Figure(name, title, "Training and test error; vertical lines: onsets.", draw)


def _rows(networks: list[Network], name: str, title: str) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        runs = {label(*each): _run(results, *each) for each in networks}
        return figures.configuration_rows(runs)

    return Figure(name, title, "Error, weights of both layers, learned function.", draw)


def _duplicates(chosen: Configuration, lr: float, appendix: bool = False) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        similar = similarity(network(results, chosen, lr, "records"))
        ever = (similar >= DUPLICATES).any(step_dimension(similar))
        shown = similar.isel(pair=np.argsort(~ever.values, kind="stable")[:PAIRS])
        return panels(shown.assign_attrs(reference=DUPLICATES), hue="pair")

    caption = (
        "Similarity of the incoming weights and biases of pairs of hidden neurons, up to their sign; pairs above "
        f"{DUPLICATES:g} (dashed) are duplicates."
    )
    pairs = math.comb(chosen.hidden - 1, 2)  # one of the hidden units is constant
    caption += f" Of {pairs} pairs {PAIRS} are shown, duplicates first." if pairs > PAIRS else ""
    title = f"Duplicate neurons of {label(chosen, lr)}"
    return Figure(_file("duplicates", chosen, lr), title, caption, draw, appendix)


def _guided(chosen: Configuration, lr: float) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        reasons = {number: name for number, name in enumerate(RATE_REASONS) if name in MARKED_REASONS}
        return figures.controlled_rate(network(results, chosen, lr, "guided"), reasons)

    caption = "The learning rate, with the reason for each change, and the errors below."
    title = f"{label(chosen, lr)} with a gradient-driven learning rate"
    return Figure(_file("guided", chosen, lr), title, caption, draw)


LEAD_TIMES = Figure(
    "alarm",
    "How early each quantity warns",
    "Steps from the alarm to the rise of the error, a dot a network; the table says how many rises were announced.",
    lambda results: panels(array_of(results, "alarm/lead"), x="signal", hue="target", mark="points"),
)


def _bench(target: str) -> Figure:
    def draw(results: xr.DataTree) -> Drawing:
        shown = results["bench"].to_dataset().sel(target=target)[["final_error", "diverged", "steps_to_target"]]
        return panels(shown, x="lr", hue="controller")

    caption = (
        "Median error at the end, share of networks that diverged, and mean steps to the target error, over the "
        "starting rate. A line ends where all networks diverged, or none reached the target."
    )
    return Figure(f"controllers_{target}", f"Controllers of the learning rate on {target}", caption, draw)
