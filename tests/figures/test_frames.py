import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.figures import frame_steps
from lrscope.figures._frames import Path, path_of
from lrscope.figures._run import thinned


def steps_only(count, loss=1.0):
    return xr.Dataset({"loss": ("step", np.full(count, loss))}, {"step": np.arange(count)})


@given(st.integers(2, 300), st.integers(1, 2000), st.integers(0, 1999), st.integers(0, 500))
def test_frames_are_recorded_steps_in_order_and_not_too_many(count, length, first, wide):
    first = min(first, length - 1)
    zoom = (first, first + wide)
    steps = frame_steps(steps_only(length), zoom, count)
    assert len(steps) <= max(count, 2)
    assert (np.diff(steps) > 0).all()
    assert set(steps) <= set(range(length))
    assert {0, first} <= set(steps.tolist()) if count >= 4 else True


def test_half_of_the_frames_are_in_the_zoom():
    steps = frame_steps(steps_only(1000), (730, 789), 100)
    inside = (steps >= 730) & (steps <= 789)
    assert inside.sum() >= 50
    assert steps[-1] == 999


def test_of_a_diverged_run_the_frames_end_with_it(failed):
    steps = frame_steps(failed, None, 20)
    assert steps[-1] == 40
    assert steps[0] == 0


def test_there_must_be_frames_and_steps(run):
    with pytest.raises(InputError, match="count must be 2 frames or more; got 1"):
        frame_steps(run, None, 1)
    with pytest.raises(InputError, match=r"zoom must be within the steps of the run, 0 to 59; got \(70, 80\)"):
        frame_steps(run, (70, 80))


@given(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=300), st.integers(4, 60))
def test_a_thinned_line_keeps_its_ends_and_its_extremes(values, points):
    values = np.array(values)
    steps = np.arange(len(values))
    x, y = thinned(steps, values, points)
    known = np.isfinite(values)
    assert len(x) <= points
    np.testing.assert_array_equal(y, values[x])
    if known.any():
        assert (y.min(), y.max()) == (values[known].min(), values[known].max())
        assert (x[0], x[-1]) == (steps[known][0], steps[known][-1])


def test_a_thinned_path_loses_what_cannot_be_seen_alone(rng):
    zigzag = np.stack([np.arange(40_000) / 4e4, np.arange(40_000) % 2.0], 1)
    kept = Path(np.arange(40_000), zigzag).thinned(1500)
    assert len(kept) <= 1501
    assert set(kept[:, 1]) == {0.0, 1.0}
    straight = np.linspace([0, 0], [1, 1e-9], 40_000)
    kept = Path(np.arange(40_000), straight).thinned(1500)
    assert 300 < len(kept) < 700
    short = rng.random((50, 2))
    np.testing.assert_array_equal(Path(np.arange(50), short).thinned(1500), short)


def test_the_closeup_is_the_last_arrows_stretched_to_a_square(run):
    path = path_of(run)
    near = path.closeup(45)
    assert near.points.shape == (25, 2)
    ends = run["gradient_path"].sel(step=slice(21, 45)).values
    np.testing.assert_allclose(np.diff(near.points, axis=0) * near.side / 1.84, np.diff(ends, axis=0), atol=1e-12)
    assert np.abs(near.points).max() == pytest.approx(0.92)
    assert path.closeup(0).points.tolist() == [[0, 0]]
