"""Figures of the law: finished results of `lrscope.papers.linearity.analysis` in, matplotlib figures out."""

from lrscope.papers.linearity.figures._law import delta_by_output, law_film, law_scatter, r2_by_replicates
from lrscope.papers.linearity.figures._sheets import image_sheet, law_grid

__all__ = ["delta_by_output", "image_sheet", "law_film", "law_grid", "law_scatter", "r2_by_replicates"]
