"""The same in PyTorch Lightning: one callback.

Run it with `python examples/record_with_lightning.py`. It takes a few seconds and writes `lightning.root`.
"""

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrscope import open_records
from lrscope.recorder import LightningRecorder

POINTS = torch.linspace(-1, 1, 200)[:, None]


class Sine(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:  # noqa: ARG002
        return (self.net(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2)


if __name__ == "__main__":
    torch.manual_seed(0)
    callback = LightningRecorder("lightning.root", time_budget=0.2)
    loader = DataLoader(TensorDataset(POINTS, torch.sin(4 * POINTS)), batch_size=50, shuffle=True)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    pl.Trainer(max_epochs=20, accelerator="cpu", callbacks=[callback], **quiet).fit(Sine(), loader)
    print(callback.cost)
    print("loss at the recorded steps", open_records("lightning.root")["loss"].values[0].round(3))
