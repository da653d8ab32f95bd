"""What a run says of maps whose truth is known: the edge, the dimension beside its null, and each claim."""

import numpy as np
import pytest

from lrscope.papers.boundary import Options
from lrscope.papers.boundary._claims import claims
from lrscope.papers.boundary._results import analyse, pixels
from lrscope.papers.boundary._sections import sections
from lrscope.papers.boundary._summary import summary
from lrscope.report import Report, write

SIDE = 64


def smooth(limit: float = 3.0, low: float = -3.0, high: float = 6.0) -> np.ndarray:
    log = np.linspace(low, high, SIDE)
    return np.add.outer(log, log) < limit


def rough(seed: int, share: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).random((SIDE, SIDE)) < share


@pytest.fixture
def zoom(make_map):
    """Return frames of a zoom, all like one image, of a condition."""

    def make(image, condition="tanh", frames=6):
        names = ["map", *(f"zoom{number}" for number in range(1, frames))]
        ends = [(1.5 - 4.5 / 2**number, 1.5 + 4.5 / 2**number) for number in range(frames)]
        return {
            name: make_map([image(number, *span)], *span, frame=number, condition=condition)
            for number, (name, span) in enumerate(zip(names, ends, strict=True))
        }

    return make


def judged(results):
    return {claim.id: claim.judge(results).holds for claim in claims(results)}


def test_a_smooth_edge_has_dimension_one_and_does_not_interleave(zoom):
    results = analyse(zoom(lambda _, low, high: smooth(3, low, high)))
    assert float(results["dimension"]["median"]) == pytest.approx(1, abs=0.03)
    verdicts = judged(results)
    assert verdicts["dimension"] is False
    assert verdicts["interleaved"] is not True
    assert verdicts["mean"] is None


def test_noise_interleaves_and_is_as_rough_as_its_null(zoom, make_map):
    maps = zoom(lambda number, *_: rough(number), "init-offset")
    maps["null"] = make_map([rough(99)], condition="init-offset", noise=True)
    results = analyse(maps)
    verdicts = judged(results)
    assert verdicts["interleaved"] is True
    assert verdicts["dimension"] is True
    assert float(results["null"]["median"]) == pytest.approx(2, abs=0.1)
    assert "is not decided" in summary(results, None)[1]


def test_one_frame_does_not_decide_a_dimension(make_map):
    results = analyse({"map": make_map([smooth()])})
    assert results["dimension"].attrs["over"] == "tile"
    assert judged(results)["dimension"] is None


def test_the_mean_over_seeds_of_chaotic_trainings_is_smooth(make_map):
    """Each seed trains where a smooth probability is above noise of its own."""
    log = np.linspace(-3, 6, SIDE)
    probability = 1 / (1 + np.exp(4 * (np.add.outer(log, log) - 3)))
    seeds = [np.random.default_rng(seed).random((SIDE, SIDE)) < probability for seed in range(24)]
    results = analyse({"map": make_map(seeds)})
    mean = results["mean"]
    assert mean["difference_low"] > 0.1
    assert judged(results)["mean"] is True
    assert judged(analyse({"map": make_map([smooth(2 + seed / 10) for seed in range(8)])}))["mean"] is None


def test_the_edge_is_that_of_equal_rates_or_of_the_only_rate(make_map):
    seeds = [smooth(limit) for limit in np.linspace(1, 3, 24)]
    equal = analyse({"map": make_map(seeds)})
    assert np.log10(equal["edge"]["lower"]) == pytest.approx(0.5, abs=0.15)
    assert np.log10(equal["edge"]["upper"]) == pytest.approx(1.5, abs=0.15)
    other = make_map([smooth()], x_name="offset", y_name="lr", condition="init-offset")
    line = analyse({"map": other})["line"]
    np.testing.assert_allclose(line["rate"], other["y"])
    assert np.ptp(line["other"].values) == 0


def test_every_trained_pixel_is_a_row_of_the_table(make_map):
    frame = make_map([smooth(), smooth(2)])
    frame["trained"][0, :10] = False
    table = pixels(analyse({"map": frame, "null": make_map([rough(1)], noise=True)}))
    assert len(table) == 3 * SIDE**2 - 10 * SIDE
    row = table[(table.frame == 0) & (table.seed == 1)].iloc[SIDE + 2]
    here = frame.isel(seed=1, y=1, x=2)
    assert (row.x, row.y, row.value) == (here.x, here.y, here.value)
    assert (table.frame == -1).sum() == SIDE**2


@pytest.mark.parametrize("maps", ["one", "seeds", "zoom", "nothing"])
def test_the_report_of_any_run_is_written(zoom, make_map, maps, tmp_path):
    known = {
        "one": lambda: {"map": make_map([smooth()])},
        "seeds": lambda: {"map": make_map([smooth(), rough(1), smooth(2)]), "null": make_map([rough(3)], noise=True)},
        "zoom": lambda: zoom(lambda _, *ends: smooth(3, *ends), "relu"),
        "nothing": lambda: {"map": make_map([np.zeros((20, 20))])},
    }[maps]()
    results = analyse(known)
    told = [claim.judge(results) for claim in claims(results)]
    parts = sections(results, Options())
    page = write(Report("Map", "Which?", summary(results, None), told, parts, results), tmp_path)
    text = " ".join(summary(results, None))
    assert "nan" not in text
    assert "–" not in text
    assert page.stat().st_size < 6e6


def test_the_command_for_a_point_has_the_options_of_the_run(make_map):
    options = Options(condition="relu", span=("1e-2:10",), resolution=64, full=True, seeds=3)
    results = analyse({"map": make_map([smooth()], -2, 1, condition="relu")})
    point = sections(results, options)[0].items[0].point
    expected = "lrscope run boundary --condition relu --span 1e-2:10 --resolution 64 --full --at {x},{y} --zooms 0"
    assert point.command.startswith(expected)
    assert point.x == pytest.approx((0.01, 10))
