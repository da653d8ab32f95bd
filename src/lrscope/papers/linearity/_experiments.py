"""The trainings of the study `linearity`: a replication for each network."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from lrscope.data import Arrays, DataSet, data_set
from lrscope.errors import must_be
from lrscope.models import CNN, MLP, FastResNet, Imported
from lrscope.optim import SGD, LabelSmoothing, Linear, Triangle
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._replication import MAX_BATCHES, Replication
from lrscope.studies._samples import checked, has_classes
from lrscope.sweep import Sweep
from lrscope.training import Experiment, estimate

SMALLEST = {"cnn": 4, "resnet": 9}
"""Pixels along the sides of an image, at least."""


PLAIN: Mapping[str, Any] = {
    "loss": "cross_entropy",
    "optimizer": SGD(momentum=0.9),
    "schedule": Linear(),
    "epochs": 8,
    "batch_size": 64,
}
"""How a network is trained unless something else is asked for, ..."""
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "resnet": {
        "loss": LabelSmoothing(0.2),
        "optimizer": SGD(momentum=0.85, nesterov=True, weight_decay=1e-3),
        "schedule": Triangle(),
        "epochs": 10,
        "batch_size": 1024,
    }
}
"""... or is in these."""


def experiments(options: Options) -> dict[str, Replication]:
    """Return the repeated training of each network, by the network's name.

    Raises
    ------
    InputError : data or model cannot be had, cannot be learned, or do not fit each other.
    """
    data = data_set(options.data, options.root)
    samples = checked(options.data, data, options.batch_size or 1)
    for one in samples:
        if one.targets.ndim != 1 or not has_classes(one.targets):
            got = f"{options.data}, whose targets are {one.targets.shape[1:]} of {one.targets.dtype}"
            raise must_be("data", "one with a class for each sample", got)
    return {name: _replication(options, data, model, samples) for name, model in options.networks.items()}


def _replication(options: Options, data: DataSet, model: str, samples: tuple[Arrays, Arrays]) -> Replication:
    recipe = RECIPES.get(model, PLAIN)
    chosen = {
        "epochs": options.epochs or recipe["epochs"],
        "batch_size": options.batch_size or min(recipe["batch_size"], len(samples[0].inputs)),
    }
    sweep = Sweep(lr=options.rates(model).lrs)
    experiment = Experiment(data=data, model=_model(model, data, samples), sweep=sweep, **{**recipe, **chosen})
    # What cannot be trained is refused before anything is written: a network of the user takes a step.
    if isinstance(experiment.model, Imported):
        estimate(experiment, device="cpu", steps=1)
    else:
        with torch.random.fork_rng(devices=()):
            experiment.model()
    return Replication(experiment, options.replicates, options.pairing, min(MAX_BATCHES, options.replicates))


def _model(name: str, data: DataSet, samples: tuple[Arrays, Arrays]) -> Any:
    """Return what makes the network for these samples, for training and for validation."""
    if ":" in name:
        return Imported(name)
    inputs = samples[0].inputs
    if inputs.dtype.kind != "f":
        remedy = "Give a model of your own as package.module:function."
        raise must_be("model", "one for the data", f"{name} for samples of {inputs.dtype}", remedy)
    classes = int(max(one.targets.max() for one in samples)) + 1
    if name == "perceptron":
        return MLP(math.prod(inputs.shape[1:]), (32,), classes)
    shape, least = inputs.shape[1:], SMALLEST[name]
    if len(shape) != 3 or min(shape[1:]) < least:
        remedy = "Take perceptron, or a model of your own as package.module:function."
        allowed = f"one for the data; {name} takes images (channel, height, width) of {least} by {least} pixels or more"
        raise must_be("model", allowed, f"{name} for samples of shape {shape}", remedy)
    return CNN(*shape, classes) if name == "cnn" else FastResNet(data, classes=classes)
