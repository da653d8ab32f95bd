"""What the report of the study shows."""

from typing import Any

import pandas as pd
import xarray as xr

from lrscope import figures
from lrscope.report import Animation, Figure, Section, Table, array_of, dataset_of
from lrscope.studies._words import short
from lrscope.studies.recorded._sections import draw_activity
from lrscope.studies.sweep._figures import differences_by_rate, range_test_over_truth, steps_to_target_by_rate
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._results import STEP, mean_curve
from lrscope.studies.sweep._rounds import Round
from lrscope.studies.sweep._scores import LR, SEED, Compared
from lrscope.studies.sweep._settings_report import settings_parts

NOT_RECTIFIED = (
    "Dead neurons are not counted: the outputs of the recorded layers go below 0. That is so in networks that call "
    "their activation functions as functions instead of modules, or have others than ReLU."
)
RANGE_TEST = (
    "The range test trains one network for 100 steps while the rate rises by a constant factor from 1e-7 to 10, and "
    "reads a suggestion off the training loss. It was run for every seed. Its suggestions are compared with the "
    "results of whole trainings. The rules of all tools read the same runs, over fastai's range of rates."
)
SPLIT = (
    "At every rate some initialisations were crossed with as many orders of the data, which splits the variance of the "
    "outcome by its sources: the rate, the initialisation, the order of the data, and their interactions."
)


def sections(results: xr.DataTree, options: Options) -> list[Section]:
    """Return the sections of the report."""
    classes, split = "accuracy" in results["networks"].data_vars, "variance" in results
    rectified = results.attrs["rectified"]
    targets = [TARGETS] if "targets" in results else []
    inside: list[Figure | Animation | Table] = [
        INSIDES,
        _insides_table(results),
        *([ACTIVITY, SURVIVAL] if rectified else []),
    ]
    return [
        which_rate(results, options),
        Section("Course of the training", "", [CURVES, *targets, _networks(results, classes)]),
        Section("Compared with the range test", RANGE_TEST, [RANGE_TEST_FIGURE, RULES]),
        *([Section("What else decides", SPLIT, [VARIANCE])] if split else []),
        Section("Inside the networks", "" if rectified else NOT_RECTIFIED, inside),
        Section("Numbers of the figures", "", [_epochs(results), *([SHARES] if split else [])], True),
    ]


def which_rate(results: xr.DataTree, options: Compared) -> Section:
    """Return the section that all sweeps begin with."""
    setting = results.attrs["setting"]
    text = f"Figures here and below show the trainings with {setting}." if setting else ""
    rounds = [_rounds_table(options)] if options.until_decided else []
    parts = [_outcome(results), DIFFERENCES, *settings_parts(results), _rates_table(results, options), *rounds]
    return Section("Which learning rate", text, parts)


def _outcome(results: xr.DataTree) -> Figure:
    smooth = dataset_of(results, "optimum") if "optimum" in results else None
    mean = "mean" if dataset_of(results, "rates").attrs["scale"] == "linear" else "geometric mean"
    curve = "" if smooth is None else " Curve: the smooth estimate with its 95% interval."
    return Figure(
        "outcome_by_rate",
        "Outcome by learning rate",
        f"Every small point is one network at the end of its training; black: the {mean} over the seeds, with its 95% "
        f"interval (Student's t). Shaded: the rates that do not differ significantly from the best.{curve} Below: the "
        "share of networks that diverged, with its 95% interval.",
        lambda results: figures.outcome_by_rate(
            dataset_of(results, "rates"),
            array_of(results, "networks/score"),
            results["networks"].data_vars.get("accuracy"),
            smooth,
        ),
    )


