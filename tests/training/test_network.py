"""Users' modules as pure functions: which train, and what is said where one cannot."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.optim import SGD
from lrscope.probes import Activations, BatchSharpness, Biases, Gradients, Weights, every
from lrscope.training import Experiment, Sweep, stream, train
from lrscope.training._network import Batch, Network, initial_tree

DRAW = np.random.default_rng(0)
CLASSES = DRAW.integers(0, 3, 6)
FEATURES, TOKENS, IMAGES = DRAW.normal(size=(6, 4)), DRAW.normal(size=(6, 5, 4)), DRAW.normal(size=(6, 2, 6, 6))
WORDS = DRAW.integers(0, 10, (6, 5))


class Module(nn.Module):
    """A body and a linear classifier; what `between` does with the body's output is the network."""

    def __init__(self, make, between, width=4) -> None:
        super().__init__()
        self.body = make()
        self.head = nn.Linear(width, 3)
        self.between = between

    def forward(self, inputs):
        return self.head(self.between(self.body, inputs))


def network(make, between=lambda body, inputs: body(inputs), width=4):
    return lambda: Module(make, between, width)


def unrolled(cell, inputs):
    hidden = inputs.new_zeros(len(inputs), 4)
    for step in range(inputs.shape[1]):
        hidden = cell(inputs[:, step], hidden)
    return hidden


def tied():
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 3))
    module[2].weight = module[0].weight
    return module


