"""Writing: what was written is read again, resumed runs continue, and errors are sentences."""

import errno
import re
import threading
import tracemalloc
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import uproot
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lrscope.errors import InputError, StoreError
from lrscope.records import completed, concatenate
from lrscope.store import Writer, last_recorded, load_state, open_records, write
from lrscope.store import _rootfile as rootfile
from lrscope.store._rootfile import RawFile

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
RESERVED = re.compile("member|step(_.*)?|lr|shape|d0|d1")
TEXTS = st.text(st.sampled_from("ab1_/;:.%+*[]()# ~é漢") | st.characters(codec="utf-8"), min_size=1, max_size=300)
NAMES = (
    TEXTS | st.sampled_from(["val/loss", "loss", "loss/total", "a;1", "x::y", "..", "records", "labels_", "%2F"])
).filter(lambda name: name.isprintable() and not name.startswith("/") and not RESERVED.fullmatch(name))
JSON = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
ATTRS = st.dictionaries(st.text(min_size=1), JSON | st.lists(JSON, max_size=3), max_size=3)


@st.composite
def blocks(draw) -> xr.Dataset:
    """Return a block of any variables, with a text axis and a number axis, and a coordinate of a trailing dimension."""
    members, steps, behind = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    cadences = ["step", *(f"step_{name}" for name in draw(st.sets(NAMES, max_size=2)))]
    data = {}
    for name in draw(st.sets(NAMES, min_size=1, max_size=4)):
        trailing = draw(st.lists(st.sampled_from(["d0", "d1"]), unique=True, max_size=2))
        shape = (members, steps, *({"d0": behind, "d1": 2}[dim] for dim in trailing))
        cadence = draw(st.sampled_from(cadences))
        values = draw(hnp.arrays(np.dtype(draw(st.sampled_from(DTYPES))), shape))
        data[name] = (("member", cadence, *trailing), values, draw(ATTRS))
    texts = draw(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=members, max_size=members)
    )
    lrs = draw(hnp.arrays(np.float64, members))
    coords = {
        "member": ("member", np.arange(members), draw(ATTRS)),
        **{cadence: (cadence, np.arange(steps) * 10) for cadence in {variable[0][1] for variable in data.values()}},
        "shape": ("member", np.array(texts, dtype=str)),
        "lr": ("member", lrs, draw(ATTRS)),
    }
    if any("d1" in variable[0] for variable in data.values()):
        coords["d1"] = ("d1", draw(hnp.arrays(np.float64, 2, elements=st.floats(width=32))), draw(ATTRS))
    return xr.Dataset(data, coords=coords, attrs={"axes": ["shape", "lr"], **draw(ATTRS)})


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(blocks(), ATTRS, st.sampled_from(["lz4", "zstd", "none"]))
def test_what_was_written_is_read_again(block, metadata, compression):
    with TemporaryDirectory() as folder:
        with Writer(f"{folder}/records.root", metadata, compression=compression) as writer:
            writer.extend(block)
        read = open_records(folder).load()
    assert read.attrs.pop("metadata") == metadata
    assert read.attrs.pop("complete") is True
    assert read.attrs.pop("warnings") == []
    block.attrs.pop("metadata", None), block.attrs.pop("complete", None)
    xr.testing.assert_identical(read, completed(block))
    assert {name: read[name].dtype for name in read.data_vars} == {name: block[name].dtype for name in block.data_vars}


@pytest.mark.parametrize("name", ["", "/a", "a\nb", "a\0b", "\ud800"])
def test_a_name_that_no_reader_would_find_is_refused(name, block, tmp_path):
    for renamed in (block(0).rename(loss=name), block(0).rename(seed=name).assign_attrs(axes=[])):
        with pytest.raises(InputError, match="must be printable text that does not begin with /"):
            write(tmp_path / "records.root", [renamed])
    assert list(tmp_path.iterdir()) == []


