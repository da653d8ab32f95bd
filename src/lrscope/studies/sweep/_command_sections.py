"""What the report on trainings by command says and shows."""

import pandas as pd
import xarray as xr

from lrscope import figures
from lrscope.report import Figure, Section, Table, array_of, dataset_of
from lrscope.studies._prose import paragraphs
from lrscope.studies._words import short
from lrscope.studies.sweep._scores import LR, SEED, Compared
from lrscope.studies.sweep._sections import TARGETS, which_rate
from lrscope.studies.sweep._summary import answer


def summary(results: xr.DataTree, options: Compared) -> list[str]:
    """Return the paragraphs of the summary; of runs that exist, a recommendation only where they allow it."""
    failed = [f"{name} ({own['ended']})" for name, own in results.attrs["failed"].items()]
    return paragraphs(
        "studies/sweep/trainings.txt.j2",
        metric=array_of(results, "networks/score").attrs["long_name"],
        failed=failed,
        lengths=results.attrs["lengths"],
        imported="noted" in results.attrs,
        refused=results.attrs.get("refused"),
        noted=results.attrs.get("noted"),
        **answer(results, options),
    )


def sections(results: xr.DataTree, options: Compared) -> list[Section]:
    """Return the sections of the report; of runs that exist, what compares rates only where they allow it."""
    name = str(array_of(results, "networks/score").attrs["long_name"])
    targets = [TARGETS] if "targets" in results else []
    failed = [_failed_table()] if results.attrs["failed"] else []
    curves = [CURVES] if _courses(results) else []
    course = Section("The trainings", "", [*curves, *targets, _networks(name), *failed])
    return [course] if results.attrs.get("refused") else [which_rate(results, options), course]


def _courses(results: xr.DataTree) -> dict[str, xr.DataArray]:
    """Return the metrics that were logged at more than one step, by what they are called."""
    arrays = [array_of(results, f"curves/{name}/{name}") for name in results["curves"].children]
    return {str(array.attrs["long_name"]): array for array in arrays if array.notnull().any((LR, SEED)).sum() > 1}


CURVES = Figure(
    "curves",
    "Course of the training",
    "Means over the seeds with 95% intervals by Student's t, of metrics as the trainings logged them.",
    lambda results: figures.panels(_courses(results), band=SEED),
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
