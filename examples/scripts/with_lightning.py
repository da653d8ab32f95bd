"""Train a small network on digits with Lightning; its CSVLogger writes metrics.csv.

lrscope run sweep --lrs 1e-4:1e-1:7 --seeds 4 -- python with_lightning.py --lr {lr} --seed {seed} --out {out}
"""

import argparse

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Network(lightning.LightningModule):
    def __init__(self, lr):
        super().__init__()
        self.lr = lr
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

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
digits = load_digits()
data = TensorDataset(torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target))
learned, validation = torch.utils.data.Subset(data, range(1400)), torch.utils.data.Subset(data, range(1400, 1797))
trainer = lightning.Trainer(
    max_epochs=given.epochs,
    logger=CSVLogger(given.out),
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Network(given.lr), DataLoader(learned, 64, shuffle=True), DataLoader(validation, 512))
