import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.analysis import agreement, best, ordered, shares, total_variation
from lrscope.errors import InputError

counts = st.lists(st.integers(0, 100), min_size=3, max_size=3).filter(any)


def bins(values):
    return xr.DataArray(values, dims="bin")


@given(counts, counts, counts)
def test_total_variation_is_a_distance(first, second, third):
    a, b, c = bins(first), bins(second), bins(third)
    distance = float(total_variation(a, b))
    assert 0 <= distance <= 1 + 1e-12
    assert distance == float(total_variation(b, a))
    assert float(total_variation(a, a * 2)) == pytest.approx(0, abs=1e-12)
    assert distance <= float(total_variation(a, c)) + float(total_variation(c, b)) + 1e-12


@given(counts, counts)
def test_total_variation_is_the_largest_difference_of_an_event(first, second):
    a, b = np.array(first) / sum(first), np.array(second) / sum(second)
    events = [[i for i in range(3) if mask >> i & 1] for mask in range(8)]
    largest = max(abs(a[event].sum() - b[event].sum()) for event in events)
    assert float(total_variation(bins(first), bins(second))) == pytest.approx(largest)


def test_disjoint_distributions_are_one_apart():
    assert float(total_variation(bins([3, 0, 0]), bins([0, 5, 5]))) == 1


def test_only_common_labels_are_compared_and_missing_rows_are_nan():
    ours = xr.DataArray(
        np.ones((3, 2, 3)), coords={"shape": ["a", "b", "c"], "lr": [0.1, 0.2]}, dims=("shape", "lr", "bin")
    )
    theirs = ours.sel(shape=["b", "a"]).copy()
    theirs[0, 1] = np.nan
    result = total_variation(ours, theirs)
    assert set(result["shape"].values) == {"a", "b"}
    assert result.sel(shape="b", lr=0.2).isnull()
    assert result.notnull().sum() == 3


def test_empty_distributions_have_no_distance():
    assert total_variation(bins([0, 0, 0]), bins([1, 0, 0])).isnull()


def test_bins_must_be_there():
    with pytest.raises(InputError, match=r"dim must be one of bins; got 'bin'. Did you mean 'bins'?"):
        total_variation(bins([1]).rename(bin="bins"), bins([1]))


def by_lr(*rows):
    coords = {"seed": range(len(rows)), "lr": [1e-4, 1e-3, 1e-2]}
    return xr.DataArray(np.array(rows, dtype=float), coords=coords, dims=("seed", "lr"))


def test_best_names_the_label():
    array = by_lr([3, 2, 1], [1, np.nan, 2])
    assert best(array).values.tolist() == [1e-4, 1e-2]
    assert best(array, largest=False).values.tolist() == [1e-2, 1e-4]


def test_all_nan_has_no_best():
    assert best(by_lr([np.nan] * 3)).isnull().all()


def test_ordered_is_strict_and_undecided_where_a_value_is_missing():
    array = by_lr([3, 2, 1], [1, 2, 3], [3, 1, 1], [np.nan, 2, 1])
    result = ordered(array, [1e-2, 1e-3, 1e-4])
    np.testing.assert_array_equal(result, [1, 0, 0, np.nan])
    np.testing.assert_array_equal(ordered(array, [1e-2, 1e-3]), [1, 0, 0, 1])


def test_agreement_counts_what_is_decided():
    result = agreement(ordered(by_lr([3, 2, 1], [1, 2, 3], [np.nan, 2, 1]), [1e-2, 1e-3, 1e-4]))
    assert (int(result["agree"]), int(result["count"])) == (1, 2)
    of_bools = agreement(best(by_lr([3, 2, 1], [1, 2, 3])) == 1e-2)
    assert (int(of_bools["agree"]), int(of_bools["count"])) == (1, 2)


def test_unknown_labels_are_refused():
    with pytest.raises(InputError, match=r"labels must be among 0.0001, 0.001, 0.01; got 0.1"):
        ordered(by_lr([1, 2, 3]), [0.1, 0.01])


def test_shares_add_up_to_one():
    result = shares(xr.DataArray([[3, 1, 0], [0, 0, 0]], dims=("lr", "bin")))
    np.testing.assert_array_equal(result, [[0.75, 0.25, 0], [np.nan] * 3])
