"""Where a fall gets steeper: straight lines on a logarithmic axis, and what is none."""

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import acceleration
from lrscope.errors import InputError


def falling(*pieces):
    """Return records whose error falls at given rates for given numbers of steps."""
    rates = np.concatenate([np.full(steps, rate) for rate, steps in pieces])
    loss = np.exp(-np.append(0, np.cumsum(rates[:-1])))
    return xr.Dataset({"loss": ("step", loss)}, coords={"step": np.arange(len(loss))}).expand_dims(member=[0])


def test_the_bend_of_two_lines_is_found_exactly():
    found = acceleration(falling((0.5, 20), (0.001, 480), (0.02, 300), (0.005, 200)))
    assert found["begins"].item() == 500
    assert (found["before"].item(), found["after"].item()) == pytest.approx((0.001, 0.02))
    assert 550 <= found["steepest"].item() <= 750


@pytest.mark.parametrize(
    "pieces",
    [
        [(0.01, 1000)],
        [(0.02, 300), (0.01, 300), (0.001, 400)],
        [(0.010, 500), (0.012, 500)],  # not much faster
        [(1e-6, 500), (1e-4, 500)],  # but goes nowhere
        [(0.01, 400), (-0.05, 100), (0.01, 100), (0.02, 400)],  # behind a rise
    ],
    ids=["even", "slower", "hardly faster", "not far", "after a rise"],
)
def test_what_does_not_begin_to_fall_faster(pieces):
    found = acceleration(falling(*pieces))
    assert (found["begins"].item(), found["steepest"].item()) == (-1, -1)
    assert found["before"].isnull().item()


@pytest.mark.long
def test_the_published_run_falls_faster_near_15000(published):
    found = acceleration(published("f2", 20, 0.05, 40_000))
    assert found["steepest"].item() == pytest.approx(15_000, rel=0.05)
    assert found["begins"].item() == pytest.approx(12_500, rel=0.02)  # what sets in before it is fastest
    assert found["after"] > 3 * found["before"]


def test_the_window_is_a_part():
    with pytest.raises(InputError, match=r"window must be above 0 and at most a third; got 0\.5"):
        acceleration(falling((0.1, 10)), window=0.5)
