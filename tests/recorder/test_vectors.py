"""Parameters and gradients as vectors, and their lengths."""

import math
import weakref

import pytest
import torch
from torch import nn

from lrscope.recorder import _vectors
from lrscope.recorder._vectors import Vectors, length_of


@pytest.fixture(params=["loop", "operations"])
def parameters(request, monkeypatch):
    """Two parameters, read by the compiled loop (where there is a compiler), and by operations of PyTorch."""
    if request.param == "operations":
        monkeypatch.setattr(_vectors, "kernel_for", lambda _: None)
    return [nn.Parameter(torch.arange(6.0).reshape(2, 3)), nn.Parameter(torch.tensor([7.0]))]


def test_a_vector_has_them_one_behind_the_other(parameters):
    out = torch.empty(7)
    Vectors(parameters, torch.float32).parameters(out)
    assert out.tolist() == [0, 1, 2, 3, 4, 5, 7]


def test_what_has_got_other_memory_is_found(parameters):
    vectors, out = Vectors(parameters, torch.float32), torch.empty(7)
    vectors.parameters(out)
    parameters[1].data = torch.tensor([9.0])
    vectors.parameters(out)
    assert out[-1] == 9


@pytest.mark.parametrize("scale", [None, torch.tensor(2.0)])
def test_the_length_is_that_of_the_gradient(parameters, scale):
    parameters[0].grad = torch.tensor([[3.0, 0, 0], [0, 0, 0]])
    for last, wanted in ((torch.tensor([4.0]), 5.0), (None, 3.0)):
        parameters[1].grad = last
        vectors, out = Vectors(parameters, torch.float32), torch.empty(7)
        vectors.look(scale)
        divided = wanted if scale is None else wanted / 2
        assert vectors.length() == vectors.gradient(out) == pytest.approx(divided)
        assert length_of(out) == pytest.approx(divided)


def test_a_gradient_that_has_one_itself_is_taken(parameters):
    loss = sum((one**3).sum() for one in parameters)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    for one, gradient in zip(parameters, gradients, strict=True):
        one.grad = gradient
    vectors, out = Vectors(parameters, torch.float32), torch.empty(7)
    for scale in (None, torch.tensor(0.5)):
        vectors.look(scale)
        vectors.gradient(out)
        assert out.tolist() == [3 * value**2 * (1 if scale is None else 2) for value in (0, 1, 2, 3, 4, 5, 7)]


@pytest.mark.parametrize(("dtype", "large"), [(torch.float32, 3e30), (torch.float64, 3e200)])
def test_the_length_of_a_large_vector_is_known_though_its_square_is_not(dtype, large):
    assert length_of(torch.tensor([large, -large], dtype=dtype)) == pytest.approx(2**0.5 * large)
    parameter = nn.Parameter(torch.zeros(2, dtype=dtype))
    parameter.grad = torch.tensor([large, -large], dtype=dtype)
    vectors = Vectors([parameter], dtype)
    vectors.look(None)
    assert vectors.length() == pytest.approx(2**0.5 * large)


def test_how_far_the_parameters_moved_is_measured_from_where_they_were(parameters):
    vectors, before = Vectors(parameters, torch.float32), torch.empty(7)
    vectors.parameters(before)
    with torch.no_grad():
        parameters[0][1, 2] += 3
        parameters[1] -= 4
    assert vectors.moved(before) == pytest.approx(5)
    assert before[-1] == 7, "what was stays as it was"


@pytest.mark.parametrize("size", [1e-3, 1e15])
def test_products_and_sums_of_vectors(parameters, size):
    vectors = Vectors(parameters, torch.float32)
    one, other = size * torch.arange(7.0), torch.full((7,), size)
    assert vectors.product(one, other) == pytest.approx(21 * size**2)
    wanted = math.sqrt(sum((value - 2) ** 2 for value in range(7)))
    assert vectors.combined(one, other, -2.0) == pytest.approx(size * wanted)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_the_length_of_what_is_not_finite_is_not(value):
    assert not length_of(torch.tensor([value, 1.0])) < float("inf")


def test_gradients_are_let_go(parameters):
    parameters[0].grad = torch.ones(2, 3)
    alive = weakref.ref(parameters[0].grad)
    vectors = Vectors(parameters, torch.float32)
    vectors.look(None)
    vectors.length()
    vectors.forget()
    parameters[0].grad = None
    assert alive() is None
