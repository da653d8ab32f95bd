"""The Ray that trains: one that runs somewhere, or one of our own, quiet and ended behind."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from lrscope.errors import InputError, LrscopeError, must_be

STORE_BYTES = 256 * 2**20
"""Memory for results on their way; what does not fit goes to the disk."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
_JOIN = """
import logging, sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)
print("GPUs:", int(ray.cluster_resources().get("GPU", 0)))
"""


def gpus_at(address: str) -> int:
    """Return how many GPUs the Ray at an address has; this machine can join it.

    Ray itself would wait for minutes, or end the process. So another process tries it first.

    Parameters
    ----------
    address : ``host:port`` or ``auto``

    Raises
    ------
    InputError : no Ray answers there, or one of another version.
    """
    if address != "auto":
        _check_port(address)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _JOIN, address], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _no_ray(address, f"something else answers there, or nothing within {ANSWER_SECONDS:.0f} s") from None
    if tried.returncode:
        said = [line for line in tried.stderr.splitlines() if re.match(r"[\w.]*(Error|Exception)\b", line)]
        raise _no_ray(address, said[-1] if said else f"it was tried and ended with code {tried.returncode}")
    return int(tried.stdout.rpartition("GPUs:")[2])


def _check_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise must_be("address", "that of a Ray, host:port or auto", address)
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_ray(address, f"nothing listens there ({error.strerror or error})") from None


def _no_ray(address: str, said: str) -> InputError:
    remedy = f"Reason: {said.rstrip('.')}. Start one with: ray start --head"
    return must_be("address", "where a Ray answers, host:port or auto", address, remedy)


@contextmanager
def connected(address: str | None, cores: int | None) -> Iterator[None]:
    """Be part of a Ray: of one that this process has joined before, of one at an address, or of one that is started.

    Raises
    ------
    LrscopeError : Ray cannot be started or joined.
    """
    if ray.is_initialized():
        yield
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        _join(address) if address else _start(cores)
    except Exception as error:  # Ray raises what it likes
        said = " ".join(str(error).split()) or type(error).__name__
        raise LrscopeError(f"Ray could not be {'joined' if address else 'started'}: {said}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _join(address: str) -> None:
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)


def _start(cores: int | None) -> None:
    """Start a Ray on this machine whose workers find what can be imported here."""
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    with _environment(PYTHONPATH=paths, RAY_USAGE_STATS_ENABLED="0"):
        ray.init(
            "local",
            num_cpus=cores,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=STORE_BYTES,
        )


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set variables of the environment for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
