"""Cases measured side by side, round by round, and what they say relative to the first of them."""

import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Measured:
    """The seconds of each case, one entry a round; the first case is what the others are compared with."""

    seconds: Mapping[str, list[float]]

    def median(self, case: str) -> float:
        return statistics.median(self.seconds[case])

    def ratio(self, case: str) -> float:
        """Return the median over the rounds of the case's time, divided by that of the first case in its round."""
        reference = next(iter(self.seconds.values()))
        pairs = zip(self.seconds[case], reference, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def measure(cases: Mapping[str, Callable[[], None]], rounds: int) -> Measured:
    """Run every case once a round, so that a slow spell of the machine hits all of them alike.

    Each runs in a process of its own, so that none profits from what another has set or loaded; starting it and
    importing its libraries is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, case in cases.items():
            seconds[name].append(_apart(case))
            print(f"round {number + 1}: {name}: {seconds[name][-1]:.2f} s", flush=True)
    return Measured(seconds)


def _apart(case: Callable[[], None]) -> float:
    words = [sys.executable, "-m", "benchmarks.case", f"{case.__module__}:{case.__name__}"]
    return float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)


def table(measured: Measured, limits: Mapping[str, str]) -> str:
    """Return the cases as a Markdown table: seconds, ratio to the first, what the ratio must be."""
    lines = ["| case | seconds | ratio | must be |", "|---|---:|---:|---|"]
    lines += [
        f"| {case} | {measured.median(case):.1f} | {measured.ratio(case):.2f} | {limits.get(case, '')} |"
        for case in measured.seconds
    ]
    return "\n".join(lines)


def machine() -> str:
    """Return in words what the numbers were measured on."""
    models = [line for line in _cpuinfo() if line.startswith("model name")]
    model = models[0].split(":", 1)[1].strip() if models else platform.processor()
    return f"{model}, {torch.get_num_threads()} threads, Python {platform.python_version()}, torch {torch.__version__}"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
