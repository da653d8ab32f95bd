"""What the study `linearity` trains, and what it refuses before anything is written."""

import pytest
from torch import nn

from image_files import write_cifar
from lrscope.errors import InputError
from lrscope.models import CNN, FastResNet, Imported
from lrscope.optim import SGD, LabelSmoothing, Linear, Triangle
from lrscope.papers.linearity import Options, experiments


def mine(name: str) -> str:
    return f"own_things:{name}"


def test_by_default_a_perceptron_and_a_cnn_learn_the_digits():
    both = experiments(Options())
    assert list(both) == ["perceptron", "cnn"]
    assert [replication.lrs for replication in both.values()] == [(0.2, 0.25, 0.3), (0.08, 0.1, 0.12)]
    for replication in both.values():
        assert (replication.replicates, replication.batches, replication.pairing) == (256, 32, "common")
        experiment = replication.experiment
        assert (experiment.epochs, experiment.batch_size, experiment.loss) == (8, 64, "cross_entropy")
        assert (experiment.optimizer, experiment.schedule) == (SGD(momentum=0.9), Linear())
    assert both["cnn"].experiment.model == CNN(1, 8, 8, 10)
    layers = [layer for layer in both["perceptron"].experiment.model() if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in layers] == [(32, 64), (10, 32)]


def test_fewer_replicates_than_batches_are_a_batch_each():
    assert experiments(Options(model=("perceptron",), replicates=9))["perceptron"].batches == 9


def test_the_resnet_has_a_recipe_of_its_own(tmp_path):
    write_cifar(tmp_path)
    made = experiments(Options(data="cifar10", root=str(tmp_path), replicates=8))["resnet"].experiment
    assert isinstance(made.model, FastResNet)
    assert (made.loss, made.schedule, made.epochs, made.batch_size) == (LabelSmoothing(0.2), Triangle(), 10, 15)
    assert made.optimizer == SGD(momentum=0.85, nesterov=True, weight_decay=1e-3)
    chosen = experiments(Options(data="cifar10", root=str(tmp_path), epochs=2, batch_size=8))["resnet"].experiment
    assert (chosen.epochs, chosen.batch_size) == (2, 8)


def test_data_and_a_network_of_ones_own():
    [made] = experiments(Options(data=mine("ARRAYS"), model=(mine("network"),))).values()
    assert made.experiment.model == Imported(mine("network"))
    assert made.experiment.batch_size == 48  # all there are
    [wide] = experiments(Options(data=mine("validation_alone"), model=("perceptron",))).values()
    assert wide.experiment.model.classes == 8


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (
            {"data": "digits", "batch_size": 1500},
            "batch_size must be at most the 1438 samples to learn from; got 1500.",
        ),
        ({"data": mine("sums"), "model": (mine("network"),)}, "data must be one with a class for each sample; got"),
        ({"data": mine("ARRAYS"), "model": ("cnn",)}, "model must be one for the data; cnn takes images"),
        ({"data": mine("tiny"), "model": ("resnet",)}, "resnet takes images (channel, height, width) of 9 by 9 pixels"),
        ({"data": mine("whole"), "model": ("perceptron",)}, "model must be one for the data; got"),
        ({"data": mine("ARRAYS"), "model": (mine("too_wide"),)}, "must"),
        ({"data": mine("nothing")}, "must"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(chosen, sentence):
    with pytest.raises(InputError) as caught:
        experiments(Options(**{"replicates": 8, **chosen}))
    assert sentence in str(caught.value)
