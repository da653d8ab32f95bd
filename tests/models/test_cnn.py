"""The convolutional network of the blog post."""

import pytest
import torch

from lrscope.errors import InputError
from lrscope.models import CNN
from lrscope.specification import from_json, to_json


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_it_is_the_one_of_the_post_to_the_bit(seed, simple_cnn):
    torch.manual_seed(seed)
    theirs = simple_cnn()
    torch.manual_seed(seed)
    ours = CNN()()
    expected, parameters = theirs.state_dict(), ours.state_dict()
    assert list(parameters) == list(expected)
    assert all(torch.equal(parameters[name], expected[name]) for name in expected)
    images = torch.rand(5, 1, 28, 28)
    assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize(("shape", "features"), [((1, 8, 8), 128), ((3, 32, 32), 2048), ((2, 9, 15), 192)])
def test_it_adapts_to_the_size_of_the_images(shape, features):
    module = CNN(*shape, classes=7)()
    assert module.fc[1].in_features == features
    assert module(torch.rand(4, *shape)).shape == (4, 7)


def test_json_brings_it_back():
    assert from_json(to_json(CNN(3, 32, 32))) == CNN(3, 32, 32)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"height": 3}, "height must be greater than or equal to 4; got 3."),
        ({"width": 0}, "width must be greater than or equal to 4; got 0."),
        ({"channels": 0}, "channels must be greater than or equal to 1; got 0."),
        ({"classes": 0}, "classes must be greater than or equal to 1; got 0."),
    ],
)
def test_what_cannot_be_is_said(fields, sentence):
    with pytest.raises(InputError) as caught:
        CNN(**fields)
    assert str(caught.value) == sentence
