"""Images from files in a folder, MNIST and CIFAR-10; nothing is downloaded here, and pickled files are never read."""

import gzip
import math
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lrscope._imported import error_text
from lrscope.data._images import Images, ImagesOfFolder
from lrscope.errors import InputError, must_be
from lrscope.specification import specification

AGAIN = "Fetch the file again, for example with lrscope data fetch."
CLASSES = 10
"""Classes of MNIST and of CIFAR-10."""
_LARGEST = 255
_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTES = 8
MNIST_FOLDERS = ("", "MNIST/raw", "raw")
"""Where the files may lie below the root; the second is torchvision's."""
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
_SHAPE = (3, 32, 32)
_BYTES = 1 + 3 * 32 * 32
"""Of an image: its class, then 1024 values each of red, green and blue, row by row."""
_PICKLED = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1")


def existing(root: Path, folders: Iterable[str], names: Sequence[str]) -> Path | None:
    """Return the first file that exists of some names, each as it is or with ``.gz``, in some folders below `root`."""
    candidates = (root / folder / (name + ending) for folder in folders for name in names for ending in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if it is gzipped, whatever its name."""
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


def check_classes(labels: np.ndarray, place: str) -> None:
    """Raise an error if a label (sample) is no class; `place` says where the labels stand."""
    wrong = np.flatnonzero(labels >= CLASSES)
    if len(wrong):
        got = f"{labels[wrong[0]]} for image {wrong[0]}"
        raise must_be(f"{place}: the labels", f"numbers from 0 to {CLASSES - 1}", got, AGAIN)


def read_idx(path: Path, dims: int) -> np.ndarray:
    """Return the values of an IDX file, gzipped or not, uint8 with `dims` dimensions.

    Two zero bytes, 8 for unsigned bytes, and the number of dimensions make the magic number; the sizes follow, four
    big-endian bytes each, then one byte a value.
    """
    raw = content(path)
    wanted = bytes([0, 0, _UNSIGNED_BYTES, dims]).hex()
    if raw[:4].hex() != wanted:
        allowed = f"an IDX file of unsigned bytes in {dims} dimensions, magic number {wanted}"
        raise must_be(str(path), allowed, raw[:4].hex(), AGAIN)
    start = 4 + 4 * dims
    if len(raw) < start:
        raise must_be(str(path), f"an IDX file with a header of {start} bytes", f"{len(raw)} bytes", AGAIN)
    shape = struct.unpack(f">{dims}I", raw[4:start])
    size = start + math.prod(shape)
    if len(raw) != size or size == start:
        allowed = f"a file of {size} bytes with at least one value, as its header says ({' x '.join(map(str, shape))})"
        raise must_be(str(path), allowed, f"{len(raw)} bytes", AGAIN)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


@specification
class MNIST(ImagesOfFolder):
    """70 000 images (sample, 1, 28, 28) of handwritten digits, grey, and the digits 0 to 9 that they show.

    Other data in the same files (Fashion-MNIST, say) is read as well. Files may be gzipped or not, be called
    ``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``, and lie in the folder or below it in ``MNIST/raw``.

    Attributes
    ----------
    root : folder of the files
    val_share : of the training images, that is kept for validation; by default the standard test images are
    split_seed : of the permutation by which images are split and chosen
    samples, val_samples : how many images to learn from and to validate on at most; None for all

    Raises
    ------
    InputError : later, when files are read: one that is missing, has a wrong magic number or another size than its
        header says, other labels than 0 to 9, as many labels as there are images are not there; more samples than
        there are.

    References
    ----------
    LeCun, Cortes, Burges: The MNIST database of handwritten digits (1998).
    """

    def _images(self, test: bool = False) -> Images:
        part = "t10k" if test else "train"
        paths = [_path(Path(self.root), f"{part}-{kind}") for kind in ("images-idx3", "labels-idx1")]
        pixels, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
        if len(pixels) != len(labels):
            raise must_be(str(paths[1]), f"as many labels as {paths[0]} holds images, {len(pixels)}", len(labels))
        check_classes(labels, str(paths[1]))
        return Images(pixels[:, None], labels, _LARGEST)


def _path(root: Path, name: str) -> Path:
    """Return the path of a file such as ``train-images-idx3``."""
    usual = f"{name}-ubyte"
    path = existing(root, MNIST_FOLDERS, (usual, usual.replace("-idx", ".idx")))
    if path is None:
        remedy = f"Download the files with: lrscope data fetch mnist --root {root}"
        raise must_be("root", f"a folder that holds {usual}, gzipped or not", str(root), remedy)
    return path


@specification
class CIFAR10(ImagesOfFolder):
    """60 000 photographs (sample, 3, 32, 32) of ten kinds of things, in three colours, and their kinds, 0 to 9.

    The binary version is read: ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, gzipped or not, in
    the folder or below it in ``cifar-10-batches-bin``; or else from ``cifar-10-binary.tar.gz`` as it is.

    Attributes
    ----------
    root, val_share, split_seed, samples, val_samples : as in `MNIST`

    Raises
    ------
    InputError : later, when files are read: one that is missing, of a length that is no multiple of 3073 bytes, or
        with other labels than 0 to 9; only the pickled version; more samples than there are.

    References
    ----------
    Krizhevsky: Learning multiple layers of features from tiny images (2009).
    """

    def _images(self, test: bool = False) -> Images:
        files = _files(Path(self.root), TEST if test else TRAINING)
        records = np.concatenate([_records(raw, place) for place, raw in files])
        return Images(records[:, 1:].reshape(-1, *_SHAPE), records[:, 0], _LARGEST)


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
