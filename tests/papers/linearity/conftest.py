"""Records of simulated trainings whose truth is known, and finished results for the figures."""

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
    own = rows + np.multiply.outer(lrs - 0.2, confidence)
    right = 0.8 + accuracy * (lrs - 0.2)[:, None] + 0.002 * draw.normal(size=(len(lrs), BATCHES))
    sums = {
        "replicates": (("lr", "batch"), np.full((len(lrs), BATCHES), each)),
        "diverged": (("lr", "batch"), np.zeros((len(lrs), BATCHES), dtype=int)),
        "outputs_sum": (("lr", "batch", "sample", "output"), outputs.sum(axis=2)),
        "loss_sum": (("lr", "batch"), np.full((len(lrs), BATCHES), 0.3 * each)),
        "accuracy_sum": (("lr", "batch"), each * right),
        "seconds_sum": (("lr", "batch"), np.full((len(lrs), BATCHES), 0.005 * each)),
        "class_output_sum": (("lr", "batch", "learned_sample"), np.repeat(each * own[:, None], BATCHES, axis=1)),
        "targets": (("lr", "batch", "sample"), np.tile(np.arange(SAMPLES) % CLASSES, (len(lrs), BATCHES, 1))),
        "learned_targets": (("lr", "batch", "learned_sample"), np.tile(learned, (len(lrs), BATCHES, 1))),
    }
    coords = {"lr": lrs, "batch": np.arange(BATCHES)}
    return xr.Dataset(sums, coords, {"pairing": options.pairing}).expand_dims(step=[STEPS])


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
from lrscope.optim import SGD, Linear
from lrscope.sweep import Sweep
from lrscope.training import Experiment

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


def replication(lrs=(0.1, 0.2, 0.3), replicates=16, pairing="common", **changes):
    fields = {
        "data": Digits(samples=64, val_samples=20),
        "model": Imported("users_own:wide"),
        "sweep": Sweep(lr=lrs),
        "loss": "cross_entropy",
        "optimizer": SGD(momentum=0.9),
        "schedule": Linear(),
        "epochs": 2,
        "batch_size": 16,
        "dtype": "float64",
    }
    return Replication(Experiment(**fields | changes), replicates, pairing, batches=5)
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


def networks(rates, replicates, samples=60, outputs=5, *, curve=0.0, noise=1.0, shared=0.8, seed=0, effect=10.0):
    """Return outputs (lr, replicate, sample, output) of networks that change with the rate as told, and their means.

    The mean is linear in the rate up to `curve` times its square. The noise of a network has few directions, as that of
    real ones; a share of its variance is common to all rates.
    """
    rng = np.random.default_rng(seed)
    points = samples * outputs
    base, line, bend = rng.normal(size=(3, points))
    rate = np.asarray(rates)[:, None]
    means = base + effect * (rate * line + curve * rate**2 * bend)
    directions = rng.normal(size=(20, points)) * np.exp(-np.arange(20) / 7)[:, None] / 2
    common = rng.normal(size=(1, replicates, 20))
    own = rng.normal(size=(len(rate), replicates, 20))
    parts = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    values = means[:, None] + noise * parts @ directions
    return values.reshape(len(rate), replicates, samples, outputs), means.reshape(len(rate), samples, outputs)


def summed_networks(values, rates, batches=32, learned=None):
    """Return the records (lr, batch, step) of networks of which every output (lr, replicate, sample, output) is known.

    `learned` (lr, replicate, learned_sample) are outputs of the own class; targets go round the classes.
    """
    number = values.shape[1]
    batch = np.arange(number) * batches // number
    own = values[..., 0] if learned is None else learned
    correct = (values.argmax(-1) == np.arange(values.shape[2]) % values.shape[3]).mean(-1)
    of_replicates = {
        "replicates": (np.ones(values.shape[:2], dtype=np.int64), ()),
        "diverged": (np.zeros(values.shape[:2], dtype=np.int64), ()),
        "outputs_sum": (values, ("sample", "output")),
        "accuracy_sum": (correct, ()),
        "class_output_sum": (own, ("learned_sample",)),
    }
    chosen = [np.flatnonzero(batch == one) for one in range(batches)]
    data = {
        name: (("lr", "batch", "step", *dims), np.stack([of[:, some].sum(1) for some in chosen], 1)[:, :, None])
        for name, (of, dims) in of_replicates.items()
    }
    shape = (len(rates), batches, 1)
    for name, dim, count in (
        ("targets", "sample", values.shape[2]),
        ("learned_targets", "learned_sample", own.shape[2]),
    ):
        each = np.arange(count) % values.shape[3]
        data[name] = (("lr", "batch", "step", dim), np.broadcast_to(each, (*shape, count)).copy())
    coords = {"lr": list(rates), "batch": np.arange(batches), "step": [184]}
    return xr.Dataset(data, coords, {"axes": ["lr", "batch"]})


@pytest.fixture(scope="session")
def simulate_networks():
    return networks


@pytest.fixture(scope="session")
def sum_networks():
    return summed_networks
