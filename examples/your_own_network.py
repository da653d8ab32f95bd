"""Your own network and data: a convolutional classifier at four learning rates, two momenta and two seeds.

Run it with `python examples/your_own_network.py`. It takes a few seconds and writes `own.root` and `own.png`.
"""

import numpy as np
from torch import Tensor, nn

from lrscope import Experiment, Sweep, analysis, figures, stream
from lrscope.data import Samples
from lrscope.optim import SGD
from lrscope.probes import Activations, GradientNorm, Weights, every
from lrscope.records import on_grid, outcomes
from lrscope.store import open_records, write


class Classifier(nn.Module):
    """Two convolutions and a linear layer. Nothing in it knows lrscope."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(6 * 3 * 3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).flatten(1))


def bars(samples: int = 120) -> Samples:
    """Return noisy 8 by 8 images of a horizontal (class 0) or vertical (class 1) bar."""
    draw = np.random.default_rng(0)
    images, classes = draw.normal(0, 0.3, (samples, 1, 8, 8)), draw.integers(0, 2, samples)
    for image, vertical in zip(images, classes, strict=True):
        place = draw.integers(0, 8)
        image[(0, slice(None), place) if vertical else (0, place)] += 1
    return Samples(images, classes, "bars")


def main() -> None:
    experiment = Experiment(
        data=bars(),
        model=Classifier,  # a callable without arguments: each member gets a module of its own
        loss="cross_entropy",
        optimizer=SGD(),
        sweep=Sweep(lr=[0.01, 0.1, 1.0, 1e9], momentum=[0.0, 0.9], seed=range(2)),
        epochs=20,
        batch_size=30,
        probes=[Weights(include=("features.*",), detail="std"), Activations(), GradientNorm(when=every(10))],
    )
    write("own.root", stream(experiment, device="cpu"), {"experiment": experiment.to_json()})

    records = open_records("own.root")
    print(on_grid(outcomes(records))["outcome"].isel(seed=0).to_pandas())
    dead = analysis.share(analysis.dead(records))
    print(on_grid(dead).isel(step_every_1_epoch=-1, momentum=0).mean("seed").to_pandas())

    loss = on_grid(records[["loss"]])["loss"].sel(momentum=0.9)
    figures.panels(analysis.over_seeds(loss)).savefig("own.png")


if __name__ == "__main__":
    main()
