"""Downloads, from a server on the loopback address with small files in the real formats."""

import hashlib
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from image_files import cifar_archive, cifar_parts, write_cifar, write_mnist
from lrscope.data import CIFAR10, MNIST, _fetch, fetch
from lrscope.data._known import Source
from lrscope.errors import InputError, LrscopeError, StoreError


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, counts what is asked for, and says nothing."""

    def log_message(self, *_):
        self.server.asked.append(self.path)

    def do_GET(self):
        if self.path.startswith("/cut/"):  # a connection that breaks in the middle of a file
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            return
        super().do_GET()


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return a folder with the files that the server has, and make their checksums the right ones."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "server"
    write_mnist(folder, packed=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(cifar_archive(cifar_parts()))
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    for name, source in _fetch.SOURCES.items():
        own = {file: sums[file] for file in source.files}
        monkeypatch.setitem(_fetch.SOURCES, name, Source(own, ("http://127.0.0.1:9/nothing",)))
    return folder


@pytest.fixture
def server(published):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(server, folder=""):
    return f"http://127.0.0.1:{server.server_port}{folder}"


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_each_file_has_a_checksum_and_comes_over_an_encrypted_line():
    assert list(_fetch.SOURCES) == ["mnist", "cifar10"]
    assert {name: len(source.files) for name, source in _fetch.SOURCES.items()} == {"mnist": 4, "cifar10": 1}
    sums = [checksum for source in _fetch.SOURCES.values() for checksum in source.files.values()]
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in sums)
    assert all(server.startswith("https://") for source in _fetch.SOURCES.values() for server in source.servers)


def test_mnist_is_fetched_and_can_be_read(server, published, tmp_path):
    told = []
    root = tmp_path / "new" / "data"
    assert fetch("mnist", root, address(server), lambda *progress: told.append(progress)) == root
    assert files(root) == files(published)[1:]
    for name in files(root):
        assert (root / name).read_bytes() == (published / name).read_bytes()
        size = (root / name).stat().st_size
        assert (name, size, size) in told
    assert len(MNIST(root).arrays().inputs) == 30


def test_cifar_is_fetched_unpacked_and_can_be_read(server, tmp_path):
    root = fetch("cifar10", tmp_path / "data", address(server, "/"))
    names = [f"cifar-10-batches-bin/{name}" for name in cifar_parts()]
    assert files(root) == sorted(["cifar-10-binary.tar.gz", *names])
    write_cifar(tmp_path / "expected")
    assert np.array_equal(CIFAR10(root).arrays().inputs, CIFAR10(tmp_path / "expected").arrays().inputs)


def test_what_is_there_is_not_fetched_again_unless_it_is_damaged(server, tmp_path):
    root = fetch("mnist", tmp_path / "data", address(server))
    assert len(server.asked) == 4
    fetch("mnist", root, address(server))
    assert len(server.asked) == 4
    path = root / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    fetch("mnist", root, address(server))
    assert server.asked[4:] == ["/t10k-labels-idx1-ubyte.gz"]
    assert path.read_bytes() == whole


def test_the_next_server_is_asked_if_one_does_not_answer(server, tmp_path, monkeypatch):
    own = _fetch.SOURCES["mnist"].files
    servers = "http://127.0.0.1:9", address(server, "/nowhere"), address(server)
    monkeypatch.setitem(_fetch.SOURCES, "mnist", Source(own, servers))
    assert len(files(fetch("mnist", tmp_path / "data"))) == 4


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("/nowhere", "404 File not found"), ("/cut", "the answer ended too early")],
)
def test_a_file_that_does_not_come_is_said_and_nothing_is_kept(server, tmp_path, folder, reason):
    url = address(server, folder)
    sentence = (
        rf"train-images-idx3-ubyte.gz cannot be downloaded from {re.escape(url)} \({reason}\)\. Nothing of it was "
        r"kept\. Check the network, or give another server with --url\."
    )
    with pytest.raises(LrscopeError, match=f"^{sentence}$") as caught:
        fetch("mnist", tmp_path / "data", url)
    assert not isinstance(caught.value, InputError)
    assert files(tmp_path / "data") == []


def test_no_server_at_all_is_said(published, tmp_path):
    with pytest.raises(LrscopeError, match=r"from http://127.0.0.1:9/nothing \(no answer, ConnectionError\)"):
        fetch("cifar10", tmp_path / "data")
    assert files(tmp_path / "data") == []


def test_another_file_under_the_name_is_refused_and_not_kept(server, published, tmp_path):
    path = published / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes() + b"0")
    with pytest.raises(LrscopeError, match=r"^train-labels.* \(another file: its checksum is wrong\)\. Nothing of it"):
        fetch("mnist", tmp_path / "data", address(server))
    assert files(tmp_path / "data") == ["train-images-idx3-ubyte.gz"]


def test_an_interrupted_download_leaves_nothing(server, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("mnist", tmp_path / "data", address(server), interrupt)
    assert files(tmp_path / "data") == []


def test_a_folder_that_cannot_be_written_is_said(server, tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=rf"^{root} cannot be written \(.*\)\. Give another --root\.$"):
            fetch("mnist", root, address(server))


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("cifar", None, "data must be one of mnist, cifar10; got 'cifar'. Did you mean 'cifar10'?"),
        (
            "mnist",
            "ftp://there/mnist",
            "url must be the address of a folder, such as https://example.org/mnist; got 'f",
        ),
        ("mnist", "http://[bad/", "url must be the address of a folder, such as https://example.org/mnist; got 'http"),
    ],
)
def test_what_cannot_be_fetched_is_said_before_anything_is_written(tmp_path, name, url, words):
    with pytest.raises(InputError, match=re.escape(words)):
        fetch(name, tmp_path / "data", url)
    assert not (tmp_path / "data").exists()
