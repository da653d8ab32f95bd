"""CIFAR-10: what the files hold, wherever they lie; and one sentence for each way in which they can be wrong."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.data import CIFAR10
from lrscope.errors import InputError

from .conftest import RECORD, cifar_archive, cifar_parts, write_cifar

ALLOWED = "a folder that holds data_batch_1.bin, gzipped or not, or cifar-10-binary.tar.gz"


def said(data: CIFAR10) -> str:
    """Return the one sentence that reading says."""
    with pytest.raises(InputError) as caught:
        data.arrays()
    return str(caught.value)


def same(arrays, records) -> bool:
    """Tell whether arrays hold exactly these records, in any order."""
    pixels = np.round(arrays.inputs * 255).astype(int).reshape(len(arrays.inputs), -1)
    return sorted(np.c_[arrays.targets, pixels].tolist()) == sorted(records.astype(int).tolist())


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_files_are_found_and_hold_what_was_written(tmp_path, below, packed):
    parts = write_cifar(tmp_path / below, packed)
    check(CIFAR10(tmp_path), parts)


def test_the_archive_is_read_as_it_is_and_gives_the_same_samples(tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "cifar-10-binary.tar.gz").write_bytes(cifar_archive(cifar_parts()))
    parts = write_cifar(tmp_path / "files")
    check(CIFAR10(tmp_path / "packed"), parts)
    for one, other in zip(*(astuple(CIFAR10(tmp_path / name)) for name in ("packed", "files")), strict=True):
        assert np.array_equal(one, other)
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["cifar-10-binary.tar.gz"]


def astuple(data):
    return data.arrays().inputs, data.arrays().targets, data.validation().inputs, data.validation().targets


def check(data, parts):
    learned, validation = data.arrays(), data.validation()
    assert (learned.inputs.shape, learned.inputs.dtype) == ((15, 3, 32, 32), np.float32)
    assert learned.targets.dtype == np.int64
    assert same(validation, parts["test_batch.bin"])
    assert same(learned, np.concatenate([records for name, records in parts.items() if name != "test_batch.bin"]))


def test_colours_come_before_rows_and_columns(tmp_path):
    parts = write_cifar(tmp_path)
    record = np.zeros((1, RECORD), np.uint8)
    record[0, [0, 1 + 1024 + 32 * 5 + 7]] = 3, 255  # a green point in row 5, column 7
    (tmp_path / "test_batch.bin").write_bytes(record.tobytes())
    inputs = CIFAR10(tmp_path).validation().inputs
    assert np.argwhere(inputs).tolist() == [[0, 1, 5, 7]]
    assert set(parts) == {path.name for path in tmp_path.iterdir()}


def test_pickled_files_are_never_read(tmp_path):
    remedy = f"Download the files with: lrscope data fetch cifar10 --root {tmp_path}"
    assert said(CIFAR10(tmp_path)) == f"root must be {ALLOWED}; got '{tmp_path}'. {remedy}"
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps({}))
    got = f"{tmp_path}, with the pickled version in cifar-10-batches-py, which could run anything when it is read"
    assert said(CIFAR10(tmp_path)) == f"root must be {ALLOWED}; got '{got}'. {remedy}"


def test_one_file_that_is_missing_is_named(tmp_path):
    write_cifar(tmp_path)
    (tmp_path / "data_batch_4.bin").unlink()
    assert "data_batch_4.bin, gzipped or not" in said(CIFAR10(tmp_path))


@pytest.mark.parametrize("change", [-1, 1, -RECORD + 1, 3072])
def test_files_of_another_length_are_refused(tmp_path, change):
    write_cifar(tmp_path)
    path = tmp_path / "data_batch_2.bin"
    raw = path.read_bytes()
    path.write_bytes(raw[:change] if change < 0 else raw + bytes(change))
    size = 3 * RECORD + change
    assert said(CIFAR10(tmp_path)).startswith(f"{path} must be a file of 3073 bytes an image; got '{size} bytes'.")


@settings(max_examples=40)
@given(st.data())
def test_any_truncation_of_a_packed_file_or_archive_is_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    behind = 1
    if data.draw(st.booleans()):
        write_cifar(folder, packed=True)
        path = folder / "data_batch_5.bin.gz"
    else:
        path = folder / "cifar-10-binary.tar.gz"
        path.write_bytes(cifar_archive(cifar_parts()))
        behind = 300  # bytes that hold no more than the page beside the files, and zeros
    raw = path.read_bytes()
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw) - behind))])
    sentence = said(CIFAR10(folder))
    assert sentence.startswith(str(path))
    assert "\n" not in sentence


def test_labels_must_be_classes(tmp_path):
    write_cifar(tmp_path)
    path = tmp_path / "data_batch_3.bin"
    raw = bytearray(path.read_bytes())
    raw[RECORD] = 10
    path.write_bytes(raw)
    assert said(CIFAR10(tmp_path)).startswith(f"{path}: the labels must be numbers from 0 to 9; got '10 for image 1'.")


def test_an_archive_of_something_else_is_refused(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(cifar_archive(cifar_parts(), folder="elsewhere"))
    sentence = f"{path} must be an archive that holds cifar-10-batches-bin/data_batch_1.bin; got 'one without it'."
    assert said(CIFAR10(tmp_path)).startswith(sentence)
    path.write_bytes(b"not an archive")
    assert said(CIFAR10(tmp_path)).startswith(f"{path} must be a whole tar.gz file; got 'ReadError: not a gzip file'.")
