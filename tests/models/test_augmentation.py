"""Flips and shifts: each image is exactly one of those that there can be, and all of them appear."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch.nn import functional

from lrscope.models import FlipShift, member_rand

SHIFT = 2
IMAGE = torch.arange(3 * 6 * 7, dtype=torch.float64).view(1, 3, 6, 7)


def possible(image, shift, flips=True):
    """Return every image (possibility, channel, height, width), by PyTorch's padding and slices."""
    height, width = image.shape[-2:]
    sides = [image, image.flip(-1)] if flips else [image]
    padded = [functional.pad(side, (shift,) * 4, mode="reflect") for side in sides]
    offsets = range(2 * shift + 1)
    return torch.cat([p[..., y : y + height, x : x + width] for p in padded for y in offsets for x in offsets])


def which(augmented, choices):
    """Return for each image the numbers of the possibilities that it equals."""
    same = (augmented[:, None] == choices[None]).flatten(2).all(2)
    return [row.nonzero().flatten().tolist() for row in same]


def test_each_image_is_one_of_the_possible_ones_and_all_appear_equally_often():
    torch.manual_seed(0)
    found = which(FlipShift(SHIFT)(IMAGE.expand(5000, -1, -1, -1)), possible(IMAGE, SHIFT))
    assert all(len(each) == 1 for each in found)
    counts = Counter(each[0] for each in found)
    assert len(counts) == 2 * 5 * 5
    assert stats.chisquare([counts[number] for number in range(50)]).pvalue > 1e-3


@given(st.integers(0, 3), st.booleans(), st.integers(4, 7), st.integers(4, 7), st.integers(0, 10**6))
def test_any_size_shift_and_side(shift, flips, height, width, seed):
    torch.manual_seed(seed)
    images = torch.rand(6, 2, height, width)
    augmented = FlipShift(shift, flips)(images)
    for image, one in zip(images.split(1), augmented.split(1), strict=True):
        assert which(one, possible(image, shift, flips))[0]


def test_images_of_a_batch_are_moved_each_by_itself():
    torch.manual_seed(1)
    choices = possible(IMAGE, SHIFT)
    pairs = np.array([np.ravel(which(FlipShift(SHIFT)(IMAGE.expand(2, -1, -1, -1)), choices)) for _ in range(2000)])
    sides, rows, columns = pairs // 25, pairs // 5 % 5, pairs % 5
    for kind in (sides, rows, columns):
        table = np.histogram2d(kind[:, 0], kind[:, 1], bins=kind.max() + 1)[0]
        assert stats.chi2_contingency(table).pvalue > 1e-3


def test_evaluation_leaves_images_and_the_generator_alone():
    before = torch.random.get_rng_state()
    assert FlipShift(SHIFT).eval()(IMAGE) is IMAGE
    assert torch.equal(torch.random.get_rng_state(), before)


def test_in_a_plain_loop_the_numbers_are_the_generators():
    torch.manual_seed(5)
    first = member_rand(IMAGE, 4)
    torch.manual_seed(5)
    assert torch.equal(member_rand(IMAGE, 4), first)
    assert first.shape == (1, 4)
    assert not torch.equal(member_rand(IMAGE, 4), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_type_of_the_images_is_kept(dtype):
    assert FlipShift(SHIFT)(IMAGE.to(dtype)).dtype == dtype
