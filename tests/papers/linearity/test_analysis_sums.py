"""Sums over replicates as the analyses take them."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import (
    delta_against_output,
    deltas,
    favoured,
    law,
    law_by_replicates,
    output_sensitivity,
    second_order,
    seeds_saved,
    summed,
)

RATES = [0.2, 0.25, 0.3]
OF_LAW = (0.2, 0.05, 0.1)
ANALYSES = {
    "deltas": lambda sums: deltas(sums, *OF_LAW).isel(replicates=-1),
    "law": lambda sums: law(sums, *OF_LAW),
    "law_by_replicates": lambda sums: law_by_replicates(sums, *OF_LAW).isel(replicates=-1),
    "seeds_saved": lambda sums: seeds_saved(sums, *OF_LAW),
    "second_order": lambda sums: second_order(sums, *OF_LAW),
    "delta_against_output": lambda sums: delta_against_output(sums, 0.2, 0.1),
    "output_sensitivity": lambda sums: output_sensitivity(sums, 0.2, 0.1),
    "favoured": lambda sums: favoured(sums, 0.2, 0.1),
}


@pytest.fixture(scope="module")
def values(simulate_networks):
    return simulate_networks(RATES, 64, curve=1)[0]


@pytest.fixture
def records(values, sum_networks):
    return sum_networks(values, RATES, 16)


def test_deltas_cumulate_batches(values, records):
    found = deltas(summed(records), 0.2, 0.05, 0.1)
    assert found.replicates.values.tolist() == list(range(4, 65, 4))
    for place, count in enumerate(found.replicates.values):
        means = values[:, :count].mean(1)
        assert_allclose(found.x[place], means[1] - means[0], atol=1e-12)
        assert_allclose(found.y[place], means[2] - means[0], atol=1e-12)


def test_a_change_may_be_negative(values, records):
    found = deltas(summed(records), 0.25, 0.05, -0.05)
    assert_allclose(found.y[-1], (values[0] - values[1]).mean(0), atol=1e-12)
    with_negative, upwards = (output_sensitivity(summed(records), *rates) for rates in ((0.3, -0.1), (0.2, 0.1)))
    xr.testing.assert_allclose(with_negative, upwards)


def test_targets_are_there_once(records):
    found = summed(records)
    assert found.targets.dims == ("sample",)
    assert found.targets.values[:7].tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_records_of_members_in_any_order_are_taken(records):
    shuffled = records.isel(lr=[2, 0, 1], batch=np.random.default_rng(0).permutation(16))
    members = shuffled.stack(member=("lr", "batch")).transpose("member", "step", ...)
    members = members.reset_index("member").assign_coords(member=np.arange(48))
    xr.testing.assert_identical(summed(members), summed(records))


@pytest.mark.parametrize("name", ANALYSES)
def test_batches_that_all_diverged_are_left_out_and_nothing_is_changed(values, records, sum_networks, name):
    gone = summed(records.where(~((records.batch == 3) & (records.lr == 0.3)), 0).transpose(*records.dims))
    before = gone.copy(deep=True)
    fewer = summed(sum_networks(np.delete(values, range(12, 16), axis=1), RATES, 15))
    xr.testing.assert_allclose(ANALYSES[name](gone), ANALYSES[name](fewer), rtol=1e-8)
    xr.testing.assert_identical(gone, before)


@pytest.mark.parametrize("change", [lambda one: one.drop_vars("replicates"), lambda one: one.isel(batch=0)])
def test_other_records_are_refused(records, change):
    with pytest.raises(InputError, match=r"records must be sums over replicates \(lr, batch, step\); got"):
        summed(change(records))


@pytest.mark.parametrize("rates", [(0.2, 0.0, 0.1), (0.2, 0.1, 0.1), (0.2, 0.05, 0.2), (0.1, 0.1, 0.2)])
def test_rates_must_differ_and_be_there(records, rates):
    with pytest.raises(InputError, match=r"must be different rates among 0\.2, 0\.25, 0\.3; got"):
        law(summed(records), *rates)


@pytest.mark.parametrize("name", sorted({*ANALYSES} - {"favoured"}))
def test_intervals_need_batches(values, sum_networks, name):
    with pytest.raises(
        InputError, match=r"replicates must be trained at each of the rates in 8 batches or more; got 7"
    ):
        ANALYSES[name](summed(sum_networks(values, RATES, 7)))
