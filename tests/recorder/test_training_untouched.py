"""Recording changes nothing: trainings with and without a Recorder are the same to the bit, whatever is in the loop."""

from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import nn

from lrscope.probes import every
from lrscope.recorder import Recorder
from lrscope.store import open_records

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.randn(24, 1, 6, 6, generator=DRAW)
CLASSES = torch.randint(0, 3, (24,), generator=DRAW)


class Everything(nn.Module):
    """In-place activations, a layer called twice, dropout, running statistics, a frozen and an unused parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(0.2))
        self.shared = nn.Linear(64, 64)
        self.activation = nn.ReLU(inplace=True)
        self.memory = nn.GRU(64, 8, batch_first=True)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.features(images).flatten(1)
        hidden = self.activation(self.shared(hidden))
        hidden = self.activation(self.shared(hidden))
        recalled, _ = self.memory(hidden[:, None])
        return self.head(self.frozen(recalled[:, 0]))


def loss_of(model, rows, *, autocast=False):
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        return nn.functional.cross_entropy(model(IMAGES[rows]), CLASSES[rows])


def groups(model):
    return [{"params": model.features.parameters(), "lr": 0.1}, {"params": model.head.parameters(), "lr": 0.01}]


def ordinary(model, say):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    with say(optimizer) as step:
        for start in range(0, 24, 5):  # the last batch is smaller
            optimizer.zero_grad()
            loss = loss_of(model, slice(start, start + 5))
            loss.backward()
            optimizer.step()
            step(loss)


def gradients_gone_and_evaluation(model, say):
    optimizer = torch.optim.SGD(groups(model), momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    with say(optimizer) as step:
        for _ in range(5):
            loss = loss_of(model, slice(0, 8))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            with torch.no_grad():
                loss_of(model, slice(8, 24))
            model.eval()
            loss_of(model, slice(8, 24))
            model.train()
            step(loss)
            schedule.step()


def accumulated(model, say):
    optimizer = torch.optim.Adam(model.parameters())
    with say(optimizer) as step:
        for _ in range(4):
            for start in (0, 8, 16):
                loss = loss_of(model, slice(start, start + 8)) / 3
                loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            step(loss * 3)


def mixed_precision(model, say):
    optimizer = torch.optim.Adam(model.parameters())
    with say(optimizer) as step:
        for _ in range(4):
            optimizer.zero_grad()
            loss = loss_of(model, slice(0, 24), autocast=True)
            loss.backward()
            optimizer.step()
            step(loss)


def scaled(model, say):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=2)
    with say(optimizer) as step:
        for _ in range(8):
            optimizer.zero_grad()
            loss = loss_of(model, slice(0, 24))
            scaler.scale(loss * 50).backward()
            scaler.step(optimizer)
            scaler.update()
            step(loss)


def by_closure(model, say):
    optimizer = torch.optim.LBFGS(model.head.parameters(), lr=0.1, max_iter=3)
    with say(optimizer) as step:
        for _ in range(3):

            def closure():
                optimizer.zero_grad()
                loss = loss_of(model, slice(0, 24))
                loss.backward()
                return loss

            step(optimizer.step(closure))


LOOPS = (ordinary, gradients_gone_and_evaluation, accumulated, mixed_precision, scaled, by_closure)


@contextmanager
def recorded(model, path, optimizer, **options):
    with Recorder(model, path, optimizer, time_budget=None, **options) as recorder:
        yield lambda loss: recorder.step(loss=loss)


def after(loop, say_with):
    torch.manual_seed(5)
    model = Everything()
    loop(model, lambda optimizer: say_with(model, optimizer))
    return {**model.state_dict(), "generator": torch.get_rng_state()}


@pytest.mark.filterwarnings("ignore:parameters that the optimizer does not update")
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
@pytest.mark.parametrize("cadence", [1, 3])
def test_a_training_is_the_same_to_the_bit(loop, cadence, tmp_path):
    path = tmp_path / "records.root"
    without = after(loop, lambda *_: nullcontext(lambda loss: None))
    found = after(loop, lambda model, optimizer: recorded(model, path, optimizer, when=every(cadence)))
    assert without.keys() == found.keys()
    assert [name for name, value in without.items() if not torch.equal(value, found[name])] == []
    steps = open_records(path)["step"].values
    assert len(steps) >= 1
    assert (steps % cadence == 0).all()
