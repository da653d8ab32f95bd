"""Anyone's own model, by where to import it."""

import re
import sys

import pytest
import torch

from lrscope.errors import InputError
from lrscope.models import Imported
from lrscope.specification import from_json, to_json

ALLOWED = "a class or function without arguments that returns an nn.Module"
MODULE = """
from torch import nn

module = nn.Linear(2, 2)
number = 3

def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

class Net(nn.Linear):
    def __init__(self):
        super().__init__(64, 10)

def leaves():
    raise SystemExit(2)

def asks(size):
    return nn.Linear(size, 2)

def fails():
    raise RuntimeError("no weights\\nhere.")

def text():
    return "net"
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "somebodys_model.py").write_text(MODULE)
    (tmp_path / "somebodys_mistake.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("somebodys_model", None)


@pytest.mark.parametrize("name", ["make", "Net"])
def test_a_function_or_class_makes_a_new_module_each_time(name):
    model = Imported(f"somebodys_model:{name}")
    torch.manual_seed(1)
    first, second = model(), model()
    assert first is not second
    torch.manual_seed(1)
    again = model().state_dict()
    assert all(torch.equal(value, again[key]) for key, value in first.state_dict().items())


def test_only_the_path_is_recorded_and_nothing_is_imported_before_it_is_used():
    model = Imported("somebodys_model:make")
    assert to_json(model) == {"class": "lrscope.models.Imported", "path": "somebodys_model:make"}
    assert from_json(to_json(model)) == model
    assert "somebodys_model" not in sys.modules


@pytest.mark.parametrize("path", ["make", "somebodys_model:", ":make", "somebodys_model:make()", "a-b:make", ""])
def test_a_path_has_a_form(path):
    with pytest.raises(InputError) as caught:
        Imported(path)
    assert str(caught.value) == f"model must be package.module:function; got {path!r}."


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("number", f"model must be {ALLOWED}; got 'somebodys_model:number, which is int'."),
        ("module", "which is a module'. Name what makes the module: each network is a new one."),
        ("text", "got 'somebodys_model:text, which returned str'."),
        ("fails", "got 'somebodys_model:fails, which raised RuntimeError: no weights here'."),
        ("leaves", "got 'somebodys_model:leaves, which raised SystemExit: 2'."),
        ("asks", 'got "somebodys_model:asks, which raised TypeError: asks()'),
    ],
)
def test_what_makes_no_module_is_said_in_one_sentence(name, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        Imported(f"somebodys_model:{name}")()
    assert "\n" not in str(caught.value)
