"""Warnings of a Recorder."""

import inspect
import warnings
from pathlib import Path

import torch

_LIBRARIES = tuple(str(path) for path in (Path(__file__).parents[1], Path(torch.__file__).parent))


def warn(message: str) -> None:
    """Warn of the line outside of lrscope and PyTorch that led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, RuntimeWarning, stacklevel=level)
