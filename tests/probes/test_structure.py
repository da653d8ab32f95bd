"""Names of layers and parameters, where their neurons are, and how patterns choose among them."""

import pytest
import torch
from torch import nn

from lrscope.errors import InputError
from lrscope.probes import (
    ROOT,
    Activations,
    Biases,
    Layer,
    Parameter,
    Weights,
    layers_of,
    output_of,
    refuse_collisions,
    structure_of,
)


def outputs_of(module, inputs):
    heard = {}
    for path, child in module.named_modules():
        if not list(child.children()):
            child.register_forward_hook(lambda _m, _i, out, path=path or ROOT: heard.update({path: out}))
    module(inputs)
    return heard


def structure(module, inputs):
    return structure_of(module, outputs_of(module, inputs))


def names(probe, found):
    return [label.name for label in probe.labels(found)]


def test_one_module_is_a_layer_of_its_own():
    found = structure(nn.Linear(3, 2), torch.zeros(4, 3))
    assert names(Weights(), found) == ["weights_network"]
    assert names(Biases(), found) == ["biases_network"]
    assert found.layers == (Layer(ROOT, (2,), False),)


def test_parts_are_the_first_level_of_the_path():
    found = structure(nn.Sequential(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), nn.ReLU()), torch.zeros(4, 3))
    assert [(layer.path, layer.module, layer.is_activation) for layer in found.layers] == [
        ("0.0", "0", False),
        ("0.1", "0", True),
        ("1", "1", True),
    ]
    assert Layer("relu:2", (3,), True).module == "relu"


