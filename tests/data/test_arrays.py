"""A data set of arrays that exist."""

import numpy as np
import pandas as pd
import pytest
import torch

from lrscope.data import Arrays, Samples
from lrscope.errors import InputError


def test_samples_hands_over_what_it_was_given():
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    arrays = Samples(inputs, targets).arrays()
    assert arrays.inputs is inputs
    assert arrays.targets is targets
    assert Samples(inputs.tolist(), targets.tolist()).arrays().inputs.shape == (3, 2)


def test_the_checksum_is_that_of_the_values_in_order():
    inputs, targets = np.arange(6.0).reshape(3, 2), np.zeros(3)
    form = Samples(inputs, targets, "mine").__json__()
    assert form["inputs"] == [3, 2]
    assert form["targets"] == [3]
    assert Samples(np.asfortranarray(inputs), targets, "mine").__json__() == form
    assert Samples(inputs[::-1], targets, "mine").__json__()["sha256"] != form["sha256"]
    assert Samples(inputs, targets + 1e-9, "mine").__json__()["sha256"] != form["sha256"]


@pytest.mark.parametrize(("inputs", "targets"), [(3, 2), (0, 0)])
def test_each_input_has_a_target(inputs, targets):
    with pytest.raises(InputError) as caught:
        Arrays(np.zeros((inputs, 1)), np.zeros((targets, 1)))
    assert str(caught.value) == (
        f"the number of targets must be as many as the inputs, and at least one; got '{targets} for {inputs} inputs'."
    )


def test_what_is_no_number_is_refused():
    with pytest.raises(InputError, match=r"inputs and targets must be arrays of numbers; got types <U1 and float64\."):
        Samples(["a"], [1.0])


def test_samples_may_hold_others_out():
    both = np.arange(6.0).reshape(3, 2), np.zeros(3)
    other = np.ones((2, 2)), np.ones(2)
    arrays = Samples(*both, validation=other).validation()
    assert arrays.inputs is other[0]
    assert arrays.targets is other[1]
    assert Samples(*both).validation() is None


def test_samples_validation_are_described_beside_the_others():
    both, other = (np.arange(6.0).reshape(3, 2), np.zeros(3)), (np.ones((2, 2)), np.ones(2))
    form, bare = Samples(*both, validation=other).__json__(), Samples(*both).__json__()
    assert form["validation"] == {key: value for key, value in Samples(*other).__json__().items() if key != "name"}
    assert form["validation"]["inputs"] == [2, 2]
    assert {key: value for key, value in form.items() if key != "validation"} == bare


def test_samples_validation_must_be_like_those_learned_from():
    inputs, targets = np.zeros((3, 2)), np.zeros((3, 1))
    with pytest.raises(InputError, match="the number of targets must be as many as the inputs, and at least one"):
        Samples(inputs, targets, validation=(np.zeros((2, 2)), np.zeros((3, 1))))
    for other in ((np.zeros((2, 3)), np.zeros((2, 1))), (np.zeros((2, 2)), np.zeros(2))):
        with pytest.raises(InputError) as caught:
            Samples(inputs, targets, validation=other)
        shapes = " and ".join(str(array.shape) for array in other)
        assert str(caught.value) == (
            f"validation must be samples of the shapes (2,) and (1,), like those learned from; got '{shapes}'."
        )


def test_arrays_tensors_and_frames_are_learned_as_the_numbers_they_hold():
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    others = [
        (inputs.astype(">f8"), targets.astype(">i4")),
        (torch.tensor(inputs, requires_grad=True), torch.tensor(targets)),
        (pd.DataFrame(inputs), pd.Series(targets)),
        (np.ma.masked_array(inputs, mask=False), np.ma.masked_array(targets)),
    ]
    for other in others:
        arrays = Samples(*other).arrays()
        assert arrays.inputs.dtype.isnative
        assert arrays.targets.dtype.isnative
        np.testing.assert_array_equal(arrays.inputs, inputs)
        np.testing.assert_array_equal(arrays.targets, targets)


@pytest.mark.parametrize(
    "inputs",
    [
        np.ma.masked_greater(np.arange(3.0), 1),
        [np.ma.masked_greater(np.arange(3.0), 1)] * 3,
        torch.eye(3).to_sparse(),
        torch.eye(3).to(torch.bfloat16),
        torch.utils.data.TensorDataset(torch.eye(3)),
        torch.utils.data.DataLoader(torch.eye(3)),
        (row for row in np.eye(3)),
        [torch.ones(2, requires_grad=True)] * 3,
    ],
    ids=["masked", "masked rows", "sparse", "bfloat16", "Dataset", "DataLoader", "generator", "rows with gradients"],
)
def test_what_cannot_be_learned_as_it_stands_is_refused(inputs):
    targets = np.zeros(3)
    for given in ((inputs, targets), (targets, inputs)):
        with pytest.raises(InputError):
            Samples(*given)
    with pytest.raises(InputError):
        Samples(targets, targets, validation=(inputs, targets))


def test_validation_samples_are_a_pair():
    with pytest.raises(InputError, match="validation must be a pair"):
        Samples(np.zeros(3), np.zeros(3), validation=torch.utils.data.DataLoader(torch.eye(3)))
