"""For everybody's own training, and for the tools that people have.

`Recorder` is a context manager for a PyTorch loop, with the probes and the files of lrscope; `LightningRecorder` is the
same as a callback of Lightning's Trainer, `TransformersRecorder` of that of Hugging Face; `export_tensorboard` writes
records as TensorBoard's event files. Each is imported when it is used: the export needs no PyTorch, and nothing needs
the libraries of the others.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.errors import InputError

if TYPE_CHECKING:
    from lrscope.recorder._cadence import Cost
    from lrscope.recorder._lightning import LightningRecorder
    from lrscope.recorder._recorder import Recorder
    from lrscope.recorder._tensorboard import export_tensorboard
    from lrscope.recorder._transformers import TransformersRecorder

__all__ = ["Cost", "LightningRecorder", "Recorder", "TransformersRecorder", "export_tensorboard"]

_FILES = {
    "Cost": "_cadence",
    "LightningRecorder": "_lightning",
    "Recorder": "_recorder",
    "TransformersRecorder": "_transformers",
    "export_tensorboard": "_tensorboard",
}
_EXTRAS = {
    "_lightning": ("lightning", "lightning"),
    "_tensorboard": ("tensorboard", "tensorboard"),
    "_transformers": ("transformers", "huggingface"),
}
"""File -> the library that it imports and lrscope does without, and the extra that brings it."""


def __getattr__(name: str) -> Any:
    """Return a name from the file that defines it.

    Raises
    ------
    InputError : it needs a library that is not installed.
    """
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file = _FILES[name]
    try:
        return getattr(importlib.import_module(f"{__name__}.{file}"), name)
    except ModuleNotFoundError as error:
        library, extra = _EXTRAS.get(file, ("", ""))
        if (error.name or "").partition(".")[0] != library:
            raise
        remedy = f'Install it: pip install "lrscope[{extra}]"'
        raise InputError(f"{name} needs the library {library}. {remedy}") from None
