"""Finished results in, figures out: matplotlib Axes or Figures. Nothing is computed here.

Functions of one picture take an optional `ax` and return the Axes; composed ones return the Figure. Labels of axes are
read from `attrs`, colours from the learning rate, and members that diverged are marked. Each enters `style` by itself.
"""

from lrscope.figures._fluctuation import fluctuation_histogram
from lrscope.figures._panels import panels
from lrscope.figures._range_test import range_test_over_truth
from lrscope.figures._rates import differences_by_rate, outcome_by_rate, steps_to_target_by_rate
from lrscope.figures._style import colours, figure_of, style

__all__ = [
    "colours",
    "differences_by_rate",
    "figure_of",
    "fluctuation_histogram",
    "outcome_by_rate",
    "panels",
    "range_test_over_truth",
    "steps_to_target_by_rate",
    "style",
]
