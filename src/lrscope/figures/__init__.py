"""Finished results in, figures of matplotlib out. Nothing is computed here.

Labels of axes are read from `attrs`, colours from the learning rate, and members that diverged are marked. Each
function enters `style` by itself.
"""

from lrscope.figures._fluctuation import fluctuation_histogram
from lrscope.figures._panels import panels
from lrscope.figures._rates import outcome_by_rate
from lrscope.figures._style import colours, style

__all__ = [
    "colours",
    "fluctuation_histogram",
    "outcome_by_rate",
    "panels",
    "style",
]
