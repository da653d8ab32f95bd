"""What lrscope does on one CUDA GPU, in at most six minutes: `python -m benchmarks.gpu` from a checkout.

Needs PyTorch with CUDA and what lrscope imports; nothing is downloaded, data are drawn. It prints a dated table with
the hardware for docs/benchmarks.md. A part that fails is reported, and the others go on; parts that would begin after
five minutes are left out. Without CUDA it says so and ends well.
"""

import datetime
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.data import Digits, Samples, Shape
from lrscope.models import Autoencoder, FastResNet
from lrscope.optim import SGD, Adam
from lrscope.probes import every
from lrscope.recorder import Recorder
from lrscope.training import Experiment, Sweep, stream, train

LATEST = 300.0
"""Seconds after which no further part begins."""
SHAPES = ("circle", "spiral", "triangle", "square")
PUBLISHED_STEPS = 484
"""Steps of a training on CIFAR-10: 9.9 epochs of 50 000 images in batches of 1024."""
Row = tuple[str, str, str]
"""What was measured, the number, and what it must be ("" if nothing is required)."""


@dataclass(frozen=True)
class Size:
    """How much each part trains."""

    epochs: int = 300
    networks: int = 512
    plain_networks: int = 8
    digits: int = 1280
    images: int = 12_800
    batch: int = 1024
    residual: int = 4
    steps: int = 40
    width: int = 384
    depth: int = 6


SMALL = Size(
    epochs=3, networks=4, plain_networks=1, digits=64, images=64, batch=32, residual=2, steps=3, width=16, depth=1
)
"""For the CPU: only whether everything runs."""


def same_numbers(device: str, _size: Size) -> Iterator[Row]:
    """Compare an ensemble with its members, trained one by one with `torch.optim` on the same device."""
    for dtype, limit in (("float64", 1e-10), ("float32", 1e-4)):
        sweep = Sweep(lr=[1e-3, 1e-2], seed=range(3))
        experiment = Experiment(
            data=Shape("spiral", samples=200), model=Autoencoder(), sweep=sweep, optimizer=Adam(), steps=20, dtype=dtype
        )
        losses = train(experiment, device=device)["loss"]
        points = torch.from_numpy(experiment.data.arrays().inputs).to(device, getattr(torch, dtype))
        largest = 0.0
        for lr in (1e-3, 1e-2):
            for seed in range(3):
                model = _built(Autoencoder(), seed, device, points.dtype)
                alone = _losses(model, torch.optim.Adam(model.parameters(), lr), nn.MSELoss(), points, points, 20)
                ours = losses.sel(lr=lr, seed=seed).values
                largest = max(largest, float(np.abs(ours / alone - 1).max()))
        verdict = "" if largest <= limit else ": IT IS NOT"
        yield f"ensemble against members one by one, {dtype}", f"{largest:.1e}", f"at most {limit:.0e}{verdict}"


