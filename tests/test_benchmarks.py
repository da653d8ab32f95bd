"""Prepared benchmarks that cannot be run here still run: in small, on the CPU."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import gpu


@pytest.mark.parametrize("part", gpu.PARTS, ids=lambda part: part.__name__)
def test_every_part_of_the_gpu_script_measures(part):
    rows = list(part("cpu", gpu.SMALL))
    assert rows
    assert not [row for row in rows if "IT IS NOT" in row[2]]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_cuda_it_says_so(capsys):
    assert gpu.main() == 0
    assert "no CUDA" in capsys.readouterr().out
