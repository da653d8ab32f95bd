"""What a Recorder may be told, and the sentences for what it may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.recorder._options import settings_of, size_in_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("200 MB", 200_000_000), ("200MB", 200_000_000), ("1.5 GiB", 1_610_612_736), ("3kb", 3000), (17, 17), ("9 B", 9)],
)
def test_sizes_are_read(text, size):
    assert size_in_bytes(text) == size


@given(st.integers(1, 10**15))
def test_a_number_of_bytes_is_itself(size):
    assert size_in_bytes(size) == size_in_bytes(f"{size} B") == size


@pytest.mark.parametrize("wrong", ["-5 MB", "0 MB", 0, -1, "many", "5 parsecs", "MB", "", None, True, float("inf")])
def test_a_size_that_is_none_is_refused_with_an_example(wrong):
    with pytest.raises(InputError, match=r"^size_budget must be .*; got .*Write for example '200 MB'"):
        size_in_bytes(wrong)


@pytest.mark.parametrize("wrong", [-0.05, 0, 1, 5, "5 %", True])
def test_a_time_budget_is_a_share(wrong):
    with pytest.raises(InputError, match=r"^time_budget must be a share of the loop's time above 0 and below 1; got"):
        settings_of({"time_budget": wrong})


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(InputError, match=r"got 'size_buget'. Did you mean 'size_budget'"):
        settings_of({"size_buget": "1 MB"})


@pytest.mark.parametrize("patterns", [("a", "b"), ["a", "b"], (one for one in "ab"), {"a": 1, "b": 2}])
def test_patterns_are_any_collection_of_texts(patterns):
    assert settings_of({"include": patterns}).include == ("a", "b")


@pytest.mark.parametrize("wrong", [None, 5, "encoder.*", [1], (None,)])
@pytest.mark.parametrize("name", ["include", "exclude"])
def test_what_are_no_patterns_is_refused_with_an_example(name, wrong):
    sentence = rf"^{name} must be a list of shell patterns of layers; got .* Give for example \('encoder\.\*',\)\.$"
    with pytest.raises(InputError, match=sentence):
        settings_of({name: wrong})


@pytest.mark.parametrize(
    "wrong", [{"include": "encoder.*"}, {"exclude": [1]}, {"steps_per_epoch": 0}, {"first_step": -1}, {"labels": 3}]
)
def test_other_options_are_checked(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} must be"):
        settings_of(wrong)
