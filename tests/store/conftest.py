"""What the tests of the store share: blocks of a small ensemble, and files made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrscope.records import Variable, new_block
from lrscope.store import Writer

MEMBERS = 4
STEPS_A_BLOCK = 5
OUTPUTS_EVERY = 4
LABELS = {
    "weights_encoder_0": Variable(
        "weights_encoder_0",
        "weights",
        "weights of encoder.0",
        dims=("neuron_encoder_0", "input_encoder_0"),
        layer="encoder.0",
        module="encoder",
    ),
    "loss": Variable("loss", "loss", "loss"),
    "diverged_at": Variable("diverged_at", "diverged_at", "first step that is not finite", "updates"),
    "outputs": Variable("outputs", "outputs", "output of the network", dims=("sample", "output")),
}
DIMS = {"weights_encoder_0": "step", "loss": "step", "diverged_at": "step", "outputs": "step_outputs"}
SWEEP = {
    "shape": {"long_name": "shape", "scale": "category"},
    "lr": {"long_name": "learning rate", "units": "1", "scale": "log"},
    "seed": {"long_name": "seed", "units": "1", "scale": "linear"},
}


def block_of(number: int, members: slice = slice(None), neurons: int = 3) -> xr.Dataset:
    """Return block `number` of a training: values that tell member, step and place from all others.

    The value at (member, step, place) is ``place + 1000 * step + 1e5 * member``.
    """
    every = np.arange(MEMBERS)[members]
    steps = np.arange(number * STEPS_A_BLOCK, (number + 1) * STEPS_A_BLOCK)
    own = steps[steps % OUTPUTS_EVERY == 0]
    here = {"step": steps, "step_outputs": own}
    shapes = {"weights_encoder_0": (neurons, 2), "loss": (), "outputs": (5, 2)}
    values = {
        name: _telling(every, here[DIMS[name]], shape).astype("float64" if name == "loss" else "float32")
        for name, shape in shapes.items()
    }
    values["diverged_at"] = np.full((len(every), len(steps)), -1, np.int64)
    columns = {
        "member": every,
        "shape": np.array(["circle", "spiral", "circle", "spiral"])[every],
        "lr": np.array([0.1, 0.1, 0.001, 0.001])[every],
        "seed": np.array([0, 0, 0, 0])[every],
    }
    return new_block(values, LABELS, here, columns, SWEEP, DIMS)


def _telling(members: np.ndarray, steps: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    place = np.arange(np.prod(shape, dtype=int)).reshape(1, 1, *shape)
    wide = (len(members), len(steps), *(1 for _ in shape))
    return place + np.broadcast_to(np.add.outer(1e5 * members, 1000 * steps), wide[:2]).reshape(wide)


@pytest.fixture(scope="session")
def block() -> Callable[..., xr.Dataset]:
    """Return the function that makes block number 0, 1, ..."""
    return block_of


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a file of three blocks."""
    path = tmp_path / "records.root"
    with Writer(path, {"experiment": {"name": "small"}}) as writer:
        for number in range(3):
            writer.extend(block_of(number), {"weights": np.full(4, float(number))})
    return path


@pytest.fixture
def killed() -> Callable[[Path, int], Path]:
    """Return a function that writes blocks and then forgets the file, as if the process had been killed there."""

    def kill(path: Path, blocks: int) -> Path:
        writer = Writer(path, {"experiment": {"name": "small"}})
        for number in range(blocks):
            writer.extend(block_of(number), {"weights": np.full(4, float(number))})
        writer._thread.shutdown()
        writer._file.close()
        return path

    return kill
