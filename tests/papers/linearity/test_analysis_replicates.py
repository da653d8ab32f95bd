import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from xarray.backends import BackendArray
from xarray.core import indexing

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import deltas, mean_outputs, output_sensitivity, summed

RATES = [0.2, 0.25, 0.3]


@pytest.fixture
def values(simulate_networks):
    return simulate_networks(RATES, 50)[0]


@pytest.fixture
def records(values, sum_networks):
    return sum_networks(values, RATES, 16)


def test_mean_outputs_are_means_over_replicates(values, records):
    found = mean_outputs(summed(records))
    assert found.dims == ("lr", "sample", "output")
    assert_allclose(found, values.mean(1), rtol=1e-12)
    assert {"long_name", "units"} <= set(found.attrs)


def test_deltas_cumulate_batches(values, records):
    found = deltas(summed(records), 0.2, 0.05, 0.1)
    assert found.sizes["replicates"] == 16
    assert found.replicates[-1] == 50
    for place, count in enumerate(found.replicates.values):
        means = values[:, :count].mean(1)
        assert_allclose(found.x[place], means[1] - means[0], atol=1e-12)
        assert_allclose(found.y[place], means[2] - means[0], atol=1e-12)


def test_a_difference_may_be_negative(values, records):
    found = deltas(summed(records), 0.25, 0.05, -0.05)
    assert_allclose(found.y[-1], (values[0] - values[1]).mean(0), atol=1e-12)


def test_trainings_that_diverged_are_counted_where_none_is_left(records):
    lost = (records["lr"] == 0.3) | (records["batch"] == 2)
    gone = records.where(~lost, 0).transpose(*records.dims)
    told = gone.assign(diverged=records["replicates"].where(lost, 0))
    found = summed(told)
    assert found["diverged"].dtype.kind == "i"
    assert int(found["diverged"].sel(lr=0.3).sum()) == 50
    xr.testing.assert_equal(found["diverged"] + found["replicates"], summed(records)["replicates"])


def test_targets_are_there_once(records):
    found = summed(records)
    assert found.targets.dims == ("sample",)
    assert found.targets.values[:7].tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert "step" not in found.dims


def test_records_of_members_are_taken(records):
    members = records.stack(member=("lr", "batch")).transpose("member", "step", ...)
    members = members.reset_index("member").assign_coords(member=np.arange(48))
    xr.testing.assert_allclose(summed(members)["outputs_sum"], summed(records)["outputs_sum"])


def test_what_is_summed_may_be_summed_again(records):
    once = summed(records)
    xr.testing.assert_identical(summed(once), once)


def test_the_order_of_rates_and_batches_does_not_matter(records):
    order = np.random.default_rng(0).permutation(16)
    shuffled = records.isel(lr=[2, 0, 1], other_lr=[1, 0, 2], batch=order)
    xr.testing.assert_identical(summed(shuffled), summed(records))


def test_records_are_not_changed(records):
    before = records.copy(deep=True)
    deltas(summed(records), 0.2, 0.05, 0.1)
    xr.testing.assert_identical(records, before)


class OnDisk(BackendArray):
    """An array that is read when it is asked for."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self.values.__getitem__
        )


def test_products_stay_on_the_disk_and_everything_else_is_read_once(records):
    data = {
        name: xr.Variable(one.dims, indexing.LazilyIndexedArray(OnDisk(one.values)), one.attrs)
        for name, one in records.items()
    }
    lazy = xr.Dataset(data, coords=records.coords, attrs=records.attrs)
    sums = summed(lazy)
    xr.testing.assert_allclose(output_sensitivity(sums, 0.2, 0.1), output_sensitivity(summed(records), 0.2, 0.1))
    in_memory = {name for name, one in sums.items() if isinstance(one.variable._data, np.ndarray)}
    assert in_memory == set(sums) - {"outputs_product_sum"}
    assert not any(isinstance(one.variable._data, np.ndarray) for one in lazy.values())


def test_a_batch_that_was_not_trained_counts_nothing(values, records):
    partly = records.where(records.batch < 12).transpose(*records.dims)
    count = int((np.arange(50) * 16 // 50 < 12).sum())
    assert_allclose(mean_outputs(summed(partly)), values[:, :count].mean(1), rtol=1e-12)
    assert summed(partly).targets.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda one: one.drop_vars("replicates"), r"records must be sums over replicates \(lr, batch\); got"),
        (lambda one: one.isel(batch=0), r"records must be sums over replicates \(lr, batch\); got"),
        (lambda one: xr.concat([one, one], "step"), r"step must be of length 1; got 2"),
        (lambda one: one * 0, r"replicates must be one training at least; got 0"),
    ],
)
def test_other_records_are_refused(records, change, sentence):
    with pytest.raises(InputError, match=sentence):
        summed(change(records))


def test_records_must_be_summed_first(records):
    with pytest.raises(InputError, match=r"sums must be those that analysis.summed returns; got"):
        deltas(records, 0.2, 0.05, 0.1)


def test_outputs_must_have_been_recorded(records):
    with pytest.raises(InputError, match="sums must be sums with outputs_sum"):
        mean_outputs(summed(records.drop_vars(["outputs_sum", "outputs_product_sum"])))
