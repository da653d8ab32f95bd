"""One training as a process group of its own: started, watched, ended; its output and how it ended in files."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

from lrscope.errors import InputError

FINISHED = "finished"
GRACE = 5.0
"""Seconds between asking a process group to end and killing it."""
LAST_LINES = 5


@dataclass(frozen=True)
class Place:
    """The folder of one training: ``out/`` is the command's, ``output.txt`` what it printed, ``training.json`` the end.

    Attributes
    ----------
    path : of the folder
    """

    path: Path

    @property
    def out(self) -> Path:
        """The folder that the command may write."""
        return self.path / "out"

    @property
    def output(self) -> Path:
        """What the command printed, both streams; that of a first attempt that failed is ``output-1.txt``."""
        return self.path / "output.txt"

    def result(self) -> dict[str, Any] | None:
        """Return how the training ended; None if it did not."""
        try:
            result: dict[str, Any] = json.loads((self.path / "training.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return result

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write how the training ended, as a whole or not at all."""
        partial = self.path / ".training.json.part"
        partial.write_text(json.dumps(dict(result), indent=2) + "\n", encoding="utf-8")
        partial.replace(self.path / "training.json")

    def check_free(self, seconds: float) -> None:
        """Raise an `InputError` if a training that was begun before still goes on here after some seconds."""
        until = time.monotonic() + seconds
        while not self._free():
            if time.monotonic() >= until:
                remedy = f"Wait for its end, or end what `fuser {self.output}` lists, and go on with --resume."
                raise InputError(f"{self.path} must be free; a training of an earlier run goes on there. {remedy}")
            time.sleep(0.02)

    def _free(self) -> bool:
        if self.output.exists():
            with self.output.open("rb") as output:
                try:
                    fcntl.flock(output, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
        return True

    def clear(self, attempt: int) -> None:
        """Make the folder, without what an earlier attempt has left; only what that printed is kept."""
        if attempt > 1:
            self.output.replace(self.path / f"output-{attempt - 1}.txt")
            shutil.rmtree(self.out, ignore_errors=True)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        self.out.mkdir(parents=True)

    def last_lines(self) -> str:
        """Return the end of what was printed."""
        with suppress(OSError), self.output.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
            return "\n".join([line.rstrip() for line in lines if line.strip()][-LAST_LINES:])
        return ""


@dataclass
class Process:
    """A command that runs in a session of its own, so that it can be ended with everything that it has started.

    Its place is taken until this is left, and as long as the command or something that it has started runs.

    Attributes
    ----------
    arguments, environment : of the process
    place : where its output goes
    folder : in which it is started
    attempt : 1, or 2 after a failure

    Raises
    ------
    InputError : the program cannot be run.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    place: Place
    folder: Path
    attempt: int = 1
    began: float = field(init=False)
    _process: "subprocess.Popen[bytes]" = field(init=False)
    _output: BinaryIO = field(init=False)

    def __post_init__(self) -> None:
        self.place.clear(self.attempt)
        self.began = time.time()
        self._output = self.place.output.open("wb")
        fcntl.flock(self._output, fcntl.LOCK_EX)  # held by all processes that have the file
        try:
            self._process = subprocess.Popen(
                self.arguments,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._output.close()
            raise InputError(f"the command must be a program that can be run; {error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()

    @property
    def group(self) -> int:
        """Number of its process group."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return time.time() - self.began

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs. What it left running is ended."""
        if self._process.returncode is None:
            # The process is not waited for before its group is ended: until then its number cannot be another's.
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self._signal(signal.SIGKILL)
            self._process.wait()
        return self._process.returncode

    def end(self) -> None:
        """End the whole group: ask it to, and kill it if it has not ended after a while."""
        until = time.monotonic() + GRACE
        if self.status() is None:
            self._signal(signal.SIGTERM)
        while self.status() is None and time.monotonic() < until:
            time.sleep(0.02)
        if self.status() is None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # nothing is left of it; or, on macOS, only its zombie
            os.killpg(self._process.pid, number)
