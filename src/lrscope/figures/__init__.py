"""Finished results in, figures out: matplotlib Axes or Figures, and plotly figures. Nothing is computed here.

Functions of one picture take an optional `ax` and return the Axes; composed ones return the Figure. Labels of axes are
read from `attrs`, colours from the learning rate, and members that diverged are marked. Each enters `style` by itself.
"""

from lrscope.figures._curves import curve_panels, curves
from lrscope.figures._fluctuation import fluctuation_histogram
from lrscope.figures._heat import heat_map
from lrscope.figures._interactive import interactive_curves, interactive_fluctuation, interactive_reconstructions
from lrscope.figures._participation import inactive_panels, inactive_shares
from lrscope.figures._published import against_published, published_panels
from lrscope.figures._reconstruction import reconstruction, reconstructions
from lrscope.figures._style import colours, figure_of, style

__all__ = [
    "against_published",
    "colours",
    "curve_panels",
    "curves",
    "figure_of",
    "fluctuation_histogram",
    "heat_map",
    "inactive_panels",
    "inactive_shares",
    "interactive_curves",
    "interactive_fluctuation",
    "interactive_reconstructions",
    "published_panels",
    "reconstruction",
    "reconstructions",
    "style",
]
