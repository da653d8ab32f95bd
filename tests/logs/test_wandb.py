"""Files of wandb: as wandb writes them, and as its format says, also where they are cut off or damaged."""

import json
import math
import os
import struct
import subprocess
import sys
import zlib

import pytest

from lrscope.errors import InputError
from lrscope.logs import runs_of

BLOCK = 2**15
WRITES = """
import math, sys, wandb
run = wandb.init(mode="offline", project="p", dir=sys.argv[1], config={"lr": 0.01, "seed": 3, "data": {"name": "x"}})
for step in range(400):
    late = {"late": math.nan} if step > 5 else {}
    run.log({"val_loss": 1 / (step + 1), "val": {"acc": step}, "note": "text", **late})
run.finish()
"""


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(name: str, value: object) -> bytes:
    keys = [field(2 if "." in name else 1, part.encode()) for part in name.split(".")]
    return field(1, b"".join(keys) + field(16, json.dumps(value).encode()))


def log(records: list[bytes]) -> bytes:
    """Return a file of wandb: records cut into pieces where a block of 32 KiB ends."""
    data = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        first, rest = True, record
        while first or rest:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            kind = bytes([{(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not rest]])
            data += struct.pack("<IH", zlib.crc32(kind + piece), len(piece)) + kind + piece
            first = False
    return data


def run(name: str, **config: object) -> bytes:
    items = b"".join(item(key, value) for key, value in config.items())
    return field(17, field(1, name.encode()) + field(4, items) + field(8, f"shown {name}".encode()))


def history(step: int, **values: object) -> bytes:
    return field(2, b"".join(item(key, value) for key, value in {"_step": step, "_runtime": 0.5, **values}.items()))


def steps(start: int, stop: int) -> list[bytes]:
    return [history(step, val_loss=1 / (step + 1), long="x" * 300, **{"val.acc": step}) for step in range(start, stop)]


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run that was resumed once."""
    for place, records in (("first", [run("a1", lr=0.01, seed=3, data={"name": "x"}), *steps(0, 300)]),
                           ("second", [run("a1"), *steps(300, 400)])):  # fmt: skip
        (tmp_path / place).mkdir()
        (tmp_path / place / "run-a1.wandb").write_bytes(log(records))
    return tmp_path


def test_a_run_has_its_name_configuration_and_history(folder):
    (read,) = runs_of(folder)
    assert (read.name, read.config) == ("shown a1", {"lr": 0.01, "seed": 3, "data.name": "x"})
    assert read.curves["val_loss"].to_dict() == {step: 1 / (step + 1) for step in range(400)}
    assert read.curves["val.acc"].to_dict() == {step: step for step in range(400)}
    assert set(read.curves) == {"val_loss", "val.acc"}


def test_of_a_file_that_is_cut_off_what_is_whole_counts(folder):
    file = folder / "first/run-a1.wandb"
    whole = file.read_bytes()
    for size in (len(whole) - 1, len(whole) - 400, BLOCK + 3, BLOCK, BLOCK - 1):
        for tail in (b"", bytes(2 * BLOCK)):
            file.write_bytes(whole[:size] + tail)
            curve = runs_of(file)[0].curves["val_loss"]
            assert 30 < len(curve) < 300
            assert curve.to_dict() == {step: 1 / (step + 1) for step in range(len(curve))}


LAST = steps(299, 300)[0]


@pytest.mark.parametrize("place", [3, 100, BLOCK + 100, -len(LAST) - 2], ids=["name", "first", "later", "last size"])
def test_a_damaged_file_is_refused(folder, place):
    file = folder / "first/run-a1.wandb"
    data = bytearray(file.read_bytes())
    data[place] ^= 128
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"run-a1\.wandb"):
        runs_of(folder)


@pytest.mark.parametrize(
    "record",
    [
        field(2, field(1, field(1, b"loss") + field(16, b"{"))),  # no JSON
        field(2, field(1, field(1, b"loss") + field(16, b"[" * 10**5))),  # nested too deeply
        field(2, field(1, field(1, b"loss") + field(16, b'{"a":' * 10**5 + b"1" + b"}" * 10**5))),
        field(2, field(1, field(1, b"loss") + field(6, b"half"))),  # no float64
        field(2, varint(1 << 3) + varint(5)),  # an integer instead of an item
        field(17, field(8, b"no id")),
        b"\x13",  # a kind that there is not
        b"\x80",  # an integer that is cut off
    ],
    ids=len,
)
def test_a_record_that_is_none_is_refused(tmp_path, record):
    (tmp_path / "run-a1.wandb").write_bytes(log([run("a1"), record, *steps(0, 3)]))
    with pytest.raises(InputError, match=r"run-a1\.wandb"):
        runs_of(tmp_path)


def test_a_piece_without_its_beginning_is_refused(tmp_path):
    end = struct.pack("<IHB", zlib.crc32(b"\4x"), 1, 4) + b"x"
    (tmp_path / "run-a1.wandb").write_bytes(log([run("a1"), *steps(0, 3)]) + end)
    with pytest.raises(InputError, match=r"run-a1\.wandb"):
        runs_of(tmp_path)


def test_an_integer_beyond_float64_is_infinite(tmp_path):
    (tmp_path / "run-a1.wandb").write_bytes(log([run("a1"), history(0, loss=10**400), history(1, loss=-(10**400))]))
    assert runs_of(tmp_path)[0].curves["loss"].tolist() == [math.inf, -math.inf]


def test_metrics_beside_runs_of_wandb_are_left_out_with_a_warning(folder):
    (folder / "first/files").mkdir()
    (folder / "first/files/log.json").write_text("{}")  # wandb's own
    assert len(runs_of(folder)) == 1
    (folder / "metrics.csv").write_text("step,val_loss\n1,0.5\n")
    with pytest.warns(RuntimeWarning, match=r"metrics\.csv"):
        assert len(runs_of(folder)) == 1


def test_what_wandb_itself_has_written(tmp_path):
    pytest.importorskip("wandb")
    environment = {**os.environ, "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    subprocess.run([sys.executable, "-c", WRITES, str(tmp_path)], env=environment, check=True, timeout=120)
    (read,) = runs_of(tmp_path)
    assert read.config == {"lr": 0.01, "seed": 3, "data.name": "x"}
    assert read.curves["val_loss"].to_dict() == {step: 1 / (step + 1) for step in range(400)}
    assert read.curves["val.acc"].tolist() == list(range(400))
    assert all(map(math.isnan, read.curves["late"]))
    assert read.curves["late"].index[0] == 6
