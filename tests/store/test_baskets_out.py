"""Baskets that are written from the memory of the records are those of uproot, byte by byte."""

import datetime
import uuid

import pytest
import uproot

from lrscope.store import Writer, open_records
from lrscope.store import _rootfile as rootfile


class _Clock(datetime.datetime):
    @classmethod
    def now(cls, _zone=None):
        return cls(2024, 12, 31, 23, 59, 58)


@pytest.fixture
def _one_moment(monkeypatch):
    """Two files that are written at one moment, by one name."""
    monkeypatch.setattr(datetime, "datetime", _Clock)
    monkeypatch.setitem(uproot.recreate.defaults, "uuid_function", lambda: uuid.UUID(int=7))


def written(path, block) -> bytes:
    with Writer(path, compression="none") as writer:
        for number in range(3):
            writer.extend(block(number))
    return path.read_bytes()


@pytest.mark.usefixtures("_one_moment")
def test_the_file_is_the_one_that_uproot_writes(block, tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = written(tmp_path / "a" / "records.root", block)
    calls = []
    monkeypatch.setattr(rootfile, "write_without_copies", calls.append)
    assert written(tmp_path / "b" / "records.root", block) == ours
    assert calls, "uproot has written the second"


def test_entries_need_not_lie_side_by_side(block, tmp_path):
    whole = block(0)
    path = tmp_path / "records.root"
    with Writer(path, compression="none") as writer:
        writer.extend(whole.isel(step=slice(None, None, 2)))
    read = open_records(path)
    for name, array in whole.isel(step=slice(None, None, 2)).data_vars.items():
        assert read[name].load().equals(array.transpose(*read[name].dims)), name
