"""A run of several experiments may be killed in each of them: `--resume` ends with the records of any other run."""

import json
import signal
from pathlib import Path

import pytest
import xarray as xr

from lrscope import store
from lrscope.studies import Folder

RUN = ("run", "stability", "--target", "f2", "--hidden", "4", "--lrs", "0.3", "1", "--epochs", "24")
NAMES = ("run", "run-guided")
BLOCKS = 24
"""Blocks of the first experiment, one a step."""
SETUP = """
constants(BLOCK_BYTES=500)
lrscope.studies.write_report = lambda folder, *_: folder.report
"""
END_AT = """
import itertools, lrscope.store
extend, number = lrscope.store.Writer.extend, itertools.count()
def counted(*arguments):
    if next(number) == {block}:
        os.kill(os.getpid(), {signal})
    return extend(*arguments)
lrscope.store.Writer.extend = counted
"""
"""Set-up that sends a signal before a block is written: the blocks of all experiments are counted."""


@pytest.fixture(scope="module")
def undisturbed(commands, tmp_path_factory) -> dict[str, xr.Dataset]:
    """Return the records of a run that was not interrupted, with blocks of any size."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    ended = commands.run([*RUN, "--out", folder], commands.NO_REPORT)
    assert ended.code == 0, ended.err
    return records_of(folder)


def records_of(folder: Path) -> dict[str, xr.Dataset]:
    records = {name: store.open_records(Folder(folder).records(name)).load() for name in NAMES}
    assert all(each.attrs["complete"] for each in records.values())
    return {name: each.drop_attrs(deep=False) for name, each in records.items()}


def ended_at(commands, folder: Path, block: int, number: int, resume: bool = False):
    arguments = [*RUN, "--out", folder, *(["--resume"] if resume else [])]
    return commands.run(arguments, SETUP + END_AT.format(block=block, signal=int(number)))


def check_resumed(commands, folder: Path, undisturbed: dict[str, xr.Dataset]) -> None:
    assert json.loads((folder / "experiment.json").read_text())["finished"] is False
    ended = commands.run([*RUN, "--out", folder, "--resume"], SETUP)
    assert ended.code == 0, ended.err
    found = records_of(folder)
    for name in NAMES:
        xr.testing.assert_identical(found[name], undisturbed[name])
    assert json.loads((folder / "experiment.json").read_text())["finished"] is True
    assert not [file.name for file in folder.iterdir() if file.suffix in (".part", ".npz")]


def test_a_run_killed_in_both_of_its_experiments_ends_with_the_same_records(commands, undisturbed, tmp_path):
    folder = tmp_path / "run"
    assert ended_at(commands, folder, 5, signal.SIGKILL).code == -signal.SIGKILL
    assert ended_at(commands, folder, BLOCKS - 5 + 3, signal.SIGKILL, resume=True).code == -signal.SIGKILL
    check_resumed(commands, folder, undisturbed)
    assert [len(Folder(folder).records(name)) for name in NAMES] == [2, 2]


def test_a_run_killed_before_an_experiment_is_marked_as_complete_becomes_so(commands, undisturbed, tmp_path):
    folder = tmp_path / "run"
    kill = """
from lrscope.store import _rootfile
complete = _rootfile.RootFile.complete
def killing(file, *arguments):
    if file._raw.path.name == "records-run.root":
        os.kill(os.getpid(), 9)
    complete(file, *arguments)
_rootfile.RootFile.complete = killing
"""
    assert commands.run([*RUN, "--out", folder], SETUP + kill).code == -signal.SIGKILL
    check_resumed(commands, folder, undisturbed)


def test_ctrl_c_in_the_second_experiment_keeps_what_was_recorded(commands, undisturbed, tmp_path):
    folder = tmp_path / "run"
    ended = ended_at(commands, folder, BLOCKS + 2, signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1].startswith(f"lrscope: interrupted. What was recorded is kept in {folder}.")
    assert "Traceback" not in ended.err
    check_resumed(commands, folder, undisturbed)


@pytest.mark.long
def test_the_progress_of_a_resumed_run_begins_where_it_was(commands, undisturbed, tmp_path):
    folder = tmp_path / "run"
    ended_at(commands, folder, 9, signal.SIGKILL)
    tell = """
import lrscope.cli._bar
show = lrscope.cli._bar.Bar.show
def said(bar, done, total):
    print(done, total)
    show(bar, done, total)
lrscope.cli._bar.Bar.show = said
"""
    ended = commands.run([*RUN, "--out", folder, "--resume"], SETUP + tell)
    assert ended.code == 0, ended.err
    shown = [tuple(map(int, line.split())) for line in ended.out.splitlines() if not line.startswith("Report")]
    done, totals = zip(*shown, strict=True)
    assert set(totals) == {2 * 2 * 24}
    assert done[0] > 2 * 6
    assert list(done) == sorted(done)
    assert done[-1] == totals[0]
