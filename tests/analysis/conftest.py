"""Small records of two learning rates and three seeds, of a network with two modules, where every value is known.

Beside them experiment 1 of the study `stability` in plain NumPy: records of runs whose figures are published.
"""

from functools import cache

import numpy as np
import pytest
import xarray as xr

from lrscope.records import DIVERGED_AT, Variable, new_block

LAYERS = {"encoder.0": (4, 2), "encoder.2": (2, 4), "decoder.0": (3, 1)}
"""Layer -> neurons, inputs."""
STEPS = 7
OF_NETWORK = ("gradient_norm", "gradient_angle", "sharpness", "stability_limit")


def variables() -> dict[str, Variable]:
    found = [Variable(DIVERGED_AT, DIVERGED_AT, "diverged at"), Variable("loss", "loss", "loss")]
    for layer in LAYERS:
        name, module = layer.replace(".", "_"), layer.split(".")[0]
        neuron, of_layer = f"neuron_{name}", {"layer": layer, "module": module}
        weights = (neuron, f"input_{name}")
        for quantity, dims in {"weights": weights, "biases": (neuron,), "weight_gradients": weights}.items():
            found.append(Variable(f"{quantity}_{name}", quantity, quantity, dims=dims, **of_layer))
        for statistic in ("std", "min", "max"):
            label = f"activations_{statistic}_{name}"
            found.append(Variable(label, "activations", "activation", statistic=statistic, dims=(neuron,), **of_layer))
        share = "oscillation_share"
        found.append(Variable(f"{share}_{name}", share, share, dims=(neuron,), **of_layer))
    found += [Variable(name, name, name) for name in OF_NETWORK]
    return {variable.name: variable for variable in found}


def drawn(seed: int = 0, steps: int = STEPS) -> xr.Dataset:
    """Return records of 6 members (2 lrs x 3 seeds) with normal values, float32; nothing diverged."""
    rng = np.random.default_rng(seed)
    labels = variables()
    sizes = {f"neuron_{layer.replace('.', '_')}": count for layer, (count, _) in LAYERS.items()}
    sizes |= {f"input_{layer.replace('.', '_')}": count for layer, (_, count) in LAYERS.items()}
    values = {
        name: rng.normal(size=(6, steps, *(sizes[dim] for dim in label.dims))).astype(np.float32)
        for name, label in labels.items()
    }
    values[DIVERGED_AT] = np.full((6, steps), -1, dtype=np.int64)
    values["loss"] = np.abs(values["loss"])
    for name in values:
        if name in OF_NETWORK or "_share_" in name:
            values[name] = np.abs(values[name])
    values["gradient_angle"] = np.minimum(60 * values["gradient_angle"], 180)
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


def targets(name: str, x: np.ndarray) -> np.ndarray:
    return np.exp(x / 5) if name == "f1" else np.sin(x) * (25 - x * x)


@cache
def experiment_1(target: str, hidden: int, lr: float, steps: int) -> xr.Dataset:
    """Return records (member, step) of a published run: error, norm and angle."""
    rng = np.random.default_rng(222337497072607291153223098371913928704)
    x = np.stack([(rng.random(1000) - 0.5) * 10, np.ones(1000)])
    y = targets(target, x[0])
    rng = np.random.default_rng(36255793825986746149655859236796938907)
    u, v = rng.normal(0, 0.01, (hidden - 1, 2)), rng.normal(0, 0.01, (1, hidden))
    loss, norm, angle = (np.full(steps, np.nan) for _ in range(3))
    before = None
    for step in range(steps):
        s = 1 / (1 + np.exp(-(u @ x)))
        residual = (v[:, :-1] @ s + v[:, -1:])[0] - y
        of_v = np.append(s @ residual, residual.sum())[None] / x.shape[1]
        of_u = (residual * v[0, :-1, None] * s * (1 - s)) @ x.T / x.shape[1]
        gradient = np.append(of_u, of_v)
        loss[step], norm[step] = (residual**2).mean() / 2, np.linalg.norm(gradient)
        unit = gradient / norm[step]
        if before is not None:
            angle[step] = np.degrees(2 * np.arctan2(np.linalg.norm(unit - before), np.linalg.norm(unit + before)))
        before, u, v = unit, u - lr * of_u, v - lr * of_v
    values = {"loss": loss, "gradient_norm": norm, "gradient_angle": angle, DIVERGED_AT: np.full(steps, -1)}
    data = {name: (("member", "step"), array[None]) for name, array in values.items()}
    return xr.Dataset(data, {"member": [0], "step": np.arange(steps)}, {"axes": ["member"]})


@pytest.fixture(scope="session")
def published():
    return experiment_1
