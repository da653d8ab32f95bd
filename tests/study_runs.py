"""What the tests of the studies share: small runs, and command lines in processes of their own that may be killed."""

import html
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from lrscope.report import Animation, Figure, Report, Table
from lrscope.studies import Folder, run, study

SOURCE = Path(__file__).parents[1] / "src"
SMALL: dict[str, dict[str, Any]] = {
    "fluctuation": {"shapes": ("circle",), "lrs": (0.001, 0.01), "seeds": 2, "epochs": 8},
    "stability": {"target": "f2", "hidden": 8, "lrs": (0.3, 1.0), "seeds": 2, "epochs": 30},
    "sweep": {"lrs": (0.001, 0.01), "seeds": 2, "epochs": 2, "crossed_seeds": 2},
    "boundary": {"resolution": 32, "steps": 12, "seeds": 2, "zooms": 0, "null": 32},
    "linearity": {"model": ("perceptron",), "replicates": 16, "epochs": 2},
}
"""Study -> options of a grid of 2 by 2 networks, or of few trainings, that learn for a moment."""

REPORT = """
import sys
from lrscope.cli import main
code = main(["report", sys.argv[1]])
print(sorted({"torch", "lrscope.training"} & set(sys.modules)))
sys.exit(code)
"""
"""Writes a report, and lists what should not have been imported for it."""
SERVER = """
import json, os, sys, traceback
import lrscope.cli, lrscope.studies, lrscope.studies._run
import lrscope.papers.fluctuation._experiments, lrscope.papers.stability._experiments
import lrscope.studies.sweep._experiments, lrscope.papers.linearity._experiments, lrscope.papers.boundary._rounds
import lrscope.data
import scipy.stats, torch
lrscope.data.Digits().arrays()
torch.compiler.reset()  # imports what tracing needs

def constants(**values):
    for name, value in values.items():
        holders = [module for module in sys.modules.values() if module.__name__.startswith("lrscope.training")]
        holders = [module for module in holders if name in vars(module)]
        assert holders, f"no module of lrscope.training has {name}"
        for module in holders:
            setattr(module, name, value)

for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if not pid:
        for number, name in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
            os.dup2(os.open(name, os.O_RDWR), number)
        code = 70
        try:
            exec(asked["setup"])
            code = lrscope.cli.main(asked["arguments"])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may still be listed until its parent looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass(frozen=True)
class Ended:
    """How a command line ended: exit code (negative: the signal that killed it), and what it printed."""

    code: int
    out: str
    err: str


class Commands:
    """Runs command lines, each in a process of its own. A server forks them, so that what they import is imported once.

    `setup` is Python code that runs before a command line; so does `always`, before all of them.
    """

    SMALL_BLOCKS = "constants(BLOCK_BYTES=100_000)\n"
    """Set-up that closes a block of records at each epoch."""
    NO_REPORT = "lrscope.studies.write_report = lambda folder, *_: folder.report\n"
    """Set-up that leaves the report out."""
    SHORT_REPORT = """
import dataclasses
from lrscope.papers import fluctuation
whole = fluctuation.STUDY
kept = ("Reconstructions", "Taking part", "Training")
def short(results, options):
    return [section for section in whole.sections(results, options) if section.title in kept]
fluctuation.STUDY = dataclasses.replace(whole, sections=short)
"""
    """Set-up that leaves out most figures of the study `fluctuation`."""

    def __init__(self, folder: Path) -> None:
        self.always = ""
        self._printed = {name: folder / name for name in ("out", "err")}
        path = os.pathsep.join([str(SOURCE), str(Path(__file__).parent)])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, arguments: Sequence[object], setup: str = "") -> int:
        """Start `lrscope *arguments`; return the number of the process."""
        for path in self._printed.values():
            path.write_text("")
        asked = {"arguments": [str(word) for word in arguments], "setup": self.always + setup}
        asked |= {name: str(path) for name, path in self._printed.items()}
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def end(self) -> Ended:
        """Wait for the process that was started last."""
        code = int(self._server.stdout.readline())
        return Ended(code, **{name: path.read_text() for name, path in self._printed.items()})

    def run(self, arguments: Sequence[object], setup: str = "") -> Ended:
        """Start and wait."""
        self.start(arguments, setup)
        return self.end()

    def signalled(
        self, arguments: Sequence[object], number: int, when: Callable[[], bool], pause: float = 0, setup: str = ""
    ) -> Ended:
        """Start, send the signal `number` so many seconds after `when()` has become true, and wait."""
        process = self.start(arguments, setup)
        try:
            while not when():
                os.kill(process, 0)
                time.sleep(0.002)
            time.sleep(pause)
            os.kill(process, number)
        except ProcessLookupError:  # it came to its end before
            pass
        return self.end()

    def close(self) -> None:
        """End the server."""
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    running = Commands(tmp_path_factory.mktemp("commands"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Folder]:
    """Return the function that gives the folder of a finished small run of a study, which has no report."""
    made: dict[str, Folder] = {}

    def folder(name: str) -> Folder:
        if name not in made:
            made[name] = Folder(tmp_path_factory.mktemp(name) / "run")
            assert name in SMALL, f"a small grid of {name} must be added to SMALL"
            assert run(name, study(name).options(**SMALL[name]), made[name], command=f"lrscope run {name}")
        return made[name]

    return folder


@pytest.fixture(scope="session")
def finished(recorded_run: Callable[[str], Folder]) -> Callable[[str], Folder]:
    """Return the function that gives the folder of a finished small run of a study, its report included.

    The report is written in a fresh interpreter, which must not need PyTorch for it.
    """

    def folder(name: str) -> Folder:
        made = recorded_run(name)
        if not made.report.exists():
            here = {**os.environ, "PYTHONPATH": str(SOURCE)}
            command = [sys.executable, "-c", REPORT, str(made.path)]
            ended = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
            assert (ended.returncode, ended.stderr) == (0, "")
            assert ended.stdout.splitlines() == [f"Report: {made.report}", "[]"]
        return made

    return folder


@pytest.fixture(scope="session")
def check_report() -> Callable[[Report], None]:
    """Return the function that checks that every figure and animation of a report can be drawn."""
    return _check_report


def _check_report(report: Report) -> None:
    for item in report.items:
        if isinstance(item, Figure):
            figure = item.draw(report.results)
            assert figure.axes, item.name
            figure.set_dpi(30)
            figure.canvas.draw()
            plt.close(figure)
        elif isinstance(item, Table):
            assert len(item.frame(report.results)), item.name
    _check_films(item.draw(report.results) for item in report.items if isinstance(item, Animation))


def _check_films(films: Iterator[Any]) -> None:
    for film in films:
        assert len({frame.shape for frame in film}) == 1


@pytest.fixture(scope="session")
def read() -> Callable[[Path], str]:
    """Return the function that gives what a reader of a page reads: no scripts, no styles, no markup."""
    return _read


def _read(page: Path) -> str:
    without = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    joined = re.sub(r"</?code\b[^>]*>", "", without)  # code stands within words and before commas
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", joined)).split())
