"""Trainings by command whose workers and run are killed: what is then checked of every engine."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from command_scripts import command
from lrscope import store
from lrscope.commands import Running, Trainings
from lrscope.engines import Engine
from lrscope.sweep import Sweep
from study_runs import SOURCE, alive, wait_until


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def check_repeated_by_another_worker(folder: Path, engine: Engine, end: Callable[[int, int], None]) -> None:
    """Check what becomes of a training whose worker is ended while the command and what it has started run.

    `end` is given the numbers of the worker and of the command.
    """
    words, ended = command(folder, "sleep=600"), folder / "ended"
    script = folder / "train.py"
    again = f"if pathlib.Path({str(ended)!r}).exists(): given.pop('sleep')\n"
    script.write_text(script.read_text().replace('if given.get("sleep")', again + 'if given.get("sleep")'))
    trainings = Trainings(command=words, sweep=Sweep(lr=[0.01], seed=[0]), metric="val_loss")
    pids = folder / "trainings/lr=0.01,seed=0/out/pids"
    seen: list[int] = []

    def end_worker() -> None:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        seen.extend(int(pid) for pid in pids.read_text().split())
        ended.touch()
        end(parent(seen[0]), seen[0])

    thread = threading.Thread(target=end_worker)
    thread.start()
    running = Running(trainings, folder / "trainings", engine=engine)
    (block,) = running
    thread.join()
    assert block.sizes["member"] == 1
    (notes,) = running.notes["trainings"].values()
    assert (notes["ended"], notes["attempts"]) == ("finished", 1)
    wait_until(lambda: not any(map(alive, seen)))


def check_killed_at_random(folder: Path, engine: Sequence[str], ways: Sequence[Callable[[int], object]]) -> None:
    """Check a grid of 64 commands whose workers are ended at random, and whose run is killed in between.

    `ways` end the worker whose number they are given.
    """
    words = command(folder, "sleep=0.1", "crash=7")
    grid = Sweep(lr=[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0], seed=range(8))
    here = Running(Trainings(command=command(folder, "crash=7"), sweep=grid, metric="val_loss"), folder / "here")
    (expected,) = here
    out, chosen, ways = folder / "results", random.Random(0), list(ways)
    options = ["--lrs", *map(str, grid.axes["lr"]), "--seeds", "8", *engine, "--out", str(out)]
    line = [sys.executable, "-m", "lrscope", "run", "sweep", *options]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    begun: set[int] = set()
    kept: dict[Path, int] = {}

    def results() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in out.glob("trainings/*/training.json")}

    def workers() -> list[int]:
        running = {file.parent / "out/pids" for file in out.glob("trainings/*/output.txt")}
        running -= {file.parent / "out/pids" for file in results()}
        pids = [list(map(int, file.read_text().split())) for file in running if file.exists()]
        begun.update(pid for each in pids for pid in each)
        return [parent(each[0]) for each in pids if each and Path(f"/proc/{each[0]}").exists()]

    for resume, until in ((), 30), (("--resume",), 65):
        run = subprocess.Popen([*line, *resume, "--", *words], env=environment, stderr=subprocess.PIPE, text=True)
        after = len(kept) + 5
        while run.poll() is None and len(results()) < until:
            time.sleep(0.05)
            if ways and len(results()) >= after and (there := workers()):
                ways.pop()(chosen.choice(there))
                after = len(results()) + 5
        if until < 64:
            run.kill()
            kept = results()
        said = run.communicate(timeout=120)[1]
    assert run.returncode == 0, said
    assert not ways
    assert kept.items() <= results().items()
    assert not (out / "slurm").exists()
    wait_until(lambda: not any(map(alive, begun)))
    got = store.open_records(out / "records-grid.root").load()
    xr.testing.assert_equal(got[list(expected.data_vars)], expected)
    ended = {file.parent.name: json.loads(file.read_text())["ended"] for file in results()}
    assert ended == {name: notes["ended"] for name, notes in here.notes["trainings"].items()}


def killed(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def terminated(worker: int) -> None:
    os.kill(worker, signal.SIGTERM)
