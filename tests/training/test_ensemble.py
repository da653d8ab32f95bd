"""An ensemble equals its members trained one by one with `torch.optim`, and no member notices the others."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn, optim

from lrscope.data import Samples, Shape
from lrscope.models import Autoencoder
from lrscope.optim import SGD, Adam, AdamW, Constant, Cosine, GradientAngle, GradientAngleLR, Linear, WarmUp
from lrscope.probes import Biases, LearningRate, Loss, Probe, Weights, every
from lrscope.records import Variable
from lrscope.specification import specification
from lrscope.training import Experiment, Sweep, stream, train

NESTEROV = {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}
DECAY = {"eps": 1e-6, "weight_decay": 0.1}
RULES = {
    "SGD": (SGD(), partial(optim.SGD)),
    "SGD decay": (SGD(weight_decay=0.1), partial(optim.SGD, weight_decay=0.1)),
    "momentum": (SGD(momentum=0.9), partial(optim.SGD, momentum=0.9)),
    "Nesterov decay": (SGD(**NESTEROV), partial(optim.SGD, **NESTEROV)),
    "Adam": (Adam(), partial(optim.Adam)),
    "Adam decay": (Adam(beta1=0.8, beta2=0.9, **DECAY), partial(optim.Adam, betas=(0.8, 0.9), **DECAY)),
    "AdamW": (AdamW(weight_decay=0.2), partial(optim.AdamW, weight_decay=0.2)),
}
LRS, SEEDS, CLOSE = (0.003, 0.05), (0, 3), 1e-10


@pytest.fixture(autouse=True, params=[1, 10**9], ids=["traced", "not traced"])
def _traced(request, monkeypatch):
    monkeypatch.setattr("lrscope.training._ensemble.TRACED_FROM", request.param)


def experiment_of(cases, case, **fields):
    model, data, loss = cases[case]
    given = {"sweep": Sweep(lr=LRS, seed=SEEDS), "steps": 60} | fields
    return Experiment(data=data, model=model, loss=loss, dtype="float64", **given)


@pytest.mark.parametrize("rule", RULES)
def test_every_step_equals_torch_optim(rule, cases, plain_loop):
    ours, theirs = RULES[rule]
    probes = [Weights(when=every()), Biases(when=every())]
    records = train(experiment_of(cases, "mlp", optimizer=ours, probes=probes), device="cpu")
    names = {f"{kind}_{module}_{layer}": f"{module}.{layer}.{'weight' if kind == 'weights' else 'bias'}"
             for kind in ("weights", "biases") for module in ("encoder", "decoder") for layer in (0, 2)}  # fmt: skip
    for lr in LRS:
        for seed in SEEDS:
            states = plain_loop("mlp", partial(theirs, lr=lr), 60, seed)
            for variable, name in names.items():
                expected = np.stack([state[name].numpy() for state in states[:-1]])
                assert np.abs(records[variable].sel(lr=lr, seed=seed).values - expected).max() < CLOSE


@pytest.mark.parametrize(
    ("rule", "case", "batch_size"),
    [
        ("Nesterov decay", "mlp", 4),
        ("AdamW", "pooling", None),
        ("Nesterov decay", "pooling", 4),
        ("AdamW", "batch norm", 4),
    ],
)
def test_networks_and_batches_equal_torch_optim(case, batch_size, rule, cases, plain_loop, final_states, farthest):
    ours, theirs = RULES[rule]
    members = final_states(experiment_of(cases, case, optimizer=ours, batch_size=batch_size))
    for number, (lr, seed) in enumerate((lr, seed) for lr in LRS for seed in SEEDS):
        alone = plain_loop(case, partial(theirs, lr=lr), 60, seed, batch_size)
        assert farthest(members[number], alone[-1]) < CLOSE


def lambda_of(schedule, total):
    return partial(optim.lr_scheduler.LambdaLR, lr_lambda=lambda step: schedule.factor(step, total))


SCHEDULES = {
    "cosine": (Cosine(), partial(optim.lr_scheduler.CosineAnnealingLR, T_max=60)),
    "cosine with a floor": (Cosine(floor=0.1), partial(optim.lr_scheduler.CosineAnnealingLR, T_max=60, eta_min=0.005)),
    "linear": (Linear(floor=0.2), partial(optim.lr_scheduler.LinearLR, start_factor=1, end_factor=0.2, total_iters=60)),
    "warm-up": (WarmUp(10), partial(optim.lr_scheduler.LinearLR, start_factor=0.1, end_factor=1, total_iters=9)),
    "warm-up, cosine": (WarmUp(10, Cosine()), lambda_of(WarmUp(10, Cosine()), 60)),
    "constant": (Constant(), partial(optim.lr_scheduler.ConstantLR, factor=1)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_their_namesakes(name, cases, plain_loop, final_states, farthest):
    schedule, theirs = SCHEDULES[name]
    members = final_states(experiment_of(cases, "mlp", schedule=schedule, sweep=Sweep(lr=[0.05])))
    alone = plain_loop("mlp", partial(optim.Adam, lr=0.05), 60, make_schedule=theirs)
    assert farthest(members[0], alone[-1]) < CLOSE


def adam(parameters, beta1, beta2, **numbers):
    return optim.Adam(parameters, betas=(beta1, beta2), **numbers)


@pytest.mark.parametrize(
    ("ours", "theirs", "axes"),
    [
        (SGD(), optim.SGD, {"momentum": [0.0, 0.5, 0.9], "weight_decay": [0.0, 0.1]}),
        (Adam(), adam, {"beta1": [0.5, 0.9], "beta2": [0.9, 0.999], "eps": [1e-8, 1e-3]}),
    ],
)
def test_numbers_of_the_rule_can_be_axes(ours, theirs, axes, cases, plain_loop, final_states, farthest):
    sweep = Sweep(lr=[0.05], **axes)
    members = final_states(experiment_of(cases, "mlp", optimizer=ours, sweep=sweep, steps=20))
    for number, values in enumerate(product(*axes.values())):
        alone = plain_loop("mlp", partial(theirs, lr=0.05, **dict(zip(axes, values, strict=True))), 20)
        assert farthest(members[number], alone[-1]) < CLOSE


def in_groups(make, lr, encoder, last, parameters):
    """Return an optimiser of `Small`, whose modules `encoder` and `decoder.2` have multiples of the rate."""
    parameters = list(parameters)
    groups = zip((encoder, 1, last), (parameters[:4], parameters[4:6], parameters[6:]), strict=True)
    return make([{"params": some, "lr": times * lr} for times, some in groups], lr=lr)


@pytest.mark.parametrize("rule", RULES)
def test_learning_rates_of_modules_are_parameter_groups_of_torch_optim(rule, cases, plain_loop, final_states, farthest):
    ours, theirs = RULES[rule]
    schedule, theirs_schedule = SCHEDULES["cosine"]
    sweep = Sweep(lr=[0.05], lr_encoder=[0.1, 3.0], lr_decoder_2=[1, 2])
    members = final_states(experiment_of(cases, "mlp", optimizer=ours, sweep=sweep, schedule=schedule))
    columns = sweep.members()
    for number in range(len(sweep)):
        encoder, last = (float(columns[name][number]) for name in ("lr_encoder", "lr_decoder_2"))
        grouped = partial(in_groups, theirs, 0.05, encoder, last)
        alone = plain_loop("mlp", grouped, 60, make_schedule=theirs_schedule)
        assert farthest(members[number], alone[-1]) < CLOSE


def test_a_controller_hears_modules_with_rates_of_their_own_as_its_scheduler_does(
    cases, plain_loop, final_states, farthest
):
    sweep = Sweep(lr=[20.0], lr_encoder=[0.1], lr_decoder_2=[3.0])
    members = final_states(experiment_of(cases, "mlp", optimizer=SGD(), sweep=sweep, schedule=GradientAngle()))
    grouped = partial(in_groups, optim.SGD, 20.0, 0.1, 3.0)
    assert farthest(members[0], plain_loop("mlp", grouped, 60, make_schedule=GradientAngleLR)[-1]) < CLOSE


def test_each_seed_decides_one_thing(cases, plain_loop, final_states, farthest):
    sweep = Sweep(lr=[0.05], init_seed=[0, 1], order_seed=[0, 1])
    members = final_states(experiment_of(cases, "mlp", sweep=sweep, batch_size=4, steps=10))
    for number, (init, order) in enumerate((init, order) for init in (0, 1) for order in (0, 1)):
        alone = plain_loop("mlp", partial(optim.Adam, lr=0.05), 10, init, 4, order)
        assert farthest(members[number], alone[-1]) < CLOSE


def test_initial_weights_are_pytorchs_to_the_bit(cases):
    sweep = Sweep(lr=[0.1], seed=[0, 7, 2**40])
    experiment = Experiment(data=Shape("circle", samples=5), model=Autoencoder(), sweep=sweep, steps=1,
                            probes=[Weights(when=every()), Biases(when=every())])  # fmt: skip
    records = train(experiment, device="cpu").isel(step=0, lr=0)
    for seed in sweep.axes["seed"]:
        torch.manual_seed(seed)
        module = Autoencoder()()
        for path in ("encoder.0", "encoder.4", "decoder.2"):
            layer, name = module.get_submodule(path), path.replace(".", "_")
            assert np.array_equal(records[f"weights_{name}"].sel(seed=seed), layer.weight.detach())
            assert np.array_equal(records[f"biases_{name}"].sel(seed=seed), layer.bias.detach())


def test_the_global_generator_is_left_alone(cases):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(experiment_of(cases, "dropout", steps=2, batch_size=4), device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_a_members_result_depends_on_no_other(cases, final_states, farthest):
    fields = {"batch_size": 4, "steps": 20}
    together = final_states(experiment_of(cases, "dropout", sweep=Sweep(lr=[0.01, 0.1], seed=[0, 1]), **fields))
    for number, (lr, seed) in {1: (0.01, 1), 2: (0.1, 0)}.items():
        alone = final_states(experiment_of(cases, "dropout", sweep=Sweep(lr=[lr], seed=[seed]), **fields))
        assert farthest(together[number], alone[0]) < 1e-12


def test_the_size_of_the_chunks_does_not_matter(cases):
    experiment = experiment_of(cases, "dropout", sweep=Sweep(lr=[0.01, 0.1], seed=[0, 1, 2]), batch_size=4, steps=20)
    whole, other = (train(experiment, device="cpu", chunk_size=size).loss for size in (None, 4))
    assert other.sizes == whole.sizes
    assert np.abs(other - whole).max() < 1e-12


class Fragile(nn.Module):
    """Explodes at a large learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))

    def forward(self, inputs):
        return self.layers(inputs) ** 3


