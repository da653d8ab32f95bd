"""Prose from templates, ``*.txt.j2`` beside the code that counts: sentences stand there, numbers are made in Python."""

from functools import cache
from math import isfinite
from typing import Any

import jinja2
import xarray as xr

from lrscope.studies import _words

PARAGRAPH = "\N{PILCROW SIGN}"
"""Stands after each paragraph of a template; any other white space is one space."""


def paragraphs(template: str, **values: Any) -> list[str]:
    """Return the paragraphs of a template, those without any words left out.

    Parameters
    ----------
    template : its path in the package: ``studies/sweep/summary.txt.j2``
    values : of its variables; their numbers are written by the functions of `_words`, as filters
    """
    text = _environment().get_template(template).render(values)
    return [" ".join(part.split()) for part in text.split(PARAGRAPH) if part.strip()]


def numbers(dataset: xr.Dataset | xr.DataTree) -> dict[str, Any]:
    """Return the variables as Python's own numbers and texts, lists of those that have dimensions."""
    return {str(name): array.values.tolist() for name, array in dataset.data_vars.items()}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(loader=jinja2.PackageLoader("lrscope", ""), undefined=jinja2.StrictUndefined)
    names = ("short", "rate", "percent", "counted", "listed", "at_rates", "estimate_text", "share_text")
    environment.filters |= {name: getattr(_words, name) for name in names}
    environment.tests["finite"] = isfinite
    return environment
