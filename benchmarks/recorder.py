"""What recording costs a step of your own loop: lrscope, TensorBoard's histograms, and wandb.watch.

The variants alternate within one process, some steps each, so that a slow spell of the machine hits all alike; what is
written behind the loop's back is waited for before the next has its turn. Writing the same bytes to a file and nothing
else stands beside them: some virtual machines take longer for that than for the training step.

Once in 20 steps is measured apart, in longer turns: a Recorder writes a block every five seconds, and in short
turns, with those of others between them, it would write one for each record. TensorBoard and wandb have a plain loop of
their own beside them: wandb's process and its threads go on writing when its turn is over, and would slow the next.
"""

import contextlib
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrscope.models import CNN, Autoencoder
from lrscope.probes import Activations, Biases, Gradients, Weights, every
from lrscope.recorder import Cost, Recorder

ROUNDS = {"cnn": 3, "autoencoder": 3, "transformer": 2}
"""Besides one that warms up and is not counted. All together take some three minutes on two cores."""
STEPS = {"cnn": 56, "autoencoder": 600}
LONG = {"cnn": 120, "autoencoder": 1600, "transformer": 20}
"""Steps of a turn where one in 20 is recorded: some two seconds, and of the transformer one record."""
DEFAULT = {"cnn": 400, "autoencoder": 5000, "transformer": 20}
"""Steps of a turn with the defaults, some five seconds: in its first 1.5 s a loop is given the budget of 1.5 s."""
TURNS = {"cnn": 6, "autoencoder": 6, "transformer": 3}
FEW = {"cnn": 2, "autoencoder": 12}
"""Steps of a turn of other tools, which take 6 to 40 times as long for one."""
TINY = 20_000
"""Steps of the network of 65 parameters."""
PLAIN = "nothing recorded"
EVERY = "Recorder: weights, biases, gradients in full, activation statistics, every step"
ALL = "Recorder: these, and rate, norm, angle, update size, every step"
TWENTY = "Recorder: all of it once in 20 steps"
DEFAULTS = "Recorder: its defaults (5 % of the time)"
BOARD = "TensorBoard: histograms of weights, gradients, activations, every step"
FLOOR = "as many bytes as the Recorder's, written to a file, every step"
WANDB = 'wandb.watch(log="all"), log_freq=1, offline'
LIMITS = {EVERY: "at most 1.6", ALL: "at most 1.6", TWENTY: "at most 1.05", DEFAULTS: "at most 1.05"}
CONTENT = (Weights(), Biases(), Gradients(), Activations())
Say = Callable[[Tensor], None]
Wait = Callable[[], None]
PLAINLY: tuple[Say, Wait] = (lambda _loss: None, lambda: None)


