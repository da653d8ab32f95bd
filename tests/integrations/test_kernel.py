"""The compiled loops, and what happens where they cannot be compiled."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from lrscope.integrations import _kernel
from lrscope.integrations._kernel import Parts, kernel_for

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
        assert _kernel._library.__wrapped__() is None


def test_other_types_have_none():
    assert kernel_for(torch.bfloat16) is None


@needs_compiler
def test_loading_it_leaves_the_smallest_numbers_alone():
    """Libraries that are linked with fast mathematics turn numbers below 1e-308 to zero for the whole process."""
    code = (
        "import torch; from lrscope.integrations._kernel import kernel_for; kernel_for(torch.float64); "
        "print((torch.tensor([5e-324], dtype=torch.float64) * 1).item())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "5e-324"


@needs_compiler
@pytest.mark.parametrize(("dtype", "stored"), [(torch.float32, ">f4"), (torch.float64, ">f8")])
def test_rows_are_sorted_into_parts_of_the_files_byte_order(dtype, stored):
    rows = torch.randn((3, 40), generator=torch.Generator().manual_seed(0), dtype=dtype)
    rows[1, 2], rows[2, 5], rows[0, 30] = torch.nan, torch.inf, -0.0
    starts, sizes = [1, 17, 20], [16, 1, 19]
    out = [np.full((5, size), 7.0, stored) for size in sizes]
    parts, to = Parts(sizes), Parts(sizes)
    parts.lie_at([rows[0, start:].data_ptr() for start in starts])
    to.lie_at([one[1:].ctypes.data for one in out])
    kernel_for(dtype).sort(parts, 3, 40, to)
    for one, start, size in zip(out, starts, sizes, strict=True):
        assert one[1:4].tobytes() == rows[:, start : start + size].numpy().astype(stored).tobytes()
        assert (one[[0, 4]] == 7).all(), "nothing else is written"
