"""The study `sweep` of trainings by command."""

from collections.abc import Callable
from typing import Any

from lrscope.commands import Running, Trainings, Tried, tried
from lrscope.studies._folder import Folder
from lrscope.studies._study import Study
from lrscope.studies.sweep._command_options import CommandOptions, experiments, further
from lrscope.studies.sweep._command_results import analyse
from lrscope.studies.sweep._command_sections import sections, summary


def _stream(
    trainings: Trainings, *, folder: Folder, progress: Callable[[int, int], None] | None = None, **_options: Any
) -> Running:
    return Running(trainings, folder.trainings, progress)


def _estimate(trainings: Trainings, **_options: Any) -> Tried:
    return tried(trainings)


BY_COMMAND = Study(
    name="sweep",
    title="A learning rate with its evidence",
    question="Which learning rate should I use, and how sure is that?",
    options=CommandOptions,
    experiments=experiments,
    further=further,
    resumable=frozenset({"jobs", "timeout"}),
    analyse=analyse,
    summary=summary,
    sections=sections,
    stream=_stream,
    estimate=_estimate,
    trains_here=False,
    unit="trainings",
    again="This command runs the same trainings again and writes this report.",
)
