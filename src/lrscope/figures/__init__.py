"""Finished results in, figures out: matplotlib Axes or Figures. Nothing is computed here.

Functions of one picture take an optional `ax` and return the Axes; composed ones return the Figure. Labels of axes are
read from `attrs`, colours from the learning rate, and members that diverged are marked. Each enters `style` by itself.
"""

from lrscope.figures._activity import activity_maps
from lrscope.figures._bands import rate_band_panels, rate_bands
from lrscope.figures._curves import curve_panels, curves
from lrscope.figures._facets import panels
from lrscope.figures._fluctuation import fluctuation_histogram
from lrscope.figures._heat import heat_map
from lrscope.figures._insides import insides_by_rate, steps_to_target_by_rate
from lrscope.figures._lives import life_histories, survival_curves, survival_panels
from lrscope.figures._participation import inactive_panels, inactive_shares
from lrscope.figures._published import against_published, published_panels
from lrscope.figures._range_test import range_test_over_truth
from lrscope.figures._rates import differences_by_rate, outcome_by_rate
from lrscope.figures._reconstruction import reconstruction, reconstructions
from lrscope.figures._scalars import scalar_panels
from lrscope.figures._style import colours, figure_of, style
from lrscope.figures._variance import variance_bars

__all__ = [
    "activity_maps",
    "against_published",
    "colours",
    "curve_panels",
    "curves",
    "differences_by_rate",
    "figure_of",
    "fluctuation_histogram",
    "heat_map",
    "inactive_panels",
    "inactive_shares",
    "insides_by_rate",
    "life_histories",
    "outcome_by_rate",
    "panels",
    "published_panels",
    "range_test_over_truth",
    "rate_band_panels",
    "rate_bands",
    "reconstruction",
    "reconstructions",
    "scalar_panels",
    "steps_to_target_by_rate",
    "style",
    "survival_curves",
    "survival_panels",
    "variance_bars",
]
