"""Where files of images lie below a folder, and their bytes, unpacked."""

import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from lrscope._imported import error_text
from lrscope.errors import InputError, must_be

CLASSES = 10
"""Classes of MNIST and of CIFAR-10."""
_GZIP = b"\x1f\x8b"


def existing(root: Path, folders: Iterable[str], names: Sequence[str]) -> Path | None:
    """Return the first file that exists of some names, each as it is or with ``.gz``, in some folders below `root`."""
    candidates = (root / folder / (name + ending) for folder in folders for name in names for ending in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if it is gzipped, whatever its name.

    Raises
    ------
    InputError : it cannot be read, is empty, or is gzipped and damaged.
    """
    try:
        raw = path.read_bytes()
        unpacked = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise must_be(str(path), "a whole gzip file", error_text(error), AGAIN) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Check that it may be read.") from error
    if not unpacked:
        raise must_be(str(path), "a file of images or labels", "an empty file", AGAIN)
    return unpacked


AGAIN = "Fetch the file again, for example with lrscope data fetch."


def check_classes(labels: np.ndarray, place: str) -> None:
    """Raise an error if a label is no class.

    Parameters
    ----------
    labels : (sample) bytes
    place : where they stand, for the error
    """
    wrong = np.flatnonzero(labels >= CLASSES)
    if len(wrong):
        got = f"{labels[wrong[0]]} for image {wrong[0]}"
        raise must_be(f"{place}: the labels", f"numbers from 0 to {CLASSES - 1}", got, AGAIN)
