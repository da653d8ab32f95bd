"""Sums over replicated trainings in, labelled arrays out: how mean outputs move with the learning rate.

`summed` takes the records of a run and returns the sums that every other function here takes. The learning rates eta,
eta + a and eta + b must be among those of the sums. Intervals are 95% jackknife intervals, from leaving out one batch
of replicates at a time; they need 8 batches that have replicates at each of the rates.
"""

from lrscope.papers.linearity.analysis._batches import summed
from lrscope.papers.linearity.analysis._change import (
    accuracy_change,
    delta_against_output,
    favoured,
    output_sensitivity,
)
from lrscope.papers.linearity.analysis._law import (
    deltas,
    law,
    law_by_replicates,
    laws,
    replicates_for,
    second_order,
    seeds_saved,
)

__all__ = [
    "accuracy_change",
    "delta_against_output",
    "deltas",
    "favoured",
    "law",
    "law_by_replicates",
    "laws",
    "output_sensitivity",
    "replicates_for",
    "second_order",
    "seeds_saved",
    "summed",
]
