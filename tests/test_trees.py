"""A vector and the dictionary of tensors that it stands for."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrscope.trees import Layout, angle, flatten

PI = Decimal("3.14159265358979323846264338327950288419716939937510582")

shapes = st.lists(st.lists(st.integers(1, 3), max_size=3).map(tuple), min_size=1, max_size=5)


@given(shapes)
def test_flatten_and_tree_undo_each_other(sizes):
    tree = {f"p{number}": torch.randn(size) for number, size in enumerate(sizes)}
    layout = Layout.of(tree)
    back = layout.tree(flatten(tree))
    assert list(back) == list(tree)
    assert all(torch.equal(back[name], tree[name]) for name in tree)
    assert sum(layout.sizes) == len(flatten(tree))


def test_the_tree_is_a_view():
    vector = torch.zeros(6)
    Layout({"a": torch.Size([2]), "b": torch.Size([2, 2])}).tree(vector)["b"][1, 0] = 5
    assert vector.tolist() == [0, 0, 0, 0, 5, 0]


def exact_angle(one, other):
    """Return the angle in degrees with 40 digits, from the cross and the scalar product of vectors of a plane."""
    with localcontext() as context:
        context.prec = 60
        (a, b), (c, d) = (map(Decimal, vector) for vector in (one, other))
        across, along = abs(a * d - b * c), a * c + b * d
        ratio = min(across, abs(along)) / max(across, abs(along))
        # arctan by halving the argument until its series needs few terms
        halvings = 0
        while ratio > Decimal("1e-3"):
            ratio, halvings = ratio / (1 + (1 + ratio * ratio).sqrt()), halvings + 1
        terms = ((-1) ** n * ratio ** (2 * n + 1) / (2 * n + 1) for n in range(12))
        degrees = sum(terms) * 2**halvings * 180 / PI
        degrees = degrees if across <= abs(along) else 90 - degrees
        return float(degrees if along > 0 else 180 - degrees)


components = st.floats(-1e6, 1e6).filter(lambda number: abs(number) > 1e-3)
planar = st.tuples(components, components)


@given(planar, planar)
def test_an_angle_is_exact_up_to_rounding(one, other):
    found = angle(*(torch.tensor(vector, dtype=torch.float64) for vector in (one, other)))
    assert float(found) == pytest.approx(exact_angle(one, other), abs=1e-13)


@pytest.mark.parametrize("tiny", [1e-15, 1e-12, 1e-9, 1e-5, 0.01, 1.0])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 4e-16), (torch.float32, 2e-7)])
def test_tiny_angles_and_those_near_180_are_told_apart(tiny, dtype, close):
    """An arc cosine could not tell 1e-9 radians from zero; the error here is that of rounding the vectors."""
    one, other = torch.tensor([1.0, 0.0], dtype=dtype), torch.tensor([1.0, tiny], dtype=dtype)
    exact = np.rad2deg(np.arctan(tiny))
    allowed = np.rad2deg(close)
    assert float(angle(one, other)) == pytest.approx(exact, abs=allowed, rel=1e-6)
    assert 180 - float(angle(one, -other)) == pytest.approx(exact, abs=max(allowed, 180 * torch.finfo(dtype).eps))


@given(
    st.lists(components, min_size=3, max_size=3), st.lists(components, min_size=3, max_size=3), st.integers(-300, 300)
)
def test_an_angle_depends_on_no_length_and_no_order(one, other, power):
    one, other = torch.tensor(one, dtype=torch.float64), torch.tensor(other, dtype=torch.float64)
    assert float(angle(one, other)) == float(angle(other, one))
    assert float(angle(one * 2.0**power, other)) == float(angle(one, other))  # powers of two do not round
    assert 0 <= float(angle(one, other)) <= 180


@pytest.mark.parametrize("none", [0.0, float("nan"), float("inf")])
def test_a_vector_without_direction_has_no_angle(none):
    x = torch.tensor([1.0, 2.0])
    for pair in ((x, none * x), (none * x, x), (none * x, none * x)):
        assert angle(*pair).isnan()
