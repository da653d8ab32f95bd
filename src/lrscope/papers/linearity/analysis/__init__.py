"""Sums over replicated trainings in, labelled arrays out: how mean outputs move with the learning rate.

`summed` takes the records of a run and returns the sums that every other function here takes. Intervals come from
leaving out one batch of replicates at a time (jackknife).
"""

from lrscope.papers.linearity.analysis._favoured import favoured
from lrscope.papers.linearity.analysis._law import law, laws
from lrscope.papers.linearity.analysis._means import deltas, mean_outputs, summed
from lrscope.papers.linearity.analysis._noise import law_by_replicates, replicates_for, seeds_saved
from lrscope.papers.linearity.analysis._relation import delta_against_output
from lrscope.papers.linearity.analysis._second_order import second_order
from lrscope.papers.linearity.analysis._sensitivity import output_sensitivity

__all__ = [
    "delta_against_output",
    "deltas",
    "favoured",
    "law",
    "law_by_replicates",
    "laws",
    "mean_outputs",
    "output_sensitivity",
    "replicates_for",
    "second_order",
    "seeds_saved",
    "summed",
]
