"""Reproductions of published experiments: each a study with its own analyses, figures and claims.

`fluctuation`, `stability`, `linearity` and `boundary`; `lrscope run NAME` trains one of them.
"""

import importlib
from types import ModuleType

__all__ = ["boundary", "fluctuation", "linearity", "stability"]


def __getattr__(name: str) -> ModuleType:
    """Return a paper's folder, imported at its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
