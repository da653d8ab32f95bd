"""Downloads of the data sets with files, on request, checked against their published checksums."""

import importlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pooch

from lrscope._imported import error_text
from lrscope.data._files import ARCHIVE, FOLDER, TEST, TRAINING, members
from lrscope.data._known import SOURCES
from lrscope.errors import LrscopeError, StoreError, must_be, unknown

Show = Callable[[str, int, int], None]
"""Called with the progress of a download: file, bytes there, bytes of the whole, 0 if unknown."""
_SECONDS = 30
_CHUNK = 2**16


def fetch(name: str, root: str | Path, url: str | None = None, show: Show | None = None) -> Path:
    """Download the files of a data set into a folder, check them, and return the folder.

    Files that are there and whole are not downloaded again. A file gets its name when its checksum is right, so that
    none is ever there in part. Of CIFAR-10 the archive stays, and what it holds is written beside it.

    Parameters
    ----------
    name : ``mnist`` or ``cifar10``
    root : folder for the files; made if it is not there
    url : folder on another server that holds the same files
    show : called with file, bytes there and bytes of the whole, now and then

    Raises
    ------
    InputError : an unknown name (the nearest is given), or another address than one of the web.
    LrscopeError : no server answers, or none has the file with its checksum.
    StoreError : the folder cannot be written.
    """
    if name not in SOURCES:
        raise unknown("data", name, SOURCES)
    source, folder = SOURCES[name], Path(root)
    servers = source.servers if url is None else (_checked(url),)
    pooch.get_logger().setLevel("WARNING")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, checksum in source.files.items():
            _fetch_file(file, checksum, folder, servers, show)
        if ARCHIVE in source.files:
            _unpack(folder)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written ({error.strerror or error_text(error)}). Give another --root."
        ) from error
    return folder


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not close
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise must_be("url", "the address of a folder, such as https://example.org/mnist", url)
    return url.rstrip("/")


def _fetch_file(file: str, checksum: str, folder: Path, servers: tuple[str, ...], show: Show | None) -> None:
    """Have a file in a folder, from the first server that hands it out whole."""
    answers = importlib.import_module("requests.exceptions")  # slow to import, like the rest of the web
    failed = []
    for server in servers:
        downloader = pooch.HTTPDownloader(
            progressbar=_Progress(file, show) if show else False,
            chunk_size=_CHUNK,
            timeout=_SECONDS,
            headers={"Accept-Encoding": "identity"},  # unpacked on the way, a file would have another checksum
        )
        try:
            pooch.retrieve(f"{server}/{file}", f"sha256:{checksum}", file, folder, downloader=downloader)
            return
        except ValueError:
            failed.append(f"{server} (another file: its checksum is wrong)")
        except answers.RequestException as error:
            failed.append(f"{server} ({_reason(error)})")
    remedy = "Nothing of it was kept. Check the network, or give another server with --url."
    raise LrscopeError(f"{file} cannot be downloaded from {' or '.join(failed)}. {remedy}")


def _reason(error: Exception) -> str:
    """Return in a few words why there is no file."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    if type(error).__name__ == "ChunkedEncodingError":
        return "the answer ended too early"
    return f"no answer, {type(error).__name__}"


class _Progress:
    """What pooch tells how far it is."""

    def __init__(self, file: str, show: Show) -> None:
        self._file, self._show = file, show
        self._done = self.total = 0

    def update(self, size: int) -> None:
        """Count bytes; the last chunk may be smaller than it is said to be."""
        self._done = min(self._done + size, self.total) if self.total else self._done + size
        self._show(self._file, self._done, self.total)

    def reset(self) -> None:
        """Begin again: pooch counts the whole once more when it is there."""
        self._done = 0

    def close(self) -> None:
        """Do nothing: who shows it ends it."""


def _unpack(folder: Path) -> None:
    """Write the files of the archive beside it, each at once: the names are ours, not the archive's."""
    (folder / FOLDER).mkdir(exist_ok=True)
    for name, raw in members(folder / ARCHIVE, TRAINING + TEST).items():
        part = folder / FOLDER / f"{name}.part"
        part.write_bytes(raw)
        part.replace(folder / FOLDER / name)
