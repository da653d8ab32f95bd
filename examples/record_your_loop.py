"""What happens inside your own network: two lines in your own loop, here at three learning rates.

Run it with `python examples/record_your_loop.py`. It takes a few seconds and writes `mine-<rate>.root`.
"""

import torch
from torch import nn

from lrscope import Recorder, analysis, open_records
from lrscope.probes import every
from lrscope.records import on_grid

POINTS = torch.linspace(-1, 1, 200)[:, None]


def trained(lr: float) -> str:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    with Recorder(model, f"mine-{lr}.root", optimizer, when=every(5), time_budget=None, size_budget="5 MB") as recorder:
        for _ in range(400):
            optimizer.zero_grad()
            loss = (model(POINTS) - torch.sin(4 * POINTS)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    print(f"rate {lr}: {recorder.cost}")
    return f"mine-{lr}.root"


if __name__ == "__main__":
    records = on_grid(open_records([trained(lr) for lr in (1e-3, 1e-2, 1.0)]))  # (lr, step, ...)
    print("last losses", records["loss"].isel(step=-1).values.round(4).tolist())
    dead = analysis.share(analysis.dead(records)).isel(step=-1)
    print("share of dead neurons\n", dead.to_pandas().round(2))
