"""Which learning rate for your own model and data, and how certain that is.

Run it with `python examples/choose_a_rate.py`. It takes a few seconds and writes `rates.root` and `rates.png`.
"""

import numpy as np
from torch import nn

from lrscope import Experiment, Sweep, analysis, figures, probes, stream
from lrscope.data import Samples
from lrscope.store import open_records, write


def model() -> nn.Module:  # your own; nothing in it knows lrscope
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))


def main() -> None:
    draw = np.random.default_rng(0)
    classes = draw.integers(0, 3, 600)  # three noisy rings, one around the other
    angle, radius = draw.uniform(0, 2 * np.pi, 600), 1 + classes + draw.normal(0, 0.3, 600)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    data = Samples(points[:400], classes[:400], "rings", validation=(points[400:], classes[400:]))
    grid, each = Sweep(lr=[1e-3, 3e-3, 1e-2, 3e-2, 0.1, 1.0], seed=range(8)), probes.every(1, "epoch")
    measured = [probes.ValidationLoss(when=each), probes.ValidationAccuracy(when=each)]
    how = {"loss": "cross_entropy", "epochs": 25, "batch_size": 40, "probes": measured}
    write("rates.root", stream(Experiment(data=data, model=model, sweep=grid, **how), device="cpu"))

    records = open_records("rates.root")
    scores, accuracy = (analysis.final_scores(records, name) for name in ("val_loss", "val_accuracy"))
    found = analysis.recommendation(scores)
    print(found[["score", "diverged_share", "difference_low", "plausible"]].to_pandas().round(3))
    print(*(f"{name}: {found[name].item()}" for name in ("best", "low", "high", "decided", "seeds_needed")), sep=", ")
    figures.outcome_by_rate(found, scores, accuracy).savefig("rates.png")


if __name__ == "__main__":
    main()
