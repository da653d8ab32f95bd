"""When a step is compiled by `torch.compile`, and what happens where it cannot be: the only place that decides."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lrscope.training._graph import Traced

COMPILE_SECONDS = 15.0
"""What it takes to compile a step, of processor time with an empty cache: 14 s for a perceptron of seven parameters,
20 s for the paper's autoencoder."""
SECONDS_PER_STEP, SECONDS_PER_KIB = 0.4e-3, 0.4e-6
"""What a compiled step saves: for the calls of its operations, and for each KiB that a member needs while it trains.
Measured on one core: 0.5 ms with one network of 39 KiB, 1.7 ms with 64 of 57 KiB, 2.9 ms with 12 of 460 KiB."""
_OPTIONS: dict[str, Any] = {"compile_threads": 1}
"""Other processes train at the same time: no pool of compilers in each of them."""


def saved_seconds(steps: int, members: int, bytes_each: int) -> float:
    """Return about how many seconds are saved by compiling a step that is taken so often."""
    return steps * (SECONDS_PER_STEP + members * bytes_each / 2**10 * SECONDS_PER_KIB)


def pays(step: Traced, steps: int, members: int, bytes_each: int) -> bool:
    """Tell whether a step is taken so often that compiling it saves more seconds than it takes.

    The rule counts steps instead of measuring seconds: a resumed training decides the same, and has the same rounding.
    """
    # Grouped convolutions gain nothing: the compiler calls the same kernels, and lays the images out less well for
    # them than `_images` does (10 ms a step instead of 6 for six of the CNNs on digits).
    convolves = any("convolution" in str(node.target) for node in step.graph.graph.nodes)
    return not convolves and saved_seconds(steps, members, bytes_each) >= COMPILE_SECONDS


def compile_step(step: Traced, arguments: Sequence[Tensor]) -> bool:
    """Let a step run compiled from now on, and tell whether that was possible; otherwise it stays as it is.

    Parameters
    ----------
    arguments : flat, of the shapes with which it will be called

    Warns
    -----
    RuntimeWarning : there is no C++ compiler, or the compiler refuses the step; with the reason.
    """
    compiled = torch.compile(step.graph, fullgraph=True, dynamic=False, options=_OPTIONS)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler warns about its own deprecated parts
            compiled(*arguments)  # compilation happens in the first call
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).strip().split("\n")[:2])  # the second line says what the compiler raised
        message = f"Training continues without compiling its steps, which is slower: {reason}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return False
    step.run = compiled
    return True
