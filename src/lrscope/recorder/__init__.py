"""For everybody's own training, and for the tools that people have.

`Recorder` is a context manager for a PyTorch loop, with the probes and the files of lrscope; `LightningRecorder` is the
same as a callback of Lightning's Trainer, `TransformersRecorder` of that of Hugging Face; `export_tensorboard` writes
records as TensorBoard's event files. Each is imported when it is used: the export needs no PyTorch, and nothing needs
the libraries of the others.
"""

from typing import TYPE_CHECKING

from lrscope._imported import lazy

if TYPE_CHECKING:
    from lrscope.recorder._cadence import Cost
    from lrscope.recorder._lightning import LightningRecorder
    from lrscope.recorder._recorder import Recorder
    from lrscope.recorder._tensorboard import export_tensorboard
    from lrscope.recorder._transformers import TransformersRecorder

__all__ = ["Cost", "LightningRecorder", "Recorder", "TransformersRecorder", "export_tensorboard"]

_FILES = {
    "_cadence": ["Cost"],
    "_lightning": ["LightningRecorder"],
    "_recorder": ["Recorder"],
    "_tensorboard": ["export_tensorboard"],
    "_transformers": ["TransformersRecorder"],
}
_EXTRAS = {
    "_lightning": ("lightning", "lightning"),
    "_tensorboard": ("tensorboard", "tensorboard"),
    "_transformers": ("transformers", "huggingface"),
}
__getattr__ = lazy(__name__, _FILES, _EXTRAS)
