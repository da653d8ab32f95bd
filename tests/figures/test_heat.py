import numpy as np
import pytest
from matplotlib.colors import LogNorm

from lrscope.errors import InputError
from lrscope.figures import figure_of, heat_map


def test_each_neuron_has_a_row_and_each_step_a_column(activity):
    ax = heat_map(activity)
    np.testing.assert_array_equal(ax.collections[0].get_array(), activity.transpose("neuron", "step"))
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_layers_are_named_at_their_middle(activity):
    ax = heat_map(activity)
    labels = dict(zip([label.get_text() for label in ax.get_yticklabels()], ax.get_yticks().tolist(), strict=True))
    assert labels == {"encoder.0": 1, "encoder.2": 3.5, "decoder.0": 6.5, "decoder.2": 9}


def test_the_colour_bar_says_what_is_shown(activity):
    ax = heat_map(activity, log=True)
    assert isinstance(ax.collections[0].norm, LogNorm)
    assert figure_of(ax).axes[1].get_ylabel() == "active share"


def test_steps_after_divergence_are_left_out(activity):
    activity[4:] = np.nan
    drawn = heat_map(activity).collections[0].get_array()
    assert np.ma.count_masked(np.ma.masked_invalid(drawn)) == 20


def test_one_member_must_be_selected(activity):
    with pytest.raises(InputError, match=r"values must be of dimensions \(step, neuron\); got"):
        heat_map(activity.expand_dims(lr=[0.1]))
