"""The study's figures: which result is shown how. Seed 0, the published one, stands for the source."""

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from lrscope import analysis, figures
from lrscope.papers.stability._duplicates import similarities
from lrscope.papers.stability._results import Results, Trained
from lrscope.records import RATE_REASONS
from lrscope.report._old import Interactive
from lrscope.studies._findings import Moving, Still
from lrscope.studies._words import rate

TIMES = "\N{MULTIPLICATION SIGN}"
FRAMES = 120
STOPS = 100
AROUND = 20
"""Steps of the zoom before the first sign and behind the onset of the error, at least."""
_MARKED = ("trial step", "raised: aligned", "lowered: turned", "held at its lower bound", "held at its upper bound")
REASONS = {number: name for number, name in enumerate(RATE_REASONS) if name in _MARKED}


def label(trained: Trained, lr: float) -> str:
    """Return what a network is called in titles: target, hidden units, rate, iterations, factor of the start."""
    chosen = trained.configuration
    scale = "" if chosen.init_scale == 1 else f" {TIMES}{chosen.init_scale:g}"
    return f"({chosen.target}, {chosen.hidden}, {rate(lr, _rates(trained))}, {chosen.epochs}){scale}"


def zoom_of(trained: Trained, lr: float) -> tuple[int, int] | None:
    """Return the steps around the onset: from before the angle's to behind the error's; None if there was none."""
    angle, error = trained.onset("angle", lr), trained.onset("error", lr)
    if error < 0:
        return None
    first = angle if 0 <= angle < error else error
    margin = max(AROUND, error - first)
    last = int(trained.run(lr)["step"][-1])
    return max(0, first - margin // 2), min(last, error + margin)


def training(trained: Trained, lr: float) -> Still:
    """Return the panels of figure 1: error, norm, angle, each with its zoom, and the weights."""
    zoom = zoom_of(trained, lr)
    draw = partial(figures.training_panels, _light(trained, lr), zoom, trained.of_member(lr))
    caption = f"Error, gradient norm and angle of {label(trained, lr)}, and its weights"
    zoomed = f"; zooms on steps {zoom[0]} to {zoom[1]}. Lines: where each sign began." if zoom else "."
    return Still(_name("training", trained, lr), f"Training of {label(trained, lr)}", caption + zoomed, draw)


def path(trained: Trained, lr: float) -> Still | None:
    """Return figure 2, the gradients as a path in a plane; None if there is none, or no onset."""
    zoom = zoom_of(trained, lr)
    run = trained.run(lr)
    if zoom is None or "gradient_path" not in run or int(run["diverged_at"][-1]) == 0:
        return None
    chosen = run[["gradient_path", "gradient_norm", "loss", "diverged_at"]]
    draw = partial(figures.gradient_paths, chosen, zoom)
    caption = (
        "Each arrow is as long as the gradient and turned from the one before by their angle, to alternating sides. "
        f"Left: all steps, a dot every 100. Right: steps {zoom[0]} to {zoom[1]}; crosses where the gradient's norm "
        "and the training error are smallest."
    )
    return Still(_name("gradient_path", trained, lr), f"Path of the gradient of {label(trained, lr)}", caption, draw)


def sharpness(trained: Trained, lr: float) -> Still:
    """Return the sharpness against its limit, with all onsets."""
    draw = partial(figures.sharpness_panels, _light(trained, lr), trained.of_member(lr))
    caption = "Largest eigenvalue of the Hessian against 2 / lr, above which gradient descent is unstable; error below."
    return Still(_name("sharpness", trained, lr), f"Sharpness of {label(trained, lr)}", caption, draw)


def functions(found: Results) -> Still:
    """Return what every configuration learned."""
    runs = {label(trained, lr): trained.run(lr) for trained, lr in _all(found)}
    chosen = {name: run[["outputs", "targets", "inputs", "diverged_at"]] for name, run in runs.items()}
    caption = "The learned function at the last step against the target, of each configuration."
    return Still("functions", "Learned functions", caption, partial(figures.learned_functions, chosen))


def errors(trained: Trained, name: str, title: str) -> Still:
    """Return figure 3: the errors of one configuration at several rates."""
    rates = _rates(trained)
    runs = {label(trained, lr): trained.run(lr)[["loss", "val_loss", "diverged_at"]] for lr in rates}
    onsets = {label(trained, lr): trained.of_member(lr) for lr in rates}
    caption = "Training and test error; vertical lines: where the signs of instability began."
    return Still(name, title, caption, partial(figures.error_panels, runs, onsets))


def rows(chosen: list[tuple[Trained, float]], name: str, title: str, caption: str) -> Still:
    """Return figures 4 to 6: a row for each network, with its error, its weights and what it learned."""
    runs = {label(trained, lr): _light(trained, lr) for trained, lr in chosen}
    onsets = {label(trained, lr): trained.of_member(lr) for trained, lr in chosen}
    return Still(name, title, caption, partial(figures.configurations, runs, onsets))


def duplicates(trained: Trained, lr: float) -> Still:
    """Return how alike the hidden neurons are."""
    draw = partial(_pairs, *similarities(trained, lr))
    caption = "Similarity of the incoming weights and biases of each pair of hidden neurons; duplicates above 0.99."
    name = _name("duplicates", trained, lr)
    return Still(name, f"Duplicate neurons of {label(trained, lr)}", caption, draw)


def _pairs(similarity: xr.DataArray, together: xr.DataArray) -> Figure:
    return figures.figure_of(figures.neuron_pairs(similarity, together))


def guided(trained: Trained, lr: float) -> Still:
    """Return the rate that the gradient's angle chose, and the error under it."""
    assert trained.guided is not None
    chosen = trained.guided.isel(member=trained.member(lr))
    given = set(chosen["rate_reason"].values.tolist())
    reasons = {number: name for number, name in REASONS.items() if number in given}
    draw = partial(figures.controlled_rate, chosen.drop_vars(["outputs", "targets", "inputs"]), reasons)
    caption = "The learning rate chosen by the gradient's angle, with the reason of each change, and the error below."
    name = _name("guided", trained, lr)
    return Still(name, f"{label(trained, lr)}, its rate driven by the gradient's angle", caption, draw)


def alarm(found: Results) -> Still:
    """Return how many steps before the error each sign warns, and how reliably."""
    assert found.alarms is not None
    draw = partial(figures.detector, found.alarms.lead, found.alarms.scores[["precision", "recall", "f1"]])
    caption = "Steps from the alarm to the rise of the error, a dot a network; precision and recall of each signal."
    return Still("alarm", "How early each sign warns", caption, draw)


def bench(found: Results, target: str) -> Still:
    """Return how each way to choose the rate does from each starting rate."""
    assert found.bench is not None
    draw = partial(figures.controller_bench, found.bench.sel(target=target, drop=True))
    caption = (
        "Error at the end (median, and a band from quartile to quartile), share of networks that diverged, and mean "
        "steps to the target error, by the starting rate."
    )
    return Still(f"controllers_{target}", f"Ways to choose the rate on {target}", caption, draw)


def interactive(trained: Trained, lr: float) -> Interactive:
    """Return the run with a slider over its steps."""
    run = trained.run(lr)
    figure = figures.interactive_run(run, _stops(trained, lr, STOPS), trained.of_member(lr))
    caption = "Move the slider, or press play: learned function, error, norm, angle, path, weights and sharpness."
    return Interactive(f"{label(trained, lr)}, step by step", caption, figure)


def film(trained: Trained, lr: float) -> Moving:
    """Return the run as a film."""
    steps = _stops(trained, lr, FRAMES)
    return Moving(_name("film", trained, lr), partial(figures.run_film, trained.run(lr), steps, trained.of_member(lr)))


def _stops(trained: Trained, lr: float, count: int) -> np.ndarray:
    return figures.frame_steps(trained.run(lr), zoom_of(trained, lr), count)


def faster(trained: Trained, lr: float) -> tuple[int, int]:
    """Return the steps at which the test error begins to fall faster, and falls fastest; -1 for never."""
    found = analysis.acceleration(trained.records.isel(member=[trained.member(lr)]), error="val_loss")
    return int(found["begins"][0]), int(found["steepest"][0])


def _light(trained: Trained, lr: float) -> xr.Dataset:
    """Return a run with its outputs at the last step only: what the figures of a whole run need."""
    run = trained.run(lr)
    steps = [dim for dim in run["outputs"].dims if str(dim).startswith("step")]
    last = run[["outputs", "targets", "inputs"]].isel(dict.fromkeys(steps, slice(-1, None)))
    others = run.drop_vars([*last.data_vars, *(name for name in ("gradient_path",) if name in run)])
    return others.assign(
        {str(name): array.rename(dict.fromkeys(steps, "step_at_last")) for name, array in last.drop_vars(steps).items()}
    )


def _rates(trained: Trained) -> list[float]:
    return list(dict.fromkeys(lr for lr, _ in trained.members()))


def _all(found: Results) -> list[tuple[Trained, float]]:
    return [(trained, lr) for trained in found.trained.values() for lr, seed in trained.members() if seed == 0]


def _name(kind: str, trained: Trained, lr: float) -> str:
    several = len(_rates(trained)) > 1
    return f"{kind}_{trained.configuration.name}" + (f"_lr{lr:g}" if several else "")