@pytest.mark.parametrize(
    ("module", "shape", "tensor", "of_neuron"),
    [
        (nn.Linear(3, 4), (1, 3), "weight", lambda w, k: w[k]),
        (nn.Conv2d(4, 6, 3, groups=2), (1, 4, 3, 3), "weight", lambda w, k: w[k].reshape(-1)),
        (nn.ConvTranspose2d(4, 6, 3), (1, 4, 3, 3), "weight", lambda w, k: w[:, k].reshape(-1)),
        # neuron k of 6 belongs to group k // 3, which reads inputs 2 (k // 3) and the next one
        (
            nn.ConvTranspose2d(4, 6, 3, groups=2),
            (1, 4, 3, 3),
            "weight",
            lambda w, k: w[2 * (k // 3) : 2 * (k // 3) + 2, k % 3].reshape(-1),
        ),
        (nn.Linear(3, 4), (1, 3), "bias", lambda b, k: b[k]),
        (nn.LayerNorm((3,)), (1, 3), "weight", lambda w, k: w[k].reshape(1)),
    ],
)
def test_the_weights_of_a_neuron_stand_in_one_row(module, shape, tensor, of_neuron):
    parameter = {one.name: one for one in structure(module, torch.zeros(shape)).parameters}[tensor]
    values = module.get_parameter(tensor).detach()
    rows = parameter.by_neuron(values)
    neurons = module(torch.zeros(shape)).shape[1]
    assert len(rows) == neurons
    for neuron in range(neurons):
        assert torch.equal(rows[neuron], of_neuron(values, neuron))


def test_an_embedding_has_a_neuron_for_each_feature():
    module = nn.Embedding(10, 4)
    (parameter,) = structure(module, torch.zeros(2, 3, dtype=torch.int64)).parameters
    assert torch.equal(parameter.by_neuron(module.weight), module.weight.T)


@pytest.mark.parametrize(
    ("parameter", "rows"),
    [
        (Parameter("a.weight", "a", (0, 5)), (0, 5)),
        (Parameter("a.weight", "a", (0, 5, 2)), (0, 10)),
        (Parameter("a.weight", "a", (5, 0, 2)), (5, 0)),
        (Parameter("a.weight", "a", (0,)), (0, 1)),
        (Parameter("a.bias", "a", (0, 5)), (0,)),
        (Parameter("a.weight", "a", (4, 0, 3), inputs_first=True, groups=2), (0, 6)),
        (Parameter("a.weight", "a", (0, 4, 3), inputs_first=True), (4, 0)),
    ],
)
def test_empty_parameters_have_no_neurons_or_no_inputs(parameter, rows):
    assert parameter.by_neuron(torch.zeros(parameter.shape)).shape == rows
    assert parameter.neurons == rows[0]


def test_a_layer_without_neurons_puts_out_nothing():
    module = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(3, 2))
    outputs = {"0": torch.zeros(4, 0), "1": torch.zeros(4, 7, 0), "2": torch.zeros(4, 2)}
    assert [layer.path for layer in structure_of(module, outputs).layers] == ["2"]


class Apply(nn.Module):
    """A function as a module, of which nothing is known."""

    def __init__(self, function=lambda values: values):
        super().__init__()
        self.function = function

    def forward(self, values):
        return self.function(values)


class ImageNorm(nn.LayerNorm):
    """The norm of ConvNeXt: over the channels of images."""

    def forward(self, images):
        return super().forward(images.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize(
    ("modules", "inputs", "neuron_dim"),
    [
        # channels behind a convolution, features behind a linear layer; else by the number of dimensions
        ([nn.Linear(3, 4)], (5, 3), 1),
        ([nn.Linear(3, 4)], (5, 7, 3), 2),
        ([nn.Linear(3, 4)], (5, 7, 6, 3), 3),
        ([nn.Conv1d(3, 4, 2)], (5, 3, 7), 1),
        ([nn.Conv2d(3, 4, 2)], (5, 3, 7, 7), 1),
        ([nn.ConvTranspose3d(3, 4, 2)], (5, 3, 2, 2, 2), 1),
        ([nn.BatchNorm1d(4)], (5, 4, 3), 1),
        ([nn.LayerNorm(4)], (5, 3, 4), 2),
        ([nn.Conv1d(3, 4, 2), nn.ReLU()], (5, 3, 7), 1),
        ([nn.Linear(3, 4), nn.ReLU()], (5, 7, 6, 3), 3),
        ([nn.ReLU()], (5, 4, 3, 3), 1),
        ([nn.ReLU()], (5, 3, 4), 2),
        # tokens of images: (sample, token, channel)
        ([nn.Conv2d(3, 4, 2), Apply(lambda x: x.flatten(2).mT), nn.Dropout()], (5, 3, 7, 7), 2),
        ([nn.Conv1d(3, 4, 2), Apply(lambda x: x.mT), nn.Dropout()], (5, 3, 7), 2),
        ([nn.Conv2d(3, 4, 2), Apply(lambda x: x.movedim(1, -1)), nn.GELU()], (5, 3, 7, 7), 3),
        ([nn.Conv2d(3, 4, 2), Apply(lambda x: x.flatten(2)), nn.GELU()], (5, 3, 7, 7), 1),
        # images of tokens
        ([nn.Linear(3, 4), Apply(lambda x: x.mT.unflatten(2, (2, 3))), nn.Dropout()], (5, 6, 3), 1),
        ([nn.Linear(3, 4), Apply(lambda x: x.unflatten(1, (2, 3))), nn.Dropout()], (5, 6, 3), 3),
        ([nn.Conv2d(3, 4, 2), ImageNorm(4), nn.GELU()], (5, 3, 7, 7), 1),
        ([nn.Conv2d(3, 4, 2), nn.LayerNorm((4, 6, 6)), nn.GELU()], (5, 3, 7, 7), 1),
        ([nn.Conv2d(3, 4, 4), nn.MaxPool2d(1), nn.GELU()], (5, 3, 7, 7), 1),  # as many rows as channels
        ([nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(144, 4), nn.ReLU()], (5, 3, 7, 7), 1),
    ],
)
def test_outputs_are_sorted_by_neuron(modules, inputs, neuron_dim):
    module = nn.Sequential(*modules)
    heard = outputs_of(module, torch.rand(inputs))
    output = list(heard.values())[-1]
    layer = structure_of(module, heard).layers[-1]
    assert layer.by_sample(output).shape == (5, 4, output[0].numel() // 4)
    for neuron in range(4):
        assert torch.equal(layer.by_sample(output)[:, neuron], output.select(neuron_dim, neuron).reshape(5, -1))


def test_scores_of_attention_have_a_neuron_for_each_head():
    module = nn.Sequential(nn.Linear(3, 8), Apply(lambda x: torch.rand(5, 2, 6, 6)), nn.Dropout())
    assert structure(module, torch.rand(5, 6, 3)).layers[-1].neurons == 2


class Swish(nn.Module):
    def forward(self, values):
        return values * values.sigmoid()


class DropPath(nn.Module):
    def forward(self, values):
        return values


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, values):
        return self.factor * values


def test_an_activation_function_belongs_to_each_block_that_has_it():
    shared = nn.ReLU()
    module = nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), shared) for _ in range(2)))
    outputs = {path: torch.rand(4, 3) for path in ("0.0", "0.1", "1.0", "0.1:2")}
    assert [label.layer for label in Activations(full=True).labels(structure_of(module, outputs))] == ["0.1", "0.1:2"]


