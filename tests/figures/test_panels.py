"""Dimensions become axes, colours and panels; the artists hold the data."""

import io

import matplotlib.colors
import numpy as np
import pytest
import xarray as xr

from lrscope import analysis
from lrscope.errors import InputError
from lrscope.figures import colours, panels

LRS = [0.001, 0.01, 0.1]
STEP = xr.Variable("step", np.arange(0, 50, 10), {"long_name": "step", "units": "updates"})
LR = xr.Variable("lr", LRS, {"long_name": "learning rate", "units": "1"})


@pytest.fixture
def loss():
    """(shape, lr, seed, step)"""
    values = np.random.default_rng(0).random((2, 3, 4, 5)) + 0.5
    coords = {"shape": ["circle", "spiral"], "lr": LR, "seed": range(4), "step": STEP}
    return xr.DataArray(values, dims=tuple(coords), coords=coords, attrs={"long_name": "loss", "units": "J"})


@pytest.fixture
def share():
    """(lr, layer, seed)"""
    values = np.random.default_rng(1).random((3, 2, 4))
    coords = {"lr": LR, "layer": ["encoder.0", "decoder.0"], "seed": range(4)}
    return xr.DataArray(values, dims=tuple(coords), coords=coords, attrs={"long_name": "share of neurons"})


def by_colour(ax, lr):
    colour = colours(LRS)[lr]
    return [line for line in ax.lines if line.get_color() == colour]


def collections(ax, gid):
    return [collection for collection in ax.collections if collection.get_gid() == gid]


def test_a_line_is_one_label_of_hue_and_a_panel_one_of_col(loss):
    figure = panels(loss.isel(seed=0), col="shape")
    assert [ax.get_title("left") for ax in figure.axes] == ["Circle", "Spiral"]
    for ax, shape in zip(figure.axes, loss["shape"].values, strict=True):
        for lr in LRS:
            (line,) = by_colour(ax, lr)
            np.testing.assert_array_equal(line.get_xydata().T, [STEP.values, loss.sel(shape=shape, lr=lr, seed=0)])


def test_labels_come_from_the_attributes_once_for_all_panels(loss):
    figure = panels(loss.isel(seed=0), col="shape")
    assert figure.get_supxlabel() == "step [updates]"
    assert figure.get_supylabel() == "loss [J]"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["lr 0.001", "lr 0.01", "lr 0.1"]
    alone = panels(loss.isel(seed=0, shape=0)).axes[0]
    assert (alone.get_xlabel(), alone.get_ylabel()) == ("step [updates]", "loss [J]")


def test_the_band_is_the_interval_over_the_seeds(loss):
    ax = panels(loss.isel(shape=0), band="seed").axes[0]
    summary = analysis.over_seeds(loss.isel(shape=0))
    (line,) = by_colour(ax, 0.01)
    np.testing.assert_allclose(line.get_ydata(), summary["mean"].sel(lr=0.01))
    band = summary.sel(lr=0.01)
    ends = ax.collections[1].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([ends.min(), ends.max()], [band["low"].min(), band["high"].max()])


def test_a_summary_is_drawn_as_its_cases_are(loss):
    one = loss.isel(shape=0)
    of_cases, of_summary = panels(one, band="seed").axes[0], panels(analysis.over_seeds(one)).axes[0]
    for a, b in zip(of_cases.lines, of_summary.lines, strict=True):
        np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())


def test_several_dimensions_can_be_averaged(loss):
    ax = panels(loss, band=("shape", "seed")).axes[0]
    np.testing.assert_allclose(by_colour(ax, 0.1)[0].get_ydata(), loss.sel(lr=0.1).mean(["shape", "seed"]))


def test_a_step_holds_until_the_next(loss):
    ax = panels(loss.isel(shape=0, seed=0), mark="steps").axes[0]
    assert {line.get_drawstyle() for line in ax.lines} == {"steps-post"}


def test_long_records_are_thinned_evenly_with_both_ends():
    long = xr.DataArray(np.arange(5000.0), dims="step", coords={"step": np.arange(5000)}, attrs={"scale": "linear"})
    (line,) = panels(long).axes[0].lines
    assert len(line.get_xdata()) == 1200
    assert line.get_xdata()[[0, -1]].tolist() == [0, 4999]


