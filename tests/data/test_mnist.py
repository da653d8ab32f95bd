"""MNIST: what the files hold, wherever they lie; and one sentence for each way in which they can be wrong."""

import gzip
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.data import MNIST
from lrscope.errors import InputError

from .conftest import digits, idx, write_mnist


def said(data: MNIST) -> str:
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
        (b"\x00\x00\x0d\x03" + bytes(40), "an IDX file of unsigned bytes in 3 dimensions, magic number 00000803; got"),
        (idx(digits(3)[0])[:15], "an IDX file with a header of 16 bytes; got '15 bytes'."),
        (
            idx(digits(3)[0])[:-1],
            "a file of 142 bytes with at least one value, as its header says (3 x 6 x 7); got '141 bytes'.",
        ),
        (
            idx(digits(3)[0]) + b"0",
            "a file of 142 bytes with at least one value, as its header says (3 x 6 x 7); got '143 bytes'.",
        ),
        (
            bytes([0, 0, 8, 3]) + b"\xff" * 12,
            "a file of 79228162458924105385300197391 bytes with at least one value, as its header says (4294967295 x",
        ),
        (bytes([0, 0, 8, 3]) + bytes(12), "a file of 16 bytes with at least one value, as its header says (0 x 0 x 0)"),
        (b"", "a file of images or labels; got 'an empty file'."),
        (b"<html>404</html>", "an IDX file of unsigned bytes in 3 dimensions, magic number 00000803; got '3c68746d'."),
        (gzip.compress(b"", mtime=0), "a file of images or labels; got 'an empty file'."),
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
