"""MNIST and CIFAR-10: what the files hold, wherever they lie; one sentence for each way in which they can be wrong."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_files import RECORD, cifar_archive, cifar_parts, digits, idx, write_cifar, write_mnist
from lrscope.data import CIFAR10, MNIST
from lrscope.errors import InputError


def said(data: MNIST | CIFAR10) -> str:
    """Return the one sentence that reading says."""
    with pytest.raises(InputError) as caught:
        data.arrays()
    return str(caught.value)


def in_order(arrays, pixels, labels) -> bool:
    """Tell whether arrays hold exactly these images, in any order."""
    flat = np.round(arrays.inputs.reshape(len(arrays.inputs), -1) * 255).astype(int)
    got = sorted(map(tuple, np.c_[flat, arrays.targets].tolist()))
    return got == sorted(map(tuple, np.c_[pixels.reshape(len(pixels), -1), labels].astype(int).tolist()))


@pytest.mark.parametrize("below", ["", "MNIST/raw", "raw"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_the_files_are_found_and_hold_what_was_written(tmp_path, below, packed, dotted):
    parts = write_mnist(tmp_path / below, packed, dotted)
    data = MNIST(tmp_path)
    for arrays, part in ((data.arrays(), "train"), (data.validation(), "t10k")):
        pixels, labels = parts[part]
        assert arrays.inputs.shape == (len(pixels), 1, 6, 7)
        assert (arrays.inputs.dtype, arrays.targets.dtype) == (np.float32, np.int64)
        assert in_order(arrays, pixels, labels)


def test_pixels_are_scaled_as_to_tensor_scales_them(tmp_path):
    pixels, _ = write_mnist(tmp_path)["train"]
    inputs = np.sort(MNIST(tmp_path).arrays().inputs, axis=None)
    assert np.array_equal(inputs, np.sort(pixels.astype(np.float32) / np.float32(255), axis=None))


def test_a_share_of_the_training_images_is_validation_instead(tmp_path):
    pixels, labels = write_mnist(tmp_path)["train"]
    data = MNIST(tmp_path, val_share=0.2, split_seed=3)
    learned, validation = data.arrays(), data.validation()
    assert len(validation.inputs) == 6
    both = type(learned)(*(np.concatenate(two) for two in zip(*map(astuple, (learned, validation)), strict=True)))
    assert in_order(both, pixels, labels)


def astuple(arrays):
    return arrays.inputs, arrays.targets


def test_fewer_samples_are_the_first_of_all(tmp_path):
    write_mnist(tmp_path)
    few, everything = MNIST(tmp_path, samples=5, val_samples=4), MNIST(tmp_path)
    assert np.array_equal(few.arrays().inputs, everything.arrays().inputs[:5])
    assert np.array_equal(few.validation().targets, everything.validation().targets[:4])
    assert said(MNIST(tmp_path, samples=31)) == "samples must be at most the 30 that there are; got 31."


def test_files_that_are_missing_are_named(tmp_path):
    sentence = (
        f"root must be a folder that holds train-images-idx3-ubyte, gzipped or not; got '{tmp_path}'. "
        f"Download the files with: lrscope data fetch mnist --root {tmp_path}"
    )
    assert said(MNIST(tmp_path)) == sentence
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert said(MNIST(tmp_path)) == sentence.replace("images-idx3", "labels-idx1")


@pytest.mark.parametrize(
    ("raw", "rest"),
    [
        (idx(digits(3)[1]), "an IDX file of unsigned bytes in 3 dimensions, magic number 00000803; got '00000801'."),
        (idx(digits(3)[0])[:15], "an IDX file with a header of 16 bytes; got '15 bytes'."),
        (idx(digits(3)[0])[:-1], "a file of 142 bytes with at least one value, as its header says (3 x 6 x 7); got"),
        (idx(digits(3)[0]) + b"0", "a file of 142 bytes with at least one value, as its header says (3 x 6 x 7); got"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "a file of 79228162458924105385300197391 bytes with at least one value"),
        (bytes([0, 0, 8, 3]) + bytes(12), "a file of 16 bytes with at least one value, as its header says (0 x 0 x 0)"),
        (b"", "a file of images or labels; got 'an empty file'."),
        (b"<html>404</html>", "an IDX file of unsigned bytes in 3 dimensions, magic number 00000803; got '3c68746d'."),
        (b"\x1f\x8b" + bytes(30), "a whole gzip file; got 'BadGzipFile: Unknown compression method'."),
    ],
)
def test_files_that_hold_something_else_are_refused_in_one_sentence(tmp_path, raw, rest):
    write_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(raw)
    assert re.match(re.escape(f"{path} must be {rest}"), said(MNIST(tmp_path)))


@settings(max_examples=60)
@given(st.data(), st.booleans(), st.sampled_from(["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]))
def test_any_truncation_is_refused_in_one_sentence(tmp_path_factory, data, packed, name):
    folder = tmp_path_factory.mktemp("cut")
    write_mnist(folder, packed)
    path = folder / (name + ".gz" * packed)
    raw = path.read_bytes()
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw) - 1))])
    sentence = said(MNIST(folder))
    assert sentence.startswith(f"{path} must be ")
    assert "\n" not in sentence


def test_labels_must_be_as_many_as_images(tmp_path):
    write_mnist(tmp_path)
    labels, images = tmp_path / "train-labels-idx1-ubyte", tmp_path / "train-images-idx3-ubyte"
    labels.write_bytes(idx(digits(29)[1]))
    assert said(MNIST(tmp_path)) == f"{labels} must be as many labels as {images} holds images, 30; got 29."


def test_labels_must_be_digits(tmp_path):
    _, values = write_mnist(tmp_path)["train"]
    values = values.copy()
    values[[7, 20]] = 10, 255
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(values))
    assert said(MNIST(tmp_path)).startswith(f"{labels}: the labels must be numbers from 0 to 9; got '10 for image 7'.")


CIFAR_ALLOWED = "a folder that holds data_batch_1.bin, gzipped or not, or cifar-10-binary.tar.gz"


def same(arrays, records) -> bool:
    """Tell whether arrays hold exactly these records, in any order."""
    pixels = np.round(arrays.inputs * 255).astype(int).reshape(len(arrays.inputs), -1)
    return sorted(np.c_[arrays.targets, pixels].tolist()) == sorted(records.astype(int).tolist())


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_files_of_cifar_are_found_and_hold_what_was_written(tmp_path, below, packed):
    parts = write_cifar(tmp_path / below, packed)
    check(CIFAR10(tmp_path), parts)


def test_the_archive_is_read_as_it_is_and_gives_the_same_samples(tmp_path):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "cifar-10-binary.tar.gz").write_bytes(cifar_archive(cifar_parts()))
    parts = write_cifar(tmp_path / "files")
    check(CIFAR10(tmp_path / "packed"), parts)
    for one, other in zip(
        *(learned_and_validation(CIFAR10(tmp_path / name)) for name in ("packed", "files")), strict=True
    ):
        assert np.array_equal(one, other)
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["cifar-10-binary.tar.gz"]


def learned_and_validation(data):
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
    assert said(CIFAR10(tmp_path)) == f"root must be {CIFAR_ALLOWED}; got '{tmp_path}'. {remedy}"
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps({}))
    got = f"{tmp_path}, with the pickled version in cifar-10-batches-py, which could run anything when it is read"
    assert said(CIFAR10(tmp_path)) == f"root must be {CIFAR_ALLOWED}; got '{got}'. {remedy}"


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


def test_labels_of_cifar_must_be_classes(tmp_path):
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
