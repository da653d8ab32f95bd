import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.figures import scalar_panels


@pytest.fixture
def two(losses):
    loss = losses.isel(shape=0, drop=True)
    angle = (loss * 90).rename(step="step_every_2")
    angle["mean"].attrs = {"long_name": "gradient angle", "units": "degrees"}
    return {"loss": loss, "gradient_angle": angle}


def test_each_quantity_has_its_panel_scale_and_steps(two):
    figure = scalar_panels(two, log=["loss", "gradient_angle"], columns=2)  # an angle is never logarithmic
    loss, angle = figure.axes
    assert [ax.get_yscale() for ax in (loss, angle)] == ["log", "linear"]
    assert [ax.get_title(loc="left") for ax in (loss, angle)] == ["Loss", "Gradient angle [degrees]"]
    np.testing.assert_array_equal(angle.lines[2].get_ydata(), two["gradient_angle"]["mean"].isel(lr=2))


def test_the_legend_names_rates_and_the_diverged(two):
    diverged_at = xr.DataArray([-1, -1, 20], dims="lr", coords={"lr": two["loss"]["lr"]})
    (legend,) = scalar_panels(two, diverged_at).legends
    assert [text.get_text() for text in legend.get_texts()] == ["lr 0.0001", "lr 0.001", "lr 0.01", "diverged"]


def test_one_network_needs_no_legend(two):
    figure = scalar_panels({name: summary.isel(lr=[0]) for name, summary in two.items()})
    assert not figure.legends
    assert not any(ax.get_legend() for ax in figure.axes)


def test_no_quantity_is_refused():
    with pytest.raises(InputError, match="summaries must be one Dataset or more"):
        scalar_panels({})
