import json
import os
import shutil
import stat
import sys

import numpy as np
import pytest
from PIL import Image

from lrscope.errors import InputError, StoreError
from lrscope.report import _film, write_film

FAKE = """#!{python}
import json, pathlib, sys
if "-encoders" in sys.argv:
    print(" V....D {codec}   a codec")
    sys.exit()
frames = sys.stdin.buffer.read()
pathlib.Path({told!r}).write_text(json.dumps([sys.argv[1:], len(frames), list(frames[:3])]))
print("{words}", file=sys.stderr)
pathlib.Path(sys.argv[-1]).write_bytes(b"film")
sys.exit({code})
"""


def squares(count=4, width=21, fails_at=None):
    """A film of a black square that goes to the right on white paper."""
    for place in range(count):
        if place == fails_at:
            raise RuntimeError("the figure has failed")
        picture = np.full((10, width, 3), 255, np.uint8)
        picture[:, place] = 0
        yield picture


@pytest.fixture
def no_ffmpeg(monkeypatch):
    monkeypatch.setattr(_film, "ffmpeg", lambda: None)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a function that puts an ffmpeg on the PATH which does as told, and returns what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    told = tmp_path / "told.json"

    def put(code=0, words="", codec="libx264"):
        program = folder / "ffmpeg"
        program.write_text(FAKE.format(python=sys.executable, told=str(told), words=words, code=code, codec=codec))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return told

    return put


def test_without_ffmpeg_it_is_a_gif(tmp_path, no_ffmpeg):
    path = write_film(tmp_path / "films" / "run", squares())
    assert path == tmp_path / "films" / "run.gif"
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (4, (21, 10), 0)
        shown = []
        for frame in range(4):
            film.seek(frame)
            shown.append(film.info["duration"])
            np.testing.assert_array_equal(np.asarray(film.convert("RGB")), list(squares())[frame])
    assert shown == [40, 40, 40, 1500]


def test_ffmpeg_gets_every_frame_and_its_size(tmp_path, fake):
    told = fake()
    path = write_film(tmp_path / "run.v1", squares())
    assert path == tmp_path / "run.v1.mp4"
    assert path.read_bytes() == b"film"
    words, count, first = json.loads(told.read_text())
    assert count == (4 + 37) * 10 * 21 * 3  # the last frame stays for a second and a half
    assert first == [0, 0, 0]
    assert words[words.index("-s") + 1] == "21x10"
    assert words[words.index("-r") + 1] == "25"
    assert words[words.index("-c:v") + 1] == "libx264"


def test_another_codec_is_taken_where_the_best_is_missing(tmp_path, fake):
    told = fake(codec="mpeg4")
    write_film(tmp_path / "run", squares())
    words, _, _ = json.loads(told.read_text())
    assert words[words.index("-c:v") + 1] == "mpeg4"


def test_what_ffmpeg_complains_of_is_told_and_nothing_is_left(tmp_path, fake):
    fake(code=1, words="no space left")
    with pytest.raises(StoreError, match=r"run\.mp4 could not be written: ffmpeg .* failed: no space left\."):
        write_film(tmp_path / "run", squares())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "told.json"]


def test_an_ffmpeg_that_ends_early_is_told(tmp_path, fake, monkeypatch):
    fake()
    program = tmp_path / "bin" / "ffmpeg"
    program.write_text(
        f'#!{sys.executable}\nimport sys\nprint(" V..... libx264 x" if "-encoders" in sys.argv else "")\n'
    )
    with pytest.raises(StoreError, match=r"ffmpeg .* failed: "):
        write_film(tmp_path / "run", squares(width=100_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


@pytest.mark.parametrize("program", [True, False])
def test_a_figure_that_fails_leaves_no_file(tmp_path, fake, monkeypatch, program):
    if program:
        fake()
    else:
        monkeypatch.setattr(_film, "ffmpeg", lambda: None)
    with pytest.raises(RuntimeError, match="the figure has failed"):
        write_film(tmp_path / "out" / "run", squares(fails_at=2))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_film_needs_frames(tmp_path, no_ffmpeg):
    with pytest.raises(InputError, match="film must be one frame or more; got none"):
        write_film(tmp_path / "run", squares(count=0))


@pytest.mark.skipif(not _film.ffmpeg(), reason="there is no ffmpeg (pip install lrscope[film])")
def test_ffmpeg_makes_a_film_of_it(tmp_path):
    path = write_film(tmp_path / "run", squares())
    assert path.read_bytes()[4:8] == b"ftyp"
    again = write_film(tmp_path / "again", squares())
    assert again.read_bytes() == path.read_bytes()


def test_the_path_is_searched_before_the_package(fake, monkeypatch):
    fake()
    assert _film.ffmpeg() == shutil.which("ffmpeg")
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(_film, "get_ffmpeg_exe", lambda: "/of/the/package")
    assert _film.ffmpeg() == "/of/the/package"
    monkeypatch.setattr(_film, "get_ffmpeg_exe", None)
    assert _film.ffmpeg() is None
