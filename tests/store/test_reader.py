"""Reading: lazily, by variable and range, over several files, and with members of different lengths."""

import pickle
import tracemalloc

import numpy as np
import pytest
import uproot
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.records import concatenate
from lrscope.store import Writer, check, last_recorded, open_records, summary, write
from lrscope.store import _baskets as baskets

SMALL = {"member", "step", "shape", "lr", "seed", "entries", "crc32"}
"""Columns that are read when a file is opened: the axes, and the checksums of the blocks."""


@pytest.fixture
def reads(monkeypatch) -> list[tuple[str, int]]:
    """Return a list that fills with (branch, number of the basket) as baskets are read."""
    log: list[tuple[str, int]] = []
    original = baskets._content

    def content(file, branch, number):
        log.append((branch.name, number))
        return original(file, branch, number)

    monkeypatch.setattr(baskets, "_content", content)
    return log


@pytest.fixture(scope="module")
def kept(block, tmp_path_factory):
    """Return three blocks, and the Dataset of their file."""
    path = tmp_path_factory.mktemp("kept") / "records.root"
    blocks = [block(number) for number in range(3)]
    write(path, blocks)
    return concatenate(blocks), open_records(path)


# laziness


def test_opening_reads_the_small_columns_only(written, reads):
    open_records(written)
    assert {name for name, _ in reads} == SMALL


def test_a_range_of_steps_reads_its_blocks_only(written, reads):
    read = open_records(written)
    reads.clear()
    read["weights_encoder_0"].isel(step=slice(5, 9)).load()
    assert reads == [("weights_encoder_0", 1)]
    reads.clear()
    read["loss"].sel(member=2, step=14).load()
    assert reads == [("loss", 2)]


def test_nothing_is_kept_after_reading(written, reads):
    read = open_records(written)
    reads.clear()
    for _ in range(2):
        assert read["loss"].values.shape == (4, 15)
        assert float(read["loss"].mean()) > 0
    assert len(reads) == 4 * 3
    assert not read.variables["loss"]._in_memory


def test_reading_a_variable_needs_its_memory_and_one_basket(tmp_path):
    def blocks():
        for start in range(0, 100, 10):
            values = np.full((2, 10, 50_000), start, np.float32)
            data = dict.fromkeys(["weights", "gradients"], (("member", "step", "neuron"), values))
            yield xr.Dataset(data, coords={"member": [0, 1], "step": np.arange(start, start + 10)})

    write(tmp_path / "records.root", blocks())
    read = open_records(tmp_path)
    whole = read["weights"].nbytes
    tracemalloc.start()
    first = read["weights"].values
    peak = tracemalloc.get_traced_memory()[1]
    del first
    tracemalloc.reset_peak()
    read["weights"].isel(step=slice(0, 10)).values.sum()
    peak_of_a_tenth = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.25 * whole
    assert peak_of_a_tenth < 0.35 * whole


def test_records_can_be_pickled_and_copied(written):
    read = open_records(written)
    copy = pickle.loads(pickle.dumps(read))
    xr.testing.assert_identical(copy.load(), read.load())


# summaries


def test_a_file_is_summarised_by_its_columns(written, reads):
    found = summary(written)
    assert found.axes == {"shape": ["circle", "spiral"], "lr": [0.001, 0.1], "seed": [0]}
    assert [(name, tree.entries, tree.steps.min(), tree.steps.max()) for name, tree in found.trees.items()] == [
        ("records", 60, 0, 14),
        ("records_outputs", 16, 0, 12),
    ]
    assert {name for name, _ in reads} == SMALL
    assert found.metadata == {"experiment": {"name": "small"}}
    assert found.complete
    assert found.size_bytes == written.stat().st_size


def test_variables_are_summarised(written):
    tree = summary(written).trees["records"]
    weights = tree.labels.variables["weights_encoder_0"]
    assert (weights.shape, weights.dtype) == ([3, 2], "float32")
    assert (weights.attrs["units"], weights.attrs["long_name"]) == ("1", "weights of encoder.0")
    assert 0 < tree.packed_bytes("weights_encoder_0") <= 3 * (4 * 5 * 6 * 4 + 100)


def test_a_file_without_blocks_has_no_trees(killed, tmp_path):
    found = summary(killed(tmp_path / "records.root", 0))
    assert (found.trees, found.axes) == ({}, {})


# any index


indexers = st.one_of(
    st.integers(0, 3),
    st.slices(4),
    st.lists(st.integers(0, 3), max_size=5),
    st.lists(st.booleans(), min_size=4, max_size=4).map(np.array),
)
few = st.one_of(st.integers(0, 1), st.slices(2), st.lists(st.integers(0, 1), max_size=3))


@given(indexers, st.one_of(st.integers(0, 14), st.slices(15), st.lists(st.integers(0, 14), max_size=9)), few, few)
def test_an_index_of_the_file_is_an_index_of_the_values(kept, member, step, neuron, element):
    expected, read = kept
    index = {"member": member, "step": step, "neuron_encoder_0": neuron, "input_encoder_0": element}
    xr.testing.assert_identical(read["weights_encoder_0"].isel(index).load(), expected["weights_encoder_0"].isel(index))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 14)), min_size=1, max_size=6))