def test_many_variables_have_several_trees_with_the_same_entries(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 3, 450))
    data = {f"loss_{number}": (("member", "step"), values[..., number]) for number in range(450)}
    coords = {"member": [0, 1], "step": [0, 1, 2], "shape": ("member", ["circle", "spiral"])}
    block = xr.Dataset(data, coords=coords, attrs={"axes": ["shape"]})
    write(tmp_path / "records.root", [block])
    xr.testing.assert_equal(open_records(tmp_path).load(), block)
    assert last_recorded(tmp_path) == {"records": {0: 2, 1: 2}}
    with uproot.open(tmp_path / "records.root") as file:
        parts = [file[name] for name in ("records", "records+2", "records+3")]
        assert [len(part.branches) for part in parts] == [203, 203, 53]
        for part in parts:
            assert part["shape"].array().tolist() == ["circle"] * 3 + ["spiral"] * 3
        np.testing.assert_array_equal(parts[2]["loss_449"].array(library="np"), values[..., 449].ravel())
        assert file["summaries"].keys(cycle=False) == [f"loss_{number}" for number in range(200)]


def test_a_path_syntax_in_names_is_escaped_for_other_readers(block, tmp_path):
    renamed = block(0).rename({"loss": "val/loss", "step_outputs": "step_val/top;5"})
    write(tmp_path / "records.root", [renamed])
    with uproot.open(tmp_path / "records.root") as file:
        assert file["records"]["val/loss"].array().tolist() == block(0)["loss"].values.ravel().tolist()
        assert file["records_val%2Ftop%3B5"].num_entries == 8
        assert file["summaries/val%2Floss"].values().sum() == 4


def test_root_itself_would_see_plain_branches(written):
    with uproot.open(written) as file:
        tree = file["records"]
        assert {branch.name: branch.typename for branch in tree.branches} == {
            "member": "int64_t",
            "step": "int64_t",
            "lr": "double",
            "seed": "int64_t",
            "shape": "char*",
            "weights_encoder_0": "float[3][2]",
            "loss": "double",
            "diverged_at": "int64_t",
        }
        assert tree.num_entries == 4 * 15
        few = tree.arrays(["step", "loss"], "(lr < 0.01) & (step == 7)", library="np")
        np.testing.assert_array_equal(few["loss"], [207000.0, 307000.0])


def test_a_block_is_written_while_the_next_is_made(block, tmp_path, monkeypatch):
    started, go_on = threading.Event(), threading.Event()
    original = rootfile.RootFile.extend

    def slow(self, *args):
        started.set()
        assert go_on.wait(10)
        original(self, *args)

    monkeypatch.setattr(rootfile.RootFile, "extend", slow)
    with Writer(tmp_path / "records.root") as writer:
        writer.extend(block(0))
        assert started.wait(10)
        second = threading.Thread(target=writer.extend, args=(block(1),))
        second.start()
        second.join(0.1)
        assert second.is_alive(), "the second block must wait for the first"
        go_on.set()
        second.join(10)
        assert not second.is_alive()
    assert open_records(tmp_path).sizes["step"] == 10


