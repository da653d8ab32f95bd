"""The compiled loops, and what happens where they cannot be compiled."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from lrscope.recorder import _kernel
from lrscope.recorder._kernel import Parts, kernel_for

needs_compiler = pytest.mark.skipif(kernel_for(torch.float32) is None, reason="no compiler of C")


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parts_become_one_vector_with_its_length(dtype):
    draw = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=draw, dtype=dtype) for shape in ((3, 5), (1,), (7, 2, 2), (100,))]
    parts = Parts([one.numel() for one in tensors])
    parts.lie_at([one.data_ptr() for one in tensors])
    wanted = torch.cat([one.reshape(-1) for one in tensors])
    out = torch.full((len(wanted) + 1,), -5.0, dtype=dtype)
    squares = kernel_for(dtype).gather(parts, out.data_ptr())
    assert torch.equal(out[:-1], wanted)
    assert out[-1] == -5, "nothing is written behind the end"
    assert squares == pytest.approx(float(wanted.double().square().sum()), rel=1e-14)


def test_without_a_compiler_there_is_none(monkeypatch):
    for compiler in ("false", "no-such-compiler"):
        monkeypatch.setenv("CC", compiler)
        assert _kernel._library("float") is None


def test_other_types_have_none():
    assert kernel_for(torch.bfloat16) is None


@needs_compiler
def test_loading_it_leaves_the_smallest_numbers_alone():
    """Libraries that are linked with fast mathematics turn numbers below 1e-308 to zero for the whole process."""
    code = (
        "import torch; from lrscope.recorder._kernel import kernel_for; kernel_for(torch.float64); "
        "print((torch.tensor([5e-324], dtype=torch.float64) * 1).item())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "5e-324"


@needs_compiler
@pytest.mark.parametrize(("dtype", "stored"), [(torch.float32, ">f4"), (torch.float64, ">f8")])
def test_parts_are_placed_in_the_files_byte_order(dtype, stored):
    draw = torch.Generator().manual_seed(0)
    sizes = [16, 1, 19, 300]
    tensors = [torch.randn(size, generator=draw, dtype=dtype) for size in sizes]
    tensors[0][2], tensors[2][5], tensors[3][30] = torch.nan, torch.inf, -0.0
    arrays = [np.full((5, size), 7.0, stored) for size in sizes]
    parts, to = Parts(sizes), Parts(sizes)
    parts.lie_at([one.data_ptr() for one in tensors])
    to.lie_at([one.ctypes.data for one in arrays])
    for row in (3, 1):
        kernel_for(dtype).place(parts, to, row)
    for array, one in zip(arrays, tensors, strict=True):
        assert array[1].tobytes() == array[3].tobytes() == one.numpy().astype(stored).tobytes()
        assert (array[[0, 2, 4]] == 7).all(), "nothing else is written"


@needs_compiler
def test_squares_of_large_numbers_are_added_in_double_precision():
    parts = Parts([1, 2])
    tensors = [torch.tensor([3e30]), torch.tensor([4e30, 0.0])]
    parts.lie_at([one.data_ptr() for one in tensors])
    assert kernel_for(torch.float32).squares(parts) == pytest.approx(25e60, rel=1e-6)
