"""The state of an ensemble between two steps: tensors under path-like names (``rule/mean``), and as arrays."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

State = dict[str, Tensor]
Values = dict[str, Tensor]


def part(state: State, prefix: str) -> State:
    """Return the tensors whose names begin with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> State:
    """Return the tensors with `prefix` before their names."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def cloned(state: State) -> State:
    """Return a state in which each entry has memory of its own.

    Two entries may be one tensor (the last gradient, kept by two probes); a trace would take them for one for all time.
    """
    return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}


def to_arrays(state: State) -> dict[str, np.ndarray]:
    """Return a state as NumPy arrays, for a checkpoint."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in state.items()}


def from_arrays(arrays: Mapping[str, np.ndarray], device: torch.device) -> State:
    """Return the state that `to_arrays` was given; a traced step needs its entries in the same order."""
    return {name: torch.from_numpy(array.copy()).to(device) for name, array in arrays.items()}
