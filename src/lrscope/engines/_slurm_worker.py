"""A worker of Slurm: it connects to the run, and takes piece after piece until the run or Slurm ends it."""

import os
import signal
import socket
import threading
from multiprocessing.connection import Client, Connection
from queue import SimpleQueue

from lrscope.engines._calls import ASKED, reply_to

_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 120_000}
"""A machine that is switched off says nothing: after two minutes the other side takes the connection for ended."""


def work(host: str, port: int, key: bytes) -> None:
    """Take pieces from the run that listens at an address, and send back what they return.

    The worker does not outlive the run. If Slurm is about to end it (time limit, preemption, ``scancel``), it finishes
    the piece in hand.

    Raises
    ------
    ConnectionError : the address cannot be reached from this machine, or the run has ended.
    """
    try:
        connection = Client((host, port), authkey=key)
    except OSError as error:
        raise ConnectionError(f"No run can be reached at {host}:{port}: {error}") from error
    keep_alive(connection)
    calls: SimpleQueue[bytes | None] = SimpleQueue()

    def ask(*_: object) -> None:
        ASKED.set()
        calls.put(None)

    for number in (signal.SIGTERM, signal.SIGUSR2):  # instead of submitit, which would requeue the job
        signal.signal(number, ask)
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    while (call := calls.get()) is not None:
        connection.send_bytes(reply_to(call))


def _receive(connection: Connection, calls: SimpleQueue[bytes | None]) -> None:
    """Receive pieces, in a thread of its own, which ends the process when the run has ended."""
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(0)


def keep_alive(connection: Connection) -> None:
    """Let the system notice that the machine on the other side has gone."""
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def hang_up(connection: Connection) -> None:
    """End a connection, also for threads that wait for it."""
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
        same.shutdown(socket.SHUT_RDWR)
