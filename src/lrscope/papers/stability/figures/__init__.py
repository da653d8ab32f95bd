"""Figures of the study `stability`: results in, matplotlib figures and films out."""

from lrscope.papers.stability.figures._axes import mark_onset
from lrscope.papers.stability.figures._film import Film, frame_steps, run_film
from lrscope.papers.stability.figures._path import gradient_path
from lrscope.papers.stability.figures._training import (
    configuration_rows,
    controlled_rate,
    sharpness_panels,
    training_panels,
)

__all__ = [
    "Film",
    "configuration_rows",
    "controlled_rate",
    "frame_steps",
    "gradient_path",
    "mark_onset",
    "run_film",
    "sharpness_panels",
    "training_panels",
]
