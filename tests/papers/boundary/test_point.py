"""A point of a map and its neighbours across the edge, recorded in full."""

import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.papers.boundary import STUDY, MapTraining, Options, experiments, further, maps
from lrscope.papers.boundary._point import POINT, pixels_at
from lrscope.papers.boundary._training import losses
from lrscope.records import concatenate
from lrscope.training import stream

FIELDS = {"resolution": 16, "steps": 30}


def recorded(options: Options):
    """Return the records of a map and of its point, and the pixels that are recorded."""
    records = {"map": concatenate(MapTraining(experiments(options)["map"], device="cpu"))}
    points = {name: one for name, one in further(records, options).items() if name.startswith(POINT)}
    records |= {name: concatenate(stream(one, device="cpu")) for name, one in points.items()}
    return records, pixels_at(maps({"map": records["map"]})["map"], options.point("at"))


@pytest.mark.parametrize("condition", ["tanh", "relu", "linear", "one-point"])
def test_trainings_are_those_of_the_map(condition):
    options = Options(condition=condition, at="1,3", **FIELDS)
    records, pixels = recorded(options)
    expected = losses(experiments(options)["map"], np.array(pixels))
    loss = records[POINT]["loss"].values.T
    small = np.isfinite(expected) & (expected < 1e3)
    assert small[0].all()
    assert np.allclose(loss[small], expected[small], rtol=1e-8)
    whole = maps({"map": records["map"]})["map"]
    converged = whole["converged"].values.ravel()[pixels]
    assert converged[0] != converged[-1]


def test_results_say_where_trainings_part():
    options = Options(at="1,3", **FIELDS)
    records, pixels = recorded(options)
    results = STUDY.results(records, options)
    node = results[POINT].to_dataset()
    reference = node.attrs["reference"]
    assert node["distance"].isel(pixel=reference).max() == 0
    assert node["mapped"][reference] == node["mapped"][0] != node["mapped"][-1]
    weights = node["distance"].sel(quantity="weights").isel(pixel=-1).values
    far = int(node["far"][-1])
    assert (weights[:far] <= 0.01).all()
    assert weights[far] > 0.01
    assert node["converged"].values.tolist() == node["mapped"].values.tolist()
    sections = STUDY.sections(results, options)
    titles = [section.title for section in sections]
    assert "What a point did" in titles
    for item in sections[titles.index("What a point did")].items:
        assert item.draw(results) if hasattr(item, "draw") else len(item.frame(results)) == len(pixels)
    assert any("The point at" in text for text in STUDY.summary(results, options))


def test_far_from_the_edge_the_pixels_on_both_sides_of_it_are_recorded():
    options = Options(at="1e-3,1e-3", **FIELDS)
    records = {"map": concatenate(MapTraining(experiments(options)["map"], device="cpu"))}
    frame = maps(records)["map"]
    pixels = pixels_at(frame, options.point("at"))
    assert [bool(frame["converged"].values.ravel()[pixel]) for pixel in pixels] == [True, True, False]
    (row, column), (other_row, other_column) = (divmod(pixel, 16) for pixel in pixels[1:])
    assert max(abs(row - other_row), abs(column - other_column)) == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"at": "1e7,1"}, "at"), ({"at": "1"}, "X,Y"), ({"at": "1,1", "condition": "minibatch"}, "minibatch")],
)
def test_a_point_that_cannot_be_is_one_sentence(fields, named):
    with pytest.raises(InputError, match=named):
        Options(**fields)
