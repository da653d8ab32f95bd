"""Writing a report: in one process or in several, the same files."""

import pytest

from lrscope import store
from lrscope.studies import ONLY, Still, study
from lrscope.studies import _report as report


@pytest.mark.long
def test_figures_drawn_by_several_processes_are_the_same(finished, tmp_path, monkeypatch):
    folder = finished("fluctuation")
    options = {key: value for key, value in folder.description()["options"].items() if key != "class"}
    module = study("fluctuation")
    found = module.findings({ONLY: store.open_records(folder.path)}, module.Options(**options))
    stills = [item for chapter in found.chapters for item in chapter.items if isinstance(item, Still)][-4:]
    monkeypatch.setattr(report, "MANY", 1)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    pictures = report._drawn(tmp_path, stills, [])
    assert len(pictures) == 4
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (folder.path / "figures" / file.name).read_bytes()
    assert {file.stem for file in tmp_path.iterdir()} == set(pictures)
