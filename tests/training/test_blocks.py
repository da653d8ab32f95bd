"""Measured values on their way into a block."""

import numpy as np
import pytest

from lrscope.data import Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.probes import Activations, Biases, GradientNorm, Weights, every
from lrscope.training import Experiment, Sweep, stream


def run(**fields):
    given = {
        "data": Shape("circle", samples=10),
        "model": Autoencoder(hidden=(3,)),
        "sweep": Sweep(lr=[0.1, 0.2]),
        "steps": 6,
    }
    return stream(Experiment(**given | fields), device="cpu")


def test_variables_carry_labels_dimensions_and_the_sweeps_coordinates():
    (block,) = run(probes=[Biases(when=every(2)), GradientNorm()], sweep=Sweep(shape=["circle", "spiral"], lr=[0.1]))
    assert block.attrs["axes"] == ["shape", "lr"]
    assert block.shape.values.tolist() == ["circle", "spiral"]
    assert block.lr.attrs["scale"] == "log"
    assert block.biases_encoder_0.dims == ("member", "step_every_2", "neuron_encoder_0")
    assert block.biases_encoder_0.attrs["layer"] == "encoder.0"
    assert block.step_every_2.values.tolist() == [0, 2, 4]
    assert block.gradient_norm.dims == ("member", "step")
    assert block.diverged_at.dtype == np.int64


def test_two_probes_may_share_the_layers_between_them():
    (block,) = run(
        probes=[Weights(include=("encoder.*",), when=every(2)), Weights(include=("decoder.*",), when=every(3))]
    )
    assert block.weights_encoder_0.dims[1] == "step_every_2"
    assert block.weights_decoder_0.dims[1] == "step_every_3"


def test_full_activations_need_batches_of_one_size():
    """10 samples in batches of 4: the third batch of an epoch has 2."""
    with pytest.raises(InputError, match=r"activations_encoder_1 must be of the shape \(4, 3\).*; got \(2, 3\)"):
        list(run(batch_size=4, probes=[Activations(full=True, when=every())]))
    (block,) = run(batch_size=4, probes=[Activations(full=True)])
    assert block.activations_encoder_1.sizes["sample_encoder_1"] == 2
