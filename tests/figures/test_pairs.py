import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from lrscope.errors import InputError
from lrscope.figures import neuron_pairs


def test_each_pair_is_a_line_over_its_own_steps(similarity):
    ax = neuron_pairs(similarity)
    for line, pair in zip(ax.lines, similarity["pair"].values, strict=True):
        assert line.get_label() == pair
        np.testing.assert_array_equal(line.get_data(), [similarity["step_each"], similarity.sel(pair=pair)])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step [updates]", "similarity")


def test_merging_and_parting_are_marked_where_they_begin(similarity):
    together = xr.zeros_like(similarity, bool)
    together[2:4, 1] = True
    together[0:, 2] = True
    marks = [(line.get_gid(), line.get_xdata().tolist()) for line in neuron_pairs(similarity, together).lines]
    assert [mark for mark in marks if mark[0]] == [("merged", [20]), ("parted", [40]), ("merged", [0])]


def test_of_many_pairs_those_that_were_together_have_a_colour(rng):
    coords = {"step": np.arange(4), "pair": [f"0, {other}" for other in range(1, 13)]}
    values = xr.DataArray(rng.random((4, 12)), coords, ("step", "pair"))
    together = xr.zeros_like(values, bool)
    together[:, 11] = True
    ax = neuron_pairs(values, together)
    grey = [to_hex(line.get_color()) == "#cfcfcf" for line in ax.lines if len(line.get_xdata()) == 4]
    assert grey == [False] * 7 + [True] * 4 + [False]
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == [f"0, {other}" for other in (*range(1, 8), 12)] + ["4 more", "merged", "parted"]


def test_other_dimensions_are_refused(similarity):
    with pytest.raises(InputError, match=r"similarity must be of dimensions \(step_each, pair\)"):
        neuron_pairs(similarity.expand_dims(seed=[0]))
