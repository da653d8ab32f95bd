"""The report of any file of records: a study that trains nothing, and has no claims.

A study's own report knows its question; this one shows what happened inside the network, as far as it was recorded.
"""

from dataclasses import dataclass

from lrscope.studies._study import Study
from lrscope.studies.recorded._results import analyse
from lrscope.studies.recorded._sections import sections, summary


@dataclass(frozen=True)
class Files:
    """The files that a report is about: one, or several that continue each other or make a grid together."""

    files: tuple[str, ...]


STUDY = Study(
    name="recorded",
    title="Records",
    question="What happened inside the network while it learned?",
    options=Files,
    experiments=lambda _options: {},
    analyse=analyse,
    summary=summary,
    sections=sections,
)
