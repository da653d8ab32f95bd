import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from lrscope.figures import curves
from lrscope.figures._curves import LogTicks


@pytest.fixture
def diverged_at(losses):
    values = np.array([[-1, -1], [-1, 12], [3, 7]])
    return xr.DataArray(values, dims=("lr", "seed"), coords={"lr": losses["lr"]})


def test_lines_are_the_means(losses):
    ax = curves(losses.sel(shape="spiral"))
    assert [line.get_label() for line in ax.lines] == ["lr 0.0001", "lr 0.001", "lr 0.01"]
    for lr, line in zip(losses["lr"], ax.lines, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), losses["mean"].sel(shape="spiral", lr=lr))
        np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20, 30])


@given(st.floats(1e-9, 1e3), st.floats(1.05, 1e9))
def test_a_logarithmic_axis_has_a_few_ticks_inside(least, spread):
    ticks = np.array(LogTicks().tick_values(least, least * spread))
    assert ((ticks >= least) & (ticks <= least * spread)).all()
    assert 2 <= len(ticks) <= 16


def test_a_share_that_stays_zero_has_no_negative_axis(losses):
    ax = curves(0 * losses.sel(shape="spiral"), log=False)
    assert ax.get_ylim() == (-0.03, 1.03)


def test_bands_are_the_intervals(losses):
    ax = curves(losses.sel(shape="spiral"))
    for lr, band in zip(losses["lr"], ax.collections, strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        of_lr = losses.sel(shape="spiral", lr=lr)
        assert heights.min() == of_lr["low"].min()
        assert heights.max() == of_lr["high"].max()


def test_labels_come_from_attrs(losses):
    ax = curves(losses.sel(shape="spiral"), ax=Figure().subplots())
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step [updates]", "loss", "log")
    assert curves(losses.sel(shape="spiral"), log=False).get_yscale() == "linear"


def test_diverged_members_are_crosses_at_their_step(losses, diverged_at):
    ax = curves(losses.sel(shape="spiral"), diverged_at)
    crosses = [line for line in ax.lines if line.get_label() == "diverged"]
    assert [sorted(line.get_xdata()) for line in crosses] == [[12], [3, 7]]
    assert [line.get_color() for line in crosses] == [line.get_color() for line in ax.lines[1:3]]
    assert ax.get_legend().get_texts()[-1].get_text() == "diverged"


def test_nothing_is_said_where_nothing_diverged(losses, diverged_at):
    ax = curves(losses.sel(shape="spiral"), xr.full_like(diverged_at, -1))
    assert len(ax.lines) == 3
    assert len(ax.get_legend().get_texts()) == 3


def test_another_cadence_is_drawn_over_its_own_steps(losses):
    ax = curves(losses.sel(shape="spiral").rename(step="step_slow"))
    assert ax.get_xlabel() == "step [updates]"
