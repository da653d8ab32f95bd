"""The study `sweep` of trainings by command."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lrscope.commands import Running, Trainings, Tried, tried
from lrscope.engines import Engine
from lrscope.errors import InputError, must_be
from lrscope.studies._folder import Folder
from lrscope.studies._study import Study
from lrscope.studies._where import Where
from lrscope.studies.sweep._command_options import CommandOptions, experiments, further
from lrscope.studies.sweep._command_results import analyse
from lrscope.studies.sweep._command_sections import sections, summary


def _stream(
    trainings: Trainings,
    *,
    folder: Folder,
    progress: Callable[[int, int], None] | None = None,
    engine: Engine | None = None,
    **_options: Any,
) -> Running:
    return Running(trainings, folder.trainings, progress, engine)


def _where(options: CommandOptions, where: Where) -> Where:
    """Return where commands run: as many workers as jobs; a machine's own GPUs are dealt out one by one."""
    if where.engine == "local":
        if where.device != "auto":
            raise must_be("device", "left to the command, which is run with a GPU of its own", where.device)
        if where.workers is not None:
            raise InputError(f"workers must be given with --engine ray or slurm; here it is --jobs {where.workers}.")
        return where
    if options.jobs and where.workers:
        raise InputError("--jobs or --workers must be given, not both: each says how many train at a time.")
    return replace(where, workers=where.workers or options.jobs)


def _estimate(trainings: Trainings, where: Where) -> Tried:
    return tried(trainings) if where.engine == "local" else tried(trainings, where.workers, elsewhere=True)


BY_COMMAND = Study(
    name="sweep",
    title="A learning rate with its evidence",
    question="Which learning rate should I use, and how certain is that?",
    options=CommandOptions,
    experiments=experiments,
    further=further,
    resumable=frozenset({"jobs", "timeout"}),
    analyse=analyse,
    summary=summary,
    sections=sections,
    stream=_stream,
    estimate=_estimate,
    where=_where,
    trains_here=False,
    unit="trainings",
    again="This command runs the same trainings again and writes this report.",
)
