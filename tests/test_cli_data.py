"""`lrscope data fetch`: what it prints and refuses; what it fetches is tested with the data."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lrscope.cli import main
from lrscope.data import _fetch
from lrscope.data._known import Source

FETCH = ["data", "fetch"]


@pytest.fixture
def url(tmp_path, monkeypatch):
    """Return the address of a server that has one file, `labels.gz`, of a data set called mnist."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "labels.gz").write_bytes(b"labels")
    checksum = hashlib.sha256(b"labels").hexdigest()
    monkeypatch.setitem(_fetch.SOURCES, "mnist", Source({"labels.gz": checksum}, ()))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_sentence_says_what_is_there_and_how_to_use_it(url, tmp_path, capsys):
    root = tmp_path / "my data"
    assert main([*FETCH, "mnist", "--root", str(root), "--url", url]) == 0
    printed = capsys.readouterr()
    assert printed.out == (
        f"mnist is in '{root}', checked. Train with: lrscope run sweep --data mnist --root '{root}'\n"
    )
    assert "labels.gz" in printed.err
    assert (root / "labels.gz").read_bytes() == b"labels"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fetsh"], "lrscope data must be one of fetch; got 'fetsh'. Did you mean 'fetch'?"),
        (["fetch"], "NAME must be mnist or cifar10; got none. Write for example: lrscope data fetch mnist --root data"),
        (["fetch", "mnist"], "--root must be given. Write for example: lrscope data fetch mnist --root data"),
        (["fetch", "mnist", "--rot"], "an option must be one of --root, --url; got '--rot'. Did you mean '--root'?"),
    ],
)
def test_what_is_not_allowed_is_said_in_one_sentence(words, sentence, refused):
    assert refused("data", *words) == sentence
