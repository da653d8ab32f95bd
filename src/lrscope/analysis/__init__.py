"""Records in, smaller labelled arrays out: pure functions that name the dimensions they reduce.

Every function takes a Dataset of records (member, step, ...), or the same with other dimensions in front, or the
result of another analysis. Variables are read one at a time. Results carry `long_name` and `units`; those of records
also the axes of the sweep, so that `lrscope.records.on_grid` turns ``member`` into (shape, lr, seed).
"""

from lrscope.analysis._detector import AlarmRule, Detector, alarms
from lrscope.analysis._difference import difference, seeds_needed, winner
from lrscope.analysis._epochs import epochs_needed
from lrscope.analysis._instability import CRITERIA, dominant_neurons, lead_times, onsets
from lrscope.analysis._layers import GRADIENTS, arranged, by_neuron, layer_norms, spread
from lrscope.analysis._lives import lives, survival
from lrscope.analysis._optimum import optimum
from lrscope.analysis._participation import binned, dead, fluctuation, participation, share
from lrscope.analysis._range_test import range_test, range_test_agreement
from lrscope.analysis._recommendation import recommendation, sensitivity
from lrscope.analysis._scores import final_scores, steps_to_target
from lrscope.analysis._seeds import over_seeds
from lrscope.analysis._variance import variance_split

__all__ = [
    "CRITERIA",
    "GRADIENTS",
    "AlarmRule",
    "Detector",
    "alarms",
    "arranged",
    "binned",
    "by_neuron",
    "dead",
    "difference",
    "dominant_neurons",
    "epochs_needed",
    "final_scores",
    "fluctuation",
    "layer_norms",
    "lead_times",
    "lives",
    "onsets",
    "optimum",
    "over_seeds",
    "participation",
    "range_test",
    "range_test_agreement",
    "recommendation",
    "seeds_needed",
    "sensitivity",
    "share",
    "spread",
    "steps_to_target",
    "survival",
    "variance_split",
    "winner",
]
