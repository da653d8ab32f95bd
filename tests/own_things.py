"""Data and networks of a user's own, good and bad, named by where to import them."""

import numpy as np
from torch import nn

from lrscope.data import Samples

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(60, 6)).astype(np.float32)
KINDS = RANDOM.integers(0, 4, 60)
SUMS = POINTS.sum(1, keepdims=True)
ARRAYS = (POINTS, KINDS)


def sums():
    return POINTS, SUMS


def shares():
    return POINTS, np.eye(4)[KINDS]


def nothing_out():
    return Samples(POINTS, KINDS)


def unlucky():
    """The class 9 is not in the first batches."""
    return (POINTS, np.where(np.arange(60) == 50, 9, KINDS % 2)), (POINTS[:5], KINDS[:5] % 2)


def validation_alone():
    return (POINTS, KINDS), (POINTS[:5], np.array([0, 1, 7, 2, 3]))


def new_class():
    images = np.random.default_rng(1).normal(size=(24, 1, 8, 8)).astype(np.float32)
    return (images[:16], KINDS[:16] % 2), (images[16:], KINDS[16:24] % 2 + 1)


def no_number():
    points = POINTS.copy()
    points[::2, 3] = np.nan
    return points, KINDS


def infinite():
    return (POINTS, SUMS), (POINTS[:5], np.full((5, 1), np.inf))


def network(outputs=4):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))


def one_output():
    return network(1)


def two_outputs():
    return network(2)


class Branches(nn.Linear):
    """Asks for a value."""

    def __init__(self):
        super().__init__(6, 4)

    def forward(self, points):
        out = super().forward(points)
        return out if out.sum() > 0 else -out


class Parts(nn.Module):
    """Has two modules with learning rates of their own."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Linear(4, 1)

    def forward(self, points):
        return self.head(self.backbone(points))


def squares():
    points = np.random.default_rng(0).normal(size=(20, 3))
    return (points, points[:, :1] ** 2), (points[:4], points[:4, :1])


def slope(x):
    return 2 * x


def one_number(_x):
    return 1.0


def not_finite(x):
    return np.full_like(x, np.inf)


def too_wide():
    return nn.Linear(7, 4)


def tiny():
    return np.random.default_rng(2).random((60, 1, 8, 8), dtype=np.float32), KINDS


def whole():
    return (255 * tiny()[0]).astype(np.int64), KINDS