def test_each_array_of_a_mapping_has_a_panel_and_a_scale_of_its_own(loss):
    one = loss.isel(shape=0, seed=0)
    angle = (90 * one).assign_attrs(long_name="angle", units="degrees")
    wide = one.copy(data=np.logspace(0, 3, 15).reshape(3, 5))
    figure = panels({"Loss": wide, "Angle": angle})
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "linear"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss [J]", "angle [degrees]"]
    of_dataset = panels(xr.Dataset({"loss": wide, "angle": angle}))
    assert [ax.get_title("left") for ax in of_dataset.axes] == ["Loss [J]", "Angle [degrees]"]


@pytest.mark.parametrize(("scale", "limits"), [(1.0, (0, 1)), (100.0, (-np.inf, np.inf))])
def test_the_band_of_an_accuracy_ends_at_0_and_1_unless_it_is_in_percent(loss, scale, limits):
    accuracy = scale * (loss.isel(shape=0) > 0.6).astype(float).assign_attrs(long_name="accuracy")
    expected = analysis.over_seeds(accuracy, bounds=limits)
    assert float(analysis.over_seeds(accuracy)["high"].max()) > scale
    ax = panels(accuracy.assign_attrs(long_name="accuracy"), band="seed").axes[0]
    heights = np.concatenate([path.vertices[:, 1] for band in ax.collections for path in band.get_paths()])
    assert heights.max() == pytest.approx(float(expected["high"].max()))
    assert heights.min() == pytest.approx(float(expected["low"].min()))


def test_steps_have_whole_numbers_on_their_axis(loss):
    ax = panels(loss.isel(shape=0, seed=0, step=[0, 1]).assign_coords(step=[1, 2])).axes[0]
    assert {tick for tick in ax.get_xticks() if 1 <= tick <= 2} == {1, 2}


def test_points_of_one_label_stand_beside_each_other_around_it(share):
    ax = panels(share, x="layer", mark="points", band="seed").axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["encoder\n0", "decoder\n0"]
    for cases, lr in zip(collections(ax, "cases"), LRS, strict=True):
        points = np.asarray(cases.get_offsets())
        np.testing.assert_allclose(points[:, 1], share.sel(lr=lr).values.ravel())
        np.testing.assert_array_equal(points[:, 0].round(), np.repeat([0, 1], 4))
    left, right = (np.asarray(collections(ax, "cases")[place].get_offsets())[:, 0] for place in (0, 2))
    assert left.max() < right[:4].min() + 1


def test_points_of_a_rate_are_around_it_on_a_logarithmic_axis(share):
    one = share.isel(layer=0)
    ax = panels(one, x="lr", mark="points").axes[0]
    assert ax.get_xscale() == "log"
    (cases,) = collections(ax, "cases")
    points = np.asarray(cases.get_offsets())
    np.testing.assert_allclose(points[:, 1], one.values.ravel())
    np.testing.assert_allclose(np.log10(points[:, 0]).reshape(3, 4).mean(1), [-3, -2, -1])
    assert matplotlib.colors.same_color(cases.get_facecolor()[0, :3], colours(LRS)[0.001])


def test_infinite_points_are_crosses_above_the_panel(share):
    one = share.isel(layer=0).copy()
    one[2, 1] = np.inf
    figure = panels(one, x="lr", mark="points")
    (cross,) = collections(figure.axes[0], "diverged")
    ((x, y),) = np.asarray(cross.get_offsets())
    assert y > 1
    assert 0.05 < x < 0.2


