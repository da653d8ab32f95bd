"""Which Ray an engine uses, and what it refuses."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import lrscope
from lrscope import engines
from lrscope.errors import InputError

ray = pytest.importorskip("ray")
SOURCE = Path(lrscope.__file__).parents[1]
OWN = """
from lrscope.engines import Ray
with Ray(workers=2) as engine:
    print(engine, engine.submit(pow, 2, 3).result())
"""
JOINS = """
import logging, ray
head = ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
                log_to_driver=False, logging_level=logging.ERROR)
with Ray() as engine:
    print(engine, engine.submit(pow, 2, 3).result())
assert ray.is_initialized()
"""


def test_a_ray_of_its_own_or_one_that_the_process_has_joined_works_without_a_word():
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    words = [sys.executable, "-c", OWN + JOINS]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, 2 * "Ray, 2 workers of one core 8\n", "")


@pytest.fixture
def not_joined(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)


@pytest.mark.usefixtures("not_joined")
def test_a_ray_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("lrscope.engines._ray_cluster.ANSWER_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}: something else answers"):
            engines.Ray(f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=r"nothing listens there \(Connection refused\)"):
        engines.Ray(f"127.0.0.1:{port}")


@pytest.mark.usefixtures("not_joined")
@pytest.mark.parametrize("address", ["", "localhost", "ray://localhost:10001", "localhost:x", "localhost:0", ":6379"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="host:port"):
        engines.Ray(address)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "lrscope.engines._ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'pip install "lrscope\[ray\]"$'):
        engines.Ray  # noqa: B018
