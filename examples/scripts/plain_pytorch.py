"""Train a small network to tell three rings of points apart, in plain PyTorch; log losses as JSON lines.

lrscope run sweep --lrs 1e-4:1e-1:7 --seeds 4 -- python plain_pytorch.py --lr {lr} --seed {seed} --out {out}
"""

import argparse
import json
from pathlib import Path

import torch
from torch import nn


def rings(samples):
    """Return points in the plane, and on which of three rings around the origin each lies."""
    draw = torch.Generator().manual_seed(0)
    ring = torch.randint(0, 3, (samples,), generator=draw)
    points = torch.randn(samples, 2, generator=draw)
    radius = 1 + ring + 0.3 * torch.randn(samples, generator=draw)
    return radius[:, None] * nn.functional.normalize(points), ring


parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--out", type=Path, default=Path("."))
given = parser.parse_args()

inputs, targets = rings(1800)
torch.manual_seed(given.seed)
model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=given.lr)

with open(given.out / "log.jsonl", "w") as log:
    for epoch in range(given.epochs):
        for batch in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            outputs = model(inputs[1400:])
            val_loss = nn.functional.cross_entropy(outputs, targets[1400:])
            accuracy = (outputs.argmax(1) == targets[1400:]).float().mean()
        row = {"epoch": epoch, "loss": loss.item(), "val_loss": val_loss.item(), "accuracy": accuracy.item()}
        log.write(json.dumps(row) + "\n")
