"""What every study keeps to, end to end on a grid of two by two networks. A new study adds its grid to `SMALL`."""

import copy
import csv
import dataclasses
import importlib.abc
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from lrscope import store
from lrscope.cli import main
from lrscope.errors import InputError, LrscopeError
from lrscope.papers.boundary import Map
from lrscope.papers.linearity import Replication
from lrscope.report import Animation, ClaimResult, Figure, Report, Table
from lrscope.report._film import ffmpeg
from lrscope.specification import from_json, to_json
from lrscope.studies import Folder, study, study_names, write_report
from lrscope.studies._report import report_from, report_of
from lrscope.training import Experiment

EVIL = "evil_module:data"
IMPORTABLE = {"sweep": {"data", "model"}, "linearity": {"data", "model"}, "stability": {"target"}}
"""Study -> options that a run would import."""


@pytest.fixture(scope="module", params=study_names())
def name(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name, finished) -> Folder:
    return finished(name)


def options_of(folder: Folder):
    description = folder.description()
    chosen = {key: value for key, value in description["options"].items() if key != "class"}
    return study(description["study"]).options(**chosen)


@pytest.fixture(scope="module")
def records(folder) -> dict[str, xr.Dataset]:
    return {each: store.open_records(folder.records(each)) for each in folder.description()["experiments"]}


@pytest.fixture(scope="module")
def report(folder) -> Report:
    return report_of(folder)


def files(folder: Path, kind: str) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob(kind))}


def test_the_folder_holds_what_the_design_says(folder, report):
    expected = {"experiment.json", "report.html"} | ({"claims.json"} if report.claims else set())
    expected |= {"histograms.root"} if study(folder.description()["study"]).histograms else set()
    expected |= {file.name for each in folder.description()["experiments"] for file in folder.records(each)}
    kinds = {}
    for item in report.items:
        if isinstance(item, Table):
            expected.add(f"tables/{item.name}.csv")
        elif not item.appendix:
            moving = isinstance(item, Animation)
            kinds[f"figures/{item.name}"] = {".mp4" if ffmpeg() else ".gif"} if moving else {".svg", ".png"}
    files = {path.relative_to(folder.path) for path in folder.path.rglob("*") if path.is_file()}
    drawn = {path.with_suffix("").as_posix(): path.suffix for path in files if path.parent.name == "figures"}
    assert {path.as_posix() for path in files if path.parent.name != "figures"} == expected
    assert all(suffix in kinds[name] for name, suffix in drawn.items())
    assert drawn.keys() == kinds.keys()
    assert any(isinstance(item, Figure) for item in report.items)


def test_the_description_says_what_ran_where_and_how(name, folder):
    description = json.loads((folder.path / "experiment.json").read_text())
    assert isinstance(description.pop("crc32"), int)
    assert description["study"] == name
    assert description["command"] == f"lrscope run {name}"
    assert description["finished"] is True
    assert {"lrscope", "python", "torch", "numpy", "xarray", "uproot"} == set(description["versions"])
    assert {"system", "processor", "cores", "device", "threads"} == set(description["machine"]) - {"workers"}
    assert description == {**folder.description()}


def test_the_experiments_are_rebuilt_from_the_description(name, folder):
    description = folder.description()
    rebuilt = {each: from_json(form) for each, form in description["experiments"].items()}
    assert rebuilt == study(name).experiments(options_of(folder))
    assert {each: experiment.to_json() for each, experiment in rebuilt.items()} == description["experiments"]
    assert to_json(options_of(folder)) == description["options"]


def test_the_records_are_complete_and_carry_their_description(folder, records):
    description = folder.description()
    for each, form in description["experiments"].items():
        assert records[each].attrs["complete"] is True
        assert records[each].sizes["member"] == members(from_json(form))
        own = {**description, "finished": False, "experiment": form}
        late = ("experiments", "failed")  # of each experiment what was known when it began
        metadata = {key: value for key, value in records[each].attrs["metadata"].items() if key not in late}
        assert metadata == {key: own[key] for key in own if key not in late}


def members(asked: Experiment | Replication | Map) -> int:
    """Return how many members the records have: networks, batches of replicates at each rate, or pixels."""
    if isinstance(asked, Map):
        return asked.pixels
    return len(asked.sweep) if isinstance(asked, Experiment) else len(asked.lrs) * asked.batches


