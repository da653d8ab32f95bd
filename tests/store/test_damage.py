"""Damage is noticed: by the checksums when something is read, or all at once by `check`."""

import json
import shutil
import zlib

import numpy as np
import pytest
import uproot
import xarray as xr

from lrscope.errors import InputError, StoreError
from lrscope.store import Writer, check, open_records, summary, write


def test_a_whole_file_is_checked_block_by_block(written):
    assert check(written) == 3 + 3


def test_each_changed_byte_of_the_data_is_noticed(block, tmp_path):
    path = tmp_path / "records.root"
    with Writer(path, compression="none") as writer:
        writer.extend(block(0))
    at = path.read_bytes().index(block(0)["loss"].values.astype(">f8").tobytes())
    for place in range(at, at + block(0)["loss"].nbytes, 7):
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        damaged = tmp_path / "damaged.root"
        damaged.write_bytes(content)
        summary(damaged)
        with pytest.raises(InputError, match="cut off or damaged"):
            check(damaged)
        with pytest.raises(InputError, match="cut off or damaged"):
            open_records(damaged)["loss"].load()


def test_anybody_can_compute_the_checksums(written):
    with uproot.open(written) as file:
        tree = file["records"]
        digests = file["digests_records"].arrays(library="np")
        assert digests["entries"].tolist() == [20] * 3
        for number, branch in enumerate(tree.branches):
            for block, basket in enumerate(branch.basket(index) for index in range(branch.num_baskets)):
                assert zlib.crc32(basket.raw_data[: basket.border]) == digests["crc32"][block, number]
        for name in ("lrscope", "labels_records", "complete"):
            text, seal = str(file[name]).rsplit(', "crc32": ', 1)
            assert zlib.crc32(f"{text}}}".encode()) == int(seal.removesuffix("}"))
            assert json.loads(str(file[name]))["crc32"] == int(seal.removesuffix("}"))


def test_what_a_block_does_not_say_of_itself_is_filled_in(tmp_path):
    data = {"val/loss": (("member", "step"), np.ones((2, 3)), {"units": "nat"})}
    coords = {"member": [0, 1], "step": [0, 1, 2], "lr": ("member", [0.1, 0.2])}
    write(tmp_path / "records.root", [xr.Dataset(data, coords)])
    read = open_records(tmp_path)
    assert read.attrs["axes"] == ["lr"]
    expected = {"quantity": "val/loss", "long_name": "val/loss", "statistic": "values", "units": "nat"}
    assert expected.items() <= read["val/loss"].attrs.items()


@pytest.mark.parametrize("wrong", [{"quantity": 3}, {"units": None}, {"long_name": ["a"]}, {"layer": "encoder"}])
def test_wrong_attributes_are_refused_at_the_first_block(wrong, block, tmp_path):
    wrong_block = block(0)
    wrong_block["loss"].attrs.update(wrong)
    with pytest.raises(InputError, match="loss"):
        write(tmp_path / "records.root", [wrong_block, block(1)])


@pytest.mark.parametrize("axes", [3, ["nothing"], "lr", [["lr"]]])
def test_axes_that_are_no_coordinates_are_refused(axes, block, tmp_path):
    with pytest.raises(InputError, match="must be a list of coordinates along member"):
        write(tmp_path / "records.root", [block(0).assign_attrs(axes=axes)])


@pytest.mark.parametrize("dim", ["member", "step"])
def test_numbers_that_occur_twice_are_refused(dim, block, tmp_path):
    twice = block(0).assign_coords({dim: [7] * block(0).sizes[dim]})
    with pytest.raises(InputError, match=f"{dim} of a block must be a different number each"):
        write(tmp_path / "records.root", [twice])


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("state", [None, {"step": np.array(0)}])
def test_a_file_that_was_removed_is_said_to_be_lost(blocks, state, block, tmp_path):
    folder = tmp_path / "run"
    writer = Writer(folder / "records.root")
    for number in range(blocks):
        writer.extend(block(number), state)
    writer.wait()
    shutil.rmtree(folder)
    with pytest.raises(StoreError, match="was removed while it was written, and what was recorded in it is lost"):
        writer.close()
    assert not folder.exists()


def test_a_file_that_was_removed_between_two_blocks_is_said_to_be_lost(block, tmp_path):
    writer = Writer(tmp_path / "records.root")
    writer.extend(block(0))
    writer.wait()
    (tmp_path / "records.root").unlink()
    writer.extend(block(1))
    with pytest.raises(StoreError, match="is lost"):
        writer.extend(block(2))
    writer.close()
