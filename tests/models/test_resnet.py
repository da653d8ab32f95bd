"""The network for CIFAR-10: equal to plain PyTorch, heard once, in half precision, and able to learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lrscope.data import CIFAR10, Digits, Samples
from lrscope.errors import InputError
from lrscope.models import FastResNet
from lrscope.optim import SGD, LabelSmoothing, Triangle
from lrscope.probes import ValidationAccuracy, ValidationLoss, at
from lrscope.training import Experiment, Sweep, batch_order, stream, train

WIDTHS = (5, 6)
DRAW = np.random.default_rng(4)
DATA = Samples(DRAW.random((40, 3, 10, 11), dtype=np.float32), DRAW.integers(0, 10, 40))
STEPS, BATCH = 12, 16


def images(count=7, dtype=torch.float32):
    return torch.rand(count, 3, 10, 11, generator=torch.Generator().manual_seed(1)).to(dtype)


def made(seed=0, **fields):
    torch.manual_seed(seed)
    return FastResNet(DATA, **{"widths": WIDTHS, **fields})()


class Plain:
    """The same network, written down as formulas of its state; without flips and shifts."""

    def __init__(self, module):
        self.state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        self.trained = {name: self.state[name].requires_grad_() for name in trained}

    def __call__(self, inputs, training=True):
        state = self.state
        features = (inputs - state["normalise.mean"]) / state["normalise.deviation"]
        features = functional.gelu(functional.conv2d(features, state["whiten.weight"], state["whiten.bias"]))
        for number in range(len(WIDTHS)):
            first, second = f"blocks.{number}.first", f"blocks.{number}.second"
            halved = functional.max_pool2d(functional.conv2d(features, state[f"{first}.conv.weight"], padding=1), 2)
            carried = functional.gelu(self.norm(halved, f"{first}.norm", training))
            added = functional.conv2d(carried, state[f"{second}.conv.weight"], padding=1)
            features = functional.gelu(carried + self.norm(added, f"{second}.norm", training))
        largest = functional.max_pool2d(features, features.shape[2:]).flatten(1)
        return functional.linear(largest, state["head.weight"]) / 9

    def norm(self, features, name, training):
        means, variances, bias = (self.state[f"{name}.{each}"] for each in ("running_mean", "running_var", "bias"))
        return functional.batch_norm(features, means, variances, None, bias, training, momentum=0.4)


def plain_loop(lr, seed):
    """Return the trained parameters of one network and its running statistics, by plain PyTorch."""
    network = Plain(made(seed, shift=0, flips=False).double())
    arrays = DATA.arrays()
    inputs, targets = torch.from_numpy(arrays.inputs).double(), torch.from_numpy(arrays.targets)
    optimizer = torch.optim.SGD(network.trained.values(), lr=lr, momentum=0.85, nesterov=True, weight_decay=1e-3)
    shape = [np.interp(step, [0, int(0.23 * STEPS), STEPS], [0.2, 1, 0.07]) for step in range(STEPS + 1)]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, shape.__getitem__)
    per_epoch = -(-len(inputs) // BATCH)
    for step in range(STEPS):
        epoch, number = divmod(step, per_epoch)
        rows = batch_order(seed, epoch, len(inputs))[BATCH * number : BATCH * (number + 1)]
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs[rows]), targets[rows], label_smoothing=0.2).backward()
        optimizer.step()
        schedule.step()
    return network


def experiment(chosen=None, **fields):
    given = {
        "data": DATA, "model": FastResNet(DATA, widths=WIDTHS, **chosen or {}), "loss": LabelSmoothing(),
        "optimizer": SGD(momentum=0.85, nesterov=True, weight_decay=1e-3), "schedule": Triangle(), "steps": STEPS,
        "sweep": Sweep(lr=[0.1, 0.4], seed=[0, 3]), "batch_size": BATCH, "dtype": "float64",
    }  # fmt: skip
    return Experiment(**given | fields)


def test_the_ensemble_is_its_members_one_by_one():
    running = stream(experiment({"shift": 0, "flips": False}), device="cpu", chunk_size=4)
    for _ in running:
        pass
    for row, (lr, seed) in enumerate((lr, seed) for lr in (0.1, 0.4) for seed in (0, 3)):
        alone = plain_loop(lr, seed)
        parameters = torch.cat([tensor.detach().flatten() for tensor in alone.trained.values()])
        assert (torch.from_numpy(running.state["chunk/0/parameters"][row]) - parameters).abs().max() < 1e-10
        for name in alone.state.keys() - alone.trained.keys():
            ours = torch.from_numpy(running.state[f"chunk/0/buffers/{name}"][row : row + 1])[0]
            if not name.endswith("num_batches_tracked"):
                assert (ours - alone.state[name]).abs().max() < 1e-10, name


def losses(chosen=None, chunk_size=None, **fields):
    few = {"sweep": Sweep(lr=[0.4], init_seed=[0], order_seed=[0], noise_seed=[0, 1]), "steps": 4, "batch_size": 20}
    return train(experiment(chosen, **few | fields), device="cpu", chunk_size=chunk_size).loss


def test_flips_and_shifts_do_not_depend_on_who_is_trained_beside():
    together = losses()
    assert abs(together - losses(chunk_size=1)).max() < 1e-10
    assert abs(together.sel(noise_seed=0) - together.sel(noise_seed=1)).min() > 1e-4
    still = losses({"shift": 0, "flips": False})
    assert np.allclose(still.sel(noise_seed=0), still.sel(noise_seed=1), rtol=0, atol=1e-12)
    assert abs(together - still).min() > 1e-4


def test_evaluation_is_the_mean_with_the_mirrored_image():
    module = made().double()
    for number in range(3):  # so that the running statistics are of something
        module(images(8, torch.float64) + number)
    alone = Plain(module)
    inputs = images(dtype=torch.float64)
    expected = (alone(inputs, training=False) + alone(inputs.flip(-1), training=False)) / 2
    module.eval()
    assert (module(inputs) - expected).abs().max() < 1e-12
    assert (module(inputs.flip(-1)) - expected).abs().max() < 1e-12


def test_whoever_listens_hears_each_layer_once_and_for_the_image_as_it_is():
    module = made().eval()
    heard = []
    for name, layer in module.named_modules():
        if not any(layer.children()):
            layer.register_forward_hook(lambda _layer, inputs, _output, name=name: heard.append((name, inputs[0])))
    inputs = images()
    module(inputs)
    assert len(heard) == len({name for name, _ in heard}) == 19
    assert torch.equal(heard[0][1], inputs)


def test_a_block_begins_by_handing_its_input_on():
    module = made()
    weight = module.blocks[1].first.conv.weight.detach()
    assert weight.shape == (6, 5, 3, 3)
    features = torch.rand(2, 5, 6, 6)
    out = functional.conv2d(features, weight, padding=1)
    assert torch.allclose(out[:, :5], features)
    assert not torch.allclose(out[:, 5], torch.zeros(6, 6))


def test_half_precision_computes_in_bfloat16_with_channels_last():
    full, half = made(precision="full").eval(), made(precision="half").eval()
    seen = {}
    for name in ("whiten", "blocks.0.first.conv", "blocks.0.first.norm", "blocks.1.gelu", "head"):
        half.get_submodule(name).register_forward_hook(lambda _l, _i, out, name=name: seen.update({name: out}))
    inputs = images()
    outputs = half(inputs)
    assert outputs.dtype == torch.float32
    assert {out.dtype for out in seen.values()} == {torch.bfloat16}
    assert all(out.is_contiguous(memory_format=torch.channels_last) for out in seen.values() if out.ndim == 4)
    assert not torch.equal(outputs, full(inputs))
    assert (outputs - full(inputs)).abs().max() < 0.02 * full(inputs).abs().max() + 0.005
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


def test_auto_is_full_on_a_cpu_and_float64_is_always_full():
    inputs = images()
    assert torch.equal(made().eval()(inputs), made(precision="full").eval()(inputs))
    exact = made(precision="half").double().eval()(inputs.double())
    assert torch.equal(exact, made(precision="full").double().eval()(inputs.double()))


def test_an_ensemble_in_half_precision_is_near_to_one_in_full():
    half, full = (losses({"precision": precision}, dtype="float32") for precision in ("half", "full"))
    assert abs(half - full).min() > 0
    assert abs(half - full).max() < 0.02


def striped(root: Path) -> None:
    """Write the files of CIFAR-10 with 50 images each: stripes of five widths in two colours, in noise."""
    draw = np.random.default_rng(0)
    widths, colours = np.array([2, 3, 5, 9, 16]), np.array([[1, 1, 1], [1, -1, 1]])
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        labels = draw.integers(0, 10, 50)
        rows = np.arange(32) + draw.uniform(0, 16, (50, 1))
        stripes = np.sign(np.sin(2 * np.pi * rows / widths[labels % 5, None]))
        clean = 128 + 70 * stripes[:, None, :, None] * colours[labels // 5][:, :, None, None]
        pixels = np.clip(clean + draw.normal(0, 20, (50, 3, 32, 32)), 0, 255)
        records = np.concatenate([labels[:, None], pixels.reshape(50, -1)], axis=1).astype(np.uint8)
        (root / name).write_bytes(records.tobytes())


@pytest.mark.parametrize("precision", ["full", "half"])
def test_it_learns_a_data_set_in_the_format_of_cifar10(tmp_path, precision):
    """By chance the accuracy is 0.1; the loss begins at 2.3 and, with smoothed labels, cannot go below 0.87."""
    striped(tmp_path)
    data = CIFAR10(tmp_path)
    learned = train(
        experiment(
            data=data, model=FastResNet(data, widths=(8, 16, 16), precision=precision),
            sweep=Sweep(lr=[0.4]), steps=None, epochs=8, batch_size=25, dtype="float32",
            probes=[ValidationAccuracy(at(-1)), ValidationLoss(at(-1))],
        ),
        device="cpu",
    ).isel(lr=0)  # fmt: skip
    assert learned.loss[:3].mean() > 2.1
    assert learned.loss[-6:].mean() < 1.5
    assert learned.val_loss[-1] < 1.6
    assert learned.val_accuracy[-1] > 0.6


def said(make):
    with pytest.raises(InputError) as caught:
        make()
    return str(caught.value)


class Unhashable:
    __hash__ = None

    def arrays(self):
        return DATA.arrays()


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"data": 3}, "data must be a data set with arrays(); got 3."),
        ({"data": Digits}, "data must be a data set with arrays(); got <class"),
        ({"data": Unhashable()}, "data must be hashable, for it is read once a process; got 'Unhashable'."),
    ],
)
def test_what_cannot_be_is_said(fields, start):
    assert said(lambda: FastResNet(**{"data": DATA} | fields)).startswith(start)


def test_images_must_be_large_enough():
    assert said(FastResNet(Digits(samples=20), widths=(4, 4, 4))) == (
        "widths must be of fewer blocks; got (4, 4, 4). "
        "The images of data are 8 pixels wide or high: each block halves them."
    )
    assert said(FastResNet(Digits(samples=20), widths=(4,), shift=8)) == (
        "shift must be below the 8 pixels of an image; got 8."
    )
    assert isinstance(FastResNet(Digits(samples=20), widths=(4, 4), shift=7)(), nn.Module)
