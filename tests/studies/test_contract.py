"""What every study keeps to, end to end on a grid of two by two networks. A new study adds its grid to `SMALL`."""

import csv
import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

from lrscope import store
from lrscope.papers.linearity import Replication
from lrscope.report import Claim, Interactive
from lrscope.report._film import ffmpeg
from lrscope.specification import from_json, to_json
from lrscope.studies import STUDIES, Findings, Folder, Listed, Still, study
from lrscope.training import Experiment

SOURCE = Path(__file__).parents[2] / "src"
FRESH = """
import sys
from lrscope.cli import main
from lrscope.studies import _report
_report._draw = lambda path, name, draw: (path / f"{name}.png", path / f"{name}.svg")
_report._filmed = lambda path, name, draw: path
code = main(["report", sys.argv[1]])
print(sorted({"torch", "lrscope.training"} & set(sys.modules)))
sys.exit(code)
"""
"""Writes a report again, figures and films as they are."""


@pytest.fixture(scope="module", params=STUDIES)
def name(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name, finished) -> Folder:
    return finished(name)


def options_of(folder: Folder):
    description = folder.description()
    chosen = {key: value for key, value in description["options"].items() if key != "class"}
    return study(description["study"]).Options(**chosen)


@pytest.fixture(scope="module")
def records(folder) -> dict[str, xr.Dataset]:
    return {each: store.open_records(folder.records(each)) for each in folder.description()["experiments"]}


@pytest.fixture(scope="module")
def found(name, folder, records) -> Findings:
    return study(name).findings(records, options_of(folder))


def files(folder: Path, kind: str) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob(kind))}


def test_the_folder_holds_what_the_design_says(folder, found):
    items = [item for chapter in found.chapters for item in chapter.items]
    stills, tables = ([item.name for item in items if isinstance(item, kind)] for kind in (Still, Listed))
    expected = {"experiment.json", "claims.json", "report.html"}
    expected |= {file.name for each in folder.description()["experiments"] for file in folder.records(each)}
    expected |= {f"tables/{table}.csv" for table in tables}
    expected |= {f"figures/{still}.{kind}" for still in stills for kind in ("png", "svg")}
    expected |= {f"figures/{film.name}.{'mp4' if ffmpeg() else 'gif'}" for film in found.films}
    expected |= {"histograms.root"} if found.histograms else set()
    assert {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()} == expected
    assert tables
    assert len(stills + tables) == len(set(stills + tables))


def test_the_description_says_what_ran_where_and_how(name, folder):
    description = json.loads((folder.path / "experiment.json").read_text())
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
        assert records[each].attrs["metadata"] == {key: own[key] for key in own if key != "experiments"}


def members(asked: Experiment | Replication) -> int:
    """Return how many members the records have: networks, or batches of replicates at each rate."""
    return len(asked.sweep) if isinstance(asked, Experiment) else len(asked.lrs) * asked.batches


def test_the_options_are_documented_and_have_defaults(name):
    chosen = study(name).Options()
    assert study(name).Options.__doc__
    assert dataclasses.fields(chosen)
    for experiment in study(name).experiments(chosen).values():
        assert from_json(experiment.to_json()) == experiment


def test_the_claims_have_all_their_fields(folder, found):
    written = json.loads((folder.path / "claims.json").read_text())
    fields = [field.name for field in dataclasses.fields(Claim)]
    assert {"id", "source", "statement", "published", "measured", "tolerance", "holds"} <= set(fields)
    assert [list(claim) for claim in written] == [fields] * len(found.claims)
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


def test_figures_can_be_drawn_in_another_process(found):
    for item in items_of(found, Still):
        assert pickle.loads(pickle.dumps(item.draw)).func is item.draw.func
        assert item.title
        assert item.caption.endswith(".")


def items_of(found: Findings, kind: type) -> Iterator[object]:
    return (item for chapter in found.chapters for item in chapter.items if isinstance(item, kind))


def test_the_page_says_all_of_it(folder, found, read):
    text = read(folder.report)
    for sentence in [found.title, found.question, *found.summary, *(claim.statement for claim in found.claims)]:
        assert " ".join(sentence.split()) in text
    for item in (*items_of(found, Still), *items_of(found, Interactive)):
        assert item.title in text
    assert f"lrscope run {folder.description()['study']}" in text
    assert " nan" not in text
    assert "None" not in text


def test_a_report_in_a_fresh_interpreter_needs_no_torch_and_says_the_same(folder):
    tables, claims = files(folder.path, "*.csv"), files(folder.path, "claims.json")
    records, page = files(folder.path, "records*.root"), folder.report.read_bytes()
    here = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", FRESH, str(folder.path)]
    ended = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [f"Report: {folder.report}", "[]"]
    assert files(folder.path, "*.csv") == tables
    assert files(folder.path, "claims.json") == claims
    assert files(folder.path, "records*.root") == records
    assert folder.report.read_bytes() == page