class InputsFirst(nn.Module):
    """Its weights are (input, neuron)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 6))
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, inputs):
        return inputs @ self.weight + self.bias


def convolutional(*layers):
    return nn.Sequential(nn.Conv2d(2, 4, 3), *layers, nn.Flatten())


def last(body, inputs):
    return body(inputs)[0][:, -1]


WORKING = {
    "layer norm": (lambda: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3)), FEATURES),
    "group norm": (network(lambda: convolutional(nn.GroupNorm(2, 4), nn.SiLU()), width=64), IMAGES),
    "pooling": (network(lambda: convolutional(nn.MaxPool2d(2), nn.PReLU(4)), width=16), IMAGES),
    "residual": (network(lambda: nn.Linear(4, 4), lambda body, inputs: inputs + torch.relu(body(inputs))), FEATURES),
    "embedding": (network(lambda: nn.Embedding(10, 4), lambda body, words: body(words).mean(1)), WORDS),
    "attention": (
        network(
            lambda: nn.MultiheadAttention(4, 2, batch_first=True),
            lambda body, x: body(x, x, x, need_weights=False)[0].mean(1),
        ),
        TOKENS,
    ),
    "transformer": (
        network(
            lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), lambda body, x: body(x).mean(1)
        ),
        TOKENS,
    ),
    "GRU": (network(lambda: nn.GRU(4, 4, batch_first=True), last), TOKENS),
    "LSTM": (network(lambda: nn.LSTM(4, 4, batch_first=True), last), TOKENS),
    "cell": (network(lambda: nn.GRUCell(4, 4), unrolled), TOKENS),
    "tied weights": (tied, FEATURES),
    "one slope for all": (lambda: nn.Sequential(nn.Linear(4, 5), nn.PReLU(), nn.Linear(5, 3)), FEATURES),
    "norm of positions": (network(lambda: nn.LayerNorm((5, 4)), lambda body, x: body(x).mean(1)), TOKENS),
    "inputs first": (network(InputsFirst, width=6), FEATURES),
}


@pytest.mark.parametrize("name", WORKING)
def test_modules_train_as_they_do_alone(name):
    factory, inputs = WORKING[name]
    experiment = Experiment(
        data=Samples(inputs, CLASSES),
        model=factory,
        loss="cross_entropy",
        optimizer=SGD(momentum=0.5),
        sweep=Sweep(lr=[0.1, 0.5]),
        steps=4,
        probes=[Weights(when=every()), Biases(when=every()), Activations(include=("*",), when=every())],
        dtype="float64",
    )
    losses = train(experiment, device="cpu").loss.sel(lr=0.5)
    torch.manual_seed(0)
    module = factory().double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.5)
    for step in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(torch.from_numpy(inputs)), torch.from_numpy(CLASSES))
        assert abs(loss.item() - losses.isel(step=step).item()) < 1e-10
        loss.backward()
        optimizer.step()


def branching(body, inputs):
    outputs = body(inputs)
    return outputs if outputs.sum() > 0 else -outputs


def drawing(body, inputs):
    return body(inputs) + torch.randn(4)


def linear():
    return nn.Linear(4, 4)


CANNOT = "model must be trainable under torch.func.vmap"
NOT_WORKING = {
    "branch on values": (network(linear, branching), FEATURES, CANNOT),
    "random numbers": (network(linear, drawing), FEATURES, CANNOT),
    "alpha dropout": (network(lambda: nn.Sequential(nn.Linear(4, 4), nn.AlphaDropout(0.1))), FEATURES, CANNOT),
    "dropout inside attention": (
        network(lambda: nn.MultiheadAttention(4, 2, dropout=0.1, batch_first=True), lambda m, x: m(x, x, x)[0].mean(1)),
        TOKENS,
        CANNOT,
    ),
    "cumulative running statistics": (
        network(lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=None))),
        FEATURES,
        CANNOT,
    ),
    "lazy": (lambda: nn.LazyLinear(3), FEATURES, "LazyLinear"),
    "no parameters": (nn.ReLU, FEATURES, "parameters that require a gradient"),
    "no module": (dict, FEATURES, "nn.Module"),
    "several outputs": (lambda: nn.GRU(4, 3), FEATURES, "tuple"),
    "other inputs": (lambda: nn.Linear(5, 3), FEATURES, "mat1 and mat2 shapes"),
    "too few classes": (lambda: nn.Linear(4, 1), FEATURES, "PyTorch says: Target"),
}


@pytest.mark.parametrize("name", NOT_WORKING)
def test_modules_that_cannot_train_are_refused_in_a_sentence(name):
    factory, inputs, words = NOT_WORKING[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch announces lazy modules
        with pytest.raises(InputError) as caught:
            next(stream(Experiment(data=Samples(inputs, CLASSES), model=factory, loss="cross_entropy",
                                   sweep=Sweep(lr=[0.1]), steps=2), device="cpu"))  # fmt: skip
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("samples", "batch_size"), [(6, 5), (1, 1), (1, None)])
def test_a_batch_that_the_model_cannot_learn_from_is_refused_at_once(samples, batch_size):
    before = torch.random.get_rng_state()
    with pytest.raises(InputError, match=r"learn from every batch.*batch_size"):
        stream(
            Experiment(
                data=Samples(FEATURES[:samples], CLASSES[:samples]),
                model=lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.Linear(5, 3)),
                loss="cross_entropy",
                sweep=Sweep(lr=[0.1]),
                epochs=2,
                batch_size=batch_size,
            ),
            device="cpu",
        )
    assert torch.equal(torch.random.get_rng_state(), before)


def test_batches_that_only_later_turn_out_to_be_refused_are_a_sentence():
    inputs = np.array([0, 1, 2, 3, 4, 99])
    with pytest.raises(InputError, match="batch"):
        train(
            Experiment(
                data=Samples(inputs, CLASSES),
                model=lambda: nn.Embedding(7, 3),
                loss="cross_entropy",
                sweep=Sweep(lr=[0.1]),
                epochs=1,
                batch_size=2,
            ),
            device="cpu",
        )


def run(model, targets=FEATURES, **fields):
    given = {
        "data": Samples(FEATURES, targets),
        "model": model,
        "sweep": Sweep(lr=[0.1]),
        "steps": 3,
        "dtype": "float64",
    }
    return stream(Experiment(**given | fields), device="cpu")


@pytest.mark.parametrize("loss", ["mse", "half_mse", "l1"])
def test_outputs_must_have_the_shape_of_the_targets(loss):
    """PyTorch would broadcast, and warn."""
    with pytest.raises(InputError) as caught:
        run(lambda: nn.Linear(4, 1), loss=loss)
    assert (
        str(caught.value) == "the model's output for a sample must be of the shape of the target; got '(1,) for (4,)'."
    )


def test_of_a_vector_of_targets_it_is_said_how_to_give_them():
    with pytest.raises(InputError, match=r"got '\(1,\) for \(\)'\. Give targets as \(sample, 1\), or leave the last "):
        run(lambda: nn.Linear(4, 1), targets=FEATURES[:, 0], loss="mse")


def test_a_loss_of_ones_own_may_compare_other_shapes():
    def likelihood(outputs, targets):
        mean, log_deviation = outputs.chunk(2, 1)
        return (log_deviation + ((targets - mean) / log_deviation.exp()) ** 2 / 2).mean()

    (block,) = run(lambda: nn.Linear(4, 8), loss=likelihood)
    torch.manual_seed(0)
    expected = likelihood(nn.Linear(4, 8).double()(torch.from_numpy(FEATURES)), torch.from_numpy(FEATURES))
    assert np.isclose(block.loss[0, 0], expected.item())


def test_a_loss_for_each_sample_is_said():
    def each(outputs, targets):
        return ((outputs - targets) ** 2).mean(1)

    with pytest.raises(InputError, match=r"loss must be one number for a batch; got 'a tensor of shape \(6,\)'."):
        run(linear, loss=each)


def test_frozen_parameters_stay_and_the_others_learn():
    def half_frozen():
        module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        module[0].requires_grad_(False)
        return module

    training = run(half_frozen, sweep=Sweep(lr=[0.1], seed=[0, 1]), probes=[Weights(when=every())])
    (block,) = training
    assert "weights_0" not in block
    assert (block.loss.diff("step") < 0).all()
    for row, seed in enumerate((0, 1)):
        torch.manual_seed(seed)
        frozen = half_frozen()[0].weight.double()
        assert np.array_equal(training.state["chunk/0/buffers/0.weight"][row], frozen)


def test_layers_without_a_sample_in_front_are_not_recorded():
    """No output of a module that sees samples and tokens as one dimension belongs to one sample."""

    class Folding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.each = nn.Linear(2, 2)
            self.head = nn.Linear(4, 4)

        def forward(self, inputs):
            return self.head(self.each(inputs.reshape(-1, 2)).reshape(-1, 4))

    (block,) = run(Folding, probes=[Activations(include=("*",), when=every()), Weights(when=every())])
    assert "activations_mean_head" in block
    assert "activations_mean_each" not in block
    assert "weights_each" in block


@pytest.mark.parametrize("name", ["attention", "LSTM"])
def test_of_layers_that_return_several_tensors_the_first_is_recorded(name):
    factory, inputs = WORKING[name]
    probes = [Activations(include=("*",), when=every()), Gradients(of=("activations",), when=every())]
    fields = {"loss": "cross_entropy", "optimizer": SGD(), "steps": 1, "dtype": "float64", "probes": probes}
    experiment = Experiment(data=Samples(inputs, CLASSES), model=factory, sweep=Sweep(lr=[0.1, 0.2]), **fields)
    records = train(experiment, device="cpu")
    torch.manual_seed(0)
    module, heard = factory().double(), []
    module.body.register_forward_hook(lambda _module, _inputs, returned: heard.append(returned[0]))
    loss = nn.functional.cross_entropy(module(torch.tensor(inputs)), torch.tensor(CLASSES))
    first = {"activations": heard[0].detach(), "activation_gradients": torch.autograd.grad(loss, heard)[0]}
    for quantity, wanted in first.items():
        found = records[f"{quantity}_mean_body"].values.reshape(2, -1)[0]
        np.testing.assert_allclose(found, wanted.mean((0, 1)), atol=1e-12)


SECOND = [
    name
    if name in ("layer norm", "pooling", "attention", "LSTM", "tied weights")
    else pytest.param(name, marks=pytest.mark.long)
    for name in WORKING
]


@pytest.mark.parametrize("name", SECOND)
def test_the_second_derivative_of_any_module_is_the_slope_of_its_gradient(name):
    """Along the gradient: g' H g / g' g, from the gradients at two points nearby."""
    factory, inputs = WORKING[name]
    fields = {"loss": "cross_entropy", "optimizer": SGD(), "steps": 1, "dtype": "float64", "probes": [BatchSharpness()]}
    experiment = Experiment(data=Samples(inputs, CLASSES), model=factory, sweep=Sweep(lr=[0.1, 0.2]), **fields)
    found = train(experiment, device="cpu").batch_sharpness
    torch.manual_seed(0)
    module = factory().double()
    parameters = list(module.parameters())
    start = [parameter.detach().clone() for parameter in parameters]

    def gradient_at(shift):
        with torch.no_grad():
            for parameter, begin, along in zip(parameters, start, shift, strict=True):
                parameter.copy_(begin + along)
        loss = nn.functional.cross_entropy(module(torch.from_numpy(inputs)), torch.from_numpy(CLASSES))
        return torch.autograd.grad(loss, parameters)

    here = gradient_at([torch.zeros_like(begin) for begin in start])
    length = torch.cat([piece.reshape(-1) for piece in here]).norm()
    step = 1e-5 / length
    ahead, behind = (gradient_at([sign * step * piece for piece in here]) for sign in (1, -1))
    slopes = zip(here, ahead, behind, strict=True)
    expected = sum((one * (front - back)).sum() for one, front, back in slopes) / (2 * step * length**2)
    np.testing.assert_allclose(found, np.full((2, 1), expected.item()), rtol=1e-5, atol=1e-7)


def test_the_second_derivative_sees_the_noise_and_the_statistics_of_training():
    """Dropout's mask of the step, batch statistics: the Hessian belongs to the loss that is trained."""

    def noisy():
        return nn.Sequential(nn.Linear(4, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Dropout(0.5), nn.Linear(9, 4))

    network = Network(noisy().double(), nn.functional.mse_loss, Batch(*[torch.from_numpy(FEATURES)] * 2))
    parameters, buffers = initial_tree(noisy().double())
    batch, key = Batch(*[torch.from_numpy(FEATURES)] * 2), torch.tensor(5)
    curvature = network.curvature(parameters, buffers, batch, key)

    def gradient(vector):
        return network.forward_backward(vector, buffers, batch, key, frozenset()).gradient

    direction = torch.linspace(-1, 1, len(parameters), dtype=torch.float64)
    step = 1e-6
    slope = (gradient(parameters + step * direction) - gradient(parameters - step * direction)) / (2 * step)
    product, matrix = curvature.product(direction), curvature.matrix()
    assert torch.allclose(product, slope, rtol=1e-6, atol=1e-8)
    assert torch.allclose(matrix @ direction, product, rtol=1e-10, atol=1e-12)
    assert torch.allclose(matrix, matrix.T, atol=1e-12)
    other = network.curvature(parameters, buffers, batch, key + 1).product(direction)
    assert not torch.allclose(other, product, rtol=1e-2)


class Counting(nn.Module):
    """Assigns a buffer anew instead of writing into it, and one that depends on its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, inputs):
        outputs = self.layer(inputs)
        self.calls = self.calls + 1
        self.mean = 0.9 * self.mean + 0.1 * outputs.mean(0)
        return outputs + self.mean.detach()


def test_buffers_that_forward_assigns_are_those_of_the_module_alone():
    training = run(Counting, optimizer=SGD(), sweep=Sweep(lr=[0.1, 0.2]))
    (block,) = training
    torch.manual_seed(0)
    module = Counting().double()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2)
    inputs, losses = torch.from_numpy(FEATURES), []
    for _ in range(3):
        optimizer.zero_grad()
        module.mean = module.mean.detach()
        loss = nn.functional.mse_loss(module(inputs), inputs)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(block.loss[1], losses, rtol=1e-10)
    assert training.state["chunk/0/buffers/calls"].tolist() == [3, 3]
    np.testing.assert_allclose(training.state["chunk/0/buffers/mean"][1], module.mean.detach(), atol=1e-12)
