"""Onsets against published runs, and against a model of the instability that can be solved by hand."""

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import CRITERIA, dominant_neurons, lead_times, onsets
from lrscope.errors import InputError
from lrscope.records import DIVERGED_AT

MEASURED = ["angle", "gradient_norm", "oscillation", "error"]


def two_directions(steps=200, steep=2.2, flat=0.02, small=1e-9):
    """Return gradient descent (lr 1) on half of flat x² + steep y² from (1, small): y grows by |1 - steep| a step."""
    step = np.arange(steps)
    x, y = (1 - flat) ** step, small * (1 - steep) ** step
    gradient = np.stack([flat * x, steep * y])
    norm = np.hypot(*gradient)
    cosine = (gradient[:, 1:] * gradient[:, :-1]).sum(0) / norm[1:] / norm[:-1]
    angle = np.append(np.nan, np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return records_of((flat * x**2 + steep * y**2) / 2, norm, angle)


def records_of(loss, norm, angle, diverged_at=-1, **others):
    series = {"loss": loss, "gradient_norm": norm, "gradient_angle": angle} | others
    data = {name: ("step", np.asarray(array, dtype=float)) for name, array in series.items()}
    step = np.arange(len(loss))
    data[DIVERGED_AT] = ("step", np.where((step >= diverged_at) & (diverged_at >= 0), diverged_at, -1))
    return xr.Dataset(data, coords={"step": step}).expand_dims(member=[0]).assign_attrs(axes=["member"])


def of_member(records, **options):
    onset = onsets(records, **options)["onset"].isel(member=0)
    return dict(zip(onset["criterion"].values.tolist(), onset.values.tolist(), strict=True))


def calm(steps=400):
    """Return series of a run that falls quietly."""
    step = np.arange(steps)
    return 0.99**step, 0.99**step, np.full(steps, 0.1)


def test_the_onsets_of_a_quadratic_are_where_its_formulas_say():
    steep, flat, small = 2.2, 0.02, 1e-9
    records = two_directions(steep=steep, flat=flat, small=small)
    found = of_member(records)
    step = np.arange(200)
    x, y = (1 - flat) ** step, small * (steep - 1) ** step
    loss = (flat * x**2 + steep * y**2) / 2
    assert found["error"] == np.argmin(loss) + 1
    squared = flat**2 * x**2 + steep**2 * y**2
    lowest = squared.argmin()
    assert found["gradient_norm"] == lowest + np.argmax(squared[lowest:] > 1.21 * squared.min())
    ratio = steep * y / (flat * x)
    turned = np.degrees(np.arctan(ratio[1:]) + np.arctan(ratio[:-1]))
    assert found["angle"] == 1 + np.argmax(turned > 10)
    assert found["oscillation"] == 1 + np.argmax(turned > 90)
    assert found["angle"] < found["gradient_norm"] < found["oscillation"] < found["error"]


def test_order_and_interval_of_the_first_published_run(published):
    found = onsets(published("f1", 3, 1.0, 1000))
    early = found["onset"].sel(criterion=["angle", "gradient_norm", "error"]).isel(member=0)
    assert ((early >= 0.97 * 730) & (early <= 1.03 * 760)).all()  # rounding alone moves them by up to 14 steps
    assert (np.diff(early) > 0).all()
    norm = published("f1", 3, 1.0, 1000)["gradient_norm"].isel(member=0)
    assert norm.sel(step=slice(found["valley"].item(), None)).max() / norm.min() == pytest.approx(600, rel=0.1)
    assert not found["early"].any()


def test_order_of_the_second_published_run_whose_angle_turns_twice(published):
    onset = onsets(published("f2", 8, 0.1, 1200))["onset"].sel(criterion=["angle", "gradient_norm", "error"])
    assert (np.diff(onset) > 0).all()
    assert onset.values.min() > 1000  # and not near 170, where the gradient turns as well, but the error falls on


@pytest.mark.parametrize(("lr", "steps", "step"), [(0.4, 9_500, 9000), (0.3, 35_000, 34_000)])
def test_a_smaller_rate_delays_the_onset_as_published(published, lr, steps, step):
    assert of_member(published("f1", 2, lr, steps))["error"] == pytest.approx(step, rel=0.03)


@pytest.mark.parametrize("run", [("f1", 3, 0.1, 1000), ("f1", 3, 0.4, 5000), ("f1", 2, 0.2, 5000)])
def test_a_stable_run_has_no_onset(published, run):
    assert set(of_member(published(*run)).values()) == {-1}
    assert onsets(published(*run))["risen"].values.tolist() == [-1]


def test_a_divergence_is_a_rise():
    loss, norm, angle = calm()
    loss[300:] = norm[300:] = angle[300:] = np.nan
    found = onsets(records_of(loss, norm, angle, diverged_at=300))
    assert found["risen"].item() == 300
    assert found["onset"].sel(criterion=MEASURED).values.tolist() == [[-1, 300, -1, 300]]
    missing = records_of(loss, norm, angle)  # a member with fewer steps has not diverged
    assert set(of_member(missing).values()) == {-1}


def test_a_run_that_is_unstable_from_the_start_is_early():
    step = np.arange(100)
    found = onsets(records_of(1.5**step, 1.2**step, np.where(step, 175.0, np.nan)))
    assert found["early"].item() == 1
    assert found["onset"].sel(criterion=MEASURED).values.tolist() == [[1, 1, 1, 1]]


def test_a_swing_that_comes_back_before_90_degrees_is_none():
    loss, norm, angle = calm()
    angle[200:240] = 80
    assert set(of_member(records_of(loss, norm, angle)).values()) == {-1}
    angle[220] = 91
    assert of_member(records_of(loss, norm, angle))["angle"] == 200


def test_turns_of_the_first_steps_are_no_onset():
    loss, norm, angle = calm()
    angle[1:20] = 170
    assert of_member(records_of(loss, norm, angle))["angle"] == -1
    loss[300:] *= 1.2 ** np.arange(100)
    angle[290:] = 100
    assert of_member(records_of(loss, norm, angle))["angle"] == 290


def test_an_error_that_rises_without_a_swing_has_no_angle():
    loss, norm, angle = calm()
    angle[100:120] = 170  # long over when the error rises
    loss[300:] = loss[299] * 1.02 ** np.arange(1, 101)
    found = of_member(records_of(loss, norm, angle))
    assert found["angle"] == found["oscillation"] == -1
    assert found["error"] == 300


def test_a_rise_below_the_resolution_of_the_error_is_none():
    loss, norm, angle = calm()
    loss[200:] = 1e-30 * 1.1 ** np.arange(200)
    assert of_member(records_of(loss, norm, angle))["error"] == -1


def crossing_at(sharpness, loss=None, angle=None):
    quiet_loss, norm, quiet_angle = calm()
    records = records_of(quiet_loss if loss is None else loss, norm, quiet_angle if angle is None else angle)
    for name, array in {"sharpness": sharpness, "stability_limit": np.full(8, 2.0)}.items():
        records[name] = (("member", "step_every_50"), np.array(array, dtype=float)[None])
    found = of_member(records.assign_coords(step_every_50=np.arange(0, 400, 50)))
    assert list(found) == list(CRITERIA)
    return found["sharpness"]


def test_the_sharpness_crosses_before_the_event_it_belongs_to():
    loss, _, angle = calm()
    angle[260:] = 120
    loss[280:] *= 1.2 ** np.arange(120)
    assert crossing_at([3, 1, 3, 1, 2.1, 2.2, 1, 3], loss, angle) == 200
    assert crossing_at([1, 1, 1, 1, 1, 1, 3, 3], loss, angle) == 300
    assert crossing_at([1, 1, 1, 1, 1, 1, 1, 3], loss, angle) == -1
    assert crossing_at([1, 1, 1, 1, 1, 3, 1, 1], loss, angle) == 250
    assert crossing_at([1, 1, 1, 1, np.nan, 3, np.nan, np.nan], loss, angle) == 250


def test_without_an_event_it_is_the_first_crossing_from_below():
    assert crossing_at([3, 1, 1, 1, 2.1, 2.2, 1, 3]) == 200
    assert crossing_at([3, 1, 1, 1, 1, 1, 1, 1]) == -1
    assert crossing_at([1, 1, 1, 1, 1, 1, 1, 2]) == -1
    assert crossing_at([3] * 8) == 0


def test_lead_times():
    onset = xr.DataArray([[5, 9, 9, -1]], {"member": [0], "criterion": ["a", "b", "error", "c"]})
    leads = lead_times(onset)
    assert leads["criterion"].values.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(leads.values, [[4, 0, np.nan]])


def test_what_is_needed_is_named(records):
    with pytest.raises(InputError, match=r"records must be records with gradient_angle; got .* Record gradient_angle"):
        onsets(records.drop_vars("gradient_angle"))
    other = records.assign(gradient_norm=records["gradient_norm"].rename(step="step_every_2"))
    with pytest.raises(InputError, match="gradient_norm must be recorded at the steps of loss; got 'step_every_2'"):
        onsets(other)


@pytest.mark.parametrize("rise", [1, np.nan])
def test_a_rise_is_above_1(records, rise):
    with pytest.raises(InputError, match=f"rise must be a finite number above 1; got {rise}"):
        onsets(records, rise=rise)


def shares(values, steps):
    """Return records (member, step_every_5) of the shares (step, neuron) of two layers of two and one neurons."""
    values = np.asarray(values, dtype=float)
    data = {}
    for layer, some in {"hidden": values[:, :2], "output": values[:, 2:]}.items():
        attrs = {"quantity": "oscillation_share", "statistic": "values", "layer": layer, "module": layer}
        attrs |= {"long_name": "share", "units": "1"}
        data[f"oscillation_share_{layer}"] = (("member", "step_every_5", f"neuron_{layer}"), some[None], attrs)
    return xr.Dataset(data, coords={"member": [0], "step_every_5": steps}, attrs={"axes": ["member"]})


def at(step):
    return xr.DataArray([step], {"member": [0]})


def test_shares_are_those_of_the_first_record_at_or_after_the_step():
    records = shares([[0.5, 0.5, 0], [0.8, 0.15, 0.05], [0, 0, 1]], [0, 5, 10])
    result = dominant_neurons(records, at(3))
    assert result.values[0] == pytest.approx([0.8, 0.15, 0.05])
    assert result["layer"].values.tolist() == ["hidden", "hidden", "output"]


def test_shares_are_of_the_sum_over_all_neurons():
    assert dominant_neurons(shares([[2, 1, 1]], [0]), at(0)).values.tolist() == [[0.5, 0.25, 0.25]]


def test_after_the_last_record_the_last_record_counts():
    records = shares([[1, 0, 0], [0, 1, 0], [np.nan] * 3], [0, 5, 10])
    assert dominant_neurons(records, at(8)).values.tolist() == [[0, 1, 0]]


def test_without_an_onset_no_neuron_dominates():
    assert dominant_neurons(shares([[1, 0, 0]], [0]), at(-1)).isnull().all()
