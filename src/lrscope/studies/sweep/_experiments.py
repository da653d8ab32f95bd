"""The trainings of the study `sweep`: the grid, the range test, the crossed seeds, and what the records ask for."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from lrscope import probes
from lrscope.data import Arrays, DataSet, data_set
from lrscope.errors import must_be, unknown
from lrscope.models import CNN, Imported
from lrscope.optim import OPTIMIZERS, Constant, Cosine, Exponential, Linear, hyperparameters, loss_function
from lrscope.probes import Probe, at, every
from lrscope.studies._samples import checked, has_classes
from lrscope.studies._size import check_size
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._rounds import CROSSED, GRID, RANGE_TEST, next_round
from lrscope.sweep import GROUP
from lrscope.training import Experiment, Sweep, estimate

SCHEDULES = {"constant": Constant(), "linear": Linear(), "cosine": Cosine()}
LOWEST, HIGHEST, ITERATIONS = 1e-7, 10.0, 100
"""Rates and steps of the range test, as fastai has them."""
MOMENTS = 200
"""How often the activations of a network are recorded, at least, if it takes so many steps."""
LANCZOS = 8
SHARPNESS_SHARE = 0.2
"""Share of the training's time that measuring the sharpness may take."""


def experiments(options: Options) -> dict[str, Experiment]:
    """Return the grid of rates and seeds, a range test of the same seeds, and crossed initialisations and orders."""
    common = _common(options, data_set(options.data, options.root))
    _check_axes(options)
    if isinstance(common["model"], Imported) or options.grid:  # what cannot be trained is refused before writing
        first = {name: values[:1] for name, values in options.axes.items()}
        estimate(_trained(options, common, Sweep(lr=options.lrs[:1], **first, seed=[0])), device="cpu", steps=1)
    seeds = range(options.seeds)
    schedule = SCHEDULES[options.schedule]
    rising = Exponential(HIGHEST / LOWEST)
    made = {
        GRID: _trained(options, common, Sweep(lr=options.lrs, **options.axes, seed=seeds)),
        RANGE_TEST: Experiment(
            **common,
            sweep=Sweep(lr=[LOWEST], **options.axes, seed=seeds),
            schedule=rising,
            steps=ITERATIONS,
            probes=(probes.Loss(), probes.LearningRate()),
        ),
    }
    if options.crossed:
        crossed = range(options.crossed)
        made[CROSSED] = Experiment(
            **common,
            sweep=Sweep(lr=options.lrs, init_seed=crossed, order_seed=crossed),
            schedule=schedule,
            epochs=options.epochs,
            probes=(probes.Loss(when=every(1, "epoch")), probes.ValidationLoss(when=at(-1))),
        )
    return made


def _check_axes(options: Options) -> None:
    known = [*hyperparameters(OPTIMIZERS[options.optimizer]), f"{GROUP}<module>"]
    for name in options.axes:
        if name not in known and not name.startswith(GROUP):
            raise unknown("grid", name, known)


def further(records: Mapping[str, xr.Dataset], options: Options) -> dict[str, Experiment]:
    """Return the grid of the next round, if the data do not decide yet and the budget allows it."""
    chosen = next_round(records, options)
    if chosen is None:
        return {}
    common = _common(options, data_set(options.data, options.root))
    return {chosen.name: _trained(options, common, Sweep(lr=chosen.lrs, **chosen.axes, seed=chosen.seeds))}


def _common(options: Options, data: DataSet) -> dict[str, Any]:
    arrays, validation = checked(options.data, data, options.batch_size)
    model = Imported(options.model) if options.model != "cnn" else _cnn(arrays, validation)
    return {
        "data": data,
        "model": model,
        "loss": loss_of(options, arrays.targets),
        "optimizer": OPTIMIZERS[options.optimizer],
        "batch_size": options.batch_size,
    }


