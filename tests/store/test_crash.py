"""A process may be killed at any moment: the file opens with whole blocks, and a resume loses and repeats nothing."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.records import concatenate
from lrscope.store import Writer, last_recorded, load_state, open_records, summary
from lrscope.store import _rootfile as rootfile
from lrscope.store._rootfile import RawFile

BLOCKS = 3
OUTPUTS_ENTRIES = (0, 8, 12, 16)
"""Of (member, step_outputs) after each block."""
Write = tuple[int, bytes]


@pytest.fixture(params=["lz4", pytest.param("none", marks=pytest.mark.long)])
def writes(block, tmp_path, monkeypatch, request) -> tuple[bytes, list[Write]]:
    """Return the file as it was born, and all writes to it until it was closed; its trees are moved often."""
    log: list[Write] = []
    original = RawFile._write_some

    def write_some(self, view):
        log.append((self.tell(), bytes(view)))
        return original(self, view)

    monkeypatch.setattr(RawFile, "_write_some", write_some)
    monkeypatch.setattr(rootfile, "_BASKETS", 2)
    monkeypatch.setattr(rootfile, "_GROWTH", 1.0)
    with Writer(tmp_path / "log.root", compression=request.param) as writer:
        born = (tmp_path / "log.root").read_bytes()
        log.clear()
        for number in range(BLOCKS):
            writer.extend(block(number))
    return born, log


def replay(born: bytes, log: list[Write], path: Path) -> bytearray:
    content = bytearray(born)
    for position, data in log:
        content.extend(b"\0" * (position + len(data) - len(content)))
        content[position : position + len(data)] = data
    path.write_bytes(content)
    return content


def test_the_log_of_writes_makes_the_file(writes, tmp_path):
    assert bytes(replay(*writes, tmp_path / "copy.root")) == (tmp_path / "log.root").read_bytes()


def test_each_prefix_of_the_writes_holds_whole_blocks(writes, block, tmp_path):
    born, log = writes
    expected = concatenate([block(number) for number in range(BLOCKS)])
    path = tmp_path / "prefix.root"
    content = bytearray(born)
    blocks, complete = [], []
    for number, (position, data) in enumerate([(0, b""), *log]):
        # a write over something may be torn between two pages: half of it, then all of it
        for part in (data[: len(data) // 2], data) if position < len(content) else (data,):
            content.extend(b"\0" * (position + len(part) - len(content)))
            content[position : position + len(part)] = part
            path.write_bytes(content)
            index = summary(path)
            entries = {name: tree.entries for name, tree in index.trees.items()}
            assert entries.get("records_outputs", 0) in OUTPUTS_ENTRIES
            blocks.append(entries.get("records", 0) / 20)
            complete.append(index.complete)
        if blocks[-1] and number % 10 == 0:
            read = open_records(path).load()
            steps = {dim: read[dim] for dim in ("step", "step_outputs") if dim in read}
            xr.testing.assert_equal(read, expected[list(read.data_vars)].sel(steps))
    assert sorted(set(blocks)) == list(range(BLOCKS + 1))
    assert all(before <= after for before, after in pairwise(blocks))
    assert complete[-1]
    assert not any(done for done, number in zip(complete, blocks, strict=True) if number < BLOCKS)


@pytest.mark.parametrize("seed", range(3))
def test_a_resume_after_any_prefix_is_the_same_as_an_uninterrupted_run(writes, block, tmp_path, seed):
    born, log = writes
    expected = concatenate([block(number) for number in range(BLOCKS)])
    for number, length in enumerate(np.random.default_rng(seed).integers(0, len(log), 4)):
        first, second = tmp_path / f"records-{number}.root", tmp_path / f"records-{number}b.root"
        replay(born, log[:length], first)
        with Writer(second, after=last_recorded(first)) as writer:
            for again in range(BLOCKS):
                writer.extend(block(again))
        xr.testing.assert_equal(open_records([first, second]).load(), expected)


def test_a_file_killed_before_its_first_block_is_no_obstacle(killed, block, tmp_path):
    empty = killed(tmp_path / "records.root", 0)
    with pytest.raises(InputError, match=r"records\.root must hold at least one block; got none"):
        open_records(empty)
    assert last_recorded(empty) == {}
    with Writer(tmp_path / "records-1.root") as writer:
        writer.extend(block(0))
    xr.testing.assert_equal(open_records(tmp_path).load(), block(0))


CHILD = """
import sys
import numpy as np
import xarray as xr
from lrscope.store import Writer
with Writer(sys.argv[1]) as writer:
    print("ready", flush=True)
    for number in range(10_000):
        steps = np.arange(number * 10, number * 10 + 10)
        loss = np.broadcast_to(steps[None].astype(float), (2, 10))
        weights = np.broadcast_to(steps[None, :, None].astype(np.float32), (2, 10, 300)).copy()
        data = {"loss": (("member", "step"), loss), "weights": (("member", "step", "neuron"), weights)}
        writer.extend(xr.Dataset(data, coords={"member": [0, 1], "step": steps}), {"number": np.array(number)})
"""


def test_sigkill_at_random_moments_leaves_whole_blocks_and_a_fitting_state(tmp_path):
    pauses = np.random.default_rng(0).uniform(0.02, 0.2, 4)
    children = []
    for number, pause in enumerate(pauses):
        path = tmp_path / f"records-{number}.root"
        child = subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        children.append(path)
    for path in children:
        last = last_recorded(path).get("records", {})
        assert last.get(0) == last.get(1)
        if not last:
            continue
        assert last[0] % 10 == 9
        read = open_records(path).load()
        assert read.attrs["complete"] is False
        np.testing.assert_array_equal(read["loss"], np.broadcast_to(np.arange(last[0] + 1.0), (2, last[0] + 1)))
        np.testing.assert_array_equal(read["weights"].isel(neuron=-1), read["loss"])
        assert not path.with_suffix(".part").exists()
        # the state may be one block behind the records, never ahead
        if path.with_name(f"{path.stem}.state.npz").exists():
            assert load_state(path)["number"] in (last[0] // 10, last[0] // 10 - 1)
    assert any(last_recorded(path) for path in children)


def test_nothing_holds_a_file_open_after_reading(written):
    read = open_records(written)
    read["loss"].load()
    assert str(written) not in {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
