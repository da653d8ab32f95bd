"""A study by the processes of an engine: whatever is killed, a resume ends with the same records."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import xarray as xr

from lrscope import store, studies
from lrscope.studies import Folder, Where

RUN = ["run", "fluctuation", "--shapes", "circle", "spiral", "--lrs", "0.001", "0.01", "--epochs", "150"]


def workers_of(driver: int) -> list[int]:
    """Return the processes of loky that a process has started, but for loky's own tracker of resources."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == driver and b"popen_loky" in words:
            found.append(int(process.name))
    return found


def test_whatever_is_interrupted_or_killed_a_resume_ends_with_the_same_records(commands, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert commands.run([*RUN, "--out", whole], commands.NO_REPORT).code == 0
    arguments, setup = [*RUN, "--workers", "2", "--out", broken], commands.SMALL_BLOCKS + commands.NO_REPORT
    size = lambda: sum(file.stat().st_size for file in broken.glob("records*.root"))  # noqa: E731
    ended = commands.signalled(arguments, signal.SIGINT, lambda: size() > 100_000, setup=setup)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    assert 0 < store.open_records(broken).sizes["step"] < 150
    arguments.append("--resume")
    before = size()
    ended = commands.signalled(arguments, signal.SIGKILL, lambda: size() > before + 100_000, setup=setup)
    assert ended.code == -signal.SIGKILL, ended.err
    before = size()
    driver = commands.start(arguments, setup)
    killed = False
    while not killed and Path(f"/proc/{driver}").exists():
        if size() > before + 100_000:
            for worker in workers_of(driver):
                os.kill(worker, signal.SIGKILL)
                killed = True
    ended = commands.end()
    assert ended.code == 0, ended.err
    assert killed
    records, expected = (store.open_records(folder).load() for folder in (broken, whole))
    xr.testing.assert_allclose(records, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(records.step, expected.step)


def test_a_study_runs_in_another_thread_than_the_main_one(tmp_path):
    options = studies.study("fluctuation").options(shapes=("circle",), lrs=(0.01,), epochs=2)
    ended = []
    thread = threading.Thread(
        target=lambda: ended.append(
            studies.run("fluctuation", options, Folder(tmp_path / "run"), command="", where=Where("cpu"))
        )
    )
    thread.start()
    thread.join()
    assert ended == [True]
