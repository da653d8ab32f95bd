"""CIFAR-10 from its binary files in a folder; nothing is downloaded here, and the pickled files are never read.

An image is 3073 bytes: its class, then 1024 values each of red, green and blue, row by row.
"""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lrscope._imported import error_text
from lrscope.data._files import AGAIN, check_classes, content, existing
from lrscope.data._images import Images, ImagesOfFolder
from lrscope.errors import InputError, must_be
from lrscope.specification import specification

ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
_SHAPE = (3, 32, 32)
_BYTES = 1 + 3 * 32 * 32
_LARGEST = 255
_PICKLED = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1")


@specification
class CIFAR10(ImagesOfFolder):
    """60 000 photographs (sample, 3, 32, 32) of ten kinds of things, in three colours, and their kinds, 0 to 9.

    The binary version is read: ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, gzipped or not, in
    the folder or below it in ``cifar-10-batches-bin``; or else from ``cifar-10-binary.tar.gz`` as it is.

    Attributes
    ----------
    root : folder of the files
    val_share : of the training images, that is kept for validation; by default the standard test images are
    split_seed : of the permutation by which images are split and chosen
    samples, val_samples : how many images to learn from and to validate on at most; None for all

    Raises
    ------
    InputError : later, when files are read: one that is missing, of a length that is no multiple of 3073 bytes, or
        with other labels than 0 to 9; only the pickled version; more samples than there are.

    References
    ----------
    Krizhevsky: Learning multiple layers of features from tiny images (2009).
    """

    def _images(self) -> Images:
        return _read(Path(self.root), TRAINING)

    def _test_images(self) -> Images:
        return _read(Path(self.root), TEST)


def _read(root: Path, names: tuple[str, ...]) -> Images:
    records = [_records(raw, place) for place, raw in _files(root, names)]
    together = np.concatenate(records) if len(records) > 1 else records[0]
    return Images(together[:, 1:].reshape(-1, *_SHAPE), together[:, 0], _LARGEST)


def _records(raw: bytes, place: str) -> np.ndarray:
    """Return the records (sample, 3073) of a file, checked."""
    if not raw or len(raw) % _BYTES:
        raise must_be(place, f"a file of {_BYTES} bytes an image", f"{len(raw)} bytes", AGAIN)
    records = np.frombuffer(raw, np.uint8).reshape(-1, _BYTES)
    check_classes(records[:, 0], place)
    return records


def _files(root: Path, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield where each file lies, and its bytes."""
    paths = [existing(root, ("", FOLDER), (name,)) for name in names]
    archive = root / ARCHIVE
    if not any(paths) and archive.is_file():
        unpacked = members(archive, names)
        yield from ((f"{archive}: {FOLDER}/{name}", unpacked[name]) for name in names)
        return
    for name, path in zip(names, paths, strict=True):
        if path is None:
            raise _missing(root, name)
        yield str(path), content(path)


def _missing(root: Path, name: str) -> InputError:
    allowed = f"a folder that holds {name}, gzipped or not, or {ARCHIVE}"
    remedy = f"Download the files with: lrscope data fetch cifar10 --root {root}"
    pickled = next((path for path in _PICKLED if (root / path).exists()), None)
    if pickled is None:
        return must_be("root", allowed, str(root), remedy)
    got = f"{root}, with the pickled version in {pickled}, which could run anything when it is read"
    return must_be("root", allowed, got, remedy)


def members(archive: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of some members of the archive, by name; nothing is written, and no other member is looked at.

    They stand in any order, and going back in a packed file would unpack it again: one pass takes them all.
    """
    read: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                if folder == FOLDER and name in names and (file := tar.extractfile(member)):
                    read[name] = file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise must_be(str(archive), "a whole tar.gz file", error_text(error), AGAIN) from error
    for name in names:
        if name not in read:
            raise must_be(str(archive), f"an archive that holds {FOLDER}/{name}", "one without it", AGAIN)
    return read
