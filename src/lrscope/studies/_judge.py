"""The one way in which claims are decided: how many of the cases agree, on numbers as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from lrscope.studies._words import counted, rate

CASES = {"lr": "learning rate"}
"""Dimension -> what one of its labels is called; others are called as the dimension is."""
_RULES = {"majority": "more than half of the {cases}", "all": "all {cases}", "any": "at least one {case}"}


def tally(holds: xr.DataArray | bool | None, rule: str) -> tuple[bool | None, str, str]:
    """Return whether something holds, how many cases agree, and how many must: the last two in words.

    Parameters
    ----------
    holds : True, False, or NaN where a case does not decide; an array over the cases, or a single value
    rule : ``majority``, ``all`` or ``any`` of the cases that decide

    Returns
    -------
    tuple
        None where no case decides; the texts are empty for a single value

    Examples
    --------
    >>> tally(xr.DataArray([1, 1, 0, np.nan], dims="seed"), "majority")
    (True, '2 of 3 seeds', 'more than half of the seeds')
    >>> tally(False, "majority"), tally(float("nan"), "all")
    ((False, '', ''), (None, '', ''))
    """
    if holds is None:
        return None, "", ""
    array = xr.DataArray(holds)
    agree, count = int((array == 1).sum()), int(array.notnull().sum())
    if not count:
        return None, "", ""
    decided = {"majority": 2 * agree > count, "all": agree == count, "any": agree > 0}[rule]
    if not array.dims:
        return decided, "", ""
    names = [CASES.get(str(dim), str(dim)) for dim in array.dims]
    case = names[0] if len(names) == 1 else f"case ({', '.join(names)})"
    words = _RULES[rule].format(case=case, cases=counted(2, case).removeprefix("2 "))
    return decided, f"{agree} of {counted(count, case)}", words


def missing(array: xr.DataArray, **labels: Any) -> list[str]:
    """Return in words which labels an array lacks, or has no value at.

    Parameters
    ----------
    labels : dimension -> label, or several of them

    Examples
    --------
    >>> scores = xr.DataArray([1.0, np.nan], coords={"lr": [0.1, 0.2]})
    >>> missing(scores, lr=[0.1, 0.2, 0.3])
    ['lr 0.2', 'lr 0.3']
    """
    words = []
    for dim, wanted in labels.items():
        for label in [wanted] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else wanted:
            known = dim in array.coords and label in np.atleast_1d(array[dim].values)
            if not known or not bool(array.sel({dim: label}).notnull().any()):
                words.append(f"{dim} {rate(label) if isinstance(label, float) else label}")
    return words


def missing_paths(results: xr.DataTree, paths: Sequence[str]) -> list[str]:
    """Return the names of those paths that the results do not have."""
    return [path.rpartition("/")[2].replace("_", " ") for path in paths if path not in _all_paths(results)]


def _all_paths(results: xr.DataTree) -> set[str]:
    nodes = {node.path.strip("/"): node for node in results.subtree}
    return {*nodes, *(f"{path}/{name}".strip("/") for path, node in nodes.items() for name in node.data_vars)}
