"""Why a controller chose the rate of an update, as a number that fits into a record and as a text."""

import torch
from torch import Tensor

from lrscope.records import RATE_REASONS

REASONS = RATE_REASONS
"""Texts of the recorded codes: ``REASONS[code]``. Raised and lowered are meant against the update before."""

UNCHANGED, TRIAL, RAISED, LOWERED, LOWEST, HIGHEST, NOT_FINITE, SHARPER, LESS_SHARP = range(len(REASONS))


def reason_of(before: Tensor, wanted: Tensor, after: Tensor) -> Tensor:
    """Return why a rate went from `before` to `after`, if what the gradients wanted was `wanted`; scalar int64."""
    moved = torch.where(after > before, RAISED, torch.where(after < before, LOWERED, UNCHANGED))
    held = torch.where(wanted < after, LOWEST, torch.where(wanted > after, HIGHEST, moved))
    return torch.where(after == before, held, moved)
