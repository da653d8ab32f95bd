"""What all tests share: quiet threads, no display, and hypothesis without deadlines (machines are noisy).

And sums over replicated trainings whose every network is known, for analyses and figures of the study `linearity`.
"""

import os
import secrets

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
# Ray reads these when it is imported, which the doctests of the package do before any test of it.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

import hypothesis
import numpy as np
import pytest
import xarray as xr

hypothesis.settings.register_profile("lrscope", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "lrscope")


pytest_plugins = ["study_runs"]


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


def summed_networks(values, rates, batches=32, pairing="common", learned=None):
    """Return the records (lr, batch, step) of networks of which every output (lr, replicate, sample, output) is known.

    `learned` (lr, replicate, learned_sample) are outputs of the own class; targets go round the classes.
    """
    number = values.shape[1]
    batch = np.arange(number) * batches // number
    own = values[..., 0] if learned is None else learned
    products = np.einsum("irsk,jrsk->irjsk", values, values)
    if pairing == "independent":
        products = np.where(np.eye(len(rates), dtype=bool)[:, None, :, None, None], products, np.nan)
    correct = (values.argmax(-1) == np.arange(values.shape[2]) % values.shape[3]).mean(-1)
    of_replicates = {
        "replicates": (np.ones(values.shape[:2], dtype=np.int64), ()),
        "diverged": (np.zeros(values.shape[:2], dtype=np.int64), ()),
        "outputs_sum": (values, ("sample", "output")),
        "outputs_product_sum": (products, ("other_lr", "sample", "output")),
        "accuracy_sum": (correct, ()),
        "loss_sum": (1 - correct, ()),
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
    coords = {"lr": list(rates), "batch": np.arange(batches), "step": [184], "other_lr": list(rates)}
    attrs = {"axes": ["lr", "batch"]}
    return xr.Dataset(data, coords=coords, attrs=attrs).assign_coords(
        lr=("lr", list(rates), {"long_name": "learning rate"})
    )


@pytest.fixture(scope="session")
def simulate_networks():
    return networks


@pytest.fixture(scope="session")
def sum_networks():
    return summed_networks


@pytest.fixture(scope="session")
def simple_cnn():
    """Return the class of the blog post as it stands there, but for the size of the images."""
    from torch import nn

    class SimpleCNN(nn.Module):
        def __init__(self, size=28):
            super().__init__()
            self.conv = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(16, 32, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
            self.fc = nn.Sequential(
                nn.Flatten(),
                nn.Linear(32 * (size // 4) ** 2, 128),
                nn.ReLU(),
                nn.Linear(128, 10),
            )

        def forward(self, x):
            return self.fc(self.conv(x))

    return SimpleCNN