def test_writing_needs_the_memory_of_one_block(tmp_path):
    shape = (4, 50, 100, 100)
    names = [f"weights_{number}" for number in range(4)]

    def block(start):
        data = {name: (("member", "step", "a", "b"), np.ones(shape, np.float32)) for name in names}
        return xr.Dataset(data, coords={"member": np.arange(4), "step": np.arange(start, start + 50)})

    one_block = 4 * np.prod(shape) * len(names)
    tracemalloc.start()
    write(tmp_path / "records.root", map(block, range(0, 200, 50)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the block that is made, the one that is written, and the variable of it that is converted
    assert peak < 2.5 * one_block


def test_a_second_cadence_may_begin_later(block, tmp_path):
    late = [block(0).drop_dims("step_outputs"), block(1)]
    write(tmp_path / "records.root", late)
    read = open_records(tmp_path)
    assert read["outputs"].sizes["step_outputs"] == 1
    assert last_recorded(tmp_path)["records_outputs"] == {0: 8, 1: 8, 2: 8, 3: 8}


# resume


def test_after_counts_for_each_member_and_tree(block, tmp_path):
    after = {"records": {0: 2, 1: 4}, "records_outputs": {0: 0}}
    with Writer(tmp_path / "records.root", after=after) as writer:
        writer.extend(block(0))
    with uproot.open(tmp_path / "records.root") as file:
        members, steps = (file["records"][name].array().tolist() for name in ("member", "step"))
        assert list(zip(members, steps, strict=True)) == [
            (member, step) for member in range(4) for step in range(5) if step > {0: 2, 1: 4}.get(member, -1)
        ]
        assert file["records_outputs"]["member"].array().tolist() == [0, 1, 1, 2, 2, 3, 3]


def test_the_state_stands_behind_its_block(block, tmp_path):
    with Writer(tmp_path / "records.root") as writer:
        for number in range(3):
            state = {"weights": np.array([number]), "file": np.array(["a"])}
            writer.extend(block(number), state)
            state["weights"][0] = 99
            writer.wait()
            assert load_state(tmp_path)["weights"] == number
            assert last_recorded(tmp_path)["records"][3] == 5 * number + 4


# errors


def test_an_existing_file_is_never_written_over(written):
    before = written.read_bytes()
    with pytest.raises(InputError, match=r"path must be a file that does not exist yet; got '.*records\.root'"):
        Writer(written)
    assert written.read_bytes() == before


def test_an_unknown_compression_names_the_nearest_and_writes_nothing(tmp_path):
    with pytest.raises(InputError, match=r"compression must be one of lz4, zstd, none; got 'lz'. Did you mean 'lz4'\?"):
        Writer(tmp_path / "new" / "records.root", compression="lz")
    assert list(tmp_path.iterdir()) == []


def test_metadata_without_a_json_form_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="metadata must have a JSON form; got object"):
        Writer(tmp_path / "records.root", {"experiment": object()})
    with pytest.raises(InputError, match="metadata must have a JSON form"):
        Writer(tmp_path / "records.root", {"lr": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match=r"records.root cannot be written: .*Check the folder and try again"):
        Writer(tmp_path / "taken" / "records.root")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda block: block.drop_vars("loss"), "loss of a block must be .*; got absent"),
        (
            lambda block: block.drop_vars("lr").assign_attrs(axes=["shape", "seed"]),
            "lr of a block must be .*; got absent",
        ),
        (lambda block: block.assign(more=block["loss"]), "more of a block must be absent, .*; got float64"),
        (lambda block: block.assign(loss=block["loss"].astype("float32")), "loss .* float64 .*; got float32"),
        (lambda block: block.isel(input_encoder_0=[0]), "weights_encoder_0 .* 3 x 2, .*; got float32 .* 3 x 1"),
    ],
)
def test_a_block_that_does_not_fit_is_named_and_the_others_kept(block, tmp_path, change, sentence):
    with pytest.raises(InputError, match=f"^{sentence}"):
        write(tmp_path / "records.root", [block(0), change(block(1)), block(2)])
    xr.testing.assert_equal(open_records(tmp_path).load(), block(0))
    assert open_records(tmp_path).attrs["complete"] is False


@pytest.mark.parametrize("dtype", ["complex64", "float16", "datetime64[s]"])
def test_a_type_that_root_does_not_know_is_named(block, tmp_path, dtype):
    odd = block(0).assign(loss=(block(0)["loss"] * 0).astype(dtype))
    with pytest.raises(InputError, match=re.escape(f"loss must be bool, integer, float32 or float64; got '{dtype}'")):
        write(tmp_path / "records.root", [odd])
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_objects_is_refused(block, tmp_path):
    with (
        pytest.raises(InputError, match=r"state\['pickle'\] must be an array of numbers or text; got 'object'"),
        Writer(tmp_path / "records.root") as writer,
    ):
        writer.extend(block(0), {"pickle": np.array([{}])})


