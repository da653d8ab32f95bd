"""What the study found, put together: claims, chapters, and a summary in plain words."""

from collections.abc import Mapping

import xarray as xr

from lrscope.papers.linearity import _figures as pictures
from lrscope.papers.linearity import _summary as words
from lrscope.papers.linearity import _tables as tables
from lrscope.papers.linearity._claims import claims
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import Network, Results, results
from lrscope.report._old import Interactive
from lrscope.studies._findings import Chapter, Findings, Listed, Still

TITLE = "The learning rate and the average network"
QUESTION = "What does the learning rate do to the average network, and is that a straight line?"
Items = list[Still | Listed | Interactive]


def findings(records: Mapping[str, xr.Dataset], options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures, and what they say in plain words.

    Parameters
    ----------
    records : of each network of the run
    options : of the run

    Raises
    ------
    InputError : the records are not those of replicated trainings.
    """
    found = results(records, options)
    return Findings(
        title=TITLE,
        question=QUESTION,
        summary=_summary(found),
        claims=claims(found),
        chapters=_chapters(found),
    )


def _summary(found: Results) -> list[str]:
    told = [words.what(found)]
    for each in found.networks:
        told += [words.lacking(each), words.is_linear(each, found) if each.path else "", words.breaks(each)]
        told += [words.trainings(each, found) if each.path else "", words.accuracies(each) if each.change else ""]
    return [text for text in told if text]


def _chapters(found: Results) -> list[Chapter]:
    networks, grid = found.networks, found.options.grid
    known = [each for each in networks if each.path]
    law: Items = [pictures.law(each) for each in known]
    law += [tables.law(found), *(pictures.interactive(each) for each in known)]
    cost = f"{COST}\n\n{' '.join(words.cost(each, found.options.price) for each in networks)}"
    chapters = [
        *_diverged(found),
        Chapter("The law", LAW, law),
        Chapter("How many trainings", NOISE, _noise(found, known)),
        *([_grid(found)] if grid else []),
        Chapter("What the rate does", RATE, _rate(found)),
        Chapter("Which examples", _why(found), _examples(found)),
        Chapter("Cost", cost, [tables.cost(found, words.SOURCE)]),
        *([_every_law(found)] if grid else []),
    ]
    return [chapter for chapter in chapters if chapter.items]


def _diverged(found: Results) -> list[Chapter]:
    """Return a chapter on rates at which too many trainings diverged, if there are any."""
    told = [text for text in map(words.lacking, found.networks) if text]
    return [Chapter("What is not known", "\n\n".join([*told, LACKING]), [tables.rates(found)])] if told else []


def _noise(found: Results, known: list[Network]) -> Items:
    if not known:
        return []
    saved = [tables.saved(found)] if found.options.pairing == "common" else []
    return [*(pictures.course(found, each) for each in known), tables.needed(found), *saved]


def _grid(found: Results) -> Chapter:
    return Chapter("Where it breaks", GRID, [pictures.grid(each) for each in found.networks if each.laws is not None])


def _every_law(found: Results) -> Chapter:
    listed = [tables.laws(each, found) for each in found.networks if each.laws is not None]
    return Chapter("Every law of the grid", "", listed, collapsed=True)


def _rate(found: Results) -> Items:
    items: Items = []
    for each in found.networks:
        items += [pictures.sensitivity(found, each)] if each.sensitivity is not None else []
        items += [pictures.relation(each)] if each.change else []
        items += [pictures.curvature(each)] if each.path else []
    items += [] if any(map(words.lacking, found.networks)) else [tables.rates(found)]
    further = [tables.relation(found), tables.curvature(found), tables.sensitivity(found)]
    return [*items, *(one for one in further if one.table.rows)]


def _examples(found: Results) -> Items:
    known = [each for each in found.networks if each.change]
    return [
        *(sheet for each in known for sheet in pictures.sheets(found, each)),
        *([tables.favoured(found)] if known else []),
    ]


def _why(found: Results) -> str:
    changes = [each.change for each in found.networks if each.change]
    reasons = dict.fromkeys(change.sheets.why for change in changes if change.sheets.why)
    return "\n\n".join([EXAMPLES, *reasons])


LACKING = (
    "A training diverges when its loss or gradient is no finite number any more; it is left out at its rate. What "
    "does not need these rates is shown below. To know the rest, take smaller rates."
)
LAW = (
    "The mean output of many trainings is a function of the learning rate. If it moves along a straight line, the "
    "change from eta to eta + b is b / a times that from eta to eta + a, for every output of every sample; the table "
    "has eta, a and b. Both changes share the mean at eta, whose noise alone correlates them: independent trainings "
    "without any effect of the rate would have an R² of 0.25 and a slope of 0.5. The corrected values use only "
    "products of different trainings, which share no noise."
)
NOISE = (
    "The noise of a mean falls with the number of trainings. Trainings with common seeds begin with the same weights "
    "and see the data in the same order at every rate, so that a part of their noise is the same and drops out of the "
    "change."
)
GRID = (
    "The law for every rate of a grid and every two changes that lead to other rates of it. A training that diverged "
    "is left out at its rate."
)
RATE = (
    "The change per unit of the learning rate, class by class; whether it follows from the output itself (the source's "
    "question 1); and how far the path bends."
)
EXAMPLES = (
    "The source's question 2. Both groups are chosen by half of the trainings, in which they are extreme partly by "
    "chance; changes and confidences are those of the other half, where that chance has no part. Shown are the classes "
    "of the source, or the two whose groups differ most; the table has all."
)
COST = (
    f"The source trained {words.SOURCE:,} networks on CIFAR-10 in about {words.A100_HOURS} hours of an A100 GPU, 3.83 "
    "seconds each."
)
