"""What the study found, put together: claims, chapters, films, and a summary in plain words."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability import _figures as pictures
from lrscope.papers.stability import _tables as tables
from lrscope.papers.stability._claims import claims
from lrscope.papers.stability._options import Options
from lrscope.papers.stability._results import Results, Trained, results
from lrscope.studies._findings import Chapter, Findings, Listed, Moving, Still
from lrscope.studies._words import counted, percent, short

TITLE = "Stability: when and why training suddenly starts to oscillate"
QUESTION = "When and why does training suddenly start to oscillate, and what announces it?"
NAMES = (
    "A network is named by what it learns, the units of its hidden layer (the constant one counts), its learning rate "
    "and its number of iterations, as in {example}"
)
FUNCTIONS = {"f1": "f1(x) = exp(x/5)", "f2": "f2(x) = sin(x) (25 - x\N{SUPERSCRIPT TWO})"}
"""The targets of the source, as formulas."""
SIGNS = (
    "Signs of instability, each with the step at which it began: the sharpness (largest eigenvalue of the Hessian) "
    "crosses 2 / lr, the angle between consecutive gradients leaves its calm, the gradient's norm leaves its lowest "
    "value, the gradient turns round at every step, the error rises."
)


def findings(by_name: Mapping[str, xr.Dataset], options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures, films and a summary in plain words.

    Parameters
    ----------
    by_name : the records of the experiments, see `_experiments.experiments`
    options : of the run

    Raises
    ------
    InputError : the records lack a quantity that the study needs.
    """
    found = results(by_name, options)
    return Findings(TITLE, QUESTION, _summary(found), claims(found), _chapters(found), _films(found))


def _summary(found: Results) -> list[str]:
    networks = sum(len(list(trained.members())) for trained in found.trained.values())
    unstable = [(trained, lr) for trained, lr in _first_seeds(found) if trained.onset("error", lr) >= 0]
    diverged = sum(int((trained.outcome["outcome"] == "diverged").sum()) for trained in found.trained.values())
    what = (
        f"{counted(networks, 'perceptron')} learned a function of one variable by gradient descent. Of those of seed "
        f"0, {len(unstable)} of {len(list(_first_seeds(found)))} became unstable."
    )
    if diverged:
        what += f" {counted(diverged, 'network')} diverged: the table of networks says at which step."
    texts = [what, _names(found), *(_warning(*each) for each in unstable[:1])]
    return [*texts, *_alarms(found), *_ways(found)]


def _names(found: Results) -> str:
    """Say what the names of the networks mean."""
    networks = list(_first_seeds(found))
    words = [NAMES.format(example=pictures.label(*networks[0]))]
    scales = dict.fromkeys(f"{trained.configuration.init_scale:g}" for trained, _ in networks)
    words += [f"{pictures.TIMES}{scale} behind it: initial weights times {scale}" for scale in scales if scale != "1"]
    targets = dict.fromkeys(trained.configuration.target for trained, _ in networks)
    formulas = " and ".join(FUNCTIONS[target] for target in targets if target in FUNCTIONS)
    return f"{'; '.join(words)}." + (f" The targets: {formulas}." if formulas else "")


def _warning(trained: Trained, lr: float) -> str:
    """Say in which order the signs came in one network, and how long before the error."""
    onsets = {sign: step for sign, step in trained.of_member(lr).items() if step >= 0}
    error = onsets.pop("error")
    before = sorted((step, sign.replace("_", " ")) for sign, step in onsets.items() if step < error)
    listed = ", ".join(f"{sign} {counted(error - step, 'step')} before" for step, sign in before)
    announced = f"It was announced: {listed}." if listed else "Nothing announced it."
    name = pictures.label(trained, lr)
    return f"In the network {name} the error rises from step {error} on. {announced} {_carried(trained, lr)}"


def _carried(trained: Trained, lr: float) -> str:
    """Say which neurons hold most of the oscillation of one network."""
    shares = trained.carriers(lr)
    if shares is None or bool(shares["oscillation"].isnull().any()):
        return ""
    largest = shares["oscillation"].sortby(shares["oscillation"], ascending=False)[:3]
    names = (f"{layer} {index}" for layer, index in zip(largest["layer"].values, largest["index"].values, strict=True))
    listed = ", ".join(f"{name} {percent(share)}" for name, share in zip(names, largest.values.tolist(), strict=True))
    return f"The oscillation is carried by these neurons most: {listed}."


def _alarms(found: Results) -> list[str]:
    if found.alarms is None:
        return []
    scores = found.alarms.scores
    words = []
    for target in scores["target"].values.tolist():
        here = scores.sel(target=target, signal="angle")
        recall, precision = (percent(float(here[name])) for name in ("recall", "precision"))
        lead = short(float(here["lead"].sel(quantile=0.5)), 2)
        words.append(
            f"on {target} it announces {recall} of the rises, {precision} of its alarms are right, and half of them "
            f"come {lead} steps ahead or more"
        )
    return [f"As an alarm that knows only the past, the angle above 45 degrees: {'; '.join(words)}. {_best(scores)}"]


def _best(scores: xr.Dataset) -> str:
    """Say how good each sign is as an alarm."""
    means = scores["f1"].fillna(0).mean("target")
    pairs = sorted(zip(means.values.tolist(), means["signal"].values.tolist(), strict=True), reverse=True)
    listed = ", ".join(f"{signal} {short(score, 2)}" for score, signal in pairs)
    return f"Precision and recall together (F-score, mean over the targets): {listed}."


