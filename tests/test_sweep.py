"""Grids: their members, their labels, and what they refuse."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.sweep import Sweep, parse_axis, parse_rates

rates = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=4, unique=True)
seeds = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4, unique=True)
shapes = st.lists(st.sampled_from(["circle", "spiral", "square"]), min_size=1, unique=True)


@given(rates, seeds, shapes)
def test_there_is_one_member_for_every_combination(lr, seed, shape):
    sweep = Sweep(shape=shape, lr=lr, seed=seed)
    columns = sweep.members()
    assert len(sweep) == len(lr) * len(seed) * len(shape)
    assert columns["member"].tolist() == list(range(len(sweep)))
    rows = list(zip(*(columns[axis].tolist() for axis in ("shape", "lr", "seed")), strict=True))
    assert rows == list(itertools.product(shape, lr, seed))
    assert columns["lr"].dtype == np.float64
    assert columns["seed"].dtype == np.int64


def test_sweeps_compare_by_axes_and_their_order():
    assert Sweep(lr=[1, 2], seed=range(2)) == Sweep(lr=(1.0, 2.0), seed=[0, 1])
    assert hash(Sweep(lr=[1])) == hash(Sweep(lr=[1.0]))
    assert Sweep(lr=[1], seed=[0]) != Sweep(seed=[0], lr=[1])
    assert Sweep(lr=[1]) != "Sweep(lr=[1.0])"
    assert repr(Sweep(lr=[0.1], shape=["circle"])) == "Sweep(lr=[0.1], shape=['circle'])"


def test_axes_carry_labels_and_scales():
    attrs = Sweep(lr=[0.1], seed=[0], init_seed=[1], shape=["circle"], weight_decay=[0.0]).attrs()
    assert attrs["lr"] == {"long_name": "learning rate", "units": "1", "scale": "log"}
    assert {axis: one["scale"] for axis, one in attrs.items()} == {
        "lr": "log",
        "seed": "category",
        "init_seed": "category",
        "shape": "category",
        "weight_decay": "linear",
    }
    assert attrs["weight_decay"]["long_name"] == "weight decay"


RATE = "lr must be a positive finite number; got {}."
SEED = "seed must be a non-negative integer; got {}."


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        *(({"lr": [wrong]}, RATE.format(repr(wrong))) for wrong in (0, -0.1, math.nan, math.inf, "fast", True, None)),
        *(({"seed": [wrong]}, SEED.format(repr(wrong))) for wrong in (-1, 0.5, True, "a", 2**63)),
        ({"order_seed": [-1]}, "order_seed must be a non-negative integer; got -1."),
        ({"lr": []}, "lr must be a list of at least one value; got []."),
        ({"lr": 0.1}, "lr must be a list of values; got 0.1."),
        ({"shape": "circle"}, "shape must be a list of values; got 'circle'."),
        ({"lr": [0.1, 0.1]}, "lr must be a list of different values; got [0.1, 0.1]. Name each value once."),
        ({"seed": [1, 1]}, "seed must be a list of different values; got [1, 1]. Name each value once."),
        ({"noise": [math.nan]}, "noise must be a finite number or a text; got nan."),
        ({"noise": [[1, 2]]}, "noise must be a finite number or a text; got [1, 2]."),
    ],
)
def test_what_is_no_axis_is_said(axes, sentence):
    with pytest.raises(InputError) as caught:
        Sweep(**axes)
    assert str(caught.value) == sentence


@given(st.floats(1e-8, 1e-2), st.floats(1.5, 1e4), st.integers(2, 30))
def test_a_grid_is_spaced_by_a_constant_factor(start, width, count):
    grid = np.array(parse_rates([f"{start!r}:{start * width!r}:{count}"]))
    assert len(grid) == count
    assert np.allclose(grid[[0, -1]], [start, start * width], rtol=1e-5)
    assert np.allclose(grid[1:] / grid[:-1], width ** (1 / (count - 1)), rtol=3e-5)


@pytest.mark.parametrize("text", ["0:1:3", "-2:-1:3"])
def test_ranges_of_rates_that_are_not_above_0_are_refused_for_that(text):
    with pytest.raises(InputError, match=re.escape(f"lrs must be above 0 at both ends of a range; got '{text}'")):
        parse_rates([text])


def test_grids_and_numbers_mix():
    assert parse_rates(["0.5", "1e-4:1e-1:4", "2"]) == (0.5, 1e-4, 1e-3, 1e-2, 1e-1, 2.0)
    assert parse_rates(["0.1:7:1"]) == (0.1,)


@pytest.mark.parametrize("text", ["", "fast", "1:2", "1:2:3:4", "1:2:2.5", "1:2:0", "1:2:-1", "-1:1:3", "a:1:2"])
def test_what_is_no_grid_is_said(text):
    with pytest.raises(InputError) as caught:
        parse_rates([text])
    assert str(caught.value) == (
        f"lrs must be numbers or start:stop:count; got {text!r}. "
        "Write for example '0.001' or '1e-4:1e-1:7' (start:stop:count)."
    )


@pytest.mark.parametrize(
    "values", ["0:1:1000000000", "1:2:100001", "0:1:inf", "0:1:2.7", "0:1:0", "-1:1:3", "1:0:3", "0:inf:3", "nan:1:3"]
)
def test_a_range_of_an_axis_that_is_none_is_refused(values):
    with pytest.raises(InputError, match=r"^grid wd must be .*; got '"):
        parse_axis(f"wd={values}")


def test_ranges_of_an_axis():
    assert parse_axis("wd=0:-1:3") == ("wd", (0, -0.5, -1))
    assert parse_axis("wd=-1:-4:3") == ("wd", (-1, -2, -4))
    assert parse_axis("wd=1e-4:1e-2:3") == ("wd", (1e-4, 1e-3, 1e-2))


def test_values_of_an_axis_are_numbers_or_texts():
    assert parse_axis("wd=0,0.1") == ("wd", (0, 0.1))
    assert parse_axis("name=adam,sgd") == ("name", ("adam", "sgd"))
