import itertools
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from lrscope.report import ClaimResult, Figure, Report, Section, Table, write

VOID = {"meta", "link", "img", "br"}


class Outline(HTMLParser):
    """The elements of a page in order, each with its attributes; fails where one is closed that is not open."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, wanted):
        return [attributes for tag, attributes in self.elements if tag == wanted]


@pytest.fixture
def outline(page):
    return Outline(page)


def test_every_element_is_closed(outline):
    assert outline.open == []
    assert len(outline.all("table")) == 3


def test_no_text_becomes_markup(page, outline):
    assert "<script>document.title" not in page
    assert len(outline.all("script")) == 1  # the page's own


def test_figures_of_the_appendix_are_named_with_the_command_that_draws_them(page):
    appendix = page[page.index('id="appendix"') :]
    assert "lrscope figures DIR" in appendix
    assert re.findall(r"<dt><code>(\w+)</code></dt>", appendix) == ["late", "film"]


def test_figures_with_one_caption_have_it_once(tmp_path):
    captions = ["Histograms.", "Histograms.", "Curves.", "Histograms."]
    figures = [Figure(f"f{n}", "", text, lambda _: None, appendix=True) for n, text in enumerate(captions)]
    page = write(Report("R", "?", [], [], [Section("S", "", figures)]), tmp_path).read_text()
    assert re.findall(r"(?<=</strong> )\w+\.", page[page.index('id="appendix"') :]) == [*captions[1:]]


def test_options_are_code_and_nothing_else_is(tmp_path):
    page = write(Report("R", "?", ["Try --until-decided (--lrs 1:2) - or a--b <i>."], [], []), tmp_path).read_text()
    assert re.findall('<code class="option">(.*?)</code>', page) == ["--until-decided", "--lrs"]
    assert "a--b &lt;i&gt;." in page


def test_a_page_without_figures_is_small(tmp_path):
    small = Report("Still", "?", [], [], [Section("None", "Nothing moves.")])
    assert write(small, tmp_path).stat().st_size < 30_000


def test_the_page_points_nowhere_but_into_itself(outline):
    addresses = [
        value for _, attributes in outline.elements for name, value in attributes.items() if name in ("href", "src")
    ]
    assert {address.split(":")[0] if ":" in address else address[:1] for address in addresses} == {"#", "data"}
    identities = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert {address[1:] for address in addresses if address.startswith("#")} <= set(identities)


def test_pictures_can_be_read_aloud_and_keep_their_place(outline):
    (image,) = outline.all("img")
    assert image["alt"].startswith("Loss")
    assert int(image["width"]) > int(image["height"]) > 100


def test_headings_descend_one_step_at_a_time(outline):
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def page_of(table, folder):
    return write(Report("R", "?", [], [], [Section("S", "", [table])]), folder).read_text(encoding="utf-8")


def table_of(**columns):
    return Table("t", "Errors", lambda _results: pd.DataFrame(columns))


def test_a_table_without_rows_has_no_heads(tmp_path):
    assert "<table>" not in page_of(table_of(n=[], error=[]), tmp_path)


@pytest.mark.parametrize(("rows", "opened"), [(12, 0), (13, 1)])
def test_long_tables_have_to_be_opened(tmp_path, rows, opened):
    page = page_of(table_of(n=range(rows), error=[n / 2 for n in range(rows)]), tmp_path)
    assert page.count("<summary><strong>Errors</strong>") == opened


@pytest.mark.parametrize(
    ("holds", "sentence"),
    [
        ([True], "1 of 1 statement holds."),
        ([True, True, False, False], "2 of 4 statements hold, 2 do not hold."),
        ([True, False], "1 of 2 statements holds, 1 does not hold."),
        ([None], "0 of 1 statement holds, 1 could not be checked."),
    ],
)
def test_claims_are_counted(holds, sentence, tmp_path):
    claims = [ClaimResult("", "", "", 0, 0, 0, one) for one in holds]
    assert f"<strong>{sentence}</strong>" in write(Report("R", "?", [], claims, []), tmp_path).read_text()
