"""The workers of a real Ray: whatever dies, the sums are those of this machine."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import lrscope
from lrscope.errors import InputError, LrscopeError
from lrscope.papers import linearity
from lrscope.papers.linearity import Local, Replicating, replicate

ray = pytest.importorskip("ray")
SOURCE = Path(lrscope.__file__).parents[1]
HEAD = """
import logging, sys, ray
context = ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
                   log_to_driver=False, logging_level=logging.ERROR)
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""
DRIVER = """
import sys
from pathlib import Path
import users_own
from lrscope.papers.linearity import Ray, replicate
engine = Ray(sys.argv[2] if len(sys.argv) > 2 else None, 2)
replicate(users_own.replication(), engine=engine, folder=Path(sys.argv[1]))
print(engine.workers)
"""


@pytest.fixture(scope="module")
def environment(users) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(users.folder)])}


@pytest.fixture(scope="module")
def address(environment):
    """A Ray of two workers, in a process of its own."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HEAD], env=environment, **pipes) as head:
        yield head.stdout.readline().strip()
        head.stdin.close()


@pytest.fixture(scope="module")
def joined(address):
    """This process has joined the Ray."""
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def local(users):
    return replicate(users.replication(), engine=Local("cpu"))


@pytest.fixture
def hold(users):
    users.forget()
    yield users.folder / "hold"
    (users.folder / "hold").unlink(missing_ok=True)


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def started(environment, *arguments) -> subprocess.Popen:
    words = [sys.executable, "-c", DRIVER, *map(str, arguments)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_ray_is_started_without_a_word_and_ended(environment, users, local, check_same, tmp_path):
    users.forget()
    driver = started(environment, tmp_path / "pieces")
    out, err = driver.communicate()
    assert (driver.returncode, out, err) == (0, "Ray, 2 workers of one core\n", "")
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in users.made_by()))
    check_same(replicate(users.replication(), folder=tmp_path / "pieces"), local)


def test_a_run_that_was_killed_goes_on_with_the_pieces_that_are_done(
    environment, address, users, hold, local, check_same, tmp_path
):
    driver = started(environment, tmp_path, address)
    wait_until(lambda: list(tmp_path.glob("*.npz")))
    hold.touch()
    driver.kill()
    driver.communicate()
    hold.unlink()
    going_on = Replicating(users.replication(), Local("cpu"), tmp_path)
    assert 0 < going_on.done < going_on.total
    assert not list(tmp_path.glob(".*"))
    check_same(replicate(users.replication(), folder=tmp_path), local)


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_sums_are_those_of_this_machine(users, check_same, pairing):
    asked = users.replication(pairing=pairing, replicates=23)
    told, engine = [], linearity.Ray()
    check_same(replicate(asked, engine=engine, progress=lambda *done: told.append(done)), replicate(asked))
    assert engine.workers == "Ray, 2 workers of one core"
    assert ray.is_initialized()
    assert len(told) >= 4
    assert told == sorted(told)
    assert told[-1] == (69, 69)


@pytest.mark.usefixtures("joined")
def test_a_worker_that_is_killed_in_the_middle_changes_nothing(users, hold, local, check_same):
    killed = []

    def kill(done: int, total: int) -> None:
        if not killed:
            hold.touch()
            wait_until(users.held)
            killed.append(users.held().pop())
            os.kill(killed[0], signal.SIGKILL)
            hold.unlink()

    check_same(replicate(users.replication(), engine=linearity.Ray(), progress=kill), local)
    assert killed
    assert users.made_by() - set(killed), "others must have made its pieces"


@pytest.mark.usefixtures("joined")
def test_what_kills_every_worker_is_one_sentence_and_what_is_done_stays(users, hold, monkeypatch, tmp_path):
    monkeypatch.setattr("lrscope.papers.linearity._ray.RETRIES", 0)
    deadly = users.folder / "deadly"
    with pytest.raises(
        LrscopeError, match=r"^The piece of replicates \d+ to \d+ was not trained, .*--resume\.$"
    ) as met:
        replicate(users.replication(), engine=linearity.Ray(), folder=tmp_path, progress=lambda *_: deadly.touch())
    deadly.unlink()
    assert not isinstance(met.value, InputError)
    assert "\n" not in str(met.value)
    assert list(tmp_path.glob("*.npz"))


@pytest.mark.usefixtures("joined")
def test_what_is_wrong_with_a_replication_is_said_as_on_this_machine(users):
    from lrscope.models import Imported

    asked = users.replication(model=Imported("users_own:narrow"))
    said = []
    for engine in (Local("cpu"), linearity.Ray()):
        with pytest.raises(InputError) as met:
            replicate(asked, engine=engine)
        said.append(str(met.value))
    assert said[0] == said[1]


@pytest.mark.usefixtures("joined")
def test_the_device_is_what_is_asked_for(monkeypatch):
    from lrscope.papers.linearity._ray import _crew

    with pytest.raises(
        InputError, match=r"^device must be a device of the Ray; got 'cuda'\. It has no GPU: use auto or"
    ):
        linearity.Ray(device="cuda")
    with pytest.raises(InputError, match=r"^device must be auto, cpu or cuda; got 'gpu'"):
        linearity.Ray(device="gpu")
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 2.0})
    said = [str(_crew(None, device)) for device in ("auto", "cuda", "cpu")]
    assert said == [
        "Ray, 2 workers of one GPU",
        "Ray, 2 workers of one GPU",
        "Ray, 8 workers of one core",
    ]
    linearity.Ray(device="cuda")


def test_a_running_ray_without_gpus_is_asked_before_anything_is_written(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError, match=r"^device must be a device of the Ray; got 'cuda'"):
        linearity.Ray(address, device="cuda")


@pytest.mark.usefixtures("joined")
def test_asked_to_stop_it_ends_and_gives_the_workers_back(users, hold, tmp_path):
    training = Replicating(
        users.replication(), linearity.Ray(), tmp_path, lambda *_: (hold.touch(), wait_until(users.held), stop())
    )
    stop = training.stop
    assert list(training) == []
    assert 0 < training.done < training.total
    assert not training.finished
    held = users.held()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in held))


def test_a_ray_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr("lrscope.papers.linearity._ray_cluster.ANSWER_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(InputError, match=rf"address must be where a Ray .* got '127.0.0.1:{port}'.*something else"):
            linearity.Ray(f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=r"nothing listens there \(Connection refused\). Start one with: ray start"):
        linearity.Ray(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["", "localhost", "ray://localhost:10001", "localhost:x", "localhost:0", ":6379"])
def test_what_is_no_address_is_refused(address, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError, match=r"^address must be that of a Ray, host:port or auto; got '"):
        linearity.Ray(address)


@pytest.mark.parametrize("cores", [0, -1, True])
def test_cores_that_are_no_number_are_refused(cores):
    with pytest.raises(InputError, match=r"^cores must be a positive integer; got "):
        linearity.Ray(None, cores)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "lrscope.papers.linearity._ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        InputError, match=r'^Ray must be installed for this engine. Write: pip install "lrscope\[ray\]"$'
    ):
        linearity.Ray  # noqa: B018
