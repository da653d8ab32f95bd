import json

import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.figures import interactive_rates


@pytest.fixture
def figure(recommended, outcomes_of_seeds, accuracies):
    return interactive_rates(recommended, outcomes_of_seeds, accuracies)


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_hovering_tells_seed_loss_accuracy_and_outcome(figure, outcomes_of_seeds, accuracies):
    texts = [text for trace in named(figure, "a seed") for text in trace.text]
    assert len(texts) == int(np.isfinite(outcomes_of_seeds).sum())
    loss, accuracy = (float(array.sel(lr=0.01, seed=3)) for array in (outcomes_of_seeds, accuracies))
    expected = f"validation loss {loss:.4g}<br>validation accuracy {accuracy:.4g}<br>trained to the end"
    assert f"lr 0.01, seed 3<br>{expected}" in texts
    assert all(trace.hovertemplate.startswith("%{text}") for trace in named(figure, "a seed"))


def test_points_are_the_losses_at_their_rates(figure, outcomes_of_seeds):
    for trace, lr in zip(named(figure, "a seed"), outcomes_of_seeds["lr"].values, strict=True):
        of_rate = outcomes_of_seeds.sel(lr=lr).values
        np.testing.assert_array_equal(trace.y, of_rate[np.isfinite(of_rate)])
        assert (np.abs(np.log10(np.array(trace.x) / lr)) < 0.5).all()


def test_diverged_seeds_are_crosses_above_all_points(figure, outcomes_of_seeds):
    (crosses,) = named(figure, "diverged")
    assert [text.split("<br>") for text in crosses.text] == [[f"lr 0.1, seed {s}", "diverged"] for s in range(4)]
    finite = outcomes_of_seeds.values[np.isfinite(outcomes_of_seeds)]
    assert (np.array(crosses.y) > finite.max()).all()
    assert crosses.showlegend


def test_outcomes_may_be_given(recommended, outcomes_of_seeds):
    outcome = xr.full_like(outcomes_of_seeds, "not improved", dtype=object)
    figure = interactive_rates(recommended, outcomes_of_seeds, outcome=outcome)
    assert named(figure, "a seed")[0].text[0].endswith("<br>not improved")


def test_intervals_of_the_centres_are_those_given(figure, recommended):
    (centres,) = named(figure, "centre")
    np.testing.assert_allclose(np.array(centres.y) + centres.error_y.array, recommended["score_high"])
    np.testing.assert_allclose(np.array(centres.y) - centres.error_y.arrayminus, recommended["score_low"])


def test_bars_tell_how_many_diverged(figure, recommended):
    (bars,) = named(figure, "share diverged")
    np.testing.assert_array_equal(bars.y, recommended["diverged_share"])
    np.testing.assert_allclose(bars.error_y.array, [0, 0, 0, 0.9 - 4 / 6])
    assert bars.text[3] == "4 of 6 diverged<br>probability 0.30 to 0.90"


def test_the_range_is_shaded_and_every_rate_has_a_tick(figure):
    (shade,) = figure.layout.shapes
    assert 0.0001 < shade.x0 < 0.001 < 0.01 < shade.x1 < 0.1
    assert list(figure.layout.xaxis2.ticktext) == ["0.0001", "0.001", "0.01", "0.1"]
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"


def test_each_stretch_of_plausible_rates_is_shaded(recommended, outcomes_of_seeds):
    gap = recommended.assign(plausible=recommended["plausible"].copy(data=[True, False, True, False]))
    first, last = interactive_rates(gap, outcomes_of_seeds).layout.shapes
    assert first.x0 < 0.0001 < first.x1 < 0.001 < last.x0 < 0.01 < last.x1 < 0.1


def test_ticks_of_losses_are_written_out(figure, outcomes_of_seeds):
    ticks = dict(zip(figure.layout.yaxis.ticktext, figure.layout.yaxis.tickvals, strict=True))
    assert ticks["0.2"] == pytest.approx(0.2)
    assert {"0.1", "0.5", "1", "2"} <= set(ticks)


def test_a_grid_in_which_all_diverged_is_drawn(recommended, outcomes_of_seeds):
    nothing = recommended.assign(plausible=recommended["plausible"] & False, best=np.nan, low=np.nan, high=np.nan)
    figure = interactive_rates(nothing, outcomes_of_seeds.where(False, np.inf))
    assert [len(trace.x) for trace in named(figure, "diverged")] == [6] * 4
    assert [trace.showlegend for trace in named(figure, "diverged")] == [True, False, False, False]
    assert (named(figure, "best"), named(figure, "a seed"), figure.layout.shapes) == ([], [], ())
    assert figure.layout.yaxis.tickvals == ()


def test_it_is_json_without_numbers_that_json_does_not_know(figure):
    json.loads(figure.to_json(), parse_constant=pytest.fail)


def test_other_dimensions_are_refused(recommended, outcomes_of_seeds):
    with pytest.raises(InputError, match=r"^scores must be of dimensions \(lr, seed\)"):
        interactive_rates(recommended, outcomes_of_seeds.isel(seed=0))