def _ways(found: Results) -> list[str]:
    if found.bench is None:
        return []
    diverged = found.bench["diverged"].mean(["target", "lr"])
    shares = zip(diverged["controller"].values.tolist(), diverged.values.tolist(), strict=True)
    listed = ", ".join(f"{way} {percent(share)}" for way, share in shares)
    first, last = grids.BENCH_LRS[0], grids.BENCH_LRS[-1]
    return [
        f"Over starting rates from {first:g} to {last:g}, this share of the networks diverged, by the way the rate is "
        f"chosen: {listed}."
    ]


def _chapters(found: Results) -> list[Chapter]:
    chapters = [*([_films_chapter(found)] if _moving(found) else []), _onset_chapter(found)]
    if found.options.published:
        chapters += [_rates_chapter(found), _neurons_chapter(found), _alarm_chapter(found), _ways_chapter(found)]
    else:
        chapters += [_configuration_chapter(found)]
    return [*chapters, Chapter("Every network", "", [tables.summary(found)])]


def _films_chapter(found: Results) -> Chapter:
    names = ", ".join(f"figures/{film.name}" for film in _films(found))
    text = f"The same as films, in the folder of this page: {names} (mp4, or gif where there is no ffmpeg)."
    return Chapter("Step by step", text, [pictures.interactive(trained, lr) for trained, lr in _moving(found)])


def _onset_chapter(found: Results) -> Chapter:
    items: list[Still | Listed | None] = []
    for trained, lr in _filmed(found):
        items += [pictures.training(trained, lr), pictures.path(trained, lr), pictures.sharpness(trained, lr)]
    items += [tables.carriers(found)]
    return Chapter("How instability begins", SIGNS, [item for item in items if item is not None])


def _configuration_chapter(found: Results) -> Chapter:
    (trained,) = found.trained.values()
    items: list[Still | Listed] = [
        pictures.errors(trained, "errors", "Errors"),
        pictures.functions(found),
        pictures.guided(trained, _filmed(found)[0][1]),
        tables.changes(found),
        tables.duplicates(found),
    ]
    return Chapter("The learning rates", "", items)


def _rates_chapter(found: Results) -> Chapter:
    third = found.trained[grids.FIGURE_3.name]
    text = "Does a smaller rate only learn more slowly, or does it also stay stable for longer than it is slower?"
    longest = [pictures.sharpness(third, lr) for lr in (0.3, 0.4)]
    return Chapter("Smaller rates", text, [pictures.errors(third, "figure_3", "Three rates, figure 3"), *longest])


def _neurons_chapter(found: Results) -> Chapter:
    fourth, fifth = found.trained[grids.FIGURE_4.name], found.trained[grids.FIGURE_5.name]
    slow, scaled = found.trained[grids.FIGURE_6.name], found.trained[grids.FIGURE_6_SCALED.name]
    items: list[Still | Listed] = [
        pictures.rows([(fourth, 0.2), (fourth, 0.4)], "figure_4", "Two rates, figure 4", "Error, weights, function."),
        pictures.duplicates(fourth, 0.4),
        pictures.rows([(fifth, 0.05)], "figure_5", "More neurons, figure 5", "Error, weights, learned function."),
        pictures.duplicates(fifth, 0.05),
        pictures.rows(
            [(slow, 0.1), (scaled, 0.1)], "figure_6", "Larger initial weights, figure 6", "Error, weights, function."
        ),
        pictures.functions(found),
        tables.duplicates(found),
    ]
    return Chapter("Duplicate neurons", "", items)


def _alarm_chapter(found: Results) -> Chapter:
    assert found.alarms is not None
    text = (
        "An alarm sees the past only. Each sign is tried over a grid of learning rates and seeds: does an alarm come "
        "before the error rises, and does the error rise behind an alarm?"
    )
    return Chapter("The alarm", text, [pictures.alarm(found), tables.alarm(found.alarms)])


def _ways_chapter(found: Results) -> Chapter:
    text = (
        "A rate driven by the angle between consecutive gradients: it is raised while they stay aligned, and lowered "
        "at once to half of what the last step shows to be stable when they turn; the first step is a short trial. It "
        "is compared with other ways to choose the rate, all with the same seeds and starting rates."
    )
    items: list[Still | Listed] = [pictures.guided(trained, lr) for trained, lr in _filmed(found)]
    items += [pictures.bench(found, target) for target in grids.SIZES]
    return Chapter("A rate that listens", text, [*items, tables.bench(found), tables.changes(found)])


def _films(found: Results) -> list[Moving]:
    return [pictures.film(trained, lr) for trained, lr in _moving(found)]


def _moving(found: Results) -> list[tuple[Trained, float]]:
    """Return those of `_filmed` that made a step: what diverges before it has nothing to show."""
    return [(trained, lr) for trained, lr in _filmed(found) if trained.outcome["diverged_at"][trained.member(lr)] != 0]


def _filmed(found: Results) -> list[tuple[Trained, float]]:
    """Return the networks that become films: of each configuration that asks for it the one of the highest rate.

    It is that of the highest rate at which it did not diverge, if there is one.
    """
    chosen = []
    for trained in (each for each in found.trained.values() if each.configuration.film):
        rates = [lr for lr, seed in trained.members() if seed == 0]
        whole = [lr for lr in rates if int(trained.outcome["diverged_at"][trained.member(lr)]) < 0]
        chosen.append((trained, float(np.max(whole or rates))))
    return chosen


def _first_seeds(found: Results) -> list[tuple[Trained, float]]:
    return [(trained, lr) for trained in found.trained.values() for lr, seed in trained.members() if seed == 0]
