"""A folder is taken only if it is empty or ours; what a killed run left behind is no obstacle."""

import errno
import json
import signal
import subprocess
import sys

import pytest

from lrscope.errors import InputError, StoreError
from lrscope.studies import Folder

DESCRIPTION = {
    "study": "fluctuation",
    "options": {"epochs": 3},
    "experiments": {"records": {"class": "lrscope.training.Experiment"}},
    "command": "lrscope run fluctuation",
    "versions": {"lrscope": "0.1.0"},
    "machine": {},
    "finished": False,
}


@pytest.fixture
def begun(tmp_path) -> Folder:
    folder = Folder(tmp_path / "run")
    folder.begin(DESCRIPTION)
    return folder


def names(folder: Folder) -> set[str]:
    return {str(file.relative_to(folder.path)) for file in folder.path.rglob("*") if file.is_file()}


def test_a_folder_whose_run_was_killed_at_once_is_taken(tmp_path):
    (tmp_path / ".experiment.json.part").write_text('{"study": "fluct')
    Folder(tmp_path).check_new("fluctuation", overwrite=False)
    Folder(tmp_path).begin(DESCRIPTION)
    assert names(Folder(tmp_path)) == {"experiment.json"}


def test_what_was_written_is_read_again(begun):
    assert begun.description() == DESCRIPTION
    begun.finish(DESCRIPTION)
    assert begun.description() == {**DESCRIPTION, "finished": True}


def test_a_new_run_removes_what_an_earlier_one_wrote_and_nothing_else(begun):
    ours = ["records.root", "records-1.root", "records-1.state.npz", "histograms.root", "claims.json", "report.html"]
    ours += ["tables/a.csv", "figures/b.png", "records-1.state.npz.part", ".report.html.123"]
    mine = ["notes.txt", "records.txt", "my-records.root", "tables.csv", "deep/records.root", ".hidden"]
    for name in (*ours, *mine):
        (begun.path / name).parent.mkdir(exist_ok=True)
        (begun.path / name).write_text("x")
    begun.begin(DESCRIPTION)
    assert names(begun) == {"experiment.json", *mine}


def test_what_passes_is_removed_when_the_run_is_complete(begun):
    stay = ["records.root", "claims.json", "tables/a.csv", "mine.2024.txt", "tables/b.2.csv", "mine/.b.csv.7"]
    passing = ["records.state.npz", "records-1.state.npz.part", "records-1.root.part", "histograms.root.part"]
    passing += [".claims.json.77", ".report.html.77", "tables/.a.csv.77", "figures/.b.png.77"]
    for name in (*stay, *passing):
        (begun.path / name).parent.mkdir(exist_ok=True)
        (begun.path / name).write_text("x")
    begun.finish(DESCRIPTION)
    assert names(begun) == {"experiment.json", *stay}


def test_a_run_killed_while_it_replaces_another_can_be_started_again(begun, monkeypatch):
    (begun.path / "records.root").write_text("x")
    monkeypatch.setattr("shutil.rmtree", lambda *_arguments, **_options: exit())
    with pytest.raises(SystemExit):
        begun.begin(DESCRIPTION)
    begun.check_new("fluctuation", overwrite=True)


def test_files_of_a_resume_are_numbered(begun):
    taken = []
    for _ in range(3):
        taken.append(begun.next_records("records").name)
        begun.next_records("records").write_text("x")
    assert taken == ["records.root", "records-1.root", "records-2.root"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_wrong_input(begun, monkeypatch, code):
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(code, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(StoreError, match=r"No space left on the disk of .*run\. Free some space and try again"):
        begun.begin(DESCRIPTION)
    with pytest.raises(
        StoreError, match=r"experiment\.json could not be written: No space left on device\. .*--resume"
    ):
        begun.finish(DESCRIPTION)


def test_the_description_is_replaced_as_a_whole(begun, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: exit())
    with pytest.raises(SystemExit):
        begun.finish(DESCRIPTION)
    assert begun.description() == DESCRIPTION


@pytest.mark.parametrize("missing", DESCRIPTION)
def test_every_field_of_the_description_is_needed(begun, missing):
    kept = {name: value for name, value in DESCRIPTION.items() if name != missing}
    (begun.path / "experiment.json").write_text(json.dumps(kept))
    with pytest.raises(InputError, match=r"experiment\.json must be JSON as a study writes it; got a damaged file"):
        begun.description()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        json.dumps({**DESCRIPTION, "more": 1}),
        json.dumps({**DESCRIPTION, "experiments": {"../records": {}}}),
        json.dumps({**DESCRIPTION, "experiments": {"a\0": {}}}),
    ],
    ids=["nested", "another field", "a path", "a zero"],
)
def test_anything_else_is_no_description(begun, content):
    (begun.path / "experiment.json").write_text(content)
    with pytest.raises(InputError, match=r"experiment\.json must be JSON as a study writes it; got a damaged file"):
        begun.description()


def test_a_changed_value_is_noticed_unless_the_checksum_is_left_out(begun):
    file = begun.path / "experiment.json"
    file.write_text(file.read_text().replace('"epochs": 3', '"epochs": 4'))
    with pytest.raises(InputError, match="got a damaged file"):
        begun.description()
    by_hand = {name: value for name, value in json.loads(file.read_text()).items() if name != "crc32"}
    file.write_text(json.dumps(by_hand))
    assert begun.description()["options"] == {"epochs": 4}


def test_a_folder_has_one_run_at_a_time(begun):
    with begun.locked():
        with pytest.raises(InputError, match="one is going on in"), Folder(begun.path).locked():
            pass
        assert begun.description() == DESCRIPTION
    with begun.locked():
        pass
    assert names(begun) == {"experiment.json"}


def test_a_run_that_writes_nothing_leaves_no_folder(tmp_path):
    with Folder(tmp_path / "new").locked():
        assert (tmp_path / "new").is_dir()
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_no_lock(begun):
    code = "import sys, time; from pathlib import Path; from lrscope.studies import Folder\n"
    code += "with Folder(Path(sys.argv[1])).locked():\n    print('locked', flush=True)\n    time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code, begun.path], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "locked\n"
    with pytest.raises(InputError, match="one is going on in"), begun.locked():
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    begun.check_resumable("fluctuation", {}, {})
    with begun.locked():
        pass
    assert names(begun) == {"experiment.json"}
