import csv
import json
import os
import stat
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import StoreError
from lrscope.report import Claim, Table, write_claims, write_picture, write_table
from lrscope.report._files import plain

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def test_claims_are_a_list_of_objects_with_the_published_fields(tmp_path):
    claim = Claim("a", "table 1", "Most lie low.", 0.5, np.float64(0.25), np.float32(0.5), True, agree="1 of 1 seeds")
    path = write_claims(tmp_path / "claims.json", [claim])
    assert json.loads(path.read_text()) == [
        {
            "id": "a",
            "source": "table 1",
            "statement": "Most lie low.",
            "published": 0.5,
            "measured": 0.25,
            "tolerance": 0.5,
            "holds": True,
            "note": "",
            "agree": "1 of 1 seeds",
        }
    ]


@pytest.mark.parametrize("holds", [True, False, None])
def test_a_verdict_keeps_its_three_states(tmp_path, holds):
    path = write_claims(tmp_path / "claims.json", [Claim("a", "", "", 0, 0, 0, holds)])
    assert json.loads(path.read_text())[0]["holds"] is holds


def test_a_numpy_verdict_is_a_verdict(tmp_path):
    path = write_claims(tmp_path / "claims.json", [Claim("a", "", "", 0, 0, 0, np.bool_(True))])
    assert json.loads(path.read_text())[0]["holds"] is True


def test_what_is_not_finite_is_null_in_json():
    value = {"a": [1, float("nan"), (float("inf"), np.array([1.5, np.nan]))], 2: np.int64(3)}
    assert plain(value) == {"a": [1, None, [None, [1.5, None]]], "2": 3}


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), NUMBERS), max_size=5))
def test_a_table_reads_back_as_it_was(tmp_path_factory, rows):
    path = write_table(tmp_path_factory.mktemp("t") / "table.csv", Table("t", ["name", "value"], rows))
    with path.open(newline="", encoding="utf-8") as file:
        header, *read = csv.reader(file)
    assert header == ["name", "value"]
    assert [(name, float(value)) for name, value in read] == rows


def test_numpy_numbers_are_written_as_numbers(tmp_path):
    path = write_table(tmp_path / "table.csv", Table("t", ["a", "b"], [[np.float64(0.1), np.int64(3)]]))
    assert path.read_text() == "a,b\n0.1,3\n"


def test_a_picture_is_a_png_and_an_svg(tmp_path, figure):
    png, svg = write_picture(tmp_path / "figures", "loss", figure)
    assert (png.name, svg.name) == ("loss.png", "loss.svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")


def test_a_picture_is_the_same_each_time(tmp_path, figure):
    first = [path.read_bytes() for path in write_picture(tmp_path, "a", figure)]
    assert [path.read_bytes() for path in write_picture(tmp_path, "b", figure)] == first


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
    sentence = r"claims\.json could not be written: No space left on device\. Free space or choose another folder\."
    with pytest.raises(StoreError, match=sentence):
        write_claims(path, [Claim("a", "", "", 0, 0, 0, True)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "out").write_text("here already")
    with pytest.raises(StoreError, match="could not be written"):
        write_claims(tmp_path / "out" / "claims.json", [])
