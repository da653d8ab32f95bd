"""Which files a path stands for, the state beside them, and the sentences for those that cannot be read.

The state is what a resume starts from: ``records.root`` has ``records.state.npz``. It is replaced in one step, so that
it is always whole, and has a checksum. Nothing in it is ever unpickled.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lrscope.errors import InputError, StoreError

_CHECKSUM = "crc32"
"""Name of the checksum of an ``.npz``."""
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
"""A file, several files, or a folder of ``records*.root``."""


def record_files(paths: Paths) -> list[Path]:
    """Return the files that `paths` stands for: itself, its members, or the ``records*.root`` of a folder.

    The files of a folder come in natural order: ``records.root``, ``records-1.root``, ..., ``records-10.root``.

    Raises
    ------
    InputError : nothing is there, or a folder has the records of several experiments.
    """
    several = [Path(path) for path in ([paths] if isinstance(paths, (str, PathLike)) else paths)]
    for path in several:
        if not path.exists():
            raise InputError(f"{path} does not exist. Give a file of records or the folder that a run has written.")
    if not several:
        raise InputError("paths must name at least one file of records; got none.")
    return [file for path in several for file in (_of_folder(path) if path.is_dir() else [path])]


def _of_folder(folder: Path) -> list[Path]:
    by_experiment: dict[str, list[Path]] = {}
    for file in files_in(folder):
        # both records-quick.root and records-quick-1.root are of the experiment `quick`
        name = re.sub(r"-\d+$", "", file.stem).removeprefix("records-")
        by_experiment.setdefault(name, []).append(file)
    if not by_experiment:
        raise InputError(f"{folder} holds no records*.root. Give the folder that a run has written.")
    if len(by_experiment) > 1:
        remedy = f"Give the files of one of them, for example {next(iter(by_experiment.values()))[0]}."
        raise InputError(
            f"{folder} must hold the records of one experiment; got those of {', '.join(by_experiment)}. {remedy}"
        )
    return next(iter(by_experiment.values()))


def files_in(folder: Path) -> list[Path]:
    """Return the ``records*.root`` of a folder in natural order, whatever experiment they are of."""
    return sorted(folder.glob("records*.root"), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts numbers by value, and a name before the same name with more after it."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]


def opened(path: Path) -> BinaryIO:
    """Return a file that is open for reading."""
    try:
        return path.open("rb")
    except OSError as error:
        remedy = "Check that it is still there and may be read."
        raise StoreError(f"{path} cannot be read ({error.strerror}). {remedy}") from error


def damaged(path: Path) -> InputError:
    """Return the error for a file that begins like ROOT and cannot be read to its end."""
    return InputError(f"{path} must be a whole ROOT file; got one that is cut off or damaged. Copy or record it again.")


def _state_path(path: Path) -> Path:
    return path.with_name(path.stem + ".state.npz")


def save_state(path: str | PathLike[str], state: Mapping[str, np.ndarray]) -> None:
    """Write `state` beside the records at `path`; an earlier state is replaced only by a whole new one.

    Raises
    ------
    ValueError : an array holds Python objects.
    OSError : the disk is full; the earlier state still stands.
    """
    save_arrays(_state_path(Path(path)), state)


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an ``.npz`` with a checksum, as a whole or not at all; it is on the disk when this returns.

    Raises
    ------
    ValueError : an array holds Python objects.
    OSError : the file cannot be written; an earlier one still stands.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, array in {**arrays, _CHECKSUM: np.array(_checksum(arrays))}.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_piece(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a piece of a training, see `save_arrays`; its folder need not exist.

    Raises
    ------
    StoreError : the disk is full, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(path, arrays)
    except OSError as error:
        remedy = "Check the folder and its disk, and run again with --resume."
        raise StoreError(f"{path} could not be written: {error.strerror}. {remedy}") from error


def _checksum(arrays: Mapping[str, np.ndarray]) -> int:
    """Return the CRC-32 of names, types, sizes and values."""
    total = 0
    for name, array in arrays.items():
        total = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), total)
        total = zlib.crc32(np.ascontiguousarray(array).data, total)
    return total


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return what `save_arrays` has written; None if the file is damaged or something else. Nothing is unpickled."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays if int(arrays.pop(_CHECKSUM)) == _checksum(arrays) else None
    except Exception:  # what damaged bytes do to zipfile and NumPy is not listed anywhere
        return None


def load_state(paths: Paths) -> dict[str, np.ndarray]:
    """Return the newest state beside the records at `paths` (a file, several, or a folder).

    Raises
    ------
    InputError : there is none (the run is complete, or was stopped before its first block), or it is damaged.
    """
    files = record_files(paths)
    for path in map(_state_path, reversed(files)):
        if path.exists():
            state = load_arrays(path)
            if state is None:
                raise InputError(f"{path} must be the state of a training; got a damaged file. Start the run anew.")
            return state
    raise InputError(f"{files[-1]} must have a state beside it to resume; got none. Start the run anew.")
