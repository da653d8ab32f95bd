"""Sums over replicates, batch by batch: they merge by adding, in any order and from anywhere."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lrscope.papers.linearity._replication import APART, Replication
from lrscope.training import Trained, Trainer

REPLICATES, DIVERGED = "replicates", "diverged"
OUTPUTS, PRODUCTS, CLASS_OUTPUTS = "outputs_sum", "outputs_product_sum", "class_output_sum"
LOSS, ACCURACY, SECONDS = "loss_sum", "accuracy_sum", "seconds_sum"
Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sums:
    """Sums over the replicates of some batches.

    Attributes
    ----------
    batches : number of a batch -> name -> array (lr, ...), float64 or int64: ``replicates`` and ``diverged`` (lr);
        ``outputs_sum`` (lr, sample, output); ``outputs_product_sum`` (lr, other_lr, sample, output), NaN off the
        diagonal where seeds are not common; ``loss_sum``, ``seconds_sum`` and, of classes,
        ``accuracy_sum`` (lr) and ``class_output_sum`` (lr, learned_sample)
    """

    batches: Mapping[int, Values]

    def __add__(self, other: "Sums") -> "Sums":
        """Return the sums over the replicates of both."""
        merged = dict(self.batches)
        for batch, values in other.batches.items():
            held = merged.get(batch)
            merged[batch] = {name: held[name] + value for name, value in values.items()} if held else values
        return Sums(merged)

    @property
    def replicates(self) -> int:
        """Replicates that were trained, those included that diverged."""
        return sum(int(values[REPLICATES][0] + values[DIVERGED][0]) for values in self.batches.values())


NOTHING = Sums({})


def summed(replication: Replication, replicates: range, trainer: Trainer) -> Sums:
    """Train some replicates at every rate, and return their sums.

    Parameters
    ----------
    trainer : of any experiment of the replication
    """
    experiments = replication.experiments(replicates)
    trainer.trace(experiments[0])
    began = time.perf_counter()
    members: Values = {}
    shape = len(replication.lrs), len(replicates)
    for experiment in experiments:
        for trained in trainer.outputs(experiment):
            _arrange(members, _measured(trained, trainer), _places(trained, replication, replicates), shape)
    members[SECONDS] = np.full(shape, (time.perf_counter() - began) / math.prod(shape))
    batch_of = replication.batch_of(np.arange(replicates.start, replicates.stop))
    of_batch = {int(batch): {name: each[:, batch_of == batch] for name, each in members.items()} for batch in batch_of}
    return Sums({batch: _total(values, replication.pairing == "common") for batch, values in of_batch.items()})


def _measured(trained: Trained, trainer: Trainer) -> Values:
    """Return what is summed, (member, ...)."""
    outputs = _array(trained.outputs).reshape(*trained.outputs.shape[:2], -1)
    values = {OUTPUTS: outputs, LOSS: _array(trained.loss), DIVERGED: trained.diverged.numpy(force=True)}
    if not has_classes(trainer.targets) or outputs.shape[2:] != trained.outputs.shape[2:]:
        return values
    learned = trained.train_outputs
    own = learned.gather(
        2, torch.from_numpy(trainer.train_targets).to(learned.device).expand(learned.shape[:2])[..., None]
    )
    return values | {
        ACCURACY: (outputs.argmax(axis=2) == trainer.targets).mean(axis=1),
        CLASS_OUTPUTS: _array(own[..., 0]),
    }


def has_classes(targets: np.ndarray) -> bool:
    """Tell whether targets (sample, ...) are one class each."""
    return targets.ndim == 1 and targets.dtype.kind in "iub"


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.double().numpy(force=True)


def _places(trained: Trained, replication: Replication, replicates: range) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each member's rate, and of its replicate among these."""
    rates = np.searchsorted(replication.lrs, trained.columns["lr"])
    return rates, trained.columns["seed"] % APART - replicates.start


def _arrange(members: Values, values: Values, places: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]) -> None:
    """Put values (member, ...) where they belong among (lr, replicate, ...)."""
    for name, value in values.items():
        if name not in members:
            members[name] = np.empty((*shape, *value.shape[1:]), value.dtype)
        members[name][places] = value


def _total(members: Values, common: bool) -> Values:
    """Return the sums over replicates of what was measured, (lr, replicate, ...)."""
    left_out = members[DIVERGED]
    sums = {REPLICATES: (~left_out).sum(axis=1), DIVERGED: left_out.sum(axis=1)}
    kept = {
        name: np.where(left_out.reshape(*left_out.shape, *(1,) * (value.ndim - 2)), 0.0, value)
        for name, value in members.items()
        if name != DIVERGED
    }
    return {
        **sums,
        **{name: value.sum(axis=1) for name, value in kept.items()},
        PRODUCTS: _products(kept[OUTPUTS], common),
    }


def _products(outputs: np.ndarray, common: bool) -> np.ndarray:
    """Return sums over replicates of products (lr, other_lr, sample, output) of outputs (lr, replicate, ...)."""
    if common:
        return np.asarray(np.einsum("rkso,qkso->rqso", outputs, outputs))
    rates, _, samples, size = outputs.shape
    products = np.full((rates, rates, samples, size), np.nan)
    products[range(rates), range(rates)] = np.einsum("rkso,rkso->rso", outputs, outputs)
    return products
