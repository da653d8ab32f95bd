"""The state of a training, beside its records: what a resume starts from.

``records.root`` has ``records.state.npz``; it is replaced in one step, so that it is always whole. Nothing in it is
ever unpickled.
"""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lrscope.errors import InputError
from lrscope.store._files import Paths, record_files

SUFFIX = ".state.npz"


def state_path(path: Path) -> Path:
    """Return where the state of the training that writes `path` stands."""
    return path.with_name(path.stem + SUFFIX)


def save_state(path: str | os.PathLike[str], state: Mapping[str, np.ndarray]) -> None:
    """Write `state` beside the records at `path`; an earlier state is replaced only by a whole new one.

    Raises
    ------
    ValueError : an array holds Python objects.
    OSError : the disk is full; the earlier state still stands.
    """
    target = state_path(Path(path))
    temporary = target.with_name(target.name + ".part")
    try:
        with temporary.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, array in state.items():
                    _add(archive, name, np.asanyarray(array))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def load_state(paths: Paths) -> dict[str, np.ndarray]:
    """Return the newest state beside the records at `paths` (a file, several, or a folder).

    Raises
    ------
    InputError : there is none (the run is complete, or was stopped before its first block), or it is damaged.
    """
    files = record_files(paths)
    for path in map(state_path, reversed(files)):
        if path.exists():
            return _load(path)
    raise InputError(f"{files[-1]} must have a state beside it to resume; got none. Start the run anew.")


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} must be the state of a training; got a damaged file. Start the run anew.") from error
