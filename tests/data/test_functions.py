"""Functions at random points: those of experiment 1, and anyone's own."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.data import TARGETS, Function, known_target
from lrscope.errors import InputError
from lrscope.specification import from_json, to_json


def test_the_points_are_those_of_experiment_1():
    """First a thousand to learn from, then a hundred validation, as its script draws them."""
    random = np.random.default_rng(222337497072607291153223098371913928704)
    learned, validation = ((random.random(count) - 0.5) * 10 for count in (1000, 100))
    for target, function in (("f1", lambda x: np.exp(x / 5)), ("f2", lambda x: np.sin(x) * (25 - x * x))):
        data = Function(target)
        for arrays, points in ((data.arrays(), learned), (data.validation(), validation)):
            assert np.array_equal(arrays.inputs, points[:, None])
            assert np.array_equal(arrays.targets, function(points)[:, None])
            assert arrays.inputs.dtype == arrays.targets.dtype == np.float64


@given(st.integers(1, 50), st.integers(1, 50), st.floats(-5, 5), st.floats(0.1, 20), st.integers(0, 2**130))
def test_points_lie_in_the_interval_and_those_validation_are_others(samples, test_samples, centre, width, seed):
    data = Function("f1", samples, test_samples, centre, width, seed)
    learned, validation = data.arrays().inputs, data.validation().inputs
    assert (learned.shape, validation.shape) == ((samples, 1), (test_samples, 1))
    both = np.concatenate([learned, validation])
    assert (abs(both - centre) <= width / 2 * (1 + 1e-9)).all()
    assert len(np.unique(both)) == samples + test_samples


def ramp(x):
    return 2 * x + 1


def test_any_function_of_an_array_is_a_target():
    for target in (ramp, np.tanh, lambda x: [float(number) for number in x]):
        arrays = Function(target, samples=7).arrays()
        assert np.array_equal(arrays.targets[:, 0], target(arrays.inputs[:, 0]))
    assert json.loads(json.dumps(to_json(Function(ramp))))["target"]["callable"].endswith("test_functions.ramp")


@pytest.mark.parametrize(("name", "function"), [("numpy:tanh", np.tanh), ("numpy.fft:fftshift", np.fft.fftshift)])
def test_a_target_may_be_named_by_where_to_import_it(name, function):
    data = Function(name, samples=9)
    assert np.array_equal(data.arrays().targets[:, 0], function(data.arrays().inputs[:, 0]))
    assert from_json(to_json(data)) == data
    assert known_target(name) == name


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("f3", "target must be one of f1, f2, package.module:function; got 'f3'. Did you mean 'f2'?"),
        ("numpy:", "target must be a name or package.module:function; got 'numpy:'."),
        ("numpy:fft.fft", "target must be a name or package.module:function; got 'numpy:fft.fft'."),
    ],
)
def test_unknown_targets_are_said_when_they_are_named(target, sentence):
    for make in (Function, known_target):
        with pytest.raises(InputError) as caught:
            make(target)
        assert str(caught.value) == sentence
    assert set(TARGETS) == {"f1", "f2"}


@pytest.mark.parametrize(
    ("target", "start"),
    [
        ("lrscope_nowhere:f", "target must name a function that can be imported; got 'lrscope_nowhere:f': No module"),
        ("numpy:tangent", "target must name a function that can be imported; got 'numpy:tangent': module 'numpy' has"),
        ("numpy:pi", "target must be a function; got 'numpy:pi, which is float'."),
        (np.log, "target must be a function that gives a finite number for each of 50 points; got 'values that are no"),
        (
            lambda x: x[:2],
            "target must be a function that gives a finite number for each of 50 points; got 'shape (2,)",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in log:RuntimeWarning")
def test_functions_that_cannot_be_had_or_give_no_numbers_are_said(target, start):
    data = Function(target, samples=50, test_samples=50)
    for make in (data.arrays, data.validation):
        with pytest.raises(InputError, match="^" + re.escape(start)):
            make()
