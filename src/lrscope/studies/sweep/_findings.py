"""What the study found, put together: claims, chapters, and a summary in plain words."""

import math
from collections.abc import Mapping, Sequence

import xarray as xr

from lrscope.report import Interactive
from lrscope.studies._findings import Chapter, Findings, Listed, Still
from lrscope.studies._words import counted, short
from lrscope.studies.sweep import _figures as pictures
from lrscope.studies.sweep import _tables as tables
from lrscope.studies.sweep._claims import claims
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._results import Results, results
from lrscope.studies.sweep._summary import advice, evidence, insides, range_test, spread

TITLE = "A learning rate with its evidence"
QUESTION = "Which learning rate should I use, and how sure is that?"


def findings(records: Mapping[str, xr.Dataset], options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures and a recommendation in plain words.

    Parameters
    ----------
    records : of each experiment of the run
    options : of the run

    Raises
    ------
    InputError : the records lack a quantity that the study needs.
    """
    found = results(records, options)
    return Findings(
        title=TITLE,
        question=QUESTION,
        summary=[_what(found), *advice(found), *evidence(found), *range_test(found), *spread(found), *insides(found)],
        claims=claims(found),
        chapters=_chapters(found),
    )


def _what(found: Results) -> str:
    sizes, options = found.scores.sizes, found.options
    trained = int(found.scores.notnull().sum())
    diverged = int((found.scores == math.inf).sum())
    told = f"{diverged} of them diverged." if diverged else "No network diverged."
    told += _guessing(found)
    if options.until_decided and trained >= options.trainings:
        told += f" The budget of {options.trainings} trainings is spent."
    return (
        f"{counted(trained, 'network')} learned {options.data} at {counted(sizes['lr'], 'learning rate')} with "
        f"{counted(sizes['seed'], 'seed')} for {counted(options.epochs, 'epoch')} "
        f"({counted(options.epochs * found.per_epoch, 'update')}). {told}"
    )


def _guessing(found: Results) -> str:
    """Say how many networks came to the end and know no more of the classes than that there are so many."""
    classes = CLASSES.get(found.options.data)
    if classes is None or found.accuracy is None:
        return ""
    guessed = (found.scores >= math.log(classes) * (1 - NO_BETTER)) & (found.accuracy < LUCKY / classes)
    count = int(guessed.sum())
    loss = short(math.log(classes))
    return f" {count} ended no better than guessing (a validation loss of {loss})." if count else ""


def _chapters(found: Results) -> list[Chapter]:
    more: Sequence[Listed] = [tables.rounds(found)] if found.options.until_decided else []
    evidence: list[Still | Listed | Interactive] = [pictures.outcome(found), pictures.interactive(found)]
    evidence += [pictures.differences(found), tables.rates(found), *more]
    inside: list[Still | Listed] = [pictures.insides(found), tables.insides(found)]
    inside += [pictures.activity(found), pictures.survival(found)] if found.rectified else []
    course: list[Still | Listed] = [pictures.curves(found), tables.networks(found)]
    if found.targets is not None:
        course.insert(1, pictures.targets(found.targets, found.scores))
    split = found.split
    numbers = [tables.curves(found), *([] if split is None else [tables.variance(split)])]
    return [
        Chapter("Which learning rate", "", evidence),
        Chapter("Course of the training", "", course),
        Chapter("Against the range test", RANGE_TEST, [pictures.range_test(found), tables.range_test(found)]),
        *([] if split is None else [Chapter("What else decides", SPLIT, [pictures.variance(split)])]),
        Chapter("Inside the networks", "" if found.rectified else NOT_RECTIFIED, inside),
        Chapter("Numbers of the figures", "", numbers, True),
    ]


CLASSES = {"digits": 10, "mnist": 10, "cifar10": 10}
"""Classes of the data sets, as common as each other: who guesses has the logarithm of their number as loss."""
NO_BETTER = 0.01
"""A loss that is lower than that of guessing by a smaller share is no better."""
LUCKY = 1.5
"""Times the share of a class that a constant answer may hit: in a validation part classes are not equally common."""
NOT_RECTIFIED = (
    "Dead neurons are not counted: the recorded layers put out values below 0, as those of networks do that call their "
    "activation functions as functions instead of modules, or have others than ReLU."
)
RANGE_TEST = (
    "The range test trains one network for 100 steps while the rate rises by a constant factor from 1e-7 to 10, and "
    "reads a suggestion off the training loss. It was run for every seed, and its suggestions are held against what "
    "whole trainings found. The rules of all tools read the same runs, over fastai's range of rates."
)
SPLIT = (
    "At every rate some initialisations were crossed with as many orders of the data, so that the outcome's variance "
    "can be split: what is due to the rate, to the initialisation, to the order of the data, and to their interplay."
)