def test_an_image_has_the_values_and_its_own_colour_for_zero():
    values = np.array([[0.0, 0.5], [1.0, np.nan], [0.25, 0.0]])
    coords = {"step": [0, 1], "neuron": [0, 1, 2], "layer": ("neuron", ["a", "a", "b"])}
    array = xr.DataArray(
        values, dims=("neuron", "step"), coords=coords, attrs={"long_name": "active share", "zero": "silent"}
    )
    figure = panels(array, y="neuron", mark="heat")
    image = figure.axes[0].collections[0]
    np.testing.assert_array_equal(image.get_array().filled(9), [[-1, 0.5], [1, 9], [0.25, -1]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["silent", "after a divergence"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_a_cross_marks_the_step_at_which_a_member_diverged(loss):
    diverged = xr.full_like(loss.isel(step=0, drop=True), -1, dtype=int)
    diverged.loc[{"shape": "spiral", "lr": 0.1, "seed": 2}] = 30
    figure = panels(loss, col="shape", band="seed", diverged=diverged)
    assert [len(collections(ax, "diverged")) for ax in figure.axes] == [0, 1]
    (cross,) = collections(figure.axes[1], "diverged")
    assert np.asarray(cross.get_offsets())[:, 0].tolist() == [30]


def test_lost_seeds_are_marked_on_their_line(loss):
    one = loss.isel(shape=0).copy()
    one.loc[{"lr": 0.01, "seed": 1, "step": [20, 30, 40]}] = np.nan
    one.loc[{"lr": 0.1, "step": [30, 40]}] = np.nan
    ax = panels(one, band="seed").axes[0]
    marks = {(line.get_gid(), line.get_color()): line.get_xdata().tolist() for line in ax.lines if line.get_gid()}
    assert marks[("first lost", colours(LRS)[0.01])] == [20]
    assert marks[("last lost", colours(LRS)[0.1])] == [20]


def test_many_rates_have_a_colour_bar(loss):
    many = loss.isel(shape=0, seed=0, lr=[0] * 9).assign_coords(lr=np.logspace(-4, 0, 9))
    figure = panels(many)
    assert not figure.legends
    assert len(figure.axes) == 2


def test_a_reference_is_a_dashed_line_in_view(loss):
    ax = panels(loss.isel(shape=0, seed=0).assign_attrs(reference=7.0, scale="linear")).axes[0]
    (line,) = [line for line in ax.lines if line.get_gid() == "reference"]
    assert set(line.get_ydata()) == {7.0}
    assert ax.get_ylim()[1] >= 7


def test_nothing_finite_is_said(loss):
    ax = panels(loss.isel(shape=0, seed=0) * np.nan).axes[0]
    assert [text.get_text() for text in ax.texts] == ["no finite outcome"]


def test_dimensions_that_nothing_shows_are_refused(loss):
    with pytest.raises(InputError, match="seed"):
        panels(loss.isel(shape=0))
    with pytest.raises(InputError, match="mark"):
        panels(loss.isel(shape=0, seed=0), mark="pie")
    with pytest.raises(InputError, match="data"):
        panels({})


def test_long_names_of_layers_are_told_apart_and_leave_room_for_the_panels():
    """As of LoRA in a language model: the layout warns where nothing is left of a panel."""
    parts = [f"{one}_proj.lora_{half}" for one in "qkvo" for half in "AB"]
    names = [f"base_model.model.model.layers.{layer}.self_attn.{part}.default" for layer in (0, 1) for part in parts]
    coords = {"lr": [0.1], "layer": names}
    share = xr.DataArray(np.ones((1, 16)), coords=coords, dims=list(coords), attrs={"long_name": "share"})
    figures = [
        panels({"Weights": share, "Activations": share}, x="layer", mark="points"),
        panels(share.expand_dims(step=[0, 1]), col="layer"),
    ]
    for figure in figures:
        figure.savefig(io.BytesIO())
    ticks = [label.get_text() for label in figures[0].axes[0].get_xticklabels()]
    titles = [ax.get_title("left") for ax in figures[1].axes]
    assert len(set(ticks)) == len(set(titles)) == 16
    assert titles[0].split() == ["layer", "0.self_attn.q_proj.lora_A"]


def test_long_names_of_layers_that_share_no_beginning_are_told_apart():
    attention = [f"bert.encoder.layer.{block}.attention.self.{one}" for block in range(12) for one in ("query", "key")]
    lora = [
        f"base_model.model.layers.{block}.self_attn.q_proj.lora_{half}.default" for block in (0, 1) for half in "AB"
    ]
    names = [*attention, *lora, "classifier"]
    share = xr.DataArray(np.ones(29), coords={"layer": names}, dims="layer", attrs={"long_name": "share"})
    labels = panels(share, x="layer", mark="points").axes[0].get_xticklabels()
    ticks = ["".join(label.get_text().split()) for label in labels]
    assert len(set(ticks)) == 29
    assert max(map(len, ticks)) <= 28
