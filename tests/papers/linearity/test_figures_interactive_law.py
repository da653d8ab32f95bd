import base64
import io

import numpy as np
import pytest
from PIL import Image

from lrscope.errors import InputError
from lrscope.papers.linearity.figures import interactive_law


def pixels(source):
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


@pytest.fixture
def figure(shifts, course_of_law, law):
    return interactive_law(shifts, course_of_law, law)


def test_each_number_of_trainings_is_a_stop(figure):
    (slider,) = figure.layout.sliders
    assert [step.label.split(",")[0] for step in slider.steps] == ["8", "16", "32", "64"]
    assert slider.active == 3


def test_a_stop_shows_its_own_points_line_and_course(figure, course_of_law):
    sources = set()
    for place, step in enumerate(figure.layout.sliders[0].steps):
        moved, picture, traces = step.args
        sources.add(picture["images[0].source"])
        line, found = (figure.data[trace] for trace in traces)
        assert (line.name, found.name) == ("least squares", "found")
        y, so_far = moved["y"]
        assert (y[1] - y[0]) / (line.x[1] - line.x[0]) == pytest.approx(float(course_of_law["slope"][place]))
        assert list(so_far) == course_of_law["r2"].values[: place + 1].tolist()
    assert len(sources) == 4


def test_it_opens_at_the_last_number(figure):
    (image,) = figure.layout.images
    assert image.source == figure.layout.sliders[0].steps[-1].args[1]["images[0].source"]
    assert (image.x, image.y) == (figure.layout.xaxis.range[0], figure.layout.yaxis.range[1])
    assert image.sizex == pytest.approx(np.ptp(figure.layout.xaxis.range))


def test_points_are_pixels_at_their_place(shifts, course_of_law, law):
    shifts["x"][:], shifts["y"][:] = 0, 0
    shifts["x"][-1, 0, 0], shifts["y"][-1, 0, 0] = 1, 2
    picture = pixels(interactive_law(shifts, course_of_law, law).layout.images[0].source)
    rows, columns = np.nonzero(picture[..., 3])
    upper = rows < len(picture) / 2
    assert (columns[upper] > 0.9 * len(picture)).all()
    assert (columns[~upper] < 0.1 * len(picture)).all()
    assert upper.any()
    assert not upper.all()


def test_the_size_does_not_grow_with_the_points(shifts, course_of_law, law, rng):
    many = shifts.isel(sample=np.zeros(3000, int))
    for name in ("x", "y"):
        many[name] = many[name] + rng.normal(size=many[name].shape)
    assert len(interactive_law(many, course_of_law, law).to_json()) < 300_000


def test_both_must_have_the_same_numbers(shifts, course_of_law, law):
    with pytest.raises(InputError, match="course must be at the replicates of deltas"):
        interactive_law(shifts, course_of_law.isel(replicates=slice(0, 2)), law)