DIFFERENCES = Figure(
    "differences",
    "How much worse than the best",
    "Paired by seed, with 95% bounds: a rate whose lower bound is 0 may itself be the best.",
    lambda results: differences_by_rate(dataset_of(results, "rates")),
)
CURVES = Figure(
    "curves",
    "Course of the training",
    "Means over the seeds with 95% intervals by Student's t, geometric means of losses; training: mean over the "
    "batches of each epoch, validation: at its end.",
    lambda results: figures.panels(
        {str(name): curve for name, curve in results["curves"].data_vars.items()}, band="seed"
    ),
)
TARGETS = Figure(
    "steps_to_target",
    "Steps to a target",
    "Steps until the loss reaches the target, which is 10% more than the best rate ends with. Every small "
    "point is one network; black: the geometric mean over the seeds that reached it, with its 95% interval; crosses: "
    "not reached.",
    lambda results: steps_to_target_by_rate(
        dataset_of(results, "targets"), array_of(results, "networks/score").notnull()
    ),
)
RANGE_TEST_FIGURE = Figure(
    "range_test",
    "The range test and the results of training",
    "Above: smoothed loss while the rate rises, one line a seed, and the suggestions of the tools' rules. Below: the "
    "validation loss after training at that rate; shaded: the rates that do not differ significantly from the best.",
    lambda results: range_test_over_truth(
        dataset_of(results, "range_test"),
        dataset_of(results, "rates"),
        array_of(results, "networks/score"),
        dataset_of(results, "agreement"),
    ),
)
VARIANCE = Figure(
    "variance",
    "What decides the outcome",
    "Shares of the variance of the logarithm of the last validation loss, crossed design, with 95% intervals where "
    "there are three seeds or more.",
    lambda results: figures.panels(
        dataset_of(results, "variance").rename(share="mean"), x="source", hue=None, mark="points"
    ),
)
INSIDES = Figure(
    "insides",
    "Inside the networks",
    "Every small point is one network at the end, black their mean with its 95% interval (Student's t): medians of the "
    "last epoch; neurons silent for an epoch (dead) or with weights that barely moved (inactive); the sharpness of the "
    "last measured batch over the limit of stability of the update rule, which is left out where measuring it would "
    "take too long.",
    lambda results: figures.panels(dataset_of(results, "insides"), x="lr", mark="points", band="seed"),
)
ACTIVITY = Figure(
    "activity",
    "Activity of every neuron",
    "Share of the batch that activates each ReLU neuron, of the network of the first seed at each rate; of many rates "
    "some are chosen.",
    draw_activity,
)
SURVIVAL = Figure(
    "survival",
    "Survival of the neurons",
    "Share of the ReLU neurons that are not dead for good, with 95% intervals over the seeds. A neuron is dead once "
    "no sample of the batches of a whole epoch activates it.",
    lambda results: figures.panels(dataset_of(results, "survival"), mark="steps"),
)


def _rates_table(results: xr.DataTree, options: Compared) -> Table:
    """Return the table of the rates, at every setting if there are several."""
    rates = dataset_of(results, "rates")
    name = "validation loss" if isinstance(options, Options) else str(rates["score"].attrs["long_name"])
    several, linear = bool(results.attrs["setting"]), rates.attrs["scale"] == "linear"
    centre, worse = ("mean", "mean difference") if linear else ("geometric mean", "mean log ratio")
    accuracy = {"accuracy": "validation accuracy"} if "accuracy" in rates and not several else {}
    return Table(
        "rates",
        "Every learning rate",
        of="all_rates" if several else "rates",
        columns={
            "lr": "lr",
            **({"setting": "setting"} if several else {}),
            "score": name,
            "score_low": "from",
            "score_high": "to",
            **accuracy,
            "members": "networks",
            "diverged": "diverged",
            "diverged_low": "divergence, from",
            "diverged_high": "divergence, to",
            "difference": "worse than best",
            "difference_low": "at least",
            "difference_high": "at most",
            "probability_best": "best in resamples",
            "plausible": "in the range",
        },
        note=f"{name.capitalize()}: {centre} over the seeds that did not diverge, with a 95% interval. "
        "Divergence: 95% interval (Wilson) of its probability. Worse: "
        f"{worse} to the best rate, paired by seed, with 95% bounds{'' if linear else '; 0.1 is about 10%'}.",
    )


