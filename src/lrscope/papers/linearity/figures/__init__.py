"""Figures of the law: finished results of `lrscope.papers.linearity.analysis` in, matplotlib figures out."""

from lrscope.papers.linearity.figures._film import LawFilm
from lrscope.papers.linearity.figures._grid import law_grid
from lrscope.papers.linearity.figures._noise import r2_by_replicates
from lrscope.papers.linearity.figures._relations import delta_by_output, second_order_term
from lrscope.papers.linearity.figures._scatter import law_scatter
from lrscope.papers.linearity.figures._sheets import image_sheet

__all__ = [
    "LawFilm",
    "delta_by_output",
    "image_sheet",
    "law_grid",
    "law_scatter",
    "r2_by_replicates",
    "second_order_term",
]
