"""How the file of a Recorder ends: complete, or removed where nothing was recorded; also if nobody closes it."""

import contextlib
import os
import threading
from typing import Self

from lrscope.errors import InputError, StoreError
from lrscope.recorder._attaching import Warnings
from lrscope.recorder._buffer import RecordsFile
from lrscope.recorder._cadence import Accounting

CLOSED = (
    "the Recorder was called after it was closed, and records no more. Close it, or leave its with, after the whole "
    "training; for another training make another Recorder, with another file."
)
LEFT_OUT = (
    "an update was left out: recorder.step() was not called after it. If the loop was interrupted there, all is well; "
    "otherwise call recorder.step(loss=loss) after every optimizer.step(). A callback of a Trainer does so after each "
    "batch: of several updates in one it records the last."
)


class Inert:
    """The copy of a Recorder, in a copied or saved model that holds one: it can be called, and records nothing."""

    updated = False

    def step(self, *_given: object, **_metrics: object) -> None:
        """Do nothing."""

    note = begin_pass = leave_out = close = __exit__ = step

    def __enter__(self) -> Self:
        return self


def end_file(
    file: RecordsFile, account: Accounting, warnings: Warnings, *, failed: bool = False, background: bool = True
) -> None:
    """Write what is left and complete the file. If that is interrupted it can be called again."""
    if not failed:
        account.check_calls()
    file.write(final=True, background=background)
    if file.flushed:
        file.complete(warnings.messages)
        return
    message = account.nothing_recorded(file)
    file.give_up(InputError(message))  # without a block it removes the file
    if not failed:
        warnings.add(message)


def end_failed(file: RecordsFile, account: Accounting, warnings: Warnings, error: Exception) -> None:
    """End the file after an error, which may prevent that, too. A warning has said why."""
    try:
        if isinstance(error, StoreError):
            file.give_up(error)
        else:
            end_file(file, account, warnings, failed=True)
    except Exception as second:
        with contextlib.suppress(Exception):
            file.give_up(second)


def end_forgotten(file: RecordsFile, account: Accounting, warnings: Warnings, process: int) -> None:
    """End the file of a Recorder that was not closed, when the Recorder is gone or Python ends."""
    if file.closed or os.getpid() != process:  # a process that was forked has another's file
        return
    if threading.current_thread() is not threading.main_thread():  # it may be the one that writes, which is waited for
        threading.Thread(target=_end_forgotten, args=(file, account, warnings)).start()
    else:
        _end_forgotten(file, account, warnings)


def _end_forgotten(file: RecordsFile, account: Accounting, warnings: Warnings) -> None:
    try:
        end_file(file, account, warnings, background=False)
    except Exception as error:
        warnings.add(f"the end of the records is missing in {file.path}: {error}")
        with contextlib.suppress(Exception):
            file.give_up(error)
