"""Figures of maps: finished results of `lrscope.papers.boundary.analysis` in, matplotlib figures out."""

from lrscope.papers.boundary.figures._edges import box_counts_by_size, line_cut, probability_map
from lrscope.papers.boundary.figures._film import zoom_film
from lrscope.papers.boundary.figures._map import map_box, trainability_map, zoom_frames

__all__ = [
    "box_counts_by_size",
    "line_cut",
    "map_box",
    "probability_map",
    "trainability_map",
    "zoom_film",
    "zoom_frames",
]
