"""Watch your own network for instability: which quantity announces it, how early, and which neurons dominate it.

Run it with `python examples/watch_for_instability.py`. It takes a few seconds and writes nothing.
"""

import numpy as np
from torch import nn

from lrscope import Experiment, Sweep, analysis, probes, train
from lrscope.data import Samples
from lrscope.optim import SGD

POINTS = np.linspace(-1, 1, 40)[:, None]


def network() -> nn.Module:
    """Return your own network; nothing in it knows lrscope."""
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


def main() -> None:
    every_step = [probes.Loss(), probes.GradientNorm(), probes.GradientAngle()]  # these cost next to nothing
    experiment = Experiment(
        data=Samples(POINTS, np.sin(4 * POINTS), "sine"),
        model=network,
        optimizer=SGD(),
        sweep=Sweep(lr=[0.1, 0.16]),
        steps=1500,
        probes=[*every_step, probes.Sharpness(when=probes.every(20))],
        dtype="float64",
    )
    records = train(experiment, device="cpu")

    onset = analysis.onsets(records)["onset"]  # (lr, criterion) updates; -1: did not happen
    print(onset.to_pandas())
    print(analysis.lead_times(onset).to_pandas())  # by how many updates each came before the error rose
    share = analysis.dominant_neurons(records, onset.sel(criterion="angle"), "sharpness_share")
    print(share.sel(lr=0.16).round(2).values)  # of each neuron, the output last
    alarm = analysis.alarms(records).sel(lr=0.16)
    print("alarms at", records["step"].values[alarm.values == 1])


if __name__ == "__main__":
    main()