@pytest.mark.parametrize(
    ("module", "activations"),
    [
        (nn.Sequential(nn.Linear(3, 2), Swish(), nn.Linear(2, 1)), ["1"]),
        (nn.Sequential(nn.Linear(3, 2), DropPath(), Scale(), nn.Dropout(), nn.ReLU()), ["4"]),
        (nn.Sequential(nn.Linear(3, 2), Apply(lambda x: x.mT), nn.ReLU()), ["2"]),
        (nn.Sequential(nn.LSTM(3, 2)), ["0"]),
        (nn.Sequential(nn.Linear(3, 2), nn.PReLU(), nn.Softmax(-1)), ["1", "2"]),
        (nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), ["0", "1"]),
        # a block without an activation function has its layers
        (
            nn.ModuleDict({"a": nn.Sequential(nn.Linear(3, 2), nn.ReLU()), "b": nn.Sequential(nn.Linear(2, 1))}),
            ["a.1", "b.0"],
        ),
        (nn.ModuleDict({"a": nn.Sequential(nn.Linear(3, 2), nn.ReLU()), "b": nn.Linear(2, 1)}), ["a.1"]),
        (
            nn.ModuleDict(
                {"a": nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.Tanh()), nn.Sequential(nn.Linear(3, 3))])}
            ),
            ["a.0.1", "a.1.0"],
        ),
    ],
)
def test_by_default_something_of_every_block_is_recorded(module, activations):
    outputs = torch.rand(5, 4, 3)
    heard = {}
    for path, layer in layers_of(module).items():
        returned = layer(outputs)
        outputs = heard[path] = returned[0] if isinstance(returned, tuple) else returned
    assert [label.layer for label in Activations(full=True).labels(structure_of(module, heard))] == activations


class InputsFirst(nn.Module):
    """A linear layer whose weights are (input, neuron)."""

    def __init__(self, inputs: int, neurons: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, neurons))
        self.bias = nn.Parameter(torch.zeros(neurons))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values @ self.weight + self.bias


@pytest.mark.parametrize(
    ("module", "inputs", "sizes"),
    [
        (nn.PReLU(), (5, 3), {"weights": ("neuron_1_weights", 1)}),
        (nn.PReLU(3), (5, 3), {"weights": ("neuron_1", 3)}),
        (nn.PReLU(), (5, 1), {"weights": ("neuron_1", 1)}),
        (nn.LayerNorm((4, 3)), (5, 4, 3), {"weights": ("neuron_1_weights", 4), "biases": ("neuron_1_biases", 12)}),
        (nn.LayerNorm(3), (5, 4, 3), {"weights": ("neuron_1", 3), "biases": ("neuron_1", 3)}),
        (InputsFirst(3, 2), (5, 3), {"weights": ("neuron_1_weights", 3), "biases": ("neuron_1", 2)}),
        (nn.Conv1d(3, 2, 1), (5, 3, 4), {"weights": ("neuron_1", 2), "biases": ("neuron_1", 2)}),
        (nn.ConvTranspose1d(4, 6, 1, groups=2), (5, 4, 3), {"weights": ("neuron_1", 6), "biases": ("neuron_1", 6)}),
        (nn.Embedding(7, 2), "words", {"weights": ("neuron_1", 2)}),
    ],
)
@pytest.mark.parametrize("detail", ["values", "std", "statistics"])
def test_parameters_have_a_dimension_of_their_own_where_their_neurons_are_others(module, inputs, sizes, detail):
    given = torch.zeros(5, 3, dtype=torch.int64) if inputs == "words" else torch.rand(inputs)
    found = structure(nn.Sequential(nn.Identity(), module), given)
    labels = [label for probe in (Weights, Biases) for label in probe(detail=detail).labels(found)]
    assert {label.quantity: label.dims[0] for label in labels} == {key: dim for key, (dim, _) in sizes.items()}
    for parameter in found.parameters:
        rows = parameter.by_neuron(torch.zeros(parameter.shape))
        assert len(rows) == parameter.neurons == sizes["biases" if parameter.is_bias else "weights"][1]
    assert {label.dims for label in Activations(include=("1",)).labels(found)} == {("neuron_1",)}


