import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.report import Claim, Picture, Table, verdict, write_picture
from lrscope.report._pictures import DPI, PNG, compact, png, size, svg


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"a row of the table 'Errors' must be 2 cells long; got \(1, 2, 3\)\."):
        Table("Errors", ["a", "b"], [[1, 2], [1, 2, 3]])


def test_bytes_that_are_no_picture_are_refused():
    with pytest.raises(InputError, match="image must be the bytes of a PNG or SVG file; got b'GIF89a'"):
        Picture("a", "", b"GIF89a")


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([], "No statements were checked."),
        ([True], "1 of 1 statement holds."),
        ([True, True, False, False], "2 of 4 statements hold, 2 do not hold."),
        ([np.True_, np.False_], "1 of 2 statements holds, 1 does not hold."),
        ([None], "0 of 1 statement holds, 1 could not be checked."),
    ],
)
def test_the_verdict_counts(found, sentence):
    assert verdict([Claim("", "", "", 0, 0, 0, holds) for holds in found]) == sentence


def test_small_figures_stay_vectors_and_large_ones_become_pixels(figure):
    assert compact(figure) == svg(figure)
    axes = figure.axes[0]
    axes.scatter(range(20000), [n * 7919 % 1000 for n in range(20000)])
    assert compact(figure) == png(figure)


def test_a_picture_from_files_is_the_one_that_was_drawn(tmp_path, figure):
    png_file, svg_file = write_picture(tmp_path, "loss", figure)
    assert Picture.from_files("Loss", "It falls.", svg_file, png_file) == Picture.of(figure, "Loss", "It falls.")


def test_both_forms_of_a_figure_state_the_same_size(figure):
    width, height = size(png(figure))
    assert size(svg(figure)) == (pytest.approx(width, abs=2), pytest.approx(height, abs=2))
    assert 300 < width < 420


def test_a_picture_without_a_stated_size_has_none():
    assert size(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>') is None


def test_pixels_are_counted_at_the_resolution_of_the_figures():
    header = PNG + b"\0\0\0\rIHDR" + (DPI * 3).to_bytes(4) + DPI.to_bytes(4)
    assert size(header) == (3 * 96, 96)
