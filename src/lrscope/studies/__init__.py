"""The reproducible experiments: a question, the experiment that asks it, what was found, and what was published.

A study is a folder with three names: ``Options`` (a specification; its fields are the command line's options),
``experiment(options)`` and ``findings(records, options)``. Only the second needs PyTorch, and only it imports it.
"""

import importlib
from collections.abc import Mapping
from types import ModuleType

from lrscope.errors import unknown
from lrscope.studies._findings import Findings
from lrscope.studies._folder import Folder
from lrscope.studies._report import write_report

STUDIES: Mapping[str, str] = {
    "fluctuation": "Which neurons take part in learning, and how does that depend on the learning rate?",
}
"""Name of each study -> the question it asks."""

__all__ = ["STUDIES", "Findings", "Folder", "study", "write_report"]


def study(name: str) -> ModuleType:
    """Return a study's folder, e.g. `lrscope.studies.fluctuation`.

    Raises
    ------
    InputError : there is no such study; the nearest name is given.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return importlib.import_module(f"lrscope.studies.{name}")
