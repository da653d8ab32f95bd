"""Small records of two learning rates and three seeds, of a network with two parts, where every value is known."""

import numpy as np
import pytest
import xarray as xr

from lrscope.records import DIVERGED_AT, Variable, new_block

LAYERS = {"encoder.0": (4, 2), "encoder.2": (2, 4), "decoder.0": (3, 1)}
"""Layer -> neurons, inputs."""
STEPS = 7


def variables() -> dict[str, Variable]:
    found = [Variable(DIVERGED_AT, DIVERGED_AT, "diverged at"), Variable("loss", "loss", "loss")]
    for layer in LAYERS:
        name, part = layer.replace(".", "_"), layer.split(".")[0]
        neuron, of_layer = f"neuron_{name}", {"layer": layer, "part": part}
        weights = (neuron, f"input_{name}")
        for quantity, dims in {"weights": weights, "biases": (neuron,), "weight_gradients": weights}.items():
            found.append(Variable(f"{quantity}_{name}", quantity, quantity, dims=dims, **of_layer))
        for statistic in ("std", "min", "max"):
            label = f"activations_{statistic}_{name}"
            found.append(Variable(label, "activations", "activation", statistic=statistic, dims=(neuron,), **of_layer))
    found += [Variable(name, name, name, dims=("sample", "output")) for name in ("outputs", "targets")]
    return {variable.name: variable for variable in found}


def drawn(seed: int = 0, steps: int = STEPS) -> xr.Dataset:
    """Return records of 6 members (2 lrs x 3 seeds) with normal values, float32; nothing diverged."""
    rng = np.random.default_rng(seed)
    labels = variables()
    sizes = {f"neuron_{layer.replace('.', '_')}": count for layer, (count, _) in LAYERS.items()}
    sizes |= {f"input_{layer.replace('.', '_')}": count for layer, (_, count) in LAYERS.items()}
    sizes |= {"sample": 5, "output": 2}
    values = {
        name: rng.normal(size=(6, steps, *(sizes[dim] for dim in label.dims))).astype(np.float32)
        for name, label in labels.items()
    }
    values[DIVERGED_AT] = np.full((6, steps), -1, dtype=np.int64)
    values["loss"] = np.abs(values["loss"])
    for name in values:
        if "activations_max" in name:
            values[name] = np.abs(values[name])
            values[name.replace("max", "min")] = np.zeros_like(values[name])
    members = {"member": np.arange(6), "lr": np.repeat([0.01, 0.1], 3), "seed": np.tile([0, 1, 2], 2)}
    attrs = {"lr": {"long_name": "learning rate", "scale": "log"}, "seed": {"long_name": "seed"}}
    return new_block(values, labels, {"step": np.arange(steps)}, members, attrs, dict.fromkeys(labels, "step"))


def diverged(records: xr.Dataset, member: int, step: int) -> xr.Dataset:
    """Return records whose `member` diverged at `step`: NaN from then on."""
    result = records.copy(deep=True)
    for array in result.data_vars.values():
        if array.dtype.kind == "f":
            array[{"member": member, "step": slice(step, None)}] = np.nan
    result[DIVERGED_AT][{"member": member, "step": slice(step, None)}] = step
    return result


@pytest.fixture
def records() -> xr.Dataset:
    return drawn()


@pytest.fixture
def draw():
    return drawn


@pytest.fixture
def diverge():
    return diverged
