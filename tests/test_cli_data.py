"""`lrscope data fetch`: what it prints and refuses; what it fetches is tested with the data."""

import pytest

from lrscope.cli import main

FETCH = ["data", "fetch"]


def test_one_sentence_says_what_is_there_and_how_to_use_it(tmp_path, monkeypatch, capsys):
    def fetch(name, folder, url, progress):
        progress("labels.gz", 6, 6)
        asked.append((name, folder, url))
        return folder

    asked, root = [], tmp_path / "my data"
    monkeypatch.setattr("lrscope.data.fetch", fetch)
    assert main([*FETCH, "mnist", "--root", str(root), "--url", "http://127.0.0.1"]) == 0
    assert asked == [("mnist", root, "http://127.0.0.1")]
    printed = capsys.readouterr()
    assert printed.out == (
        f"mnist is in '{root}', checked. Train with: lrscope run sweep --data mnist --root '{root}'\n"
    )
    assert "labels.gz" in printed.err


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
