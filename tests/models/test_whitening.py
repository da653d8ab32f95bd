"""The whitening layer: the covariance of its outputs is the identity."""

import numpy as np
import pytest
import torch

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.models import FastResNet
from lrscope.models._resnet import FLOOR, patches, whitening_of


def smooth(count=400, channels=3, size=12, seed=0):
    """Images whose neighbouring pixels and channels are alike, as in photographs."""
    random = np.random.default_rng(seed)
    rough = random.normal(size=(count, channels, size + 2, size + 2)) + random.normal(size=(count, 1, size + 2, 1))
    smoothed = sum(rough[:, :, y : y + size, x : x + size] for y in range(3) for x in range(3))
    return (smoothed * np.array([0.02, 0.03, 0.05])[:channels, None, None] + 0.4).astype(np.float32)


def of(images):
    return Samples(images, np.arange(len(images)) % 10)


def whitened(data):
    """Return the outputs of the layer for all patches, (patch, filter)."""
    module = FastResNet(data, widths=(4,))().double()
    images = torch.from_numpy(data.arrays().inputs).double()
    with torch.no_grad():
        outputs = module.whiten(module.normalise(images))
    return outputs.movedim(1, -1).flatten(0, 2).numpy()


def test_the_outputs_have_the_identity_as_covariance_but_for_the_floor():
    data = of(smooth())
    outputs = whitened(data)
    half = outputs.shape[1] // 2
    assert half == 12
    assert np.array_equal(outputs[:, half:], -outputs[:, :half])
    covariance = np.cov(outputs[:, :half], rowvar=False, bias=True)
    values = np.linalg.eigvalsh(np.cov(normalised_patches(data), rowvar=False, bias=True))[::-1]
    assert np.allclose(covariance, np.diag(values / (values + FLOOR)), atol=1e-4)
    assert np.abs(covariance - np.eye(half)).max() < 0.02


def normalised_patches(data):
    images = data.arrays().inputs.astype(float)
    centred = images - images.mean((0, 2, 3), keepdims=True)
    return patches(centred / images.std((0, 2, 3), keepdims=True))


def test_grey_images_in_colour_are_not_blown_up():
    grey = np.repeat(smooth(channels=1), 3, axis=1)
    outputs = whitened(of(grey))
    assert np.isfinite(outputs).all()
    assert outputs.var(0).max() < 1.01
    assert (outputs.var(0) < 1e-6).sum() == 2 * 8  # of twelve directions, four are there


def test_a_channel_that_is_the_same_everywhere_is_let_be():
    images = smooth()
    images[:, 1] = 0.25
    assert np.isfinite(whitened(of(images))).all()


def test_it_is_read_once_and_the_same_for_every_network(monkeypatch):
    data, reads = of(smooth()), []
    arrays = data.arrays
    monkeypatch.setattr(data, "arrays", lambda: reads.append(1) or arrays(), raising=True)
    torch.manual_seed(1)
    one = FastResNet(data, widths=(4,))()
    torch.manual_seed(2)
    other = FastResNet(data, widths=(8, 4))()
    assert reads == [1]
    assert torch.equal(one.whiten.weight, other.whiten.weight)
    assert not one.whiten.weight.requires_grad
    assert one.whiten.bias.requires_grad


@pytest.mark.parametrize(
    ("inputs", "got"),
    [
        (np.zeros((5, 4)), "float64 (5, 4)"),
        (np.zeros((5, 1, 8, 1)), "float64 (5, 1, 8, 1)"),
        (np.zeros((5, 1, 8, 8), int), "int64 (5, 1, 8, 8)"),
    ],
)
def test_what_is_no_image_is_refused(inputs, got):
    with pytest.raises(InputError) as caught:
        whitening_of(of(inputs))
    assert str(caught.value) == (
        "the inputs of data must be images (sample, channel, height, width) of floating numbers, at least 2 by 2 "
        f"pixels; got '{got}'."
    )
