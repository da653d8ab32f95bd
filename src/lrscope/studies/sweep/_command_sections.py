"""What the report on trainings by command says and shows."""

import dataclasses

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import figures
from lrscope.report import Figure, Section, Table, array_of, dataset_of
from lrscope.studies._at import BEST, LAST
from lrscope.studies._words import counted, listed, short
from lrscope.studies.sweep._command_options import CommandOptions
from lrscope.studies.sweep._scores import LR, SEED, Compared
from lrscope.studies.sweep._sections import DIFFERENCES, OUTCOME, TARGETS, rates_table, rounds_table
from lrscope.studies.sweep._settings import SETTING
from lrscope.studies.sweep._settings_report import settings_parts, settings_text
from lrscope.studies.sweep._summary import advice_at, evidence

NAMED = 3
"""So many trainings that failed are named in the summary."""


def summary(results: xr.DataTree, options: Compared) -> list[str]:
    """Return the paragraphs of the summary."""
    failures = _failures(results)
    if failures:
        failures += " Run the command again with --resume to repeat what failed."
    return [text for text in (_what(results, options), failures, *_answer(results, options), _limits(results)) if text]


def summary_of_runs(results: xr.DataTree, options: Compared) -> list[str]:
    """Return the paragraphs of the summary of runs that exist: a recommendation only where they allow it."""
    refused, noted = results.attrs["refused"], results.attrs["noted"]
    answer = [f"No rate is recommended: {'; '.join(refused)}."] if refused else _answer(results, options)
    return [text for text in (_what(results, options), _failures(results), *answer, *noted) if text]


def _answer(results: xr.DataTree, options: Compared) -> list[str]:
    known = bool(array_of(results, "rates/best").notnull())
    no_more = not isinstance(options, CommandOptions) or options.until_decided  # runs that exist cannot be continued
    return [
        *advice_at(results, no_more),
        *settings_text(results),
        *([evidence(results)] if known else []),
    ]


def _what(results: xr.DataTree, options: Compared) -> str:
    rates = dataset_of(results, "all_rates")
    trained, diverged = results.attrs["trained"], int(rates["diverged"].sum())
    settings = rates.sizes[SETTING]
    seeds = array_of(results, "networks/score").sizes[SEED]
    of_settings = f", {counted(settings, 'setting')}" if settings > 1 else ""
    text = f"{counted(trained, 'training')} at {counted(rates.sizes[LR], 'learning rate')}{of_settings} with "
    text += f"{counted(seeds, 'seed')}, compared by {_value(results, options)}. "
    text += f"{diverged} of them diverged." if diverged else "No training diverged."
    if options.until_decided and trained >= options.trainings:
        text += f" The budget of {options.trainings} trainings is spent."
    return text


def _value(results: xr.DataTree, options: Compared) -> str:
    name = str(array_of(results, "networks/score").attrs["long_name"])
    which = {LAST: f"the last {name}", BEST: f"the best {name}"}.get(options.at, f"{name} at step {options.at}")
    return f"{which} (the larger the better)" if options.maximize else which


def _failures(results: xr.DataTree) -> str:
    failed = results.attrs["failed"]
    if not failed:
        return ""
    names = [f"{name} ({own['ended']})" for name, own in list(failed.items())[:NAMED]]
    more = [f"{len(failed) - NAMED} more"] if len(failed) > NAMED else []
    return (
        f"{counted(len(failed), 'training')} failed and {'is' if len(failed) == 1 else 'are'} missing below: "
        f"{listed([*names, *more])}. A failure is no divergence: nothing is concluded from it."
    )


def _limits(results: xr.DataTree) -> str:
    first, last = results.attrs["lengths"]
    if first == last:
        return ""
    return f"The trainings ended at different steps, {first} to {last}: a rate may be better only because it went on."


def sections(results: xr.DataTree, options: Compared) -> list[Section]:
    """Return the sections of the report."""
    name = str(array_of(results, "networks/score").attrs["long_name"])
    setting = results.attrs["setting"]
    text = f"Figures show the trainings with {setting}." if setting else ""
    linear = dataset_of(results, "rates").attrs["scale"] == "linear"
    outcome = dataclasses.replace(OUTCOME, caption=OUTCOME.caption.replace("geometric means", "means"))
    targets = [TARGETS] if "targets" in results else []
    failed = [_failed_table()] if results.attrs["failed"] else []
    rounds = rounds_table(options) if isinstance(options, CommandOptions) else []
    rates = rates_table(name, "all_rates" if setting else "rates", setting=bool(setting), linear=linear)
    return [
        Section(
            "Which learning rate",
            text,
            [outcome if linear else OUTCOME, DIFFERENCES, *settings_parts(results), rates, *rounds],
        ),
        Section("Course of the training", "", [CURVES, *targets, _networks(name), *failed]),
    ]


def sections_of_runs(results: xr.DataTree, options: Compared) -> list[Section]:
    """Return the sections of the report on runs that exist; what compares rates only where the runs allow it."""
    shown = sections(results, options)
    return shown[1:] if results.attrs["refused"] else shown


def _draw_curves(results: xr.DataTree) -> Drawing:
    nodes = [dataset_of(results, f"curves/{name}") for name in results["curves"].children]
    arrays = [array for node in nodes for array in node.data_vars.values()]
    return figures.panels({str(array.attrs["long_name"]): array for array in arrays}, band="seed")


CURVES = Figure(
    "curves",
    "Course of the training",
    "Means over the seeds with 95 % intervals by Student's t, of metrics as the trainings logged them.",
    _draw_curves,
)


def _networks(name: str) -> Table:
    columns = {"lr": "lr", "seed": "seed", "ended": "ended", "diverged_at": "diverged at step", "score": name}

    def rows(results: xr.DataTree) -> xr.Dataset:
        networks = dataset_of(results, "networks")
        asked = networks["ended"] != ""
        return networks.assign(
            score=networks["score"].where(asked),
            ended=networks["ended"].where(asked),
            diverged_at=networks["diverged_at"].where(networks["diverged_at"] >= 0),
        )

    return Table("networks", "Every training", rows, (LR, SEED), columns)


def _failed_table() -> Table:
    def rows(results: xr.DataTree) -> pd.DataFrame:
        known = {"ended": "ended", "attempts": "attempts", "seconds": "seconds", "last_lines": "last lines"}
        failed = results.attrs["failed"].items()  # of a run that was imported only how it ended is known
        named = [{"training": name, **{known[key]: own[key] for key in known if key in own}} for name, own in failed]
        return pd.DataFrame([one | {"seconds": short(one["seconds"])} if "seconds" in one else one for one in named])

    return Table("failed", "Trainings that failed", rows)
