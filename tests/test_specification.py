"""Specifications check their fields, say what is wrong, and are read back from JSON without running code."""

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from lrscope.data import MNIST, SHAPES, Digits, Samples, Shape
from lrscope.errors import InputError
from lrscope.models import MLP, Autoencoder
from lrscope.optim import SGD, Adam, AdamW, Cosine, GradientAngle, LabelSmoothing, Linear, WarmUp
from lrscope.probes import Activations, At, Every, Gradients, Weights
from lrscope.specification import class_name, from_json, specification, to_json


@specification
class Point:
    """A point."""

    x: float
    name: Annotated[str, Field(min_length=1)] = "p"


def sentence(make, *arguments, **fields):
    with pytest.raises(InputError) as caught:
        make(*arguments, **fields)
    return str(caught.value)


def test_fields_are_checked_by_name_wherever_they_stand():
    message = "x must be a valid number; got 'far'."
    assert sentence(Point, "far") == message
    assert sentence(Point, x="far") == message
    assert sentence(Point, 1.0, "") == "name must not be empty."
    assert sentence(Point, 1.0, 3) == "name must be a valid string; got 3."


@specification
class Half:
    """A share."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.5


def test_percent_are_told_to_be_written_as_shares():
    assert sentence(Half, 95) == "share must be less than 1; got 95. Write 95% as 0.95."
    assert sentence(Half, -50) == "share must be greater than or equal to 0; got -50."


def test_missing_and_unexpected_fields_are_named():
    assert sentence(Point) == "x is required."
    assert sentence(Point, x=1, y=2) == "a field of Point must be one of x, name; got 'y'."
    assert sentence(Point, 1, "a", 3) == "Point takes 2 arguments: x, name."


def test_a_bad_value_is_a_value_error_and_an_unknown_name_a_key_error_too():
    with pytest.raises(ValueError, match="x must be a valid number"):
        Point("far")
    with pytest.raises(KeyError) as caught:
        Shape("cirle")
    assert isinstance(caught.value, InputError)
    assert str(caught.value).endswith("Did you mean 'circle'?")


cadences = st.one_of(
    st.builds(Every, st.integers(1, 99), st.sampled_from(["step", "epoch"])),
    st.builds(At, st.lists(st.integers(-9, 9), min_size=1, max_size=3).map(tuple)),
)
patterns = st.lists(st.text("ab.*", min_size=1), max_size=2).map(tuple)
shares = st.floats(0, 0.99)
specifications = st.one_of(
    st.builds(Shape, st.sampled_from(SHAPES), st.integers(1, 9), st.floats(0, 9), st.floats(-360, 360)),
    st.builds(Autoencoder, st.integers(1, 9), st.lists(st.integers(1, 9), max_size=3).map(tuple)),
    st.builds(MLP, st.integers(1, 9), st.lists(st.integers(1, 9), max_size=3).map(tuple)),
    st.builds(Digits, st.floats(0.1, 0.9), st.integers(0, 9)),
    st.builds(MNIST, st.just("folder"), st.none() | shares.filter(bool)),
    st.builds(SGD, shares, st.just(False), shares),
    st.builds(GradientAngle, shares.filter(bool)),
    st.builds(LabelSmoothing, shares),
    st.builds(Adam, shares, shares, shares, shares),
    st.builds(AdamW, shares, shares, shares, shares),
    st.builds(WarmUp, st.integers(1, 9), st.one_of(st.builds(Linear, shares), st.builds(Cosine, shares))),
    st.builds(Weights, patterns, patterns, st.sampled_from(["values", "std", "statistics"]), cadences),
    st.builds(Activations, patterns, patterns, st.booleans(), cadences),
    st.builds(Gradients, st.just(("weights", "activations")), patterns, patterns, st.just("values"), cadences),
)


@given(specifications)
def test_json_brings_a_specification_back(one):
    assert from_json(json.loads(json.dumps(to_json(one), allow_nan=False))) == one


def test_containers_and_plain_values_have_a_form():
    value = {"list": [1, 2.5, "a", None, True], "inner": {"shape": Shape("circle", samples=3)}}
    assert from_json(to_json(value)) == {"list": (1, 2.5, "a", None, True), "inner": {"shape": Shape("circle", 3)}}


def test_the_name_of_a_class_is_its_public_one():
    assert class_name(Adam) == "lrscope.optim.Adam"
    assert to_json(Adam())["class"] == "lrscope.optim.Adam"


def named():
    """Stands for a user's own model."""


def test_a_users_callable_is_recorded_by_name_and_asked_for_when_read():
    form = to_json(named)
    assert form == {"callable": f"{__name__}.named"}
    assert sentence(from_json, form) == (
        f"{__name__}.named is not part of lrscope: import it and pass it to the experiment yourself."
    )


def test_arrays_are_recorded_by_checksum_and_asked_for_when_read():
    form = to_json(Samples([[1.0]], [[2.0]], "mine"))
    assert form["name"] == "mine"
    assert len(form["sha256"]) == 64
    assert to_json(Samples([[1.0]], [[2.5]], "mine"))["sha256"] != form["sha256"]
    assert sentence(from_json, form).startswith("data set 'mine' is not part of lrscope: import it")


def test_what_has_no_name_cannot_be_written_down():
    for nameless in (lambda: None, object()):
        said = sentence(to_json, nameless)
        assert said.startswith("a part of an experiment must be a specification or a named function or class; got <")
        assert said.endswith("Only what has a name can be written down: use def or class.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("os.system", "class must be a specification of lrscope.data, "),
        ("subprocess.Popen", "class must be a specification of lrscope.data, "),
        ("lrscope.specification.Any", "class must be a specification of lrscope.data, "),
        ("lrscope.training.train", "class must be one of Experiment"),
        ("lrscope.training.stream", "class must be one of Experiment"),
        ("lrscope.optim.loss_function", "class must be one of SGD, Adam"),
        ("lrscope.optim.SDG", "class must be one of SGD, Adam, AdamW, Constant, Cosine, Exponential, GradientAngle, "),
        ("lrscope.probes._parameters.Weights", "class must be a specification of"),
        ("lrscope.data.__builtins__", "class must be one of"),
        ("", "class must be a specification of"),
        (None, "class must be a specification of"),
        (["lrscope.optim.SGD"], "class must be a specification of"),
    ],
)
def test_nothing_but_specifications_of_lrscope_is_made(name, said):
    assert sentence(from_json, {"class": name}).startswith(said)
