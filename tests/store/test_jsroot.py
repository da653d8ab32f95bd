"""ROOT's own JavaScript reader, as an independent client, finds what was written."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import uproot
import xarray as xr

from lrscope.records import concatenate
from lrscope.store import Writer, write

SCRIPT = Path(__file__).with_name("read.mjs")
VARIABLE = "LRSCOPE_JSROOT"
INSTALL = "npm install jsroot --ignore-scripts --omit=optional"


@pytest.fixture(scope="module")
def jsroot() -> Path:
    """Return the folder of the package, from the folder that holds `node_modules`."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    root = Path(os.environ.get(VARIABLE) or Path(__file__).parents[2])
    package = root / "node_modules" / "jsroot"
    if not (package / "modules" / "io.mjs").exists():
        pytest.skip(f"jsroot is not in {root}: run `{INSTALL}` there, or set {VARIABLE} to the folder where you ran it")
    return package


@pytest.fixture
def read(jsroot):
    """Return a function that reads branches and histograms of a file."""

    def run(path: Path, tree: str, branches: list[str], histograms: tuple[str, ...] = ()) -> dict:
        command = ["node", str(SCRIPT), str(jsroot), str(path), tree, *branches, "--", *histograms]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def entries_of(array: xr.DataArray) -> np.ndarray:
    """Return (entry) or (entry, element) of a block, members outermost; jsroot gives an array as its elements."""
    entries = array.sizes["member"] * array.shape[1]
    return array.values.reshape((entries, -1) if array.ndim > 2 else entries)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_scalars_arrays_and_axes_are_read(read, block, tmp_path, compression):
    path = tmp_path / "records.root"
    blocks = [block(0, neurons=300), block(1, neurons=300)]
    with Writer(path, compression=compression) as writer:
        for each in blocks:
            writer.extend(each)
    found = read(path, "records", ["member", "step", "loss", "weights_encoder_0", "diverged_at", "shape", "lr"])
    assert found["entries"] == 40
    for name in ("loss", "weights_encoder_0", "diverged_at"):
        expected = np.concatenate([entries_of(each[name]) for each in blocks])
        np.testing.assert_array_equal(np.array(found["branches"][name]), expected)
    members = np.tile(np.repeat(np.arange(4), 5), 2)
    assert found["branches"]["member"] == members.tolist()
    assert found["branches"]["step"] == [*list(range(5)) * 4, *list(range(5, 10)) * 4]
    assert found["branches"]["lr"] == np.array([0.1, 0.1, 0.001, 0.001])[members].tolist()
    assert found["branches"]["shape"] == np.array(["circle", "spiral", "circle", "spiral"])[members].tolist()


def test_every_number_type_is_read(read, tmp_path):
    rng = np.random.default_rng(0)
    data = {
        dtype: (("member", "step", "x"), rng.integers(0, 100, (2, 3, 2)).astype(dtype))
        for dtype in ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
    }
    data = {f"v_{name}": variable for name, variable in data.items()}
    coords = {"member": [0, 1], "step": [0, 1, 2]}
    written = xr.Dataset(data, coords=coords)
    write(tmp_path / "records.root", [written])
    found = read(tmp_path / "records.root", "records", list(data))
    for name in data:
        np.testing.assert_array_equal(found["branches"][name], entries_of(written[name]), err_msg=name)


def test_what_is_not_finite_is_read(read, tmp_path):
    loss = np.array([[np.nan, np.inf, -np.inf, 0.5]])
    one = xr.Dataset({"loss": (("member", "step"), loss)}, coords={"member": [0], "step": np.arange(4)})
    write(tmp_path / "records.root", [one])
    found = read(tmp_path / "records.root", "records", ["loss"])
    assert found["branches"]["loss"] == ["NaN", "Infinity", "-Infinity", 0.5]


def test_a_killed_file_is_read(read, block, killed, tmp_path):
    path = killed(tmp_path / "records.root", 3)
    found = read(path, "records", ["loss", "shape"])
    assert found["entries"] == 60
    expected = np.concatenate([entries_of(block(number)["loss"]) for number in range(3)])
    assert found["branches"]["loss"] == expected.tolist()
    outputs = read(path, "records_outputs", ["outputs", "step"])
    expected = np.concatenate([entries_of(block(number)["outputs"]) for number in range(3)])
    np.testing.assert_array_equal(outputs["branches"]["outputs"], expected)


def test_a_tree_that_outgrew_its_place_is_read(read, block, tmp_path):
    blocks = [block(number) for number in range(70)]
    write(tmp_path / "records.root", blocks)
    found = read(tmp_path / "records.root", "records", ["step", "loss"])
    joined = concatenate(blocks)
    np.testing.assert_array_equal(sorted(found["branches"]["loss"]), np.sort(joined["loss"].values.ravel()))


def test_summaries_and_labels_are_read(read, written):
    found = read(written, "records", ["loss"], ("summaries/weights_encoder_0",))
    drawn = found["histograms"]["summaries/weights_encoder_0"]
    with uproot.open(written) as file:
        expected = file["summaries/weights_encoder_0"].values(flow=True)
    assert drawn == {"type": "TH1D", "entries": 24, "counts": expected.tolist()}
    labels = json.loads(found["label"])
    assert labels["variables"]["weights_encoder_0"]["attrs"]["units"] == "1"
    assert labels["attrs"] == {"axes": ["shape", "lr", "seed"]}