def test_single_points_can_be_picked(kept, points):
    expected, read = kept
    members, steps = (xr.DataArray(list(part), dims="point") for part in zip(*points, strict=True))
    picked = read["weights_encoder_0"].isel(member=members, step=steps).load()
    xr.testing.assert_identical(picked, expected["weights_encoder_0"].isel(member=members, step=steps))


# several files, several lengths


def test_files_continue_each_other_in_natural_order(block, tmp_path):
    write(tmp_path / "records.root", [block(0)])
    for number in range(1, 12):
        write(tmp_path / f"records-{number}.root", [block(number)], {"number": number})
    (tmp_path / "other.root").write_bytes(b"not looked at")
    read = open_records(tmp_path)
    assert [path.stem for path in sorted(tmp_path.glob("records-1*.root"))] == ["records-1", "records-10", "records-11"]
    xr.testing.assert_equal(read.load(), concatenate([block(number) for number in range(12)]))
    assert read.attrs["metadata"] == {}


def test_of_an_entry_in_two_files_the_last_one_counts(block, tmp_path):
    write(tmp_path / "records.root", [block(0), block(1)])
    write(tmp_path / "records-1.root", [block(1).assign(loss=-block(1)["loss"]), block(2)])
    loss = open_records(tmp_path)["loss"].values
    assert loss.shape == (4, 15)
    np.testing.assert_array_equal(np.sign(loss[1]), np.repeat([1, -1, 1], 5))


def test_the_last_file_says_whether_the_run_is_complete(block, killed, tmp_path):
    killed(tmp_path / "records.root", 1)
    assert open_records(tmp_path).attrs["complete"] is False
    write(tmp_path / "records-1.root", [block(1)])
    assert open_records(tmp_path).attrs["complete"] is True


def test_a_shorter_member_is_filled_up(block, tmp_path):
    halves = [block(0, slice(0, 2)), block(1, slice(0, 2)), block(0, slice(2, 4)).isel(step=slice(0, 3))]
    write(tmp_path / "records.root", halves)
    read = open_records(tmp_path).load()
    xr.testing.assert_equal(read, concatenate(halves))
    assert read["loss"].sel(member=3, step=slice(3, None)).isnull().all()
    assert read["diverged_at"].dtype == np.int64
    assert last_recorded(tmp_path)["records"] == {0: 9, 1: 9, 2: 2, 3: 2}


def test_a_member_may_be_missing_in_another_cadence(block, tmp_path):
    write(tmp_path / "records.root", [block(0, slice(0, 2)), block(0, slice(2, 4)).drop_dims("step_outputs")])
    read = open_records(tmp_path).load()
    assert read["lr"].values.tolist() == [0.1, 0.1, 0.001, 0.001]
    assert read["shape"].values.tolist() == ["circle", "spiral", "circle", "spiral"]
    missing = read["outputs"].isnull().all(["step_outputs", "sample", "output"])
    assert missing.values.tolist() == [False, False, True, True]


def test_members_are_sorted_by_number(block, tmp_path):
    write(tmp_path / "records.root", [block(0).isel(member=[3, 0]), block(0).isel(member=[2, 1])])
    xr.testing.assert_equal(open_records(tmp_path).load(), block(0))


def test_files_with_other_variables_do_not_join(block, tmp_path):
    write(tmp_path / "records.root", [block(0)])
    write(tmp_path / "records-1.root", [block(1).drop_vars("loss")])
    with pytest.raises(InputError, match=r"records-1\.root must hold the variables of .*records\.root; got others"):
        open_records(tmp_path)


# coordinates


def test_coordinates_along_steps_and_behind_are_kept(block, tmp_path):
    with_more = block(0).assign_coords(
        epoch=("step", np.arange(5) // 2, {"long_name": "epoch"}),
        neuron_encoder_0=["a", "b", "c"],
        output=[0.5, np.nan],
        version=3,
    )
    write(tmp_path / "records.root", [with_more])
    read = open_records(tmp_path).load()
    xr.testing.assert_equal(read, with_more)
    assert read["epoch"].attrs == {"long_name": "epoch"}
    with uproot.open(tmp_path / "records.root") as file:
        assert file["records"]["epoch"].array().tolist() == [0, 0, 1, 1, 2] * 4


def test_long_and_foreign_texts_are_kept(block, tmp_path):
    texts = ["x" * 254, "y" * 255, "z" * 70_000, "große Spirale"]
    renamed = block(0).assign_coords(shape=("member", texts))
    write(tmp_path / "records.root", [renamed])
    assert open_records(tmp_path)["shape"].values.tolist() == texts
    assert check(tmp_path / "records.root") == 2


def test_a_coordinate_of_member_and_step_is_refused(block, tmp_path):
    odd = block(0).assign_coords(time=(("member", "step"), np.zeros((4, 5))))
    with pytest.raises(
        InputError, match="a coordinate must be along member, step or other dimensions alone; got 'time'"
    ):
        write(tmp_path / "records.root", [odd])


def test_a_coordinate_that_is_also_a_branch_is_refused(block, tmp_path):
    clash = block(0).drop_dims("step").rename(outputs="step")
    with pytest.raises(InputError, match="'step' must name a variable or a coordinate of the records; got both"):
        write(tmp_path / "records.root", [clash])


def test_a_block_without_labels_of_members_is_refused(block, tmp_path):
    with (
        pytest.raises(InputError, match="the block must be labelled by the coordinates member and step"),
        Writer(tmp_path / "records.root") as writer,
    ):
        writer.extend(block(0).drop_vars("member"))
