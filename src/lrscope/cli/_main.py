"""Which command is meant, and what is said when it fails."""

import atexit
import gc
import os
import shlex
import sys
from collections.abc import Callable, Sequence

from lrscope.cli import _compare, _data, _report
from lrscope.cli._compare import compare
from lrscope.cli._data import data
from lrscope.cli._import import import_runs
from lrscope.cli._report import export, figures, inspect, report
from lrscope.cli._run import run
from lrscope.cli._words import HELP, INTERRUPTED, listed, say
from lrscope.errors import InputError, LrscopeError, unknown

USAGE = """\
usage: lrscope COMMAND ...

What does the learning rate do to a neural network, neuron by neuron?

  lrscope run STUDY [options] --out DIR   train a study, record everything, write its report
  lrscope run sweep -- COMMAND            train by a command of your own, such as a script
  lrscope import SOURCE --out DIR         report on runs that exist
  lrscope report DIR                      write the report of a run again from its records
  lrscope report FILE.root                write the report of any file of records, such as a Recorder's
  lrscope figures DIR [NAME ...]          draw further figures, which the report names
  lrscope compare DIR --lr X --lr Y       test whether two learning rates differ
  lrscope inspect FILE.root               list what a file of records contains
  lrscope data fetch NAME --root DIR      download MNIST or CIFAR-10, and verify it
  lrscope export tensorboard DIR          write the records of a run as TensorBoard's event files
  lrscope list                            list the studies and their questions

Add --help to a command for its options, to `lrscope run STUDY` for those of the study.
"""
LIST = """\
usage: lrscope list

List the studies and the questions they ask.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 (it failed), 2 (it was asked for something wrong), 130 (Ctrl-C)."""
    # Python would search everything for garbage before it ends, for up to a second where PyTorch is loaded.
    atexit.register(gc.freeze)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(given)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # tyro printed the help of a study
        return int(end.code or 0)
    except LrscopeError as error:
        say(str(error))
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        say("interrupted.")
        return INTERRUPTED
    except MemoryError as error:
        say(f"there is not enough memory for this ({error}). Ask for fewer seeds, rates, samples or epochs.")
        return 1
    except BrokenPipeError:  # the reader of our output, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _list(given: list[str]) -> int:
    if given:
        raise InputError(f"lrscope list takes no arguments; got {shlex.join(given)}.")
    print(listed())
    return 0


COMMANDS: dict[str, tuple[Callable[[list[str]], int], str]] = {
    "run": (run, ""),  # its help, as that of import, is that of its specifications
    "report": (report, _report.REPORT),
    "figures": (figures, _report.FIGURES),
    "compare": (compare, _compare.USAGE),
    "import": (import_runs, ""),
    "inspect": (inspect, _report.INSPECT),
    "data": (data, _data.USAGE),
    "export": (export, _report.EXPORT),
    "list": (_list, LIST),
}


def _dispatch(given: list[str]) -> int:
    name, *rest = given or ["--help"]
    if name in HELP:
        print(USAGE, end="")
        return 0
    if name == "--version":
        from lrscope import __version__

        print(__version__)
        return 0
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    command, usage = COMMANDS[name]
    if usage and (not HELP.isdisjoint(rest) or (not rest and name in ("data", "export"))):
        print(usage, end="")
        return 0
    return command(rest)