class Transformer(nn.Module):
    """A language model of 12.6 million parameters."""

    def __init__(self, tokens: int = 8000, width: int = 320) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        layer = nn.TransformerEncoderLayer(width, 5, 4 * width, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.head = nn.Linear(width, tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.blocks(self.embedding(tokens))).movedim(-1, 1)


class Training:
    """A model with its data, and a loop that can be gone on with."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.loss: Any = nn.functional.mse_loss if name in ("autoencoder", "tiny") else nn.functional.cross_entropy
        if name == "cnn":
            self.model, self.inputs, self.targets = CNN()(), torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))
        elif name == "transformer":
            self.model, self.inputs = Transformer(), torch.randint(0, 8000, (4, 64))
            self.targets = self.inputs.roll(-1, 1)
        elif name == "tiny":
            self.model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
            self.inputs = torch.randn(64, 2)
            self.targets = self.inputs.sum(1, keepdim=True)
        else:
            self.model, self.inputs = Autoencoder()(), torch.randn(500, 2)
            self.targets = self.inputs
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def seconds(self, steps: int, say: Say, wait: Wait) -> float:
        """Return the seconds of a step, until everything is written."""
        began = time.perf_counter()
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = self.loss(self.model(self.inputs), self.targets)
            loss.backward()
            self.optimizer.step()
            say(loss)
        wait()
        return (time.perf_counter() - began) / steps


@contextlib.contextmanager
def nothing(_training: Training, _folder: Path) -> Iterator[tuple[Say, Wait]]:
    yield PLAINLY


@contextlib.contextmanager
def bare_file(training: Training, folder: Path) -> Iterator[tuple[Say, Wait]]:
    values = os.urandom(8 * sum(one.numel() for one in training.model.parameters()))
    with (folder / "bytes").open("wb", buffering=0) as file:
        yield lambda _loss: file.write(values), lambda: None


@contextlib.contextmanager
def recorder(
    probes: Any, cadence: int, budget: float | None, training: Training, folder: Path
) -> Iterator[tuple[Say, Wait]]:
    path = folder / "records.root"
    with Recorder(
        training.model, path, training.optimizer, probes=probes, when=every(cadence), time_budget=budget
    ) as one:
        yield partial(_step, one), partial(_written, one)


def _step(recorder: Recorder, loss: Tensor) -> None:
    recorder.step(loss=loss)


def _written(recorder: Recorder) -> None:
    """Wait until what was handed to the file is on the disk."""
    writer = recorder._file._writer
    if writer:
        writer.wait()


@contextlib.contextmanager
def board(training: Training, folder: Path) -> Iterator[tuple[Say, Wait]]:
    from torch.utils.tensorboard import SummaryWriter

    writer, outputs, count = SummaryWriter(str(folder)), {}, 0
    layers = [(name, one) for name, one in training.model.named_modules() if isinstance(one, nn.ReLU)]
    handles = [one.register_forward_hook(partial(_keep, outputs, name)) for name, one in layers]

    def say(loss: Tensor) -> None:
        nonlocal count
        count += 1
        writer.add_scalar("loss", loss.item(), count)
        for name, one in training.model.named_parameters():
            writer.add_histogram(name, one.detach(), count)
            writer.add_histogram(f"{name}.gradient", one.grad, count)
        for name, output in outputs.items():
            writer.add_histogram(f"{name}.output", output, count)

    yield say, writer.flush
    writer.close()
    for handle in handles:
        handle.remove()


def _keep(outputs: dict[str, Tensor], name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
    outputs[name] = output.detach()


@contextlib.contextmanager
def watched(training: Training, folder: Path) -> Iterator[tuple[Say, Wait]]:
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(folder)}
    import wandb

    run = wandb.init(project="benchmark", dir=str(folder))
    wandb.watch(training.model, log="all", log_freq=1)
    yield lambda loss: run.log({"loss": loss.item()}), lambda: None
    wandb.unwatch(training.model)
    run.finish()


def others() -> dict[str, Callable[[Training, Path], Any]]:
    """Return what lrscope is compared with, and the plain loop; what they leave running would slow whoever is next."""
    variants: dict[str, Callable[[Training, Path], Any]] = {PLAIN: nothing}
    variants |= {BOARD: board} if importlib.util.find_spec("tensorboard") else {}
    variants |= {WANDB: watched} if importlib.util.find_spec("wandb") else {}
    return variants


def ratios(name: str) -> dict[str, float]:
    """Return each variant's step relative to the plain one: medians over rounds; the first is milliseconds.

    Of the transformer every step in full would be 100 MB, and another tool's has nothing that compares.
    """
    seldom = {PLAIN: nothing, TWENTY: partial(recorder, None, 20, None)}
    medians = _measured(name, seldom, dict.fromkeys(seldom, LONG[name])) | {DEFAULTS: by_default(name)}
    if name == "transformer":
        return medians
    often = {
        PLAIN: nothing,
        EVERY: partial(recorder, CONTENT, 1, None),
        ALL: partial(recorder, None, 1, None),
        FLOOR: bare_file,
    }
    apart = others()
    few = {PLAIN: STEPS[name]} | dict.fromkeys((BOARD, WANDB), FEW[name])
    return _measured(name, apart, few) | medians | _measured(name, often, dict.fromkeys(often, STEPS[name]))


def by_default(name: str) -> float:
    """Return the ratio of a loop with the defaults, which has a Recorder of its own in each round.

    A time budget is a share of all time that passes: that of other loops, too, if they took turns with it.
    """
    training, alone = Training(name), Training(name)
    plain, mine = [], []
    for _ in range(TURNS[name] + 1):
        plain.append(alone.seconds(DEFAULT[name], *PLAINLY))
        with (
            tempfile.TemporaryDirectory() as folder,
            recorder(None, 1, 0.05, training, Path(folder)) as (say, wait),
        ):
            mine.append(training.seconds(DEFAULT[name], say, wait))
    return sum(mine[1:]) / sum(plain[1:])


def _measured(name: str, begins: dict[str, Callable[[Training, Path], Any]], steps: dict[str, int]) -> dict[str, float]:
    """Return the ratios of variants that take turns of so many steps."""
    with contextlib.ExitStack() as stack:
        loops = {}
        for variant, begin in begins.items():
            training, folder = Training(name), Path(stack.enter_context(tempfile.TemporaryDirectory()))
            loops[variant] = training, *stack.enter_context(begin(training, folder))
        times: dict[str, list[float]] = {variant: [] for variant in loops}
        for _ in range(ROUNDS[name] + 1):
            for variant, (training, say, wait) in loops.items():
                times[variant].append(training.seconds(steps[variant], say, wait))
    medians = {variant: _ratio(own[1:], times[PLAIN][1:]) for variant, own in times.items()}
    return {"milliseconds": statistics.median(times[PLAIN][1:]) * 1e3, **medians}


def _ratio(mine: list[float], plain: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, plain, strict=True))


def tiny(folder: Path) -> tuple[Cost, float, float]:
    """Return what the defaults cost a network of 65 parameters, the ratio, and microseconds of an unrecorded step."""
    training, alone = Training("tiny"), Training("tiny")
    before = [alone.seconds(TINY // 2, *PLAINLY)]
    with Recorder(training.model, folder / "tiny.root", training.optimizer) as one:
        say, wait = partial(_step, one), partial(_written, one)
        ratio = training.seconds(TINY, say, wait) / statistics.mean([*before, alone.seconds(TINY // 2, *PLAINLY)])
        return one.cost, ratio, unrecorded(folder)


def unrecorded(folder: Path) -> float:
    """Return the microseconds by which a step that is only counted is longer, of an optimiser that does nothing."""
    model = nn.Linear(2, 2)
    alone, watched = (Idle(model.parameters(), {"lr": 0.1}) for _ in range(2))
    with Recorder(model, folder / "idle.root", watched, when=every(10**9), time_budget=None) as one:
        loss = model(torch.ones(1, 2)).square().mean()
        loss.backward()
        differences = []
        for _ in range(20):
            times = [time.thread_time()]
            for _ in range(1000):
                watched.step()
                one.step(loss=loss)
            times.append(time.thread_time())
            for _ in range(1000):
                alone.step()
            times.append(time.thread_time())
            differences.append(1e3 * (times[1] - times[0] - (times[2] - times[1])))
    return statistics.median(differences)


class Idle(torch.optim.Optimizer):
    def step(self, closure: Any = None) -> None:
        """Change nothing."""


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    cnn, autoencoder, transformer = ratios("cnn"), ratios("autoencoder"), ratios("transformer")
    with tempfile.TemporaryDirectory() as folder:
        cost, ratio, microseconds = tiny(Path(folder))
    order = [one for one in (PLAIN, EVERY, ALL, TWENTY, DEFAULTS, FLOOR, BOARD, WANDB) if one in cnn]
    rows = [
        f"| {one} | {cnn[one]:.2f} | {autoencoder[one]:.2f} | "
        + (f"{transformer[one]:.2f}" if one in transformer else "")
        + f" | {LIMITS.get(one, '')} |"
        for one in order
    ]
    parameters = f"{sum(one.numel() for one in CNN()().parameters()):,}".replace(",", " ")
    load = os.getloadavg()[1] if hasattr(os, "getloadavg") else 0.0
    return f"""## Recording your own loop

Ratio of a step to that of the bare loop, which takes {cnn["milliseconds"]:.1f} ms for the CNN of the source (28 by 28,
batches of 64, Adam; {parameters} parameters, 1.7 MB a recorded step), {autoencoder["milliseconds"]:.2f} ms for the
paper's autoencoder (500 samples at once, Adam), and {transformer["milliseconds"]:.0f} ms for a transformer of 12.6
million parameters (4 times 64 tokens, Adam; of its weights and gradients statistics of each neuron are recorded, the
default for a model of that size). The variants alternate in one process; medians of {ROUNDS["cnn"]} rounds, of the
transformer's of {ROUNDS["transformer"]}; with the defaults, the mean of
{TURNS["cnn"]} turns of some 5 s, of the transformer {TURNS["transformer"]}, each with a new Recorder.
While this was measured, {load:.1f} processes wanted the machine's cores (load average of 5 minutes).

| recorded | CNN | autoencoder | transformer | must be |
|---|---:|---:|---:|---|
{chr(10).join(rows)}

Of a network of 65 parameters, trained for {TINY} steps with the defaults: {cost}
Its loop takes {ratio:.3f} times as long as without. A step that is only counted takes {microseconds:.1f} µs (of
processor time; must be below 5).
"""


if __name__ == "__main__":
    print(page())
