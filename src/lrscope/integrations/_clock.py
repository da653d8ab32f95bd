"""The processor time of the thread that writes: recording that goes on behind the loop's back is a cost as well."""

import threading
import time

_NAME = "lrscope-store"


class WriterClock:
    """Made just before a `lrscope.store.Writer` is, tells the processor seconds of its thread.

    Where the system does not tell them (it is POSIX that does), they are 0.
    """

    def __init__(self) -> None:
        self._others = {thread.ident for thread in threading.enumerate()}
        self._ident: int | None = None
        self._seconds = 0.0

    def seconds(self) -> float:
        """Return the processor seconds so far; of a thread that has ended, those that were last asked for."""
        clock_of = getattr(time, "pthread_getcpuclockid", None)
        running = {thread.ident for thread in threading.enumerate() if thread.name.startswith(_NAME)}
        if self._ident is None:
            self._ident = next(iter(running - self._others), None)
        if clock_of is not None and self._ident is not None and self._ident in running:
            self._seconds = time.clock_gettime(clock_of(self._ident))
        return self._seconds
