"""A gradient-driven learning rate in a plain PyTorch loop: `GradientAngleLR` compared with constant rates.

Run it with `python examples/gradient_driven_rate.py`. It takes a few seconds and writes nothing.
"""

from collections import Counter

import torch
from torch import nn

from lrscope.optim import GradientAngleLR

POINTS = torch.linspace(-1, 1, 40)[:, None]


def trained(lr: float, driven: bool, steps: int = 1000) -> tuple[float, GradientAngleLR | None]:
    """Return the last loss of a network trained with gradient descent, and its scheduler."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    scheduler = GradientAngleLR(optimizer) if driven else None
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (network(POINTS) - torch.sin(4 * POINTS)).square().mean()
        loss.backward()
        optimizer.step()  # the rate of this update is chosen in here, when its gradient is known
        if scheduler:
            scheduler.step()
    return loss.item(), scheduler


def main() -> None:
    for lr in (0.001, 0.1, 10.0):
        constant, _ = trained(lr, driven=False)
        loss, scheduler = trained(lr, driven=True)
        print(f"starting rate {lr:6}: constant {constant:9.3g}, gradient-driven {loss:9.3g}")
    print(Counter(scheduler.reasons).most_common(3), "last rate", scheduler.get_last_lr())


if __name__ == "__main__":
    main()
