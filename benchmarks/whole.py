"""Whole commands from the shell against plain PyTorch loops that train the same networks and record nothing."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from functools import partial

import psutil
import torch

from benchmarks import fluctuation, linearity, sweep
from benchmarks.rounds import SECONDS, Case, Figures, measure
from lrscope.data import Digits
from lrscope.models import CNN
from lrscope.papers.linearity import Options as LinearityOptions
from lrscope.studies.sweep import Options as SweepOptions

ROUNDS = 1
LOOPS, COMMAND, PEAK = "plain loops", "command", "peak memory, MiB"
RANGE_TEST = 100
"""Steps of a network in the range test of `sweep`."""
CNNS = 4
"""Networks of the CNN of `linearity` that are timed."""
ONE = ("stability", "--target", "f1", "--hidden", "3", "--lrs", "0.2", "--epochs", "1000")
LIMITS = {
    ("fluctuation",): "ratio 0.7",
    ("sweep",): "ratio 0.5",
    ("linearity",): "ratio 0.25",
    ("stability",): "240 s",
    ONE: "12 s",
}


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    loops: dict[str, Case] = {"fluctuation": fluctuation.plain, "sweep": sweep_loops, "linearity": linearity_loops}
    rows = []
    for words, limit in LIMITS.items():
        study, *options = words
        cases = {LOOPS: loops[study]} if study in loops else {}
        measured = measure({**cases, COMMAND: partial(run, *words)}, ROUNDS)
        plain = f"{measured.median(LOOPS):.0f} | {measured.ratio(COMMAND):.2f}" if cases else " | "
        seconds, peak = measured.median(COMMAND), measured.median(COMMAND, PEAK)
        rows.append(f"| `{' '.join([study, *options])}` | {seconds:.1f} | {plain} | {limit} | {peak:.0f} |")
    return f"""## Whole commands

| `lrscope run` | seconds | plain loops, seconds | ratio | at most | {PEAK} |
|---|---:|---:|---:|---|---:|
{chr(10).join(rows)}

From the shell to the report, with an empty cache of PyTorch's compiler; the memory is that of all processes together.
The loops train the same networks one after the other, each with all cores, and record nothing. Those of `sweep` beside
its grid are extrapolated, and those of `linearity` from {linearity.PLAIN_NETWORKS} perceptrons and {CNNS} CNNs.
Rounds: {ROUNDS}.
"""


def sweep_loops() -> Figures:
    """The grid, extrapolated to the crossed seeds and the range test."""
    options = SweepOptions()
    began = time.perf_counter()
    sweep.plain()
    seconds = time.perf_counter() - began
    grid, crossed = len(options.lrs) * options.seeds, len(options.lrs) * options.crossed**2
    steps = options.epochs * -(-len(Digits().arrays().inputs) // options.batch_size)
    return {SECONDS: seconds * (grid + crossed + options.seeds * RANGE_TEST / steps) / grid}


def linearity_loops() -> Figures:
    """Some perceptrons and some CNNs, extrapolated to three rates of each."""
    replicates = 3 * LinearityOptions().replicates
    perceptrons = linearity.plain()[linearity.MILLISECONDS] / 1000
    arrays = Digits().arrays()
    samples = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    lr = LinearityOptions().rates("cnn").lrs[0]
    began = time.perf_counter()
    for seed in range(CNNS):
        linearity.loop(CNN(height=8, width=8), *samples, seed, lr)
    cnns = (time.perf_counter() - began) / CNNS
    return {SECONDS: replicates * (perceptrons + cnns)}


def run(*words: str) -> Figures:
    """Run a study as a command, and return the peak memory of all its processes together, MiB."""
    with tempfile.TemporaryDirectory() as folder:
        program = "import sys; from lrscope.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "run", *words, "--device", "cpu", "--out", f"{folder}/study"]
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": f"{folder}/cache"}
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(process))
            time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"the study must end with exit code 0; got {process.returncode}.")
    return {PEAK: peak / 2**20}


def _memory(process: psutil.Process) -> int:
    """Return the resident memory of a process and its children, bytes; of those that have just ended nothing."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    return total
