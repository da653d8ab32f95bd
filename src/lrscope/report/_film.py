"""Films as files: MP4 where there is an ffmpeg, GIF where there is none. A file is there as a whole or not at all."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lrscope.errors import InputError
from lrscope.report._files import whole_file

try:
    from imageio_ffmpeg import get_ffmpeg_exe
except ImportError:  # the extra `film` is not installed
    get_ffmpeg_exe = None

CODECS = ("libx264", "libopenh264", "mpeg4")
"""Of those that an ffmpeg has, the first is taken; browsers show the first two."""
FPS = 25
"""Frames a second; in the hundredths of a second that GIF knows exactly, too."""
GIF_WIDTH = 840
"""Pixels: GIF holds every frame nearly whole, so that it is made smaller."""
GIF_COLOURS = 128
LAST = 1.5
"""Seconds that the last frame stays."""


def write_film(path: str | Path, film: Iterable[np.ndarray]) -> Path:
    """Write a film, and return its path: ``<path>.mp4`` where there is an ffmpeg, else ``<path>.gif``.

    An ffmpeg is one on the PATH, or that of the package imageio-ffmpeg (`pip install lrscope[film]`).

    Parameters
    ----------
    path : without suffix; folders that are missing are made
    film : its frames, pictures of one size (height, width, 3) of bytes

    Raises
    ------
    InputError : the film has no frame.
    StoreError : the file cannot be written, or ffmpeg fails; with its message.
    """
    program = ffmpeg()
    path = Path(f"{path}.{'mp4' if program else 'gif'}")
    with whole_file(path) as partial:
        if program:
            _mp4(program, partial, film)
        else:
            _gif(partial, film)
    return path


def ffmpeg() -> str | None:
    """Return the path of an ffmpeg: on the PATH, or of the package imageio-ffmpeg; None where there is neither."""
    program = shutil.which("ffmpeg")
    if program or get_ffmpeg_exe is None:
        return program
    try:
        return str(get_ffmpeg_exe())
    except RuntimeError:  # the package is there without its program, as on a platform that it does not know
        return None


def _mp4(program: str, path: Path, film: Iterable[np.ndarray]) -> None:
    """Give the frames to ffmpeg as they come; what it says goes to a file, since a full pipe would stop it."""
    frames = _held(film)
    first = next(frames, None)
    if first is None:
        raise InputError("film must be one frame or more; got none.")
    height, width, _ = first.shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FPS), "-i", "-"]
    codec = _codec(program)
    look = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    quality = ["-preset", "veryfast", "-crf", "21"] if codec == "libx264" else ["-q:v", "4"]
    plain = ["-threads", "1", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    command = [program, "-y", "-v", "error", *source, "-c:v", codec, *look, *quality, *plain, "-f", "mp4", str(path)]
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output) as process:
            broken = not _fed(process, first, frames)
        if process.returncode or broken:
            output.seek(0)
            words = output.read().decode(errors="replace").strip().splitlines() or ["no message"]
            raise OSError(f"ffmpeg ({program}) failed: {words[-1]}")


def _fed(process: "subprocess.Popen[bytes]", first: np.ndarray, frames: Iterator[np.ndarray]) -> bool:
    assert process.stdin is not None
    try:
        with process.stdin as stream:
            stream.write(first.tobytes())
            for frame in frames:
                stream.write(frame.tobytes())
    except BrokenPipeError:
        return False
    return True


def _codec(program: str) -> str:
    listed = subprocess.run([program, "-v", "error", "-encoders"], capture_output=True, text=True, check=False)
    known = {line.split()[1] for line in listed.stdout.splitlines() if len(line.split()) > 1}
    usable = [codec for codec in CODECS if codec in known]
    if not usable:
        raise OSError(f"the ffmpeg {program} has none of the encoders {', '.join(CODECS)}; install another one")
    return usable[0]


def _gif(path: Path, film: Iterable[np.ndarray]) -> None:
    """Write an endless GIF; all frames share the colours of the first, the middle and the last."""
    pictures = [_small(frame) for frame in film]
    if not pictures:
        raise InputError("film must be one frame or more; got none.")
    palette = _palette([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [1000 // FPS] * (len(indexed) - 1) + [int(1000 * LAST)]
    settings: dict[str, Any] = {"append_images": indexed[1:], "duration": durations, "loop": 0, "disposal": 1}
    indexed[0].save(path, format="GIF", save_all=True, optimize=False, **settings)


def _small(frame: np.ndarray) -> Image.Image:
    picture = Image.fromarray(frame)
    factor = min(1, GIF_WIDTH / picture.width)
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BOX)


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    together = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures]))
    palette = together.quantize(GIF_COLOURS, Image.Quantize.MEDIANCUT)
    colours = np.reshape(palette.getpalette() or [], (-1, 3))
    colours[colours.sum(1).argmax()] = 255  # the paper stays white
    palette.putpalette(colours.ravel().tolist())
    return palette


def _held(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames, the last one as often as it takes to look at it."""
    frame = None
    for frame in frames:
        yield frame
    if frame is not None:
        for _ in range(round(LAST * FPS) - 1):
            yield frame