def test_the_claims_have_all_their_fields(folder, report):
    file = folder.path / "claims.json"
    written = json.loads(file.read_text()) if report.claims else []
    fields = [field.name for field in dataclasses.fields(ClaimResult)]
    assert [list(claim) for claim in written] == [fields] * len(report.claims)
    assert len({claim["id"] for claim in written}) == len(written)
    for claim in written:
        assert claim["holds"] in (True, False, None)
        assert claim["statement"]
        assert claim["source"]
        assert claim["holds"] is None or claim["measured"] is not None
        assert claim["holds"] is not None or (claim["note"] and claim["measured"] is None and not claim["agree"])


def test_the_tables_are_rectangles_without_nan(folder):
    tables = files(folder.path / "tables", "*.csv")
    for content in tables.values():
        header, *rows = csv.reader(content.decode().splitlines())
        assert rows
        assert {len(row) for row in rows} == {len(header)}
        assert not {"nan", "None", "inf"} & {cell for row in rows for cell in row}


def test_the_page_says_all_of_it(folder, report, read):
    text = read(folder.report)
    for sentence in [report.title, report.question, *report.summary, *(claim.statement for claim in report.claims)]:
        assert " ".join(sentence.split()) in text
    for item in report.items:
        assert item.title in text
    assert f"lrscope run {folder.description()['study']}" in text
    assert " nan" not in text
    assert "None" not in text


def test_every_figure_of_the_appendix_can_be_drawn(report, check_report):
    hidden = [item for item in report.items if not isinstance(item, Table) and item.appendix]
    check_report(dataclasses.replace(report, sections=[dataclasses.replace(report.sections[0], items=hidden)]))


def test_a_report_that_is_written_again_says_the_same(finished):
    folder = finished("fluctuation")
    kinds = ("*.csv", "claims.json", "records*.root", "report.html")
    before = [files(folder.path, kind) for kind in kinds]
    write_report(folder)
    assert [files(folder.path, kind) for kind in kinds] == before


# a folder that somebody sent: nothing that it names is imported


class Finder(importlib.abc.MetaPathFinder):
    """Is asked for each module that is not imported yet."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        self.asked.append(fullname)


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Return the names of what somebody tries to import from now on."""
    finder = Finder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    return finder.asked


def places(form: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where a JSON form has a value that is no container, or a list of some."""
    inner = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    if not isinstance(form, dict):
        yield path
    for key, value in inner:
        yield from places(value, (*path, key))


def changed(form: Any, path: tuple[Any, ...]) -> Any:
    """Return a JSON form with a path of import at a place."""
    new = copy.deepcopy(form)
    holder = new
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = EVIL
    return new


def test_a_report_imports_nothing_that_the_options_name(name, folder, records, asked):
    kind, form = study(name), folder.description()["options"]
    del form["class"]
    options, named = kind.options(**form), set()
    for path in places(form):
        with suppress(LrscopeError):
            options = kind.options(**changed(form, path))
            form, named = changed(form, path), {*named, path[0]}
    assert named >= IMPORTABLE.get(name, set())
    with suppress(LrscopeError):
        report_from(kind, records, options)
    assert not [module for module in asked if module.startswith("evil")]


def test_options_that_are_not_those_of_the_records_are_refused(folder, tmp_path):
    sent = Folder(shutil.copytree(folder.path, tmp_path / "run"))
    description = sent.description()
    number = "epochs" if "epochs" in description["options"] else "steps"
    other = {"options": {**description["options"], number: 9}}
    for changes in (other, {"experiments": {key: {} for key in description["experiments"]}}):
        sent.describe({**description, **changes})
        with pytest.raises(InputError, match=r"experiment\.json must describe the run"):
            report_of(sent)


def test_no_command_imports_what_the_experiments_name(folder, tmp_path, asked, capsys):
    folder = Folder(shutil.copytree(folder.path, tmp_path / "run"))
    description = folder.description()
    for path in reversed(list(places(description["experiments"]))):
        description["experiments"] = changed(description["experiments"], path)
    folder.describe(description)
    for words in (["compare", "--lr", "0.001", "--lr", "0.01"], ["export", "tensorboard"], ["figures"]):
        command, *options = words
        given = [command, str(folder.path), *options] if command != "export" else [*words, str(folder.path)]
        assert main(given) in (0, 1, 2)
    capsys.readouterr()
    assert not [module for module in asked if module.startswith("evil")]
