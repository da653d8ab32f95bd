"""Files that cannot be read: one sentence that names the file and what to do, never a traceback of uproot."""

import numpy as np
import pytest
import uproot

from lrscope.errors import InputError, StoreError
from lrscope.store import Writer, last_recorded, open_records, record_files, summary

READERS = [open_records, last_recorded, summary]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist|must be a file of records; got none"),
        (b"", "must be a file of records; got an empty file. Remove it"),
        (b"step,loss\n0,1\n", r"must be a ROOT file; got something else. Give a records\*.root of a run"),
        (b"root" + bytes(range(256)), "must be a whole ROOT file; got one that is cut off or damaged"),
    ],
)
def test_a_file_that_is_no_root_file(read, content, sentence, tmp_path):
    path = tmp_path / "records.root"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as error:
        read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("read", READERS)
def test_a_root_file_of_somebody_else(read, tmp_path):
    path = tmp_path / "records.root"
    with uproot.recreate(path) as file:
        file.mktree("records", {"loss": "float64"}).extend({"loss": np.zeros(3)})
    with pytest.raises(InputError, match=r"records\.root must be written by lrscope; got another ROOT file"):
        read(path)


def test_a_file_of_a_newer_format(tmp_path):
    with uproot.recreate(tmp_path / "records.root") as file:
        file["lrscope"] = '{"format": 99, "metadata": {}}'
    with pytest.raises(InputError, match=r"must be of format 2; got 99"):
        open_records(tmp_path)


def test_a_file_that_vanished_after_opening_says_so(written):
    read = open_records(written)
    written.unlink()
    with pytest.raises(StoreError, match=r"records\.root cannot be read"):
        read["loss"].load()


def test_a_folder_without_records(tmp_path):
    with pytest.raises(InputError, match=r"holds no records\*\.root. Give the folder that a run has written"):
        open_records(tmp_path)


@pytest.fixture
def several(written, tmp_path):
    """Return a folder with the records of three experiments, one of them gone on with."""
    folder = tmp_path / "several"
    folder.mkdir()
    for name in ("records-f1-h3-1.root", "records-f1-h3.root", "records-slow.root", "records.root"):
        (folder / name).write_bytes(written.read_bytes())
    return folder


@pytest.mark.parametrize("read", [open_records, last_recorded])
def test_a_folder_with_several_experiments_names_them(read, several):
    with pytest.raises(InputError) as error:
        read(several)
    remedy = f"Give the files of one of them, for example {several}/records.root."
    allowed = f"{several} must hold the records of one experiment"
    assert str(error.value) == f"{allowed}; got those of records, f1-h3, slow. {remedy}"


def test_a_summary_of_a_folder_names_its_files(several):
    with pytest.raises(InputError) as error:
        summary(several)
    names = "records.root, records-f1-h3.root, records-f1-h3-1.root, records-slow.root"
    assert str(error.value) == f"{several} must be a file of records; got a folder. Give one of {names} in it."


def test_files_of_one_of_several_experiments_are_a_folders_as_long_as_there_is_no_other(several):
    for name in ("records.root", "records-slow.root"):
        (several / name).unlink()
    assert [file.name for file in record_files(several)] == ["records-f1-h3.root", "records-f1-h3-1.root"]


def test_files_of_different_experiments_are_not_joined(tmp_path, block):
    files = [tmp_path / f"{name}.root" for name in ("slow", "fast", "fast-1")]
    for file, lr in zip(files, (0.1, 1.0, 1.0), strict=True):
        with Writer(file, {"experiment": {"lr": lr}}) as writer:
            writer.extend(block(0))
    assert open_records(files[1:]).sizes["step"] == open_records(files[0]).sizes["step"]
    with pytest.raises(InputError) as error:
        open_records(files)
    sentence = f"{files[1]} must continue {files[0]}; got another experiment. Open them one by one."
    assert str(error.value) == sentence


def test_a_file_that_may_not_be_read(written, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", forbidden)
    with pytest.raises(StoreError, match=r"cannot be read \(Permission denied\). Check that it is still there"):
        open_records(written)


def test_paths_may_be_files_and_folders_and_texts(written):
    assert record_files(str(written)) == [written]
    assert record_files([written, str(written.parent)]) == [written, written]


@pytest.mark.parametrize("name", ["a::b.root", "run 12:30.root", "#[1]*ü.root"])
def test_file_names_are_only_names(name, tmp_path, block):
    with Writer(tmp_path / name) as writer:
        writer.extend(block(0))
    assert open_records(tmp_path / name)["loss"].load().equals(block(0)["loss"])
    assert summary(tmp_path / name).complete
