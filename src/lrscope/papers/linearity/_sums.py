"""Sums over replicates, batch by batch: they merge by adding, in any order and from anywhere."""

import math
import time

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrscope.data import Arrays
from lrscope.papers.linearity._replication import APART, Replication
from lrscope.records import STEP, Variable, new_block
from lrscope.studies._samples import has_classes
from lrscope.sweep import Sweep
from lrscope.training import Trained, Trainer

REPLICATES, DIVERGED, OUTPUTS, CLASS_OUTPUTS = "replicates", "diverged", "outputs_sum", "class_output_sum"
LOSS, ACCURACY, SECONDS = "loss_sum", "accuracy_sum", "seconds_sum"
TARGETS, LEARNED_TARGETS = "targets", "learned_targets"
SAMPLE, LEARNED_SAMPLE = ("sample",), ("learned_sample",)
VARIABLES = (
    Variable(REPLICATES, REPLICATES, "replicates"),
    Variable(DIVERGED, DIVERGED, "replicates left out because they diverged"),
    Variable(OUTPUTS, OUTPUTS, "sum of outputs", dims=(*SAMPLE, "output")),
    Variable(LOSS, LOSS, "sum of validation losses"),
    Variable(ACCURACY, ACCURACY, "sum of validation accuracies"),
    Variable(CLASS_OUTPUTS, CLASS_OUTPUTS, "sum of outputs of the own class", dims=LEARNED_SAMPLE),
    Variable(SECONDS, SECONDS, "time of a worker that the replicates took", "s"),
    Variable(TARGETS, TARGETS, "target", dims=SAMPLE),
    Variable(LEARNED_TARGETS, LEARNED_TARGETS, "target of the samples learned from", dims=LEARNED_SAMPLE),
)

Sums = dict[str, np.ndarray]
"""``<batch>/<variable>`` -> array (lr, ...), float64 or int64, of the batches that have replicates."""


def merged(*parts: Sums) -> Sums:
    """Return the sums over the replicates of all parts."""
    whole: Sums = {}
    for part in parts:
        whole |= {name: whole[name] + value if name in whole else value for name, value in part.items()}
    return whole


def summed(replication: Replication, replicates: range, trainer: Trainer) -> Sums:
    """Train some replicates at every rate, and return their sums.

    Parameters
    ----------
    trainer : of any experiment of the replication
    """
    experiments = replication.experiments(replicates)
    trainer.trace(experiments[0])
    began = time.perf_counter()
    sums: Sums = {}
    for experiment in experiments:
        for trained in trainer.outputs(experiment):
            values = measured(trained, trainer)
            at_rate = np.array(replication.lrs)[:, None] == trained.columns["lr"]
            batches = replication.batch_of(trained.columns["seed"] % APART)
            for batch in np.unique(batches):
                chosen = at_rate & (batches == batch)  # (lr, member)
                part = {f"{batch}/{name}": np.tensordot(chosen, value, 1) for name, value in values.items()}
                sums = merged(sums, part, {f"{batch}/{SECONDS}": chosen.sum(axis=1).astype(np.float64)})
    seconds = (time.perf_counter() - began) / (len(replication.lrs) * len(replicates))
    return {name: value * seconds if name.endswith(f"/{SECONDS}") else value for name, value in sums.items()}


def measured(trained: Trained, trainer: Trainer) -> dict[str, np.ndarray]:
    """Return what is summed (member, ...): zeros where a network diverged, but for their number."""
    diverged = trained.diverged.numpy(force=True)
    outputs = _array(trained.outputs)
    values = {OUTPUTS: outputs.reshape(*outputs.shape[:2], -1), LOSS: _array(trained.loss)}
    if _are_classes(trainer.targets) and outputs.ndim == 3:
        values[ACCURACY] = (outputs.argmax(axis=2) == trainer.targets).mean(axis=1)
        learned = trained.train_outputs
        targets = torch.from_numpy(trainer.train_targets).to(learned.device)
        values[CLASS_OUTPUTS] = _array(learned.gather(2, targets.expand(learned.shape[:2])[..., None])[..., 0])
    kept = {name: np.where(diverged.reshape(-1, *[1] * (value.ndim - 1)), 0.0, value) for name, value in values.items()}
    return {REPLICATES: (~diverged).astype(np.int64), DIVERGED: diverged.astype(np.int64), **kept}


def _are_classes(targets: np.ndarray) -> bool:
    return targets.ndim == 1 and has_classes(targets)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.double().numpy(force=True)


def block_of(replication: Replication, sums: Sums) -> xr.Dataset:
    """Return the sums of a whole replication as a block of records (member, step, ...).

    It has a member for each rate and batch of replicates, and one step, that of the last update; its attribute
    ``pairing`` is that of the replication.
    """
    experiment = replication.experiment
    learned: Arrays = experiment.data.arrays()
    sweep = Sweep(lr=replication.lrs, batch=range(replication.batches))
    columns = sweep.members()
    places = list(zip(columns["batch"], np.searchsorted(replication.lrs, columns["lr"]), strict=True))
    names = [name.partition("/")[2] for name in sums if name.startswith("0/")]
    values = {name: np.stack([sums[f"{batch}/{name}"][rate] for batch, rate in places]) for name in names}
    for name, targets in {TARGETS: experiment.data.validation().targets, LEARNED_TARGETS: learned.targets}.items():
        if _are_classes(targets):
            values[name] = np.tile(targets.astype(np.int64), (len(places), 1))
    per_epoch = math.ceil(len(learned.inputs) / (experiment.batch_size or len(learned.inputs)))
    steps = experiment.steps or (experiment.epochs or 0) * per_epoch
    with_step = {name: value[:, None] for name, value in values.items()}
    labels = {variable.name: variable for variable in VARIABLES}
    block = new_block(with_step, labels, {STEP: np.array([steps])}, columns, sweep.attrs(), dict.fromkeys(values, STEP))
    return block.assign_attrs(pairing=replication.pairing)