@specification
class Kept(Probe):
    """The loss of the step before that was measured: two steps of one state, the same tensor at first."""

    when: object = every(4)
    name: str = "kept"

    def labels(self, structure):
        return (Variable(self.name, self.name, "loss measured before"),)

    def init(self, parameters):
        zero = next(iter(parameters.values())).new_zeros(())
        return {"older": zero, "newer": zero}

    def measure(self, state, moment):
        return {self.name: state["older"]}, {"older": state["newer"], "newer": moment.loss}


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_what_probes_remember_is_apart_even_where_it_was_once_the_same(seeds, cases):
    """At step 12 both remember the loss of that step; from then on one of them goes on alone."""
    probes = [Kept(when=every(3), name="third"), Kept(when=every(4), name="fourth")]
    records = train(experiment_of(cases, "mlp", sweep=Sweep(lr=[0.05], seed=seeds), probes=probes), device="cpu")
    loss = records.loss.values
    for probe, count in zip(probes, (3, 4), strict=True):
        found = records[probe.name].values
        assert (found[..., :2] == 0).all()
        assert np.array_equal(found[..., 2:], loss[..., ::count][..., :-2])


def fragile(lrs, **fields):
    inputs = np.random.default_rng(0).normal(size=(8, 3))
    given = {"steps": 30, "probes": [Weights(when=every()), LearningRate()]} | fields
    return Experiment(data=Samples(inputs, inputs), model=Fragile, optimizer=SGD(), sweep=Sweep(lr=lrs), **given)


