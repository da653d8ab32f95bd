"""A replication whose model belongs to a user, and tells which process made it."""

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

MODULE = """
import os
import time
from pathlib import Path

from torch import nn

from lrscope.data import Digits
from lrscope.distributed import Replication
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


@pytest.fixture(scope="package")
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
