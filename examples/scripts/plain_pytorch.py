"""Train a small network on digits in plain PyTorch; log losses as JSON lines.

lrscope run sweep --lrs 1e-4:1e-1:7 --seeds 4 -- python plain_pytorch.py --lr {lr} --seed {seed} --out {out}
"""

import argparse
import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--out", type=Path, default=Path("."))
given = parser.parse_args()

torch.manual_seed(given.seed)
digits = load_digits()
inputs = torch.tensor(digits.data, dtype=torch.float32) / 16
targets = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
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
