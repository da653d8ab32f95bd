"""Records of simulated trainings whose truth is known, and finished results for the figures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from lrscope.data import Digits
from lrscope.papers.linearity import Options

SAMPLES, CLASSES, BATCHES = 40, 10, 16
PATHS: dict[str, Callable[[float, np.ndarray, np.ndarray], np.ndarray]] = {
    "straight": lambda lr, base, slope: base + (lr - 0.2) * slope,
    "bent": lambda lr, base, slope: base + (lr - 0.2) * slope + 20 * (lr - 0.2) ** 2 * np.roll(slope, 1, axis=0),
    "still": lambda _lr, base, _slope: base,
    # the change falls off with the rate, in some directions faster than in others
    "levelling": lambda lr, base, slope: (
        base + slope * (1 - np.exp(-3 * lr)) / 3 + np.roll(slope, 1, axis=0) * np.exp(-6 * lr) / 3
    ),
}
"""Name -> mean outputs at a learning rate, from two random arrays (sample, output)."""


def records_of(options: Options, model: str, path: str, noise: float, accuracy: float) -> xr.Dataset:
    """Return sums (lr, batch, step, ...) over trainings whose outputs are those of a path, with noise of their own.

    Parameters
    ----------
    accuracy : change of the accuracy per unit of the rate
    """
    draw = np.random.default_rng(5)
    learned = Digits().arrays().targets
    lrs = np.array(options.rates(model).lrs)
    base, slope = draw.normal(0, 3, (2, SAMPLES, CLASSES))
    rows, confidence = draw.normal(5, 2, (2, len(learned)))
    means = np.stack([PATHS[path](lr, base, slope) for lr in lrs])
    outputs = means[:, None] + noise * draw.normal(size=(len(lrs), options.replicates, SAMPLES, CLASSES))
    own = np.repeat((rows + np.multiply.outer(lrs - 0.2, confidence))[:, None], options.replicates, axis=1)
    right = 0.8 + accuracy * (lrs - 0.2)[:, None] + 0.002 * draw.normal(size=(len(lrs), BATCHES))
    records = summed_networks(outputs, lrs, BATCHES, own)
    counts = records["replicates"]
    return records.assign(
        accuracy_sum=counts * xr.DataArray(right, dims=("lr", "batch")),
        loss_sum=0.3 * counts,
        seconds_sum=0.005 * counts,
        learned_targets=records["learned_targets"].copy(data=np.tile(learned, (*counts.shape, 1))),
    )


@pytest.fixture(scope="session")
def simulated() -> Callable[..., tuple[dict[str, xr.Dataset], Options]]:
    """Return the function that gives records of a perceptron by the name of a path, and the options they are of."""

    def made(path: str = "straight", *, noise: float = 0.05, accuracy: float = 0.0, **options: Any) -> Any:
        chosen = Options(**{"model": ("perceptron",), "replicates": 32, **options})
        records = {name: records_of(chosen, model, path, noise, accuracy) for name, model in chosen.networks.items()}
        return records, chosen

    return made


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
