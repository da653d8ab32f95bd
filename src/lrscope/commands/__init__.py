"""Trainings by command: a grid of command lines, run side by side, and the metrics that they leave as records.

A training is any program: a script of PyTorch, Lightning, Hugging Face, JAX. Nothing here needs PyTorch.
"""

from lrscope.commands._process import FINISHED
from lrscope.commands._records import block_of, no_such_step, variable_of
from lrscope.commands._run import CommandError, Running, Tried, tried
from lrscope.commands._trainings import Trainings

__all__ = [
    "FINISHED",
    "CommandError",
    "Running",
    "Trainings",
    "Tried",
    "block_of",
    "no_such_step",
    "tried",
    "variable_of",
]
