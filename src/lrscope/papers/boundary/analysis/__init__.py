"""Maps of which pairs of values train in, labelled arrays out: the boundary, its dimension, and the edge over seeds.

A map has the dimensions ``y`` and ``x`` and often ``seed``; an axis says in its attribute ``scale`` whether it is
``log`` or ``linear``.
"""

from lrscope.papers.boundary.analysis._boxes import boundary, box_counts, dimension, local_dimension
from lrscope.papers.boundary.analysis._colour import equalised
from lrscope.papers.boundary.analysis._mean import mean_boundary
from lrscope.papers.boundary.analysis._seeds import (
    along,
    distance_to_boundary,
    edge,
    edge_interval,
    has_equal_values,
    margin,
    training_probability,
)

__all__ = [
    "along",
    "boundary",
    "box_counts",
    "dimension",
    "distance_to_boundary",
    "edge",
    "edge_interval",
    "equalised",
    "has_equal_values",
    "local_dimension",
    "margin",
    "mean_boundary",
    "training_probability",
]
