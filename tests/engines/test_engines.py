"""What every engine does with a piece of work, and with workers that die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lrscope
from lrscope.engines import ATTEMPTS, Processes, WorkerError
from lrscope.errors import InputError

SOURCE = Path(lrscope.__file__).parents[1]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may still be listed until its parent looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def dies_until(file: Path, attempts: int) -> int:
    """Kill the process, but for the last of some attempts; return how many there were."""
    with file.open("a") as opened:
        opened.write("x")
    if file.stat().st_size < attempts:
        os.kill(os.getpid(), signal.SIGKILL)
    return file.stat().st_size


def test_what_a_function_returns_arrives_and_can_be_written(engine):
    array = engine.submit(lambda scale: scale * np.arange(3.0), scale=2).result()
    array += 1
    np.testing.assert_array_equal(array, [1, 3, 5])


def test_as_many_pieces_as_one_likes(engine):
    futures = [engine.submit(pow, number, 2) for number in range(20)]
    assert [future.result() for future in futures] == [number**2 for number in range(20)]


def test_the_error_of_a_function_is_that_of_the_future(engine):
    def fails() -> None:
        raise InputError("lr must be above 0; got -1.")

    with pytest.raises(InputError, match=r"^lr must be above 0; got -1\.$"):
        engine.submit(fails).result()


@pytest.fixture(params=["processes", "on_ray"])
def workers(request):
    return request.getfixturevalue(request.param)


def test_a_piece_whose_worker_dies_is_called_again(workers, tmp_path):
    others = [workers.submit(pow, number, 2) for number in range(4)]
    assert workers.submit(dies_until, tmp_path / "attempts", ATTEMPTS).result() == ATTEMPTS
    assert [future.result() for future in others] == [0, 1, 4, 9]


def test_a_piece_whose_workers_always_die_is_given_up_and_the_engine_goes_on(workers, tmp_path):
    with pytest.raises(WorkerError, match="given up"):
        workers.submit(dies_until, tmp_path / "attempts", 1 + ATTEMPTS).result()
    assert (tmp_path / "attempts").stat().st_size == ATTEMPTS
    assert workers.submit(pow, 2, 3).result() == 8


def test_ctrl_c_is_the_drivers(processes):
    assert processes.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN


def test_the_cores_are_divided_among_the_processes():
    with Processes(1) as one, Processes(10**6) as many:
        threads = one.submit(os.environ.get, "OMP_NUM_THREADS").result()
        assert int(threads) >= 1
        assert many.submit(os.environ.get, "OMP_NUM_THREADS").result() == "1"


def test_processes_end_at_once_if_they_are_told_to(tmp_path):
    engine = Processes(1)
    pid = engine.submit(os.getpid).result()
    hanging = [engine.submit(time.sleep, 600) for _ in range(2)]
    engine.shutdown(cancel_futures=True)
    assert not alive(pid)
    assert all(future.cancelled() or isinstance(future.exception(), WorkerError) for future in hanging)


def test_processes_do_not_outlive_a_driver_that_is_killed(tmp_path):
    driver = """
import os, time
from lrscope.engines import Processes
engine = Processes(2)
pids = {engine.submit(lambda: (time.sleep(0.2), os.getpid())[1]) for _ in range(4)}
print(*{future.result() for future in pids}, flush=True)
hanging = [engine.submit(time.sleep, 600) for _ in range(2)]
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    running = subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True, env=environment)
    pids = [int(pid) for pid in running.stdout.readline().split()]
    assert pids
    assert all(map(alive, pids))
    running.kill()
    running.wait()
    running.stdout.close()
    wait_until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(InputError, match="workers"):
        Processes(workers)
