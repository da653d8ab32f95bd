"""Options of a Recorder are checked when it is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.recorder._attaching import Settings


@pytest.mark.parametrize(
    ("text", "size"),
    [("200 MB", 200_000_000), ("200MB", 200_000_000), ("1.5 GiB", 1_610_612_736), ("3kb", 3000), (17, 17), ("9 B", 9)],
)
def test_sizes_are_read(text, size):
    assert Settings(size_budget=text).size_budget == size


@given(st.integers(1, 10**15))
def test_a_number_of_bytes_is_itself(size):
    assert Settings(size_budget=size).size_budget == Settings(size_budget=f"{size} B").size_budget == size


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("size_budget", wrong) for wrong in ("-5 MB", "0 MB", 0, -1, "many", "5 parsecs", "MB", "", float("inf"))),
        *(("time_budget", wrong) for wrong in (-0.05, 0, 1, 5, "5 %", True)),
        *(("include", wrong) for wrong in (None, 5, "encoder.*", [1], (None,))),
        *(("exclude", [1]), ("steps_per_epoch", 0), ("first_step", -1), ("labels", 3)),
    ],
)
def test_a_wrong_option_is_named(name, wrong):
    with pytest.raises(InputError, match=rf"^{name} must be .*; got"):
        Settings(**{name: wrong})


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(InputError, match=r"got 'size_buget'. Did you mean 'size_budget'"):
        Settings(size_buget="1 MB")