def _cnn(learned: Arrays, validation: Arrays) -> CNN:
    """Return the source's network for images of this size, with an output for each class, validation ones included."""
    inputs, targets = learned.inputs, learned.targets
    remedy = "Give a model of your own as package.module:function."
    if inputs.ndim != 4 or min(inputs.shape[2:]) < 4 or inputs.dtype.kind != "f":
        allowed = "one for the data; cnn takes images (channel, height, width) of 4 by 4 pixels or more, as floats"
        raise must_be("model", allowed, f"cnn for samples of shape {inputs.shape[1:]} of {inputs.dtype}", remedy)
    if targets.ndim != 1 or not has_classes(targets):
        got = f"cnn for targets {targets.shape[1:]} of {targets.dtype}"
        raise must_be("model", "one for the data; cnn puts samples into classes", got, remedy)
    channels, height, width = inputs.shape[1:]
    return CNN(channels, height, width, int(max(targets.max(), validation.targets.max())) + 1)


def _trained(options: Options, common: Mapping[str, Any], sweep: Sweep) -> Experiment:
    """Return the training of a grid, with everything that is recorded of it."""
    arrays: Arrays = common["data"].arrays()
    per_epoch = math.ceil(len(arrays.inputs) / common["batch_size"])
    check_size(len(sweep), options.epochs * per_epoch)
    if options.epochs * per_epoch < 2:
        remedy = "Validation is measured before the last update: ask for more epochs, or smaller batches."
        raise must_be("epochs", "enough for two updates", options.epochs, remedy)
    return Experiment(
        **common,
        sweep=sweep,
        schedule=SCHEDULES[options.schedule],
        epochs=options.epochs,
        probes=_probes(options, per_epoch, has_classes(arrays.targets)),
    )


def _probes(options: Options, per_epoch: int, classes: bool) -> tuple[Probe, ...]:
    epoch = every(1, "epoch")
    moments = every(max(1, options.epochs * per_epoch // MOMENTS))
    chosen: list[Probe] = [probes.Loss(), probes.LearningRate(), probes.GradientNorm(), probes.GradientAngle()]
    chosen += [probes.UpdateSize(), probes.ValidationLoss(when=epoch)]
    if classes:
        chosen += [probes.Accuracy(), probes.ValidationAccuracy(when=epoch)]
    chosen += [probes.Weights(detail="std"), probes.Biases(), probes.Gradients(detail="std")]
    return (*chosen, probes.Activations(when=moments), *_sharpness(options, per_epoch))


def _sharpness(options: Options, per_epoch: int) -> tuple[Probe, ...]:
    """Return the sharpness that belongs to the update rule, of batches, as often as its cost allows; or none."""
    rule = OPTIMIZERS[options.optimizer]
    limit = rule.stability(rule.init(torch.zeros(1)), {"lr": 1.0, **hyperparameters(rule)})
    adaptive = limit.preconditioner is not None or any(name.startswith(GROUP) for name in options.axes)
    gradients = 3 * LANCZOS if adaptive else 3
    interval = math.ceil(gradients / (SHARPNESS_SHARE * per_epoch))
    if interval > options.epochs:
        return ()
    when = every(interval, "epoch")
    if adaptive:
        return (probes.PreconditionedSharpness(of="batch", iterations=LANCZOS, when=when),)
    return (probes.BatchSharpness(when=when),)


def loss_of(options: Options, targets: np.ndarray) -> str:
    """Return the loss function: that of the options, if it can be had of the targets."""
    classes, loss = has_classes(targets), options.loss
    if loss == "auto":
        return "cross_entropy" if classes else "mse"
    loss_function(loss)
    if classes and loss != "cross_entropy":
        remedy = "Give them as floating numbers to learn them as numbers."
        raise must_be("loss", "cross_entropy for targets that are whole numbers", loss, remedy)
    if loss == "cross_entropy" and not classes and not _are_shares(targets):
        raise must_be("loss", "mse, half_mse or l1 for targets that are neither classes nor shares of classes", loss)
    return loss


def _are_shares(targets: np.ndarray) -> bool:
    """Tell whether targets (sample, class, ...) are probabilities of classes."""
    if targets.ndim < 2 or targets.shape[1] < 2 or targets.min() < 0:
        return False
    return bool(np.allclose(targets.sum(axis=1), 1, atol=1e-3))
