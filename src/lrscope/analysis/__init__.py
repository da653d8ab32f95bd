"""Records in, smaller labelled arrays out: pure functions that name the dimensions they reduce.

Every function takes a Dataset of records (member, step, ...), or the same with other dimensions in front, or the
result of another analysis. Variables are read one at a time. Results carry `long_name` and `units`; those of records
also the axes of the sweep, so that `lrscope.records.on_grid` turns ``member`` into (shape, lr, seed).
"""

from lrscope.analysis._comparisons import agreement, best, ordered, shares, total_variation
from lrscope.analysis._detector import AlarmRule, Detector, alarms
from lrscope.analysis._difference import difference, seeds_needed
from lrscope.analysis._dominant_neurons import dominant_neurons
from lrscope.analysis._events import Thresholds
from lrscope.analysis._fluctuation import EDGES, binned, fluctuation
from lrscope.analysis._instability import CRITERIA, lead_times, onsets
from lrscope.analysis._layers import arranged, by_neuron
from lrscope.analysis._lives import LIFE_STATES, by_life, life_events, lives
from lrscope.analysis._norms import GRADIENTS, layer_norms
from lrscope.analysis._participation import dead, participation, share
from lrscope.analysis._progress import more_epochs
from lrscope.analysis._range_test import range_test, range_test_agreement
from lrscope.analysis._recommendation import recommendation
from lrscope.analysis._reconstruction import reconstruction_error
from lrscope.analysis._scores import final_scores
from lrscope.analysis._seeds import over_seeds
from lrscope.analysis._sensitivity import sensitivity
from lrscope.analysis._spread import spread
from lrscope.analysis._survival import survival
from lrscope.analysis._targets import steps_to_target
from lrscope.analysis._variance import variance_split

__all__ = [
    "CRITERIA",
    "EDGES",
    "GRADIENTS",
    "LIFE_STATES",
    "AlarmRule",
    "Detector",
    "Thresholds",
    "agreement",
    "alarms",
    "arranged",
    "best",
    "binned",
    "by_life",
    "by_neuron",
    "dead",
    "difference",
    "dominant_neurons",
    "final_scores",
    "fluctuation",
    "layer_norms",
    "lead_times",
    "life_events",
    "lives",
    "more_epochs",
    "onsets",
    "ordered",
    "over_seeds",
    "participation",
    "range_test",
    "range_test_agreement",
    "recommendation",
    "reconstruction_error",
    "seeds_needed",
    "sensitivity",
    "share",
    "shares",
    "spread",
    "steps_to_target",
    "survival",
    "total_variation",
    "variance_split",
]
