"""Joining a Ray that is running, or starting one, quietly."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from lrscope.errors import InputError, LrscopeError

STORE_BYTES = 256 * 2**20
"""Memory for results on their way; what does not fit goes to the disk."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
_JOIN = """
import logging, sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)
"""


def check_address(address: str) -> None:
    """Check that this machine can join the Ray at an address.

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
        reason = f"something else answers there, or nothing within {ANSWER_SECONDS:.0f} s"
        raise _no_ray(address, reason) from None
    if tried.returncode:
        errors = [line for line in tried.stderr.splitlines() if re.match(r"[\w.]*(Error|Exception)\b", line)]
        raise _no_ray(address, errors[-1] if errors else f"it was tried and ended with code {tried.returncode}")


def _check_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"The address of a Ray is host:port or auto, not {address!r}.")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise _no_ray(address, f"nothing listens there ({error.strerror or error})") from None


def _no_ray(address: str, reason: str) -> InputError:
    return InputError(f"No Ray answers at {address}: {reason.rstrip('.')}. Start one with: ray start --head")


def join(address: str) -> None:
    """Join the Ray at an address.

    Raises
    ------
    LrscopeError : that failed.
    """
    with _quiet("joined"):
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)


def start(cores: int | None) -> None:
    """Start a Ray on this machine whose workers find what can be imported here.

    Raises
    ------
    LrscopeError : that failed.
    """
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    with _quiet("started"), _environment(PYTHONPATH=paths, RAY_USAGE_STATS_ENABLED="0"):
        ray.init(
            "local",
            num_cpus=cores,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=STORE_BYTES,
        )


@contextmanager
def _quiet(what: str) -> Iterator[None]:
    """Keep Ray's log out of the terminal, and turn whatever it raises into one error."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:  # Ray raises errors of many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LrscopeError(f"Ray could not be {what}: {reason}") from error


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
