"""What every exported analysis keeps: the order of members does not matter, nor what is in front, nor laziness."""

import pytest
import xarray as xr

import lrscope.analysis
from lrscope.analysis import (
    alarms,
    binned,
    by_neuron,
    dead,
    dominant_neurons,
    epochs_needed,
    final_scores,
    fluctuation,
    layer_norms,
    lead_times,
    lives,
    onsets,
    over_seeds,
    participation,
    recommendation,
    share,
    spread,
    steps_to_target,
)
from lrscope.records import on_grid
from lrscope.store import open_records, write

OF_RECORDS = {
    "spread": lambda records: spread(records, "weights"),
    "fluctuation": lambda records: fluctuation(records, "activations"),
    "by_neuron": lambda records: by_neuron(records, "activations", "max"),
    "dead": lambda records: dead(records),
    "layer_norms": lambda records: layer_norms(records, ["weights", "biases"]),
    "lives": lambda records: lives(records, window=2),
    "share": lambda records: share(dead(records)),
    "binned": lambda records: binned(fluctuation(records, "weights")),
    "onsets": lambda records: onsets(records),
    "lead_times": lambda records: lead_times(onsets(records)["onset"]),
    "alarms": lambda records: alarms(records),
    "dominant_neurons": lambda records: dominant_neurons(records, onsets(records)["onset"].sel(criterion="error")),
    "participation": lambda records: participation(fluctuation(records, "weights"), by="layer"),
}
OF_GRIDS = {
    "final_scores": lambda records: final_scores(records, "loss"),
    "steps_to_target": lambda records: steps_to_target(records, 0.5, "loss"),
    "epochs_needed": lambda records: epochs_needed(records, recommendation(final_scores(records, "loss")), "loss"),
}
"""Put the members on their grid."""
OF_RESULTS = {
    "survival",
    "optimum",
    "recommendation",
    "sensitivity",
    "variance_split",
    "range_test",
    "range_test_agreement",
    "arranged",
    "over_seeds",
    "difference",
    "winner",
    "seeds_needed",
}
"""Take no records, or reduce the seeds; their tests cover the order of seeds."""
analyses = pytest.mark.parametrize("analysis", OF_RECORDS.values(), ids=OF_RECORDS)


def test_every_analysis_is_under_contract():
    exported = {name for name in lrscope.analysis.__all__ if name.islower()}
    assert exported == set(OF_RECORDS) | set(OF_GRIDS) | OF_RESULTS


@pytest.fixture
def some(records, diverge):
    return diverge(records, member=4, step=5)


@analyses
def test_neither_the_order_of_members_nor_other_members_matter(some, analysis):
    order = [5, 4, 1, 2]
    xr.testing.assert_identical(analysis(some.isel(member=order)), analysis(some).isel(member=order))


@analyses
def test_other_dimensions_in_front_do_not_matter(some, analysis):
    on_axes = analysis(on_grid(some))
    by_member = on_grid(analysis(some))
    xr.testing.assert_allclose(on_axes.transpose(*by_member.dims), by_member)


@pytest.mark.parametrize("analysis", OF_GRIDS.values(), ids=OF_GRIDS)
def test_members_in_any_order_and_a_grid_say_the_same(some, analysis):
    expected = analysis(some)
    for other in (some.isel(member=[3, 5, 0, 4, 1, 2]), on_grid(some)):
        xr.testing.assert_identical(analysis(other), expected)


@analyses
def test_records_are_not_changed(some, analysis):
    before = some.copy(deep=True)
    analysis(some)
    xr.testing.assert_identical(some, before)


@analyses
def test_results_are_labelled(some, analysis):
    result = analysis(some)
    arrays = result.values() if isinstance(result, xr.Dataset) else [result]
    assert all({"long_name", "units"} <= set(array.attrs) for array in arrays)
    assert result.attrs["axes"] == ["lr", "seed"]


@analyses
def test_what_is_read_is_not_kept(some, analysis, tmp_path):
    write(tmp_path / "records.root", [some])
    lazy = open_records(tmp_path)
    xr.testing.assert_identical(analysis(lazy), analysis(some))
    assert not any(array.variable._in_memory for array in lazy.values())


def test_over_seeds_takes_every_result(some):
    for analysis in OF_RECORDS.values():
        result = on_grid(analysis(some))
        for array in result.values() if isinstance(result, xr.Dataset) else [result]:
            described = over_seeds(array)
            xr.testing.assert_identical(over_seeds(array.isel(seed=[2, 0, 1])), described)
