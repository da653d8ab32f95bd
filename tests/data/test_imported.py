"""Data sets by name, and anyone's own by where to import them."""

import re
import sys

import numpy as np
import pytest

from lrscope.data import CIFAR10, DATA_SETS, MNIST, Digits, Shape, data_set
from lrscope.errors import InputError
from lrscope.specification import to_json

ALLOWED = "a data set, arrays (inputs, targets), or a function without arguments that returns one of them"
MODULE = """
import numpy as np
from lrscope.data import Arrays, Samples, Shape

inputs, targets = np.arange(40.0).reshape(20, 2), np.arange(20) % 3
pair = inputs, targets
both = (inputs[:15], targets[:15]), (inputs[15:], targets[15:])
shape = Shape("circle", samples=5)
samples = Samples(inputs, targets, "mine")
number = 3

class Own:
    def arrays(self):
        return Arrays(inputs, targets)

def make():
    return pair

def make_lists():
    return [inputs.tolist(), targets.tolist()]

def both_lists():
    return [list(pair) for pair in both]

def both_nested():
    return [[array.tolist() for array in pair] for pair in both]

def ragged():
    return [[1.0, 2.0], [3.0]] * 5, [0, 1] * 5

def make_shape():
    return shape

def asks(size):
    return pair

def fails():
    raise RuntimeError("no disk\\nno data.")

def nothing():
    return None

def uneven():
    return inputs, targets[:3]

def leaves():
    raise SystemExit(3)
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "somebodys_data.py").write_text(MODULE)
    (tmp_path / "somebodys_mistake.py").write_text("def f(:\n")
    (tmp_path / "somebodys_failure.py").write_text("1 / 0\n")
    (tmp_path / "somebodys_script.py").write_text("import sys\nsys.exit('usage: somebodys_script FILE')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("somebodys_data", None)


def test_names_of_the_command_line():
    assert tuple(DATA_SETS) == ("digits", "mnist", "cifar10")
    assert data_set("digits") == Digits()
    assert data_set("mnist", "there") == MNIST("there")
    assert data_set("cifar10", "there") == CIFAR10("there")


@pytest.mark.parametrize("name", ["pair", "make", "make_lists"])
def test_a_fifth_of_plain_arrays_is_validation(name):
    data = data_set(f"somebodys_data:{name}")
    learned, validation = data.arrays(), data.validation()
    assert (len(learned.inputs), len(validation.inputs)) == (16, 4)
    together = np.concatenate([learned.inputs, validation.inputs])
    order = np.argsort(together[:, 0])
    assert np.array_equal(together[order], np.arange(40.0).reshape(20, 2))
    assert np.array_equal(np.concatenate([learned.targets, validation.targets])[order], np.arange(20) % 3)
    assert to_json(data)["name"] == f"somebodys_data:{name}"


@pytest.mark.parametrize("name", ["both", "both_lists", "both_nested"])
def test_of_two_pairs_the_second_is_validation(name):
    data = data_set(f"somebodys_data:{name}")
    assert np.array_equal(data.arrays().inputs, np.arange(30.0).reshape(15, 2))
    assert np.array_equal(data.validation().targets, np.arange(15, 20) % 3)


def test_data_sets_are_taken_as_they_are():
    for name in ("shape", "make_shape"):
        assert data_set(f"somebodys_data:{name}") == Shape("circle", samples=5)
    assert to_json(data_set("somebodys_data:samples"))["name"] == "mine"


def test_a_data_set_without_a_json_form_is_told_by_its_checksum():
    form = to_json(data_set("somebodys_data:Own"))
    assert (form["name"], form["inputs"], len(form["sha256"])) == ("somebodys_data:Own", [20, 2], 64)
    assert "validation" not in form


@pytest.mark.parametrize(
    ("name", "root", "words"),
    [
        ("mnits", None, "digits, mnist, cifar10, package.module:name; got 'mnits'. Did you mean 'mnist'?"),
        ("mnist", None, "got None. Download them, for example with: lrscope data fetch mnist --root data"),
        ("digits", "x", "root must not be given with the data set digits, which has no files; got 'x'."),
        ("a b:c", None, "data must be one of digits, mnist, cifar10, or package.module:name; got 'a b:c'."),
        ("nowhere:pair", None, f"data must name {ALLOWED} that can be imported; got 'nowhere:pair': No module named"),
        ("somebodys_data:pear", None, "that can be imported; got 'somebodys_data:pear': mod"),
        ("somebodys_mistake:f", None, "got 'somebodys_mistake:f', whose import raised SyntaxError"),
        ("somebodys_failure:f", None, "got 'somebodys_failure:f', whose import raised ZeroDivisionError: division"),
        ("somebodys_script:f", None, "got 'somebodys_script:f', whose import raised SystemExit: usage: somebodys_scr"),
        ("somebodys_data:leaves", None, "got 'somebodys_data:leaves, which raised SystemExit: 3"),
        ("somebodys_data:number", None, f"data must be {ALLOWED}; got 'somebodys_data:number, which is int'."),
        ("somebodys_data:asks", None, "which raised TypeError: asks() missing 1 required"),
        ("somebodys_data:fails", None, "got 'somebodys_data:fails, which raised RuntimeError: no disk no data'."),
        ("somebodys_data:ragged", None, "inputs must make an array (sample, ...) of numbers: ValueError: setting an"),
        ("somebodys_data:uneven", None, "the number of targets must be as many as the inputs, and at least one; got"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(name, root, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        data_set(name, root)
    assert "\n" not in str(caught.value)
