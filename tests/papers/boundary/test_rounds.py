"""A map does not depend on the engine, on interruptions, or on what was trained before."""

import numpy as np
import pytest
import xarray as xr

from lrscope.engines import Processes
from lrscope.errors import InputError
from lrscope.papers.boundary import Map, MapTraining, Options, experiments, further, maps
from lrscope.papers.boundary._frames import point_of_edge

VARIABLES = ("member", "value", "converged", "steps_used", "final_loss", "seed", "lr_input", "lr_output", "frame")


def trained(asked, **where):
    return next(MapTraining(asked, device="cpu", **where))


def check_same(one, other):
    for name in VARIABLES:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


@pytest.fixture(scope="module")
def asked() -> Map:
    """Return a map whose edge is refined in several rounds."""
    return Map(condition="linear", x=(0.1, 1e3), y=(0.1, 1e3), resolution=128, steps=8, seeds=2)


@pytest.fixture(scope="module")
def whole(asked) -> xr.Dataset:
    return trained(asked)


def test_a_refined_map_is_the_full_one_where_it_was_trained(asked, whole):
    every = maps({"map": trained(Map(**{**vars(asked), "refined": False, "seeds": 1}))})["map"].isel(seed=0)
    some = maps({"map": whole})["map"].isel(seed=0)
    assert 0.05 < some["trained"].mean() < 0.9
    assert every["trained"].all()
    different = (some["converged"] != every["converged"]).values
    assert different.mean() < 0.01
    assert (some["trained"].values & (some["steps_used"] == every["steps_used"]).values)[some["trained"].values].all()


class Stopping:
    """Asks a training to stop after some signs of progress."""

    def __init__(self, signs: int) -> None:
        self.left, self.training = signs, None

    def __call__(self, _done: int, _total: int) -> None:
        self.left -= 1
        if self.left == 0:
            self.training.stop()


def test_an_interrupted_map_is_the_same_to_the_bit(asked, whole, tmp_path):
    for signs in (2, 4):
        stopping = Stopping(signs)
        stopping.training = MapTraining(asked, folder=tmp_path, device="cpu", progress=stopping)
        assert list(stopping.training) == []
        assert not stopping.training.finished
    check_same(trained(asked, folder=tmp_path), whole)


def test_processes_make_the_same_map_to_the_bit(asked, whole, tmp_path):
    with Processes(workers=1, startup_seconds=0.0) as engine:
        check_same(trained(asked, engine=engine, folder=tmp_path), whole)


def test_each_frame_halves_the_span_around_the_edge():
    options = Options(span=("0.1:1e3",), resolution=24, steps=6, zooms=2)
    records = {name: trained(asked) for name, asked in experiments(options).items()}
    for number in (1, 2):
        ((name, asked),) = further(records, options).items()
        assert (name, asked.frame) == (f"zoom{number}", number)
        before = maps(records)[["map", "zoom1"][number - 1]]
        x, y = np.sqrt(asked.x[0] * asked.x[1]), np.sqrt(asked.y[0] * asked.y[1])
        np.testing.assert_allclose((x, y), point_of_edge(before))
        assert before["x"][0] <= asked.x[0] < asked.x[1] <= before["x"][-1]
        for span, dim in ((asked.x, "x"), (asked.y, "y")):
            ratio = float(np.log(before[dim][-1] / before[dim][0]))
            np.testing.assert_allclose(np.log(span[1] / span[0]), ratio / 2)
        records[name] = trained(asked)
    assert further(records, options) == {}


def test_frames_go_where_the_edge_is_densest_or_to_the_point_asked_for(make_map):
    good = np.ones((1, 64, 64), dtype=bool)
    good[0, 40:] = False
    good[0, 40:48, 50:58] = np.random.default_rng(0).random((8, 8)) < 0.5
    frame = make_map(good)
    x, y = np.log10(point_of_edge(frame))
    here = {"x": x - 2.25, "y": y - 2.25}
    seen = [np.log10(frame[dim].values[place]) - here[dim] for dim, place in (("x", 54), ("y", 44))]
    assert min(seen) > 0
    assert max(seen) < 4.5
    np.testing.assert_allclose(np.log10(point_of_edge(frame, (1e-3, 1e6)))[0], -3 + 9 / 4)


def test_a_frame_without_an_edge_is_the_last():
    options = Options(span=("1e-3:2e-3",), resolution=4, steps=4, zooms=3)
    records = {name: trained(asked) for name, asked in experiments(options).items()}
    assert further(records, options) == {}


def test_records_of_another_study_are_refused(whole):
    with pytest.raises(InputError, match="boundary"):
        maps({"map": whole.drop_attrs()})
    with pytest.raises(InputError, match="missing"):
        maps({"map": whole.isel(member=slice(0, -3))})
