"""The state of an ensemble between two steps: a tree of dictionaries of tensors, and its form for a checkpoint."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrscope.training._graph import filled, leaves

State = dict[str, Any]
Values = dict[str, Tensor]


def clone_leaves(state: State) -> State:
    """Return a state in which each entry has memory of its own.

    Two entries may be one tensor (the last gradient, kept by two probes); a trace would take them for one for all time.
    """
    copies: State = filled(state, (leaf.clone(memory_format=torch.contiguous_format) for leaf in leaves(state)))
    return copies


def ordered(state: State, like: State) -> State:
    """Return a state with its entries in the order of another."""
    return {
        name: ordered(state[name], value) if isinstance(value, dict) else state[name] for name, value in like.items()
    }


def to_arrays(state: State, prefix: str = "") -> dict[str, np.ndarray]:
    """Return the tensors of a state as NumPy arrays under path-like names (``rule/mean``), for a checkpoint."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            arrays |= to_arrays(value, f"{prefix}{name}/")
        else:
            arrays[f"{prefix}{name}"] = value.cpu().numpy().copy()
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray], like: State, prefix: str = "") -> State:
    """Return a state with the structure and devices of `like` and the values of `to_arrays`."""
    return {
        name: from_arrays(arrays, value, f"{prefix}{name}/")
        if isinstance(value, dict)
        else torch.from_numpy(arrays[f"{prefix}{name}"].copy()).to(value.device)
        for name, value in like.items()
    }


def without_members(state: State) -> State:
    """Return the names and devices of a state as `from_arrays` needs them, without its memory."""
    return {
        name: without_members(value) if isinstance(value, dict) else value.new_empty(0) for name, value in state.items()
    }
