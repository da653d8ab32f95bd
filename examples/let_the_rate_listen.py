"""A learning rate that listens to the gradient, in a plain PyTorch loop: `GradientAngleLR` beside constant rates.

Run it with `python examples/let_the_rate_listen.py`. It takes a few seconds and writes nothing.
"""

from collections import Counter

import torch
from torch import nn

from lrscope.optim import GradientAngleLR

POINTS = torch.linspace(-1, 1, 40)[:, None]


def trained(lr: float, listening: bool, steps: int = 1000) -> tuple[float, GradientAngleLR | None]:
    """Return the last loss of a network trained with gradient descent, and its scheduler."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    scheduler = GradientAngleLR(optimizer) if listening else None
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
        constant, _ = trained(lr, listening=False)
        loss, scheduler = trained(lr, listening=True)
        print(f"starting rate {lr:6}: constant {constant:9.3g}, listening {loss:9.3g}")
    print(Counter(scheduler.reasons).most_common(3), "last rate", scheduler.get_last_lr())


if __name__ == "__main__":
    main()