def autoencoders(device: str, size: Size) -> Iterator[Row]:
    """Time the grid of autoencoders of the study `fluctuation`, a shape after the other."""
    sweep = Sweep(shape=list(SHAPES), lr=[1e-4, 1e-3, 1e-2], seed=range(2))
    experiment = Experiment(
        data=Shape("circle", samples=500), model=Autoencoder(), sweep=sweep, optimizer=Adam(), epochs=size.epochs
    )
    members = len(SHAPES) * 6
    seconds = _seconds(device, lambda: [None for _ in stream(experiment, device=device)])
    points = torch.from_numpy(Shape("circle", samples=500).arrays().inputs).to(device, torch.float32)
    model = _built(Autoencoder(), 0, device, torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    alone = members * _seconds(device, lambda: _losses(model, optimizer, nn.MSELoss(), points, points, size.epochs))
    yield f"{members} autoencoders, {size.epochs} epochs of 500 points, one by one", f"{alone:.1f} s", ""
    yield "the same as an ensemble, with tracing", f"{seconds:.1f} s, {seconds / alone:.2f} of it", ""


def perceptrons(device: str, size: Size) -> Iterator[Row]:
    """Count digits perceptrons a second: 64-64-10, three epochs in batches of 64."""

    def perceptron() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    digits = Digits(samples=size.digits)
    experiment = Experiment(
        data=digits,
        model=perceptron,
        loss="cross_entropy",
        sweep=Sweep(lr=[0.1], seed=range(size.networks)),
        optimizer=SGD(),
        epochs=3,
        batch_size=64,
    )
    ensemble = _seconds(device, lambda: [None for _ in stream(experiment, device=device)]) / size.networks
    arrays = digits.arrays()
    images, classes = torch.from_numpy(arrays.inputs).to(device), torch.from_numpy(arrays.targets).to(device)
    steps = 3 * -(-len(images) // 64)

    def one_by_one() -> None:
        for seed in range(size.plain_networks):
            model = _built(perceptron, seed, device, torch.float32)
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            _losses(model, optimizer, nn.CrossEntropyLoss(), images, classes, steps, 64)

    alone = _seconds(device, one_by_one) / size.plain_networks
    yield "digits perceptrons a second, one by one", f"{1 / alone:.1f}", ""
    yield f"the same as an ensemble of {size.networks}", f"{1 / ensemble:.3g}, {alone / ensemble:.3g} times", ""


def residual_networks(device: str, size: Size) -> Iterator[Row]:
    """Count trainings of `FastResNet` an hour, on drawn images of the shape of CIFAR-10."""
    draw = np.random.default_rng(0)
    images = draw.random((size.images, 3, 32, 32), dtype=np.float32)
    data = Samples(images, draw.integers(0, 10, size.images), "noise of the shape of CIFAR-10")
    model = FastResNet(data, widths=(64, 256, 256) if size.images > 1000 else (4,))

    def of(members: int, steps: int) -> float:
        experiment = Experiment(
            data=data,
            model=model,
            loss="cross_entropy",
            sweep=Sweep(lr=[0.1], seed=range(members)),
            optimizer=SGD(momentum=0.9, nesterov=True),
            steps=steps,
            batch_size=size.batch,
        )
        return _seconds(device, lambda: [None for _ in stream(experiment, device=device)])

    for members in (1, size.residual):
        short, long = of(members, 2), of(members, 2 + size.steps)
        step = max(long - short, 1e-9) / size.steps  # the difference leaves tracing and reading the data out
        hourly = 3600 * members / (PUBLISHED_STEPS * step)
        yield f"FastResNet trainings of {PUBLISHED_STEPS} steps an hour, {members} at once", f"{hourly:.0f}", ""


def recorder(device: str, size: Size) -> Iterator[Row]:
    """Time what a Recorder adds to a step of a transformer: every step, and once in 20."""
    plain = _transformer_step(device, size, None)
    yield f"transformer of {_parameters(size) / 1e6:.1f} M parameters, ms a step", f"{1e3 * plain:.1f}", ""
    for count, limit in ((1, "at most 1.6"), (20, "at most 1.05")):
        ratio = _transformer_step(device, size, count) / plain
        yield f"with a Recorder of everything, once in {count} step{'s' * (count > 1)}", f"{ratio:.2f} of it", limit


class Transformer(nn.Module):
    """An encoder of tokens that predicts a token for each."""

    def __init__(self, width: int, depth: int, tokens: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        layer = nn.TransformerEncoderLayer(width, max(1, width // 64), 4 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(tokens)))


def _parameters(size: Size) -> int:
    return sum(one.numel() for one in Transformer(size.width, size.depth).parameters())


def _transformer_step(device: str, size: Size, cadence: int | None) -> float:
    """Return the seconds of a step, of those after the first ten (or three)."""
    torch.manual_seed(0)
    model = Transformer(size.width, size.depth).to(device)
    tokens = torch.randint(0, 256, (32 if size.steps > 10 else 2, 128), device=device)
    optimizer, warm = torch.optim.AdamW(model.parameters(), 3e-4), min(10, size.steps)
    with tempfile.TemporaryDirectory() as folder, _recording(model, optimizer, folder, cadence) as record:

        def steps(count: int) -> None:
            for _ in range(count):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
                loss.backward()
                optimizer.step()
                record(loss)

        steps(warm)
        return _seconds(device, lambda: steps(size.steps)) / size.steps


@contextmanager
def _recording(
    model: nn.Module, optimizer: torch.optim.Optimizer, folder: str, cadence: int | None
) -> Iterator[Callable[[Tensor], None]]:
    if cadence is None:
        yield lambda _loss: None
        return
    path = Path(folder) / "records.root"
    with Recorder(model, path, optimizer, when=every(cadence), time_budget=None) as one:
        yield lambda loss: one.step(loss=loss)


def _built(factory: Callable[[], nn.Module], seed: int, device: str, dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(seed)
    return factory().to(device, dtype)


def _losses(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    steps: int,
    batch: int | None = None,
) -> np.ndarray:
    """Train in a plain loop; return the loss before each update."""
    losses, size = [], batch or len(inputs)
    for step in range(steps):
        start = step * size % max(1, len(inputs) - size + 1)
        rows = slice(start, start + size)
        optimizer.zero_grad()
        loss = criterion(model(inputs[rows]), targets[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).double().cpu().numpy()


def _seconds(device: str, work: Callable[[], object]) -> float:
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


PARTS = (same_numbers, autoencoders, perceptrons, residual_networks, recorder)


def measured(device: str, size: Size) -> str:
    """Return the table of all parts as Markdown."""
    began = time.perf_counter()
    rows: list[Row] = []
    for part in PARTS:
        if time.perf_counter() - began > LATEST:
            rows.append((part.__name__.replace("_", " "), "left out: no time was left", ""))
            continue
        try:
            for row in part(device, size):
                rows.append(row)
                print(*row, sep=" | ", file=sys.stderr, flush=True)
        except Exception as error:  # the parts that work are worth having
            traceback.print_exc()
            rows.append((part.__name__.replace("_", " "), f"failed: {type(error).__name__}", ""))
    hardware = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "a CPU"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    head = f"{datetime.date.today():%d %B %Y}, {hardware}, {versions}, {time.perf_counter() - began:.0f} s in all."
    lines = ["| what | measured | must be |", "|---|---:|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return f"{head}\n\n" + "\n".join(lines)


def main() -> int:
    if not torch.cuda.is_available():
        print("PyTorch finds no CUDA here: nothing was measured.")
        return 0
    print(measured("cuda", Size()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
