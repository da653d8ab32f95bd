"""Where a fall gets steeper: straight lines on a logarithmic axis."""

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.stability._acceleration import acceleration


def falling(*pieces):
    """Return records whose error falls at given rates for given numbers of steps."""
    rates = np.concatenate([np.full(steps, rate) for rate, steps in pieces])
    loss = np.exp(-np.append(0, np.cumsum(rates[:-1])))
    data = {"val_loss": ("step", loss), "diverged_at": ("step", np.full(len(loss), -1))}
    return xr.Dataset(data, coords={"step": np.arange(len(loss))}).expand_dims(member=[0])


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
        [(0.01, 400), (-0.05, 100), (0.01, 100), (0.02, 400)],  # after a rise
    ],
    ids=["even", "slower", "hardly faster", "not far", "after a rise"],
)
def test_what_does_not_begin_to_fall_faster(pieces):
    found = acceleration(falling(*pieces))
    assert (found["begins"].item(), found["steepest"].item()) == (-1, -1)
    assert found["before"].isnull().item()


def test_a_network_that_diverged_does_not_fall_faster():
    records = falling((0.5, 20), (0.001, 480), (0.02, 300), (0.005, 200))
    assert acceleration(records.assign(diverged_at=records["diverged_at"] + 500))["begins"].item() == -1
