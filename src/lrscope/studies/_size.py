"""Whether a machine can hold a run: known by arithmetic, before any memory is taken. Needs no PyTorch."""

import os

from rich.filesize import decimal

from lrscope.errors import InputError, must_be

MOST_NETWORKS, MOST_STEPS = 10**5, 10**7
"""Networks of a run, and updates of each, at most: both are listed in memory."""
LOSS_BYTES = 4
"""Of a network at a step; every study records the loss at each, and its report reads them all."""
SAMPLE_BYTES = 256
"""Of a sample in a batch, about, at least: 64 numbers in float32, as of the smallest images."""
UNKNOWN_MEMORY = 2**36


def check_size(networks: int, steps: int) -> None:
    """Raise an error for a run of more networks or steps than a machine can plan, record and report.

    Parameters
    ----------
    steps : of each network, or fewer where their number is not known yet
    """
    losses = networks * steps * LOSS_BYTES
    if networks > MOST_NETWORKS or steps > MOST_STEPS or losses > memory():
        most = f"{MOST_NETWORKS:,} networks, {MOST_STEPS:,} steps of each, and losses that fit into {decimal(memory())}"
        count = f"{networks:,} network{'' if networks == 1 else 's'}"
        got = f"{count} of {steps:,} steps or more, with {decimal(losses)} of losses"
        raise InputError(f"A run must have at most {most}; got {got}. Ask for fewer rates, seeds or epochs.")


def check_memory(name: str, value: int, nbytes: int, what: str) -> None:
    """Raise an error for an option that would need more memory than this machine has, and say what for."""
    if nbytes > memory():
        remedy = f"It would need {decimal(nbytes)} for {what}."
        raise must_be(name, f"small enough for the {decimal(memory())} of this machine", value, remedy)


def check_batch(batch_size: int) -> None:
    """Raise an error for a batch whose samples would not fit into memory, before the data set is read."""
    check_memory("batch_size", batch_size, batch_size * SAMPLE_BYTES, "the samples of one batch")


def memory() -> int:
    """Return the bytes of memory of this machine."""
    if not hasattr(os, "sysconf"):
        return UNKNOWN_MEMORY
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
