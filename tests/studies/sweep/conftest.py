"""Data and networks of a user's own, good and bad, where Python finds them; records of known truth."""

import sys

import pytest

OWN = '''
import numpy as np
from torch import nn
from lrscope.data import Samples

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(60, 6)).astype(np.float32)
KINDS = RANDOM.integers(0, 4, 60)
SUMS = POINTS.sum(1, keepdims=True)
ARRAYS = (POINTS, KINDS)

def blobs():
    centres = RANDOM.normal(size=(4, 6))
    return (centres[KINDS] + POINTS).astype(np.float32), KINDS

def sums():
    return POINTS, SUMS

def shares():
    return POINTS, np.eye(4)[KINDS]

def images():
    return RANDOM.integers(0, 255, (60, 1, 8, 8)), KINDS

def nothing_out():
    return Samples(POINTS, KINDS)

def unlucky():
    """The class 9 is not in the first batches."""
    return (POINTS, np.where(np.arange(60) == 50, 9, KINDS % 2)), (POINTS[:5], KINDS[:5] % 2)

def held_out_alone():
    return (POINTS, KINDS), (POINTS[:5], np.array([0, 1, 7, 2, 3]))

def negative():
    return POINTS, KINDS - 1

def no_number():
    points = POINTS.copy()
    points[::2, 3] = np.nan
    return points, KINDS

def infinite():
    return (POINTS, SUMS), (POINTS[:5], np.full((5, 1), np.inf))

def too_large():
    return POINTS.astype(float) * 1e300, KINDS

def broken():
    raise RuntimeError("the file\\nis gone")

def nothing():
    pass

def asks(for_more):
    return ARRAYS

def few_targets():
    return POINTS, KINDS[:5]

def words():
    return np.array(["a", "b"]), np.array([0, 1])

def network(outputs=4, inputs=6):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))

def one_output():
    return network(1)

def two_outputs():
    return network(2)

def seven_inputs():
    return network(inputs=7)

def number():
    return 3

def fails():
    raise ValueError("no layers")

def without_parameters():
    return nn.Flatten()

class Twice(nn.Linear):
    """Returns two things."""

    def __init__(self):
        super().__init__(6, 4)

    def forward(self, points):
        return super().forward(points), points

class Branches(Twice):
    """Asks for a value."""

    def forward(self, points):
        out, _ = super().forward(points)
        return out if out.sum() > 0 else -out

class Lost(Twice):
    """Never knows anything."""

    def forward(self, points):
        return super().forward(points)[0] * float("nan")

made = network()
'''


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_things.py").write_text(OWN)
    return folder


@pytest.fixture
def own(own_folder, monkeypatch):
    """Put a module with data and networks where Python finds it; return its name."""
    monkeypatch.syspath_prepend(own_folder)
    yield "own_things"
    sys.modules.pop("own_things", None)
