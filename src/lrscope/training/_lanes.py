"""Threads that train side by side, a chunk of members each.

PyTorch's own threads share every operation and wait for each other at its end. For operations as small as those of
these networks the waiting costs more than the help brings, and when another program takes one of the cores, all wait
for it at every operation: a step can take a hundred times longer. Chunks need not wait for each other.
"""

import ctypes
import platform
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import torch

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -3, -1, -2  # numbers of mallopt(3)
_KEPT_BLOCK, _KEPT_FREE, _GROWTH = 16 * 2**20, 256 * 2**20, 64 * 2**20


def lanes_of(device: torch.device) -> int:
    """Return how many chunks are trained side by side: one a thread of PyTorch on a CPU, one on a GPU."""
    return torch.get_num_threads() if device.type == "cpu" else 1


@contextmanager
def threads_for(lanes: int, each: int) -> Iterator[ThreadPoolExecutor]:
    """Provide a thread a lane, which uses `each` of PyTorch's threads; the caller keeps its own number."""
    _keep_freed_memory()
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(lanes, "lrscope-lane", initializer=_use, initargs=(each,)) as pool:
        all_there = threading.Barrier(lanes, timeout=60)
        wait([pool.submit(all_there.wait) for _ in range(lanes)])
        torch.set_num_threads(threads)  # what a thread sets for itself is also the default of all later threads
        yield pool


def _use(threads: int) -> None:
    """Let operations of this thread use so many threads from now on."""
    torch.get_num_threads()  # its first call in a thread takes over the default, and would do so later
    torch.set_num_threads(threads)


def _keep_freed_memory() -> None:
    """Ask glibc to keep freed memory for the next step instead of handing it back to the system.

    By default blocks of some 100 kB are handed back as soon as they are free, and the next step gets them again page
    by page: a thousand page faults a step, a quarter of its time. What is kept is at most 256 MiB. Other C libraries
    are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for option, value in ((_MMAP_THRESHOLD, _KEPT_BLOCK), (_TRIM_THRESHOLD, _KEPT_FREE), (_TOP_PAD, _GROWTH)):
        libc.mallopt(option, value)
