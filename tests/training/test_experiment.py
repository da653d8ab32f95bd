"""Experiments are data: checked when made, written as JSON, read back."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest
from torch import nn

from lrscope.data import Samples, Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.optim import SGD, AdamW, Cosine, WarmUp
from lrscope.probes import Activations, Gradients, LearningRate, Loss, Weights, at, every, log_spaced
from lrscope.training import Experiment, Sweep, train

FIELDS = {"data": Shape("circle"), "model": Autoencoder(), "sweep": Sweep(lr=[0.1]), "steps": 3}


def experiment(**fields):
    return Experiment(**FIELDS | fields)


def own_model():
    return nn.Linear(2, 2)


def own_loss(outputs, targets):
    return (outputs - targets).abs().sum()


FULL = {
    "data": Shape("spiral", samples=30, noise=0.1),
    "model": Autoencoder(hidden=(5, 4)),
    "sweep": Sweep(shape=["circle", "spiral"], lr=[0.1, 0.01], seed=range(3), weight_decay=[0.0, 0.1]),
    "loss": "half_mse",
    "optimizer": AdamW(beta1=0.8),
    "schedule": WarmUp(3, Cosine(0.1)),
    "steps": None,
    "epochs": 4,
    "batch_size": 7,
    "probes": [
        Weights(include=("encoder.*",), when=every(2)),
        Activations(when=log_spaced(9)),
        Gradients(when=at(0, -1)),
    ],
    "dtype": "float64",
}


@pytest.mark.parametrize("fields", [{}, FULL])
def test_json_brings_an_experiment_back(fields):
    form = json.loads(json.dumps(experiment(**fields).to_json(), allow_nan=False))
    assert Experiment.from_json(form) == experiment(**fields)
    assert Experiment.from_json(form).to_json() == form


def test_json_names_classes_by_their_public_path():
    form = experiment(**FULL).to_json()
    assert form["class"] == "lrscope.training.Experiment"
    assert form["model"] == {"class": "lrscope.models.Autoencoder", "inputs": 2, "hidden": [5, 4], "latent": 1}
    assert form["sweep"]["lr"] == [0.1, 0.01]


def test_a_users_objects_are_recorded_by_name_and_given_again():
    data = Samples(np.zeros((3, 2)), np.ones((3, 2)), "mine")
    mine = experiment(model=own_model, loss=own_loss, data=data)
    form = json.loads(json.dumps(mine.to_json()))
    assert form["model"]["callable"].endswith("test_experiment.own_model")
    assert form["loss"]["callable"].endswith("test_experiment.own_loss")
    objects = {"model": own_model, "loss": own_loss, "data": data}
    assert Experiment.from_json(form, **objects) == mine
    for missing in objects:
        others = {name: one for name, one in objects.items() if name != missing}
        with pytest.raises(
            InputError, match=r"is not part of lrscope: import it and pass it to the experiment yourself\."
        ):
            Experiment.from_json(form, **others)


@pytest.mark.parametrize("nameless", [lambda: nn.Linear(2, 2), partial(nn.Linear, 2, 2)])
def test_a_model_without_a_name_trains_but_cannot_be_written_down(nameless):
    nameless = experiment(model=nameless)
    with pytest.raises(InputError, match=r"Only what has a name can be written down: use def or class\."):
        nameless.to_json()


def test_the_loss_is_always_measured_once():
    assert experiment().probes == (Loss(),)
    assert experiment(probes=[Weights()]).probes == (Loss(), Weights())
    assert experiment(probes=[Weights(), Loss(when=every(5))]).probes == (Weights(), Loss(when=every(5)))


def test_an_experiment_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment().steps = 5
    assert hash(experiment()) == hash(experiment())


SHAPES = "triangle, square, pentagon, hexagon, heptagon, octagon, circle, spiral"
AXES = "lr, seed, init_seed, order_seed, noise_seed, beta1, beta2, eps, weight_decay, "
FIELDS_OF_SHAPE = "shape, samples, noise, rotation, noise_points_seed"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"epochs": 2}, "epochs or steps must be given, one of the two; got 2 and 3."),
        ({"steps": None}, "epochs or steps must be given, one of the two; got None and None."),
        ({"steps": 0}, "steps must be greater than or equal to 1; got 0."),
        ({"steps": None, "epochs": -1}, "epochs must be greater than or equal to 1; got -1."),
        ({"batch_size": 0}, "batch_size must be greater than or equal to 1; got 0."),
        (
            {"sweep": Sweep(seed=[0])},
            "sweep must be a grid with an axis lr; got ['seed']. Give Sweep(lr=[0.001, 0.01]).",
        ),
        (
            {"sweep": Sweep(lr=[0.1], shap=["circle"])},
            f"an axis of the sweep must be one of {AXES}{FIELDS_OF_SHAPE}; got 'shap'. Did you mean 'shape'?",
        ),
        (
            {"sweep": Sweep(lr=[0.1], momentum=[0.5])},
            f"an axis of the sweep must be one of {AXES}{FIELDS_OF_SHAPE}; got 'momentum'.",
        ),
        (
            {"sweep": Sweep(lr=[0.1], shape=["circle", "sprial"])},
            f"shape must be one of {SHAPES}; got 'sprial'. Did you mean 'spiral'?",
        ),
        ({"sweep": Sweep(lr=[0.1], samples=[5, 0])}, "samples must be greater than or equal to 1; got 0."),
        ({"sweep": Sweep(lr=[0.1], momentum=[0.5, 1.5]), "optimizer": SGD()}, "momentum must be less than 1; got 1.5."),
        (
            {"sweep": Sweep(lr=[0.1], weight_decay=["much"])},
            "weight_decay must be a valid number; got 'much'.",
        ),
        (
            {"sweep": Sweep(lr=[0.1], momentum=[0.0]), "optimizer": SGD(momentum=0.9, nesterov=True)},
            "momentum must be above 0 with nesterov; got 0.0. Give momentum=0.9, for example.",
        ),
        ({"loss": "mes"}, "loss must be one of mse, half_mse, l1, cross_entropy; got 'mes'. Did you mean 'mse'?"),
        ({"probes": ["weights"]}, "probes must be a list of probes from lrscope.probes; got 'weights'."),
        ({"data": [1, 2]}, "data must be a data set with arrays(); got [1, 2]."),
        ({"data": Shape}, f"data must be a data set with arrays(); got {Shape!r}."),
        ({"model": "mlp"}, "model must be a callable without arguments that returns an nn.Module; got 'mlp'."),
        (
            {"model": nn.Linear},
            "model must be a callable without arguments that returns an nn.Module; "
            "got \"Linear (missing a required argument: 'in_features')\".",
        ),
        (
            {"model": nn.Linear(2, 2)},
            "model must be a callable without arguments that returns an nn.Module; got 'Linear'. "
            "Give what makes the module, a class or a function: each member gets a new one.",
        ),
        ({"dtype": "float16"}, "dtype must be 'float32' or 'float64'; got 'float16'."),
    ],
)
def test_what_cannot_be_is_said(fields, sentence):
    with pytest.raises(InputError) as caught:
        experiment(**fields)
    assert str(caught.value) == sentence


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(KeyError, match="Did you mean 'batch_size'"):
        experiment(batchsize=3)


class Halving:
    """A schedule of one's own."""

    def factor(self, step, total):
        return 0.5**step


def test_a_schedule_of_ones_own_is_anything_with_a_factor():
    own = experiment(schedule=Halving(), probes=[LearningRate()])
    rates = train(own, device="cpu").learning_rate
    np.testing.assert_allclose(rates / rates.lr, np.broadcast_to([1, 0.5, 0.25], rates.shape))


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("schedule", "cosine", r"an object with factor\(\), such as Cosine\(\); got 'cosine'"),
        ("optimizer", "adam", r"an object with init\(\) and update\(\), such as Adam\(\); got 'adam'"),
        ("optimizer", Halving(), r"an object with init\(\) and update\(\), such as Adam\(\)"),
    ],
)
def test_schedules_and_rules_that_are_none_are_said(field, value, allowed):
    with pytest.raises(InputError, match=f"{field} must be {allowed}"):
        experiment(**{field: value})


def test_chosen_samples_need_the_full_batch():
    with pytest.raises(InputError, match="batch_size must be None where a probe records chosen samples; got 2"):
        experiment(probes=[Activations(full=True, samples=(0,))], batch_size=2)
