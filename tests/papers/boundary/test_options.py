"""Options that make no map are refused before anything is written."""

import pytest

from lrscope.errors import InputError
from lrscope.papers.boundary import Options, experiments

WRONG = [
    ({"condition": "thanh"}, "tanh"),
    ({"span": ("1:1",)}, "LOW:HIGH"),
    ({"span": ("10:1",)}, "LOW:HIGH"),
    ({"span": ("-1:10",)}, "LOW:HIGH"),
    ({"span": ("0:10",)}, "LOW:HIGH"),
    ({"span": ("1e-3",)}, "LOW:HIGH"),
    ({"span": ("1:nan",)}, "LOW:HIGH"),
    ({"span": ("1:inf",)}, "LOW:HIGH"),
    ({"span": ("1:2", "1:2", "1:2")}, "span"),
    ({"resolution": 0}, "resolution"),
    ({"resolution": 10**7}, "GB|TB"),
    ({"seeds": 10**9}, "GB|TB"),
    ({"null": 1}, "null"),
    ({"null": 100}, "null"),
    ({"optimizer": "adam"}, "--model"),
    ({"batch_size": 4}, "--model"),
    ({"offset": "initial"}, "init-offset"),
    ({"dtype": "float32", "zooms": 30}, "float32"),
    ({"steps": 0}, "steps"),
    ({"seeds": 0}, "seeds"),
    ({"dtype": "float16"}, "dtype"),
    ({"zoom": "10,1", "zooms": 0}, "zooms"),
    ({"zoom": "10", "zooms": 2}, "X,Y"),
    ({"zoom": "1e7,1", "zooms": 2}, "zoom"),
    ({"zooms": 60}, "zooms"),
    ({"span": ("1:1.0000001",), "zooms": 30}, "zooms"),
]


@pytest.mark.parametrize(("changes", "named"), WRONG, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_one_sentence(changes, named):
    with pytest.raises(InputError, match=named) as caught:
        Options(**changes)
    assert "\n" not in str(caught.value)


def test_one_span_is_that_of_both_axes_and_two_are_those_of_each():
    asked = experiments(Options(span=("1e-2:10",)))["map"]
    assert asked.x == asked.y == (0.01, 10.0)
    asked = experiments(Options(span=("1e-2:10", "1:2")))["map"]
    assert (asked.x, asked.y) == ((0.01, 10.0), (1.0, 2.0))
