"""What may be chosen in the study `linearity`, and the sentences for what may not."""

import pytest

from lrscope.errors import InputError
from lrscope.papers.linearity import Options


def test_the_rates_are_those_that_were_asked_for():
    assert Options().rates("perceptron").lrs == (0.2, 0.25, 0.3)
    assert Options(lr=0.1, delta=-0.05, delta2=0.2).rates("cnn").lrs == (0.05, 0.1, 0.3)


def test_a_grid_has_the_asked_rates_among_multiples_of_eta():
    assert Options(grid=True).rates("perceptron").lrs == (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
    more = Options(grid=True, delta=0.03).rates("perceptron").lrs
    assert more == (0.05, 0.1, 0.15, 0.2, 0.23, 0.25, 0.3, 0.4, 0.5, 0.6)


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, {"perceptron": "perceptron", "cnn": "cnn"}),
        ({"data": "cifar10", "root": "there"}, {"resnet": "resnet"}),
        ({"model": ("a.b:c-d", "e:c_d")}, {"c_d": "a.b:c-d", "c_d_2": "e:c_d"}),
    ],
)
def test_each_network_has_a_name_that_is_good_for_files(chosen, names):
    assert Options(**chosen).networks == names


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"delta": 0}, "changes that lead to different learning rates; got [0.0, 0.1]."),
        ({"delta2": 1e-30}, "changes that lead to different learning rates; got [0.05, 1e-30]."),
        ({"delta": -0.2}, "lr + delta must be above 0; got 0.0. Take a smaller change."),
        ({"lr": -1.0, "delta": 3.0, "delta2": 2.0}, "lr must be above 0; got -1.0."),
        ({"lr": float("inf")}, "lr must be a finite number; got inf."),
        ({"replicates": 7}, "replicates must be greater than or equal to 8; got 7."),
        ({"price": 0}, "price must be greater than 0; got 0."),
        ({"model": ("perceptrn",)}, "Did you mean 'perceptron'?"),
        ({"model": ("cnn", "cnn")}, "model must be a list of different models; got ['cnn', 'cnn']. Name each once."),
        ({"pairing": "paired"}, "pairing must be 'common' or 'independent'; got 'paired'."),
    ],
)
def test_what_cannot_be_is_one_sentence(chosen, sentence):
    with pytest.raises(InputError) as caught:
        Options(**chosen)
    assert str(caught.value).endswith(sentence)