def test_a_diverging_member_is_frozen_where_it_diverged():
    run = stream(fragile([0.01, 1e6]), device="cpu")
    block = next(run)
    at = int(block.diverged_at.isel(member=1).max())
    torch.manual_seed(0)
    module = Fragile()
    optimizer = optim.SGD(module.parameters(), lr=1e6)
    inputs = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 3))).float()
    for step in range(30):  # noqa: B007  the first step whose loss or gradient is not finite, in a plain loop
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(inputs), inputs)
        loss.backward()
        gradients = [parameter.grad for parameter in module.parameters()]
        if not all(torch.isfinite(one).all() for one in [loss, *gradients]):
            break
        optimizer.step()
    assert at == step
    assert 0 < at < 29
    assert block.diverged_at.isel(member=1).values.tolist() == [-1] * at + [at] * (30 - at)
    assert (block.diverged_at.isel(member=0) == -1).all()
    frozen = torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
    assert torch.dist(torch.from_numpy(run.state["chunk/0/parameters"][1]), frozen) < 1e-3 * frozen.norm()
    assert np.isfinite(run.state["chunk/0/buffers/layers.1.running_mean"][0]).all()


def test_records_are_nan_after_the_divergence_and_only_then():
    records = train(fragile([0.01, 1e6]), device="cpu")
    at = int(records.diverged_at.sel(lr=1e6).max())
    for name in ("loss", "learning_rate", "weights_layers_0"):
        array = records[name].sel(lr=1e6)
        assert array.sel(step=slice(at + 1, None)).isnull().all(), name
        assert array.sel(step=slice(None, at - 1)).notnull().all(), name
    assert records.sel(lr=0.01).loss.notnull().all()


