"""A run that goes on until decided may be killed in any round: `--resume` ends as if nobody had."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrscope import store
from lrscope.studies import Folder

pytestmark = pytest.mark.long
OPTIONS = (
    *("--data", "own_things:ARRAYS", "--model", "own_things:network", "--lrs", "0.0001", "0.001"),
    *("--seeds", "3", "--epochs", "3", "--batch-size", "16", "--crossed-seeds", "0", "--until-decided"),
    *("--budget", "18"),
)
SETUP = f"""
import itertools, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
constants(BLOCK_BYTES=500)
import lrscope.report._write
from matplotlib.figure import Figure
picture = lrscope.report._write.picture
lrscope.report._write.picture = lambda _figure: picture(Figure())
"""
"""Set-up that closes a block at each step and leaves the figures of the report blank."""
END_AT = """
import lrscope.store
extend, number = lrscope.store.Writer.extend, itertools.count()
def counted(writer, *arguments):
    if {name!r} in str(writer.path) and next(number) == {block}:
        os.kill(os.getpid(), {signal})
    return extend(writer, *arguments)
lrscope.store.Writer.extend = counted
"""
"""Set-up that sends a signal before a block of an experiment is written."""
BETWEEN = """
from lrscope.studies import sweep
from lrscope.studies.sweep import _experiments
further = _experiments.further
def killing(records, options):
    if "round2" in records:
        os.kill(os.getpid(), {signal})
    return further(records, options)
_experiments.further = killing
"""
"""Set-up that sends a signal while the round after the second is chosen."""
FILES = ("tables/rates.csv", "tables/rounds.csv", "tables/networks.csv", "tables/epochs.csv")


@pytest.fixture(scope="module")
def told(commands, tmp_path_factory) -> Folder:
    """Return the folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("told") / "run"
    ended = commands.run(["run", "sweep", *OPTIONS, "--out", folder], SETUP)
    assert ended.code == 0, ended.err
    return Folder(folder)


def records_of(folder: Folder) -> dict[str, xr.Dataset]:
    names = folder.description()["experiments"]
    return {name: store.open_records(folder.records(name)).load().drop_attrs(deep=False) for name in names}


def killed(commands, folder: Path, how: str):
    return commands.run(["run", "sweep", *OPTIONS, "--out", folder], SETUP + how)


def check_resumed(commands, folder: Path, told: Folder) -> None:
    assert json.loads((folder / "experiment.json").read_text())["finished"] is False
    ended = commands.run(["run", "sweep", *OPTIONS, "--out", folder, "--resume"], SETUP)
    assert ended.code == 0, ended.err
    found, description = Folder(folder), told.description()
    assert found.description()["experiments"] == description["experiments"]
    assert found.description()["finished"] is True
    expected, records = records_of(told), records_of(found)
    for name in expected:
        xr.testing.assert_identical(records[name], expected[name])
    for file in FILES:
        assert (folder / file).read_text() == (told.path / file).read_text(), file
    assert not [file.name for file in folder.iterdir() if file.suffix in (".part", ".npz")]


def test_a_run_until_decided_has_the_rounds_that_it_tells_of(told):
    names = list(told.description()["experiments"])
    assert names[:2] == ["grid", "range-test"]
    assert len(names) > 3
    assert names[2:] == [f"round{number}" for number in range(2, len(names))]
    rounds = (told.path / "tables" / "rounds.csv").read_text().splitlines()
    assert len(rounds) == len(names)  # a header, and no range test
    grid = [one for name, one in records_of(told).items() if name != "range-test"]
    assert sum(one.sizes["member"] for one in grid) <= 18
    pairs = {pair for one in grid for pair in zip(one["lr"].values, one["seed"].values, strict=True)}
    assert len(pairs) == sum(one.sizes["member"] for one in grid)
    assert np.unique([lr for lr, _ in pairs]).size > 2


@pytest.mark.parametrize(
    ("name", "block"),
    [
        pytest.param("records-grid", 4),
        pytest.param("records-range-test", 0),
        ("records-round2", 3),
        pytest.param("records-round2", 0),
        pytest.param("records-round3", 5),
    ],
)
def test_a_run_killed_in_any_round_ends_as_if_nobody_had(commands, told, tmp_path, name, block):
    how = END_AT.format(name=name, block=block, signal=int(signal.SIGKILL))
    assert killed(commands, tmp_path / "run", how).code == -signal.SIGKILL
    check_resumed(commands, tmp_path / "run", told)


def test_a_run_killed_between_two_rounds_ends_as_if_nobody_had(commands, told, tmp_path):
    assert killed(commands, tmp_path / "run", BETWEEN.format(signal=9)).code == -signal.SIGKILL
    check_resumed(commands, tmp_path / "run", told)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(END_AT.format(name="records-round2", block=2, signal=2), id="in a round"),
        pytest.param(BETWEEN.format(signal=2), id="between rounds"),
    ],
)
def test_ctrl_c_keeps_what_was_recorded_and_says_how_to_go_on(commands, told, tmp_path, how):
    folder = tmp_path / "run"
    ended = killed(commands, folder, how)
    assert (ended.code, ended.out) == (130, "")
    last = ended.err.splitlines()[-1]
    assert last.startswith(
        f"lrscope: interrupted. What was recorded is kept in {folder}. Go on with: lrscope run sweep"
    )
    assert "Traceback" not in ended.err
    check_resumed(commands, folder, told)


def test_another_budget_is_another_run(commands, told, tmp_path):
    folder = tmp_path / "run"
    killed(commands, folder, END_AT.format(name="records-grid", block=1, signal=9))
    words = [*OPTIONS[:-1], "30", "--out", folder, "--resume"]
    ended = commands.run(["run", "sweep", *words], SETUP)
    assert ended.code == 2
    assert "budget was 18, is 30" in ended.err
    assert os.listdir(folder)
