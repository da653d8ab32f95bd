"""Experiments are data: checked when made, written as JSON, read back."""

import dataclasses
import json

import numpy as np
import pytest
from torch import nn

from lrscope.data import Samples, Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.optim import SGD, AdamW, Cosine, WarmUp
from lrscope.probes import Activations, Gradients, LearningRate, Loss, Weights, at, every
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
        Activations(when=every(9)),
        Gradients(when=at(0, -1)),
    ],
    "dtype": "float64",
}


@pytest.mark.parametrize("fields", [{}, FULL])
def test_json_brings_an_experiment_back(fields):
    form = json.loads(json.dumps(experiment(**fields).to_json(), allow_nan=False))
    assert Experiment.from_json(form) == experiment(**fields)
    assert Experiment.from_json(form).to_json() == form


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


def test_the_loss_is_always_measured_once():
    assert experiment().probes == (Loss(),)
    assert experiment(probes=[Weights()]).probes == (Loss(), Weights())
    assert experiment(probes=[Weights(), Loss(when=every(5))]).probes == (Weights(), Loss(when=every(5)))


def test_an_experiment_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment().steps = 5
    assert hash(experiment()) == hash(experiment())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epochs": 2}, ("epochs", "steps")),
        ({"steps": None}, ("epochs", "steps")),
        ({"steps": 0}, ("steps", "0")),
        ({"steps": None, "epochs": -1}, ("epochs", "-1")),
        ({"batch_size": 0}, ("batch_size", "0")),
        ({"sweep": Sweep(seed=[0])}, ("sweep", "lr")),
        ({"sweep": Sweep(lr=[0.1], shap=["circle"])}, ("'shap'", "Did you mean 'shape'?")),
        ({"sweep": Sweep(lr=[0.1], momentum=[0.5])}, ("'momentum'", "weight_decay")),
        ({"sweep": Sweep(lr=[0.1], shape=["circle", "sprial"])}, ("'sprial'", "Did you mean 'spiral'?")),
        ({"sweep": Sweep(lr=[0.1], samples=[5, 0])}, ("samples", "0")),
        ({"sweep": Sweep(lr=[0.1], momentum=[0.5, 1.5]), "optimizer": SGD()}, ("momentum", "1.5")),
        ({"sweep": Sweep(lr=[0.1], weight_decay=["much"])}, ("weight_decay", "'much'")),
        ({"sweep": Sweep(lr=[0.1], momentum=[0.0]), "optimizer": SGD(momentum=0.9, nesterov=True)}, ("nesterov",)),
        ({"loss": "mes"}, ("'mes'", "Did you mean 'mse'?")),
        ({"probes": ["weights"]}, ("probes", "'weights'")),
        ({"data": [1, 2]}, ("data", "arrays()")),
        ({"data": Shape}, ("data", "arrays()")),
        ({"model": "mlp"}, ("model", "callable", "'mlp'")),
        ({"model": nn.Linear}, ("model", "in_features")),
        ({"model": nn.Linear(2, 2)}, ("model", "class or a function")),
        ({"dtype": "float16"}, ("dtype", "float32", "float64")),
        ({"schedule": "cosine"}, ("schedule", "factor()")),
        ({"optimizer": "adam"}, ("optimizer", "update()")),
    ],
)
def test_an_experiment_that_cannot_be_names_the_field_and_what_is_allowed(fields, words):
    with pytest.raises(InputError) as caught:
        experiment(**fields)
    assert all(word in str(caught.value) for word in words)


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
