"""Figures of the study `stability`: results in, matplotlib figures and films out."""

from lrscope.papers.stability.figures._alarms import alarm_scores
from lrscope.papers.stability.figures._controllers import controlled_rate, controller_bench
from lrscope.papers.stability.figures._duplicates import duplicate_pairs
from lrscope.papers.stability.figures._film import Film, run_film
from lrscope.papers.stability.figures._frames import frame_steps
from lrscope.papers.stability.figures._gradient_path import gradient_path
from lrscope.papers.stability.figures._sharpness import sharpness_panels
from lrscope.papers.stability.figures._training import (
    configuration_rows,
    error_panels,
    function_panels,
    training_panels,
)

__all__ = [
    "Film",
    "alarm_scores",
    "configuration_rows",
    "controlled_rate",
    "controller_bench",
    "duplicate_pairs",
    "error_panels",
    "frame_steps",
    "function_panels",
    "gradient_path",
    "run_film",
    "sharpness_panels",
    "training_panels",
]