def test_an_error_of_the_training_leaves_a_readable_file_that_is_not_complete(block, tmp_path):
    def training():
        yield block(0)
        raise RuntimeError("the training failed")

    with pytest.raises(RuntimeError, match="the training failed"):
        write(tmp_path / "records.root", training())
    read = open_records(tmp_path)
    assert read.attrs["complete"] is False
    xr.testing.assert_equal(read.load(), block(0))


def test_nothing_is_left_of_a_training_that_failed_before_its_first_block(tmp_path):
    with pytest.raises(RuntimeError, match="the training failed"), Writer(tmp_path / "records.root"):
        raise RuntimeError("the training failed")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_after_close(block, tmp_path):
    writer = Writer(tmp_path / "records.root")
    writer.extend(block(0))
    writer.close()
    with pytest.raises(StoreError, match=r"records\.root must be open to take a block; got a closed file"):
        writer.extend(block(1))
    writer.close()


# a full disk, by a write that fails


def full_at(monkeypatch, size: int) -> None:
    """Let no file grow beyond a size: the write that crosses it is cut, as the system does, and the next one fails."""
    original = RawFile._write_some

    def write_some(self, view):
        fitting = view[: max(0, size - self.tell())]
        if not len(fitting):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, fitting)

    monkeypatch.setattr(RawFile, "_write_some", write_some)


def write_with_state(path, blocks) -> None:
    with Writer(path) as writer:
        for number, block in enumerate(blocks):
            writer.extend(block, {"number": np.array(number)})


@pytest.mark.parametrize("size", [60_000, 61_234, 63_333, 66_001])
def test_a_full_disk_is_one_sentence_and_the_resume_is_whole(block, tmp_path, monkeypatch, size):
    before = threading.active_count()
    with monkeypatch.context() as patch:
        full_at(patch, size)
        with pytest.raises(StoreError) as failure:
            write_with_state(tmp_path / "records.root", (block(number) for number in range(100)))
    assert threading.active_count() == before
    last = load_state(tmp_path)["number"].item()
    assert str(failure.value) == (
        f"No space left on the disk while writing {tmp_path / 'records.root'}. Every block before is kept, "
        f"the last one up to step {5 * last + 4}. Free some space and go on from there: a run of lrscope with --resume."
    )
    first = last + 1
    with Writer(tmp_path / "records-1.root", after=last_recorded(tmp_path)) as writer:
        for number in range(first, first + 4):
            writer.extend(block(number))
    expected = concatenate([block(number) for number in range(first + 4)])
    xr.testing.assert_equal(open_records(tmp_path).load(), expected)


def test_a_disk_that_is_full_from_the_beginning_leaves_nothing(block, tmp_path, monkeypatch):
    full_at(monkeypatch, 2000)
    with pytest.raises(StoreError, match=r"Nothing was recorded in it\. Free some space and try again\.$"):
        write(tmp_path / "records.root", [block(0)])
    assert list(tmp_path.iterdir()) == []


def test_who_gives_no_state_is_told_of_a_new_file_and_not_of_a_resume(block, tmp_path, monkeypatch):
    full_at(monkeypatch, 60_000)
    with pytest.raises(StoreError) as failure:
        write(tmp_path / "records.root", (block(number) for number in range(100)))
    sentence = r"up to step (\d+)\. Free some space, and record what follows in a new file\.$"
    told = re.search(sentence, str(failure.value))
    assert int(told[1]) in open_records(tmp_path)["step"].values


def test_the_error_of_the_last_block_is_raised_by_close(block, tmp_path, monkeypatch):
    writer = Writer(tmp_path / "records.root")
    monkeypatch.setattr(RawFile, "write", lambda self, data: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    writer.extend(block(0))
    with pytest.raises(StoreError, match="No space left on the disk"):
        writer.close()
