"""Records of simulated trainings, whose truth is known."""

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from lrscope.data import Digits
from lrscope.papers.linearity import Options

STEPS = 184
SAMPLES, CLASSES, BATCHES = 40, 10, 16
Curve = Callable[[float, np.ndarray, np.ndarray], np.ndarray]


def straight(lr: float, base: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return mean outputs that move along a line."""
    return base + (lr - 0.2) * slope


def bent(lr: float, base: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return mean outputs that turn round."""
    other = np.roll(slope, 1, axis=0)
    return base + (lr - 0.2) * slope + 20 * (lr - 0.2) ** 2 * other


def still(_lr: float, base: np.ndarray, _slope: np.ndarray) -> np.ndarray:
    """Return mean outputs that do not care about the rate."""
    return base


def levelling(lr: float, base: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return mean outputs whose change falls off with the rate, in some directions faster than in others."""
    return base + slope * (1 - np.exp(-3 * lr)) / 3 + np.roll(slope, 1, axis=0) * np.exp(-6 * lr) / 3


PATHS = {"straight": straight, "bent": bent, "still": still, "levelling": levelling}


def records_of(
    options: Options, model: str, path: Curve = straight, noise: float = 0.05, accuracy: float = 0.0
) -> xr.Dataset:
    """Return sums (lr, batch, step, ...) over trainings whose outputs are those of a path, with noise of their own.

    Parameters
    ----------
    accuracy : change of the accuracy per unit of the rate
    """
    draw = np.random.default_rng(5)
    learned = Digits().arrays().targets
    each, lrs = options.replicates // BATCHES, np.array(options.rates(model).lrs)
    base, slope = draw.normal(0, 3, (2, SAMPLES, CLASSES))
    rows, confidence = draw.normal(5, 2, (2, len(learned)))
    means = np.stack([path(lr, base, slope) for lr in lrs])
    shape = (len(lrs), BATCHES, each, SAMPLES, CLASSES)
    outputs = means[:, None, None] + noise * draw.normal(size=shape)
    common = options.pairing == "common"
    products = np.einsum("rbkso,qbkso->rbqso", outputs, outputs)
    if not common:
        products[:, :, :][~np.broadcast_to(np.eye(len(lrs), dtype=bool)[:, None], products.shape[:3])] = np.nan
    own = rows + np.multiply.outer(lrs - 0.2, confidence)
    right = 0.8 + accuracy * (lrs - 0.2)[:, None] + 0.002 * draw.normal(size=(len(lrs), BATCHES))
    sums = {
        "replicates": (("lr", "batch"), np.full((len(lrs), BATCHES), each)),
        "diverged": (("lr", "batch"), np.zeros((len(lrs), BATCHES), dtype=int)),
        "outputs_sum": (("lr", "batch", "sample", "output"), outputs.sum(axis=2)),
        "outputs_product_sum": (("lr", "batch", "other_lr", "sample", "output"), products),
        "loss_sum": (("lr", "batch"), np.full((len(lrs), BATCHES), 0.3 * each)),
        "accuracy_sum": (("lr", "batch"), each * right),
        "seconds_sum": (("lr", "batch"), np.full((len(lrs), BATCHES), 0.005 * each)),
        "class_output_sum": (("lr", "batch", "learned_sample"), np.repeat(each * own[:, None], BATCHES, axis=1)),
        "targets": (("lr", "batch", "sample"), np.tile(np.arange(SAMPLES) % CLASSES, (len(lrs), BATCHES, 1))),
        "learned_targets": (("lr", "batch", "learned_sample"), np.tile(learned, (len(lrs), BATCHES, 1))),
    }
    coords = {"lr": lrs, "batch": np.arange(BATCHES)}
    return xr.Dataset(sums, coords).expand_dims(step=[STEPS])


@pytest.fixture(scope="session")
def simulated() -> Callable[..., tuple[dict[str, xr.Dataset], Options]]:
    """Return the function that gives records of a perceptron by the name of a path, and the options they are of."""

    def made(path: str = "straight", *, noise: float = 0.05, accuracy: float = 0.0, **options: Any) -> Any:
        chosen = Options(**{"model": ("perceptron",), "replicates": 32, **options})
        return {
            name: records_of(chosen, model, PATHS[path], noise, accuracy) for name, model in chosen.networks.items()
        }, chosen

    return made


MODULE = """
import os
import time
from pathlib import Path

from torch import nn

from lrscope.data import Digits
from lrscope.papers.linearity import Replication
from lrscope.models import Imported
from lrscope.optim import Linear

HERE = Path(__file__).parent


def wide():
    (HERE / "made" / str(os.getpid())).touch()
    while (HERE / "hold").exists():
        (HERE / "held" / str(os.getpid())).touch()
        time.sleep(0.01)
    if (HERE / "deadly").exists():
        os.kill(os.getpid(), 9)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 10))


def narrow():
    return nn.Linear(3, 10)


def replication(**changes):
    fields = {
        "data": Digits(samples=64, val_samples=20),
        "model": Imported("users_own:wide"),
        "schedule": Linear(),
        "lrs": [0.1, 0.2, 0.3],
        "replicates": 16,
        "epochs": 2,
        "batch_size": 16,
        "batches": 5,
        "dtype": "float64",
    }
    return Replication(**fields | changes)
"""


class Users:
    """A module of a user's own, with a replication, in a folder where it can be told what to do.

    ``wide``, a model of which a core trains two replicates at a time, leaves the number of the process that makes it
    in ``made``; it waits as long as there is a file ``hold``, and kills the process if there is a file ``deadly``.
    """

    def __init__(self, folder: Path, module: types.ModuleType) -> None:
        self.folder = folder
        self.replication = module.replication
        for name in ("made", "held"):
            (folder / name).mkdir()

    def made_by(self) -> set[int]:
        return {int(file.name) for file in (self.folder / "made").iterdir()}

    def held(self) -> set[int]:
        return {int(file.name) for file in (self.folder / "held").iterdir()}

    def forget(self) -> None:
        for name in ("made", "held"):
            for file in (self.folder / name).iterdir():
                file.unlink()


@pytest.fixture(scope="session")
def users(tmp_path_factory) -> Iterator[Users]:
    folder = tmp_path_factory.mktemp("users")
    (folder / "users_own.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    import users_own

    yield Users(folder, users_own)
    sys.path.remove(str(folder))
    del sys.modules["users_own"]


@pytest.fixture(scope="session")
def check_same():
    return _check_same


def _check_same(one, other) -> None:
    """Check that two records are the same but for the time that they took."""
    assert set(one) == set(other)
    for name in set(one) - {"seconds_sum"}:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, err_msg=name)
