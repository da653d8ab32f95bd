"""Train a small network to tell three rings of points apart with Lightning; its CSVLogger writes metrics.csv.

lrscope run sweep --lrs 1e-4:1e-1:7 --seeds 4 -- python with_lightning.py --lr {lr} --seed {seed} --out {out}
"""

import argparse

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def rings(samples):
    """Return points in the plane, and on which of three rings around the origin each lies."""
    draw = torch.Generator().manual_seed(0)
    ring = torch.randint(0, 3, (samples,), generator=draw)
    points = torch.randn(samples, 2, generator=draw)
    radius = 1 + ring + 0.3 * torch.randn(samples, generator=draw)
    return radius[:, None] * nn.functional.normalize(points), ring


class Network(lightning.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr = lr
        self.layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 3))

    def training_step(self, batch, _number):
        inputs, targets = batch
        return nn.functional.cross_entropy(self.layers(inputs), targets)

    def validation_step(self, batch, _number):
        inputs, targets = batch
        self.log("val_loss", nn.functional.cross_entropy(self.layers(inputs), targets))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--out", default=".")
given = parser.parse_args()

lightning.seed_everything(given.seed, verbose=False)
data = TensorDataset(*rings(1800))
learned, validation = torch.utils.data.Subset(data, range(1400)), torch.utils.data.Subset(data, range(1400, 1800))
trainer = lightning.Trainer(
    max_epochs=given.epochs,
    logger=CSVLogger(given.out),
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Network(given.lr), DataLoader(learned, 64, shuffle=True), DataLoader(validation, 512))