def test_divergence_is_told_where_the_loss_is_seldom_measured():
    """Weights are blanked after the divergence although the loss was not measured in between."""
    seldom = fragile([0.01, 1e6], probes=[Weights(when=every()), Loss(when=every(29))])
    records = train(seldom, device="cpu")
    at = int(records.diverged_at.sel(lr=1e6).max())
    assert at > 0
    weights = records.weights_layers_0.sel(lr=1e6)
    dim = next(str(dim) for dim in weights.dims if str(dim).startswith("step"))
    missing = weights.isnull().all(["neuron_layers_0", "input_layers_0"])
    assert missing.values.tolist() == (records[dim] > at).values.tolist()


def test_a_diverging_member_changes_no_other():
    with_divergence, without = (list(stream(fragile([0.01, 0.02, other]), device="cpu"))[-1] for other in (1e6, 0.005))
    assert (with_divergence.diverged_at.max("step") >= 0).values.tolist() == [False, False, True]
    for name in without:
        if name != "diverged_at":
            assert np.array_equal(with_divergence[name][:2], without[name][:2]), name


def test_a_network_that_starts_with_nan_diverges_at_step_0():
    inputs = np.full((4, 3), np.nan)
    experiment = Experiment(data=Samples(inputs, inputs), model=Fragile, sweep=Sweep(lr=[0.1]), steps=3)
    assert train(experiment, device="cpu").diverged_at.values.tolist() == [[0, 0, 0]]


class Wandering:
    """A controller of one's own: the rate swings by the step, the reason counts, the state remembers what it heard."""

    def init(self, parameters):
        zero = parameters.new_zeros(())
        return {"calls": zero, "start": parameters * 1.0, "heard": zero + 0.0}

    def control(self, state, feedback):
        calls = state["calls"] + 1
        curved = feedback.hessian_product(feedback.gradient)
        rate = feedback.lr * (1 + torch.remainder(feedback.step, 3)) / 3 / (1 + curved.square().sum().sqrt())
        heard = feedback.loss + feedback.gradient.square().sum() + (feedback.parameters - state["start"]).square().sum()
        return rate, calls.to(torch.int64) % 4, {**state, "calls": calls, "heard": heard}


def controlled(cases, **fields):
    probes = [LearningRate(reasons=True), Weights(when=every())]
    given = {"optimizer": SGD(momentum=0.5), "schedule": Wandering(), "steps": 10, "probes": probes}
    return experiment_of(cases, "mlp", **given | fields)


def test_a_controller_is_asked_once_a_step_of_each_member_and_its_rate_is_used(cases):
    """Against a loop in plain PyTorch that asks the same controller of one network."""
    (block,) = stream(controlled(cases), device="cpu")
    model, data, _ = cases["mlp"]
    inputs, targets = torch.from_numpy(data.arrays().inputs), torch.from_numpy(data.arrays().targets)
    for row, (lr, seed) in enumerate((lr, seed) for lr in LRS for seed in SEEDS):
        torch.manual_seed(seed)
        module, rates = model().double(), []
        optimizer = optim.SGD(module.parameters(), lr=lr, momentum=0.5)
        parameters = list(module.parameters())
        for step in range(10):
            gradients = torch.autograd.grad(
                nn.functional.mse_loss(module(inputs), targets), parameters, create_graph=True
            )
            whole = torch.cat([gradient.reshape(-1) for gradient in gradients])
            curved = torch.autograd.grad(whole, parameters, whole.detach())
            length = torch.cat([piece.reshape(-1) for piece in curved]).norm()
            rates.append(float(lr * (1 + step % 3) / 3 / (1 + length)))
            optimizer.param_groups[0]["lr"] = rates[-1]
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient.detach()
            before = module.encoder[0].weight.detach().clone()
            optimizer.step()
            assert np.abs(block.weights_encoder_0[row, step].values - before.numpy()).max() < CLOSE
        np.testing.assert_allclose(block.learning_rate[row], rates, rtol=1e-9)
        assert block.rate_reason[row].values.tolist() == [step % 4 for step in range(1, 11)]


def test_controllers_of_members_do_not_hear_each_other(cases):
    together = train(controlled(cases), device="cpu")
    alone = train(controlled(cases, sweep=Sweep(lr=[LRS[1]], seed=[SEEDS[1]])), device="cpu")
    for name in ("loss", "learning_rate", "rate_reason"):
        np.testing.assert_allclose(together[name][1, 1], alone[name][0, 0], rtol=1e-12)
