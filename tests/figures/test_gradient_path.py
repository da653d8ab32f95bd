import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import gradient_path, gradient_paths


def by_label(ax):
    return {line.get_label(): line for line in ax.lines}


def test_the_path_begins_at_the_origin_and_follows_the_arrows(run):
    segments = np.array(gradient_path(run).collections[0].get_segments())
    np.testing.assert_array_equal(segments[0, 0], [0, 0])
    np.testing.assert_array_equal(segments[:, 1], run["gradient_path"])
    np.testing.assert_array_equal(segments[1:, 0], segments[:-1, 1])


def test_red_dots_stand_where_the_steps_are_multiples(run):
    dots = by_label(gradient_path(run, every=20))["every 20 iterations"]
    np.testing.assert_array_equal(np.transpose(dots.get_data()), run["gradient_path"].sel(step=[0, 20, 40]))


def test_a_long_run_has_few_dots(run):
    steps = np.arange(50_000)
    long = run.drop_dims("step").assign_coords(step=("step", steps, run["step"].attrs))
    long["loss"] = ("step", np.ones(50_000))
    long["gradient_path"] = (("step", "path_axis"), np.stack([steps, steps % 2], 1), {"long_name": "gradient path"})
    dots = by_label(gradient_path(long))["every 5000 iterations"]
    assert dots.get_xdata().tolist() == list(range(0, 50_000, 5000))
    assert "every 100 iterations" in by_label(gradient_path(long.isel(step=slice(0, 2000))))


def test_the_zoom_has_an_arrow_a_step_and_its_length(run):
    ax = gradient_path(run, (30, 45))
    arrows = ax.collections[1]
    np.testing.assert_array_equal(arrows.XY, run["gradient_path"].sel(step=slice(29, 44)))
    ends = arrows.XY + np.stack([arrows.U, arrows.V], 1)
    np.testing.assert_allclose(ends, run["gradient_path"].sel(step=slice(30, 45)), rtol=1e-12)


def test_crosses_stand_where_norm_and_error_are_lowest(run):
    run["gradient_norm"][33], run["loss"][41] = 1e-9, 1e-9
    run["gradient_norm"][5] = 1e-12
    lines = by_label(gradient_path(run, (30, 45)))
    for label, step in {"lowest gradient norm, step 33": 33, "lowest training error, step 41": 41}.items():
        np.testing.assert_array_equal(np.ravel(lines[label].get_data()), run["gradient_path"].sel(step=step))


def test_both_axes_have_the_same_scale(run):
    for ax in gradient_paths(run, (30, 45)).axes[:2]:
        assert ax.get_aspect() == 1


def test_the_path_of_a_diverged_run_ends_before_it_explodes(failed):
    failed["loss"][10] = 1e9
    ax = gradient_path(failed)
    assert len(ax.collections[0].get_segments()) == 10


def test_steps_outside_the_run_are_refused(run):
    with pytest.raises(InputError, match=r"zoom must be within the steps of the path, 0 to 59; got \(100, 120\)"):
        gradient_path(run, (100, 120))
