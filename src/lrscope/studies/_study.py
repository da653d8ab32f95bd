"""What a study is, and which there are: those that installed packages declare as entry points ``lrscope.studies``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from lrscope._imported import ANYTHING, error_text
from lrscope.errors import InputError, unknown
from lrscope.report import ClaimResult, Section
from lrscope.studies._where import Where
from lrscope.studies._words import counted, listed, rate

if TYPE_CHECKING:
    import hist


UNDECIDED = "No network came far enough to decide it."
_CASES = {"lr": "learning rate"}
"""Dimension -> what one of its labels is called; others are called as the dimension is."""
_RULES = {"majority": "more than half of the {cases}", "all": "all {cases}", "any": "at least one {case}"}


@dataclass(frozen=True)
class Claim:
    """A statement that can be checked, and the one test that decides it.

    Callables take the results, whose attribute ``options`` holds the options of the run, or what `of` makes of them.
    Whatever is judged is judged on the numbers of the results, never on a text.

    Attributes
    ----------
    id : short, unique in its study: ``counts-encoder``
    source : where it is stated: ``section 4.1, table 2``
    statement : in words, as the source means it
    holds : of the value `of`, returns an array over the cases (seeds, or any dimensions), True, False, or NaN where a
        case does not decide it; or a single truth value; or None
    measured : of the value `of`, returns what was measured, a number or text
    published : what the source gives: a number or text, or a callable
    tolerance : how far measured and published may differ, a number or in words
    rule : how many of the decided cases must agree
    needs : returns in words what is missing (see `missing`); then the claim is not checked
    note : what a reader must know, a text or a callable
    undecided : the note where no case decides it, a text or a callable of the value `of`
    of : results -> the value that is judged and described; by default the results themselves
    """

    id: str
    source: str
    statement: str
    holds: Callable[[Any], xr.DataArray | bool | None] = field(repr=False)
    measured: Callable[[Any], Any] = field(repr=False)
    published: Any = "stated in words"
    tolerance: Any = ""
    rule: Literal["majority", "all", "any"] = "majority"
    needs: Callable[[xr.DataTree], Sequence[str]] = field(default=lambda _results: (), repr=False)
    note: str | Callable[[xr.DataTree], str] = ""
    undecided: str | Callable[[Any], str] = UNDECIDED
    of: Callable[[Any], Any] = field(default=lambda results: results, repr=False)

    def judge(self, results: xr.DataTree) -> ClaimResult:
        """Return the claim with what was measured, and whether it holds in these results."""
        published = self.published(results) if callable(self.published) else self.published
        lacking = self.needs(results)
        if lacking:
            return self._unchecked(published, f"Needs {listed(list(lacking))}.")
        value = self.of(results)
        holds, agree, rule = _tally(self.holds(value), self.rule)
        if holds is None:
            return self._unchecked(published, self.undecided(value) if callable(self.undecided) else self.undecided)
        note = self.note(results) if callable(self.note) else self.note
        return ClaimResult(
            *(self.id, self.source, self.statement, published, self.measured(value), self.tolerance),
            *(holds, note, agree, rule),
        )

    def _unchecked(self, published: Any, reason: str) -> ClaimResult:
        return ClaimResult(self.id, self.source, self.statement, published, None, self.tolerance, None, reason)


@dataclass(frozen=True)
class Study:
    """A question with everything that answers it. Only what trains may need PyTorch.

    Attributes
    ----------
    name, title, question : of the study; the name is that of its entry point
    options : a specification, whose fields are the options of the command line
    experiments : options -> experiments by name; that named ``records`` is written to ``records.root``, any other to
        ``records-<name>.root``
    analyse : records (member, step, ...) of each experiment, options -> results; numbers only, without PyTorch
    sections : results, options -> sections of figures, animations and tables
    summary : results, options -> the answer in plain words, one text a paragraph
    claims : statements to check; or a callable that chooses them by the results
    source : reference of what is reproduced
    further : records, options -> more experiments that follow from the records, under new names, until it returns none
    resumable : options that may be others when a run is resumed
    histograms : results -> histograms by name, written as ``histograms.root``; or None
    stream, estimate : of a study whose experiments are no `Experiment`: the training of one, with everything that a
        `lrscope.training.Stream` has, given the `Folder` of the run and the name of the experiment; its cost
    where : options, the `Where` that is asked for -> where to train; refuses what these trainings do not allow
    variants : the same question about other trainings, by the name of an option that only theirs have: of trainings by
        ``command``, of runs that exist (``source``)
    trains_here : whether this process, or its engines, train with PyTorch; false of trainings by command
    unit : what the progress of a run counts
    again : what the command of a run does, for the report
    """

    name: str
    title: str
    question: str
    options: type
    experiments: Callable[[Any], Mapping[str, Any]] = field(repr=False)
    analyse: Callable[[Mapping[str, xr.Dataset], Any], xr.DataTree] = field(repr=False)
    sections: Callable[[xr.DataTree, Any], Sequence[Section]] = field(repr=False)
    summary: Callable[[xr.DataTree, Any], Sequence[str]] = field(repr=False)
    claims: Sequence[Claim] | Callable[[xr.DataTree], Sequence[Claim]] = field(default=(), repr=False)
    source: str = ""
    further: Callable[[Mapping[str, xr.Dataset], Any], Mapping[str, Any]] | None = None
    resumable: frozenset[str] = frozenset()
    histograms: "Callable[[xr.DataTree], Mapping[str, hist.Hist[Any]]] | None" = field(default=None, repr=False)
    stream: Callable[..., Any] | None = None
    estimate: Callable[..., Any] | None = None
    where: Callable[[Any, Where], Where] | None = None
    variants: "Mapping[str, Study]" = field(default_factory=dict, repr=False)
    trains_here: bool = True
    unit: str = "network steps"
    again: str = "This command trains the same networks again and writes this report."

    def of(self, options: Mapping[str, Any]) -> "Study":
        """Return the study that options in their JSON form belong to: this one, or one of its variants."""
        return next((one for name, one in self.variants.items() if name in options), self)

    def results(self, records: Mapping[str, xr.Dataset], options: Any) -> xr.DataTree:
        """Return the results of the records; their attribute ``options`` holds the options."""
        results = self.analyse(records, options)
        results.attrs["options"] = options
        return results

    def judged(self, results: xr.DataTree) -> list[ClaimResult]:
        """Return every claim, checked."""
        claims = self.claims(results) if callable(self.claims) else self.claims
        return [claim.judge(results) for claim in claims]


def _tally(holds: xr.DataArray | bool | None, rule: str) -> tuple[bool | None, str, str]:
    """Return whether something holds (None: no case decides), how many cases agree, and how many must, in words."""
    if holds is None:
        return None, "", ""
    array = xr.DataArray(holds)
    agree, count = int((array == 1).sum()), int(array.notnull().sum())
    if not count:
        return None, "", ""
    decided = {"majority": 2 * agree > count, "all": agree == count, "any": agree > 0}[rule]
    if not array.dims:
        return decided, "", ""
    names = [_CASES.get(str(dim), str(dim)) for dim in array.dims]
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


def study_names() -> list[str]:
    """Return the names of all studies, sorted; none is imported."""
    return sorted(_entries())


def study(name: str) -> Study:
    """Return a study by its name.

    Raises
    ------
    InputError : there is none of this name, or it cannot be imported.
    """
    entries = _entries()
    if name not in entries:
        raise unknown("study", name, sorted(entries))
    entry = entries[name]
    try:
        loaded = entry.load()
    except ANYTHING as error:
        got = f"importing {entry.value} raised {error_text(error)}"
        raise InputError(f"The study {name} cannot be used: {got}.") from error
    if not isinstance(loaded, Study):
        kind = type(loaded).__name__
        raise InputError(f"The study {name} cannot be used: {entry.value} is a {kind}; it must be a lrscope Study.")
    if loaded.name != name:
        raise InputError(f"The study {name} cannot be used: it names itself {loaded.name!r}. Give both the same name.")
    return loaded


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="lrscope.studies")}
