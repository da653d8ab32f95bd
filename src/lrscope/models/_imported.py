"""A network of a user's own, named by where to import it."""

import torch
from pydantic import field_validator
from torch import nn

from lrscope._imported import called, checked_path, imported
from lrscope.errors import must_be
from lrscope.specification import specification

_FACTORY = "a class or function without arguments that returns an nn.Module"


@specification
class Imported:
    """The model that ``package.module:function`` makes. Nothing is imported before the model is made.

    Attributes
    ----------
    path : of a function or class, called without arguments; all that is recorded of the model

    Raises
    ------
    InputError : no such form of a path; later, when the model is made, something that cannot be imported, cannot be
        called, or does not return a module.

    Examples
    --------
    >>> Imported("torch.nn:ReLU")()
    ReLU()
    """

    path: str

    @field_validator("path")
    @classmethod
    def _formed(cls, path: str) -> str:
        return checked_path("model", path, "package.module:function")

    def __call__(self) -> nn.Module:
        """Return a new module."""
        with torch.random.fork_rng(devices=()):  # what the module draws when it is imported is not the network's
            factory = imported("model", self.path, _FACTORY)
        if isinstance(factory, nn.Module):
            remedy = "Name what makes the module: each network is a new one."
            raise must_be("model", _FACTORY, f"{self.path}, which is a module", remedy)
        if not callable(factory):
            raise must_be("model", _FACTORY, f"{self.path}, which is {type(factory).__name__}")
        made = called("model", _FACTORY, self.path, factory)
        if not isinstance(made, nn.Module):
            raise must_be("model", _FACTORY, f"{self.path}, which returned {type(made).__name__}")
        return made
