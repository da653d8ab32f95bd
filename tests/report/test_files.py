"""Claims, tables and figures as files: whole or not at all, the same each time."""

import csv
import json
import os
import stat
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure as Drawing

from lrscope.errors import StoreError
from lrscope.report import ClaimResult, Figure, draw, write
from lrscope.report._files import CSS_DPI, PNG, picture, plain, size, write_claims, write_table


def drawn(points=3):
    figure = Drawing(figsize=(4, 3), layout="constrained")
    figure.subplots().plot(np.arange(points), 1 / (1 + np.arange(points)))
    return figure


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def test_claims_are_a_list_of_objects(tmp_path):
    claim = ClaimResult("a", "table 1", "Most lie low.", 0.5, np.float64(0.25), np.float32(0.5), True, "", "1 of 1")
    (written,) = json.loads(write_claims(tmp_path / "claims.json", [claim]).read_text())
    assert list(written) == list(ClaimResult.__dataclass_fields__)
    assert (written["measured"], written["tolerance"], written["holds"], written["agree"]) == (
        0.25,
        0.5,
        True,
        "1 of 1",
    )


def test_what_is_not_finite_is_null_in_json():
    value = {"a": [1, float("nan"), (float("inf"), np.array([1.5, np.nan]))], 2: xr.DataArray(3)}
    assert plain(value) == {"a": [1, None, [None, [1.5, None]]], "2": 3}


@settings(max_examples=25)
@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), NUMBERS), max_size=5))
def test_a_table_reads_back_as_it_was(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=["name", "value"]).astype(object)
    path = write_table(tmp_path_factory.mktemp("t") / "table.csv", frame)
    with path.open(newline="", encoding="utf-8") as file:
        header, *read = csv.reader(file)
    assert header == ["name", "value"]
    assert [(name, float(value)) for name, value in read] == rows


def test_a_small_figure_is_an_svg_and_one_with_many_points_a_png():
    kind, content = picture(drawn())
    assert kind == "svg"
    assert ElementTree.fromstring(content).tag.endswith("svg")
    many, pixels = picture(drawn(20000))
    assert (many, pixels[:8]) == ("png", PNG)
    assert size(content) == size(pixels) == (4 * CSS_DPI, 3 * CSS_DPI)


def test_a_figure_is_the_same_each_time():
    assert picture(drawn()) == picture(drawn())


@pytest.mark.parametrize("parallel", [100, 1])
def test_closures_are_drawn_alone_and_by_several_processes(tmp_path, monkeypatch, results, parallel):
    monkeypatch.setattr("lrscope.report._write.PARALLEL", parallel)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    calls = []

    def line(count):
        figure = Drawing(figsize=(4, 3), layout="constrained")
        figure.subplots().plot(np.arange(count), 1 / (1 + np.arange(count)))
        return figure

    items = [Figure(f"f{n}", "", "", lambda tree, n=n: line(n + tree["networks"].sizes["network"])) for n in (1, 2)]
    files = draw(items, results, tmp_path, lambda *each: calls.append(each))
    assert [file.name for file in files] == ["f1.svg", "f2.svg"]
    assert [file.read_bytes() for file in files] == [picture(drawn(40 + n))[1] for n in (1, 2)]
    assert calls == [("Drawing", 1, 2), ("Drawing", 2, 2)]


def test_a_report_is_a_page_with_figures_tables_and_claims(tmp_path, report):
    page = write(report, tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"report.html", "claims.json", "figures/loss.svg", "tables/fractions.csv", "tables/networks.csv"}
    before = page.read_bytes()
    assert write(report, tmp_path).read_bytes() == before


def test_a_file_has_the_usual_permissions(tmp_path):
    mask = os.umask(0o022)
    try:
        path = write_claims(tmp_path / "claims.json", [])
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path, monkeypatch):
    path = write_claims(tmp_path / "claims.json", [])
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(StoreError, match=r"claims\.json could not be written: No space left on device"):
        write_claims(path, [ClaimResult("a", "", "", 0, 0, 0, True)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "out").write_text("here already")
    with pytest.raises(StoreError, match="could not be written"):
        write_claims(tmp_path / "out" / "claims.json", [])
