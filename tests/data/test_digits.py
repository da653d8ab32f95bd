"""scikit-learn's digits: the images as they are there, in a form for training, some for validation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from lrscope.data import Digits
from lrscope.errors import InputError


def rows(arrays):
    """Return each sample as bytes, to compare sets of them."""
    flat = np.c_[arrays.inputs.reshape(len(arrays.inputs), -1), arrays.targets]
    return sorted(row.tobytes() for row in flat)


@settings(max_examples=20)
@given(st.floats(0.01, 0.9), st.integers(0, 2**70))
def test_learned_and_validation_together_are_all_digits(share, seed):
    bunch = load_digits()
    everything = np.c_[(bunch.images / 16).astype(np.float32).reshape(1797, -1), bunch.target]
    data = Digits(share, seed)
    learned, validation = data.arrays(), data.validation()
    assert len(validation.inputs) == round(share * 1797)
    assert sorted(rows(learned) + rows(validation)) == sorted(row.tobytes() for row in everything)


def test_the_form_is_that_of_images():
    arrays = Digits().arrays()
    assert (arrays.inputs.shape, arrays.targets.shape) == ((1438, 1, 8, 8), (1438,))
    assert (arrays.inputs.dtype, arrays.targets.dtype) == (np.float32, np.int64)
    assert (arrays.inputs.min(), arrays.inputs.max()) == (0, 1)
    assert set(np.unique(arrays.inputs * 16)) == set(range(17))
    assert arrays.inputs.flags.c_contiguous


@given(st.integers(1, 1438), st.integers(1, 359), st.integers(0, 5))
@settings(max_examples=20)
def test_fewer_samples_are_the_first_of_all(samples, val_samples, seed):
    few, everything = Digits(0.2, seed, samples, val_samples), Digits(0.2, seed)
    assert np.array_equal(few.arrays().inputs, everything.arrays().inputs[:samples])
    assert np.array_equal(few.arrays().targets, everything.arrays().targets[:samples])
    assert np.array_equal(few.validation().inputs, everything.validation().inputs[:val_samples])


def test_another_seed_holds_out_other_images():
    first, second = (Digits(split_seed=seed).validation() for seed in (0, 1))
    assert rows(first) != rows(second)
    assert rows(first) == rows(Digits().validation())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"val_share": 1e-5}, "val_share must be a share that leaves some of 1797 images on either side; got 1e-05."),
        ({"samples": 1439}, "samples must be at most the 1438 that there are; got 1439."),
        ({"val_samples": 360}, "val_samples must be at most the 359 that there are; got 360."),
    ],
)
def test_what_cannot_be_is_said(fields, sentence):
    with pytest.raises(InputError) as caught:
        Digits(**fields)
    assert str(caught.value) == sentence
