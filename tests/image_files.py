"""Small files in the formats of MNIST and CIFAR-10, with known contents."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np

RECORD = 3073


def idx(values: np.ndarray) -> bytes:
    """Return an array of unsigned bytes as an IDX file."""
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def digits(count: int, seed: int = 0, size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return images (sample, size, size + 1) and labels (sample) of unsigned bytes."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, size, size + 1), np.uint8), random.integers(0, 10, count, np.uint8)


def write_mnist(folder: Path, packed: bool = False, dotted: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write the four files of MNIST, 30 and 12 images, and return what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": digits(30, 1), "t10k": digits(12, 2)}
    for part, arrays in parts.items():
        for array, kind in zip(arrays, ("images-idx3", "labels-idx1"), strict=True):
            name = f"{part}-{kind}-ubyte".replace("-idx", ".idx" if dotted else "-idx")
            raw = idx(array)
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
    return parts


def cifar_records(count: int, seed: int) -> np.ndarray:
    """Return records (sample, 3073): a label, then the pixels."""
    random = np.random.default_rng(seed)
    records = random.integers(0, 256, (count, RECORD), np.uint8)
    records[:, 0] = random.integers(0, 10, count)
    return records


def cifar_parts() -> dict[str, np.ndarray]:
    """Return file name -> records: five files of 3 images and one of 4."""
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    return {name: cifar_records(3, number) for number, name in enumerate(names)} | {
        "test_batch.bin": cifar_records(4, 9)
    }


def write_cifar(folder: Path, packed: bool = False) -> dict[str, np.ndarray]:
    """Write the six files of CIFAR-10 and return what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = cifar_parts()
    for name, records in parts.items():
        raw = records.tobytes()
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(raw) if packed else raw)
    return parts


def cifar_archive(parts: dict[str, np.ndarray], folder: str = "cifar-10-batches-bin") -> bytes:
    """Return the archive of the files, in an order that is not theirs, as in the original one."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in [*sorted(parts, reverse=True), "readme.html"]:
            raw = parts[name].tobytes() if name in parts else b"<p>"
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    return out.getvalue()
