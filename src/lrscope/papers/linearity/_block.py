"""Sums as a block of records: a member for each rate and batch of replicates, one step, that of the last update."""

import math

import numpy as np
import xarray as xr

from lrscope.data import Arrays
from lrscope.papers.linearity._replication import Replication
from lrscope.papers.linearity._sums import (
    ACCURACY,
    CLASS_OUTPUTS,
    DIVERGED,
    LOSS,
    OUTPUTS,
    PRODUCTS,
    REPLICATES,
    SECONDS,
    Sums,
    Values,
    has_classes,
)
from lrscope.records import STEP, Variable, new_block
from lrscope.sweep import Sweep

BATCH = "batch"
SAMPLE, LEARNED_SAMPLE = "sample", "learned_sample"
_LABELS = (
    Variable(REPLICATES, REPLICATES, "replicates"),
    Variable(DIVERGED, DIVERGED, "replicates left out because they diverged"),
    Variable(OUTPUTS, OUTPUTS, "sum of outputs", dims=(SAMPLE, "output")),
    Variable(PRODUCTS, PRODUCTS, "sum of products of outputs", dims=("other_lr", SAMPLE, "output")),
    Variable(LOSS, LOSS, "sum of validation losses"),
    Variable(ACCURACY, ACCURACY, "sum of validation accuracies"),
    Variable(CLASS_OUTPUTS, CLASS_OUTPUTS, "sum of outputs of the own class", dims=(LEARNED_SAMPLE,)),
    Variable(SECONDS, SECONDS, "time of a worker that the replicates took", "s"),
    Variable("targets", "targets", "target", dims=(SAMPLE,)),
    Variable("learned_targets", "learned_targets", "target of the samples learned from", dims=(LEARNED_SAMPLE,)),
)
LABELS = {label.name: label for label in _LABELS}
"""Name of a variable -> its label."""


def block_of(replication: Replication, sums: Sums) -> xr.Dataset:
    """Return the sums of a whole replication as a block (member, step, ...)."""
    sweep = Sweep(lr=replication.lrs, batch=range(replication.batches))
    columns = sweep.members()
    learned: Arrays = replication.data.arrays()
    rates = np.searchsorted(replication.lrs, columns["lr"])
    values = {
        name: np.stack([sums.batches[batch][name][rate] for rate, batch in zip(rates, columns[BATCH], strict=True)])
        for name in sums.batches[0]
    }
    values |= _targets(replication, learned, len(rates))
    per_epoch = math.ceil(len(learned.inputs) / (replication.batch_size or len(learned.inputs)))
    steps = {STEP: np.array([replication.epochs * per_epoch])}
    with_step = {name: value[:, None] for name, value in values.items()}
    return new_block(with_step, LABELS, steps, columns, sweep.attrs(), dict.fromkeys(values, STEP))


def _targets(replication: Replication, learned: Arrays, members: int) -> Values:
    """Return the classes of the samples, the same for every member; of other targets nothing."""
    validation: Arrays = replication.data.validation()
    if not has_classes(validation.targets):
        return {}
    both = {"targets": validation.targets, "learned_targets": learned.targets}
    return {name: np.tile(targets.astype(np.int64), (members, 1)) for name, targets in both.items()}
