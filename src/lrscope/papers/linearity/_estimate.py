"""What a replication will cost, from a few steps of some of its networks."""

import torch

from lrscope.data import Arrays
from lrscope.engines import Engine
from lrscope.papers.linearity._replication import Replication
from lrscope.papers.linearity._sums import has_classes
from lrscope.training import Estimate, Trainer, worth_starting
from lrscope.training import estimate as of_experiment

_SCALARS, _SCALARS_OF_CLASSES = 4, 5
"""Numbers of a rate and batch that have no further dimension."""


def at_once(replication: Replication, trainer: Trainer) -> int:
    """Return how many replicates are trained at the same time."""
    members = len(replication.lrs) if replication.pairing == "common" else 1
    return max(1, trainer.at_once // members)


def estimate(replication: Replication, device: str = "auto", engine: Engine | None = None) -> Estimate:
    """Return what a replication will cost on this machine.

    Counted are making the networks, all steps, and their outputs in the end; tracing, which takes seconds once
    before the first step, is not.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    engine : where it will be trained; in this process by default

    Returns
    -------
    estimate : networks of all rates; the records are the sums, which do not grow with the replicates

    Raises
    ------
    InputError : there is no such device, or something in the replication does not fit together.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> from lrscope.models import CNN
    >>> asked = Replication(data=Digits(), model=CNN(1, 8, 8), lrs=[0.1, 0.2, 0.3], replicates=40_000, epochs=1)
    >>> estimate(asked, "cpu").members
    120000
    """
    trainer = Trainer(replication.experiments(range(1))[0], device)
    some = range(min(replication.replicates, at_once(replication, trainer)))
    experiments = replication.experiments(some)
    parts = [of_experiment(experiment, device=device) for experiment in experiments]
    trainer.trace(experiments[0])
    further = (part.seconds * (1 - 1 / part.steps) for part in parts)
    seconds = (sum(further) + sum(map(trainer.one_step, experiments))) * replication.replicates / len(some)
    if engine and worth_starting(engine, seconds, len(replication)):
        seconds = seconds / engine.workers + engine.startup_seconds
    return Estimate(len(replication), parts[0].steps, _bytes_of(replication), seconds)


def _bytes_of(replication: Replication) -> int:
    """Return the size of the records: sums, and products of all rates with all, of every batch."""
    learned: Arrays = replication.data.arrays()
    validation: Arrays = replication.data.validation()
    outputs = len(validation.inputs) * _outputs_of_one(replication, validation)
    each = _SCALARS + outputs * (1 + len(replication.lrs))
    if has_classes(validation.targets):
        each += _SCALARS_OF_CLASSES - _SCALARS + len(validation.inputs) + 2 * len(learned.inputs)
    return 8 * each * len(replication.lrs) * replication.batches


def _outputs_of_one(replication: Replication, samples: Arrays) -> int:
    """Return the size of the output of a network for one sample."""
    dtype = getattr(torch, replication.dtype)
    one = torch.from_numpy(samples.inputs[:1])
    with torch.random.fork_rng(devices=()), torch.no_grad():
        return int(replication.model().to(dtype).eval()(one.to(dtype) if one.is_floating_point() else one).numel())
