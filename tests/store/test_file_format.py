"""`docs/file-format.md` says what is true: its examples run, and its labels are those of a file."""

import json
import re
from pathlib import Path

import pytest
import uproot

from lrscope.store import Writer

PAGE = (Path(__file__).parents[2] / "docs" / "file-format.md").read_text()


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(block, tmp_path, monkeypatch) -> Path:
    """Return a folder with what the page's examples read, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for path in ("records.root", "results/fluctuation/records.root"):
        with Writer(path, {"command": "lrscope run fluctuation"}) as writer:
            for number in range(25):
                writer.extend(block(number))
    return tmp_path


def test_the_examples_of_reading_run(folder):
    found: dict[str, object] = {}
    for example in code("python")[:2]:
        exec(compile(example, "file-format.md", "exec"), found)
    assert found["few"]["loss"].shape == (2 * 125,)
    assert found["weights"].shape == (100, 3, 2)
    assert found["metadata"] == found["records"].attrs["metadata"] == {"command": "lrscope run fluctuation"}
    assert found["counts"].sum() == 4


def test_the_example_of_writing_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = code("python")[2].replace('"experiment": ...', '"experiment": None')
    exec(compile(example, "file-format.md", "exec"), {"blocks": [block(0)], "state": {}})
    assert (tmp_path / "records.root").exists()


def test_the_labels_have_the_form_that_is_shown(folder):
    shown = json.loads(code("json")[0])
    with uproot.open("records.root") as file:
        labels = json.loads(str(file["labels_records"]))
        assert set(file.keys(recursive=False, cycle=False)) == {
            "lrscope",
            "records",
            "records_outputs",
            "digests_records",
            "digests_records_outputs",
            "labels_records",
            "labels_records_outputs",
            "summaries",
            "complete",
        }
    assert set(labels) == set(shown)
    for group, name in (("variables", "weights_encoder_0"), ("columns", "lr")):
        assert set(labels[group][name]) == {*shown[group][name], "values"}
        assert labels[group][name]["attrs"] == shown[group][name]["attrs"]
        assert labels[group][name]["dims"] == shown[group][name]["dims"]
    assert labels["attrs"] == shown["attrs"]
