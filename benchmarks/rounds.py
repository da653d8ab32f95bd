"""Cases measured side by side, round by round, and what they say relative to the first of them."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

SECONDS = "seconds"
Figures = dict[str, float]
Case = Callable[[], Figures | None]
"""A function of a module, or a `partial` of one with positional arguments; it may return figures of its own."""


@dataclass(frozen=True)
class Measured:
    """The figures of each case, one entry a round; the first case is what the others are compared with."""

    figures: Mapping[str, list[Figures]]

    def values(self, case: str, figure: str = SECONDS) -> list[float]:
        return [of_round[figure] for of_round in self.figures[case]]

    def median(self, case: str, figure: str = SECONDS) -> float:
        return statistics.median(self.values(case, figure))

    def ratio(self, case: str, to: str | None = None, figure: str = SECONDS) -> float:
        """Return the median over the rounds of the case's figure, divided by that of another case in its round."""
        reference = self.values(to or next(iter(self.figures)), figure)
        pairs = zip(self.values(case, figure), reference, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def measure(cases: Mapping[str, Case], rounds: int, environment: Mapping[str, str] | None = None) -> Measured:
    """Run every case once a round, so that a slow spell of the machine hits all of them alike.

    Each runs in a process of its own, so that none profits from what another has set or loaded; starting it and
    importing its libraries is not counted.

    Parameters
    ----------
    environment : variables that the processes have besides those of this one
    """
    figures: dict[str, list[Figures]] = {name: [] for name in cases}
    for number in range(rounds):
        for name, case in cases.items():
            figures[name].append(_apart(case, environment or {}))
            print(f"round {number + 1}: {name}: {_in_words(figures[name][-1])}", flush=True)
    return Measured(figures)


def _apart(case: Case, environment: Mapping[str, str]) -> Figures:
    function, arguments = (case.func, case.args) if isinstance(case, partial) else (case, ())
    words = [sys.executable, "-m", "benchmarks.case", f"{function.__module__}:{function.__name__}"]
    words += [json.dumps(argument) for argument in arguments]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    figures: Figures = json.loads(done.stdout)
    return figures


def _in_words(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def table(measured: Measured, limits: Mapping[str, str]) -> str:
    """Return the cases as a Markdown table: seconds, ratio to the first, what the ratio must be."""
    lines = ["| case | seconds | ratio | must be |", "|---|---:|---:|---|"]
    lines += [
        f"| {case} | {measured.median(case):.1f} | {measured.ratio(case):.2f} | {limits.get(case, '')} |"
        for case in measured.figures
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