def _networks(results: xr.DataTree, classes: bool) -> Table:
    steps = {"steps_to_target": "steps to target"} if "targets" in results else {}
    columns = {"lr": "lr", "seed": "seed", "outcome": "outcome", "diverged_at": "diverged at step"}
    columns |= {"score": "validation loss", **steps} | ({"accuracy": "validation accuracy"} if classes else {})
    target = short(float(array_of(results, "targets/target"))) if "targets" in results else ""
    note = f"Target: a validation loss of {target}." if target else ""
    return Table("networks", "Every network", _trained, (LR, SEED), columns, note)


def _trained(results: xr.DataTree) -> xr.Dataset:
    """Return the networks that were trained; NaN instead of a step that never came."""
    networks = dataset_of(results, "networks")
    trained = networks.where(networks["score"].notnull())
    steps = [name for name in ("diverged_at", "steps_to_target") if name in trained]
    return trained.assign({name: trained[name].where(trained[name] >= 0) for name in steps})


def _insides_table(results: xr.DataTree) -> Table:
    names = {str(name): str(array.attrs["long_name"]) for name, array in results["insides"].data_vars.items()}
    note = "Medians over the seeds; angle, norm and update of the last epoch. A neuron is dead if silent for an epoch."
    return Table(
        "inside_by_rate",
        "Inside the networks at the end",
        lambda results: dataset_of(results, "insides").median(SEED),
        columns={"lr": "lr", **names},
        note=note,
    )


def _suggestions(results: xr.DataTree) -> xr.Dataset:
    suggestion = array_of(results, "range_test/suggestion")
    ends = {"median": suggestion.median(SEED), "smallest": suggestion.min(SEED), "largest": suggestion.max(SEED)}
    return dataset_of(results, "agreement").assign(ends)


RULES = Table(
    "range_test_rules",
    "What the range test suggests",
    _suggestions,
    columns={
        "rule": "rule",
        "median": "suggestion, median",
        "smallest": "smallest",
        "largest": "largest",
        "share": "share inside the range",
        "factor": "factor from the best",
    },
    note="One test a seed.",
)
SHARES = Table(
    "variance_shares",
    "What decides the outcome",
    "variance",
    columns={"source": "source", "share": "share", "low": "from", "high": "to"},
    note="Shares of the variance of the logarithm of the last validation loss, with 95% intervals.",
)


def _rounds_table(options: Any) -> Table:
    """Return the table of the rounds, the grid that was asked for the first of them."""

    def rows(results: xr.DataTree) -> pd.DataFrame:
        asked = Round(
            "", tuple(map(float, options.lrs)), tuple(range(options.seeds)), "the grid that was asked for", options.axes
        )
        rounds = enumerate([asked, *results.attrs["rounds"]], start=1)
        columns = ["round", "rates", "settings", "seeds", "why"]
        counts = [(number, len(one.lrs), one.settings, len(one.seeds), one.why) for number, one in rounds]
        table = pd.DataFrame(counts, columns=columns)
        return table if options.axes else table.drop(columns="settings")

    return Table("rounds", "Rounds", rows)


def _epochs(results: xr.DataTree) -> Table:
    per_epoch = results.attrs["per_epoch"]

    def means(results: xr.DataTree) -> xr.Dataset:
        curves = results["curves"].data_vars.items()
        table = xr.Dataset({name: mean_curve(curve)["mean"] for name, curve in curves})
        return table.assign(epoch=(table[STEP] + 1) // per_epoch)

    columns = {str(name): str(name) for name in ("lr", "epoch", "step", *results["curves"].data_vars)}
    note = "Means over the seeds that did not diverge; geometric means of losses."
    return Table("epochs", "Course of the training", means, (LR, STEP), columns, note)