def test_of_a_layer_that_is_not_heard_the_first_parameter_gives_the_neurons():
    found = structure_of(nn.Sequential(InputsFirst(3, 2), nn.PReLU()), {})
    assert [one.neuron_dim for one in found.parameters] == ["neuron_0", "neuron_0_biases", "neuron_1"]


def dense():
    module = nn.Sequential()
    module.add_module("encoder", nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)))
    module.add_module("decoder", nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    return structure(module, torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("probe", "layers"),
    [
        (Weights(), ["encoder.0", "encoder.2", "decoder.0"]),
        (Weights(include=("encoder.*",)), ["encoder.0", "encoder.2"]),
        (Weights(include=("encoder.*",), exclude=("*.2",)), ["encoder.0"]),
        (Weights(exclude=("*.0",)), ["encoder.2"]),
        (Weights(include=("*.2", "dec*")), ["encoder.2", "decoder.0"]),
        (Activations(full=True), ["encoder.1", "decoder.1"]),
        (Activations(full=True, exclude=("decoder.*",)), ["encoder.1"]),
        (Activations(full=True, include=("*.0",)), ["encoder.0", "decoder.0"]),
    ],
)
def test_patterns_choose_layers(probe, layers):
    assert [label.layer for label in probe.labels(dense())] == layers


def test_a_pattern_without_a_layer_names_the_nearest():
    with pytest.raises(InputError) as caught:
        Weights(include=("encodr.0",)).labels(dense())
    assert str(caught.value) == (
        "include must be one of encoder.0, encoder.2, decoder.0; got 'encodr.0'. Did you mean 'encoder.0'?"
    )


def test_names_that_become_the_same_in_a_file_are_refused():
    module = nn.Sequential()
    module.add_module("a", nn.Sequential())
    module.a.add_module("b", nn.Linear(3, 3))
    module.add_module("a_b", nn.Linear(3, 3))
    found = structure(module, torch.zeros(2, 3))
    with pytest.raises(InputError, match=r"layers 'a.b' and 'a_b' have the same name in a file.*exclude=\('a_b',\)"):
        refuse_collisions(Weights().labels(found))
    refuse_collisions(Weights(exclude=("a_b",)).labels(found))


def test_layers_are_what_is_called_and_not_what_computes_weights():
    module = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
        nn.Sequential(nn.MultiheadAttention(4, 2), nn.ReLU()),
    )
    assert list(layers_of(module)) == ["0", "1.0", "1.1"]
    assert list(layers_of(nn.ReLU())) == [ROOT]
    quantized = nn.Linear(4, 4)
    quantized.weight_fake_quant, quantized.activation_post_process = nn.Identity(), nn.Sequential(nn.Identity())
    assert list(layers_of(nn.Sequential(quantized, nn.ReLU()))) == ["0", "1"]


def test_of_several_tensors_the_first_is_the_output():
    tensor, number = torch.ones(2, 3), torch.ones(2)
    assert output_of((tensor, number)) is output_of(tensor) is tensor
    assert output_of(number) is output_of((number, tensor)) is output_of(()) is output_of([tensor]) is None
