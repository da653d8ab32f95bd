"""Which studies there are."""

import importlib
from collections.abc import Mapping
from types import ModuleType

from lrscope.errors import unknown

STUDIES: Mapping[str, str] = {
    "fluctuation": "Which neurons take part in learning, and how does that depend on the learning rate?",
    "stability": "When and why does training suddenly start to oscillate, and what announces it?",
    "sweep": "Which learning rate should I use, and how sure is that?",
    "linearity": "What does the learning rate do to the average network, and is that a straight line?",
}
"""Name of each study -> the question it asks."""


def study(name: str) -> ModuleType:
    """Return a study's folder, e.g. `lrscope.papers.fluctuation`.

    Raises
    ------
    InputError : there is no such study; the nearest name is given.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    folder = "papers" if name in ("fluctuation", "stability", "linearity") else "studies"
    return importlib.import_module(f"lrscope.{folder}.{name}")
