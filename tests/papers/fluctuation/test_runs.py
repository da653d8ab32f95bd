"""Whatever is chosen, a run comes to its end, and its report is one for people."""

import re

import pytest

from lrscope import store
from lrscope.papers.fluctuation import STUDY, Options
from lrscope.report import Figure, Table
from lrscope.studies import Folder, Where, run

ODD = {
    "two-epochs-of-everything": {
        "shapes": ("square", "spiral"), "lrs": (0.01,), "epochs": 2, "seeds": 2, "batch_size": 30, "samples": 100,
        "noise": 0.05, "rotation": 20.0, "threshold": 0.4,
    },
    "one-sample": {"shapes": ("spiral",), "lrs": (0.01,), "epochs": 3, "samples": 1},
    "all-diverge-at-once": {"shapes": ("circle",), "lrs": (1e38,), "epochs": 4},
}  # fmt: skip
ODDER = {
    "one-epoch": {"shapes": ("circle",), "lrs": (0.0001, 0.01), "epochs": 1},
    "batches-of-50": {"shapes": ("spiral",), "lrs": (0.01,), "epochs": 3, "batch_size": 50},
    "uneven-batches": {"shapes": ("circle",), "lrs": (0.01,), "epochs": 3, "samples": 100, "batch_size": 60},
    "batches-of-one": {"shapes": ("circle",), "lrs": (0.01,), "epochs": 2, "samples": 5, "batch_size": 1},
    "two-samples": {"shapes": ("octagon",), "lrs": (0.01,), "epochs": 3, "samples": 2},
    "all-shapes": {"lrs": (0.01, 0.1), "epochs": 3, "samples": 50},
    "paper-rates-and-an-absurd-one": {"shapes": ("spiral", "square"), "lrs": (0.0001, 0.001, 0.01, 1e20), "epochs": 6},
    "some-seeds-diverge": {"shapes": ("spiral",), "lrs": (0.5, 1.0), "epochs": 40, "seeds": 3},
    "very-many-rates": {"shapes": ("circle",), "lrs": ("1e-6:10:15",), "epochs": 3, "samples": 50},
    "much-noise": {"shapes": ("circle",), "lrs": (0.01,), "epochs": 3, "noise": 1e30},
    "diverges-with-batches": {"shapes": ("circle",), "lrs": (1e10,), "epochs": 3, "samples": 100, "batch_size": 30},
}
UGLY = re.compile(r"\bnan\b|\binf\b|\bNone\b|e\+|e-0|\b1 (shape|rate|seed|epoch|table|case)s\b")


def check_run(options: Options, folder: Folder) -> None:
    """Train, check that every network has an outcome, and that every text, table and figure can be made and read."""
    assert run("fluctuation", options, folder, command="lrscope run fluctuation", where=Where("cpu"))
    records = store.open_records(folder.path)
    assert records.sizes["member"] == len(options.shapes) * len(options.lrs) * options.seeds
    results = STUDY.results({"records": records}, options)
    texts = [*STUDY.summary(results, options)]
    for claim in STUDY.judged(results):
        texts += [str(value) for value in (claim.measured, claim.note, claim.agree) if value is not None]
    for item in (item for section in STUDY.sections(results, options) for item in section.items):
        if isinstance(item, Figure) and not item.appendix:
            texts += [item.title, item.caption, *words_of(item.draw(results))]
        elif isinstance(item, Table):
            texts += [str(cell) for row in item.frame(results).values for cell in row if isinstance(cell, str)]
    assert [text for text in texts if UGLY.search(text)] == []


def words_of(figure) -> list[str]:
    """Return the texts of a figure that was laid out."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("chosen", ODD.values(), ids=ODD)
def test_an_odd_run_ends_well(chosen, tmp_path):
    check_run(Options(**chosen), Folder(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("chosen", ODDER.values(), ids=ODDER)
def test_an_odder_run_ends_well(chosen, tmp_path):
    check_run(Options(**chosen), Folder(tmp_path))


def test_the_paper_is_the_default():
    options = Options()
    assert len(options.shapes) == 8
    assert options.lrs == (0.0001, 0.001, 0.01)
    assert (options.seeds, options.epochs, options.batch_size, options.samples) == (1, 1000, None, 500)
