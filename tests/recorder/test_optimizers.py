"""The optimisers that people have: wrapped, several on one model, or choosing their rates themselves."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from torch import nn

from lrscope.errors import InputError
from lrscope.probes import every
from lrscope.recorder import Recorder
from lrscope.store import open_records


class Lookahead(torch.optim.Optimizer):
    """As in many papers' code: an optimiser by name, which has never called Optimizer.__init__."""

    def __init__(self, base, every=3) -> None:
        self.base, self.every, self.count = base, every, 0
        self.param_groups, self.state, self.defaults = base.param_groups, base.state, base.defaults
        self.slow = [one.detach().clone() for group in self.param_groups for one in group["params"]]

    def step(self, closure=None):
        loss = self.base.step(closure)
        self.count += 1
        if self.count % self.every == 0:
            fast = [one for group in self.param_groups for one in group["params"]]
            for one, slow in zip(fast, self.slow, strict=True):
                slow += 0.5 * (one.detach() - slow)
                one.data.copy_(slow)
        return loss


class Holding:
    """No optimiser by name; as those of Fabric, Lightning and DeepSpeed it has one inside, with other attributes."""

    def __init__(self, optimizer) -> None:
        self._optimizer = optimizer

    def step(self):
        self._optimizer.step()

    def __getattr__(self, name):
        return getattr(self._optimizer, name)


class Extended(torch.optim.SGD):
    """Calls the step of the class that it extends: PyTorch then calls the hooks of an optimiser twice."""

    def step(self, closure=None):
        return super().step(closure)


class Ascending(torch.optim.Optimizer):
    """Sharpness-aware minimisation: the update is made by `second_step`, which calls the optimiser inside."""

    def __init__(self, parameters) -> None:
        super().__init__(parameters, {"lr": 0.1})
        self.base_optimizer = torch.optim.SGD(self.param_groups, lr=0.1)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self):
        for group in self.param_groups:
            for one in group["params"]:
                self.state[one]["before"] = one.clone()
                one += 0.05 * one.grad.sign()

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for one in group["params"]:
                one.copy_(self.state[one]["before"])
        self.base_optimizer.step()


def sgd(model, kind=torch.optim.SGD):
    return kind(model.parameters(), lr=0.1)


WRAPPED = {
    "lookahead": lambda model: Lookahead(sgd(model)),
    "holding": lambda model: Holding(sgd(model)),
    "twice": lambda model: Holding(Lookahead(sgd(model))),
    "extended": lambda model: sgd(model, Extended),
}


def trained(model, optimizer, inputs, recorder=None, steps=7):
    """Train and return (weights, gradient, loss) before each update."""
    seen = []
    for _ in range(steps):
        model.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        seen.append([each.detach().clone() for each in (model[0].weight, model[0].weight.grad, loss)])
        optimizer.step()
        if recorder:
            recorder.step(loss=loss)
    return seen


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_wrapped_optimiser_is_recorded_through_the_one_inside(kind, model, inputs, path):
    torch.optim.SGD(model.parameters(), lr=0.1)  # from now on PyTorch knows that this class takes hooks
    state = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = WRAPPED[kind](model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Recorder(model, path, optimizer, time_budget=None) as recorder:
            seen = trained(model, optimizer, inputs, recorder)
    records, after = open_records(path), model[0].weight.detach().clone()
    for name, values in zip(("weights_0", "weight_gradients_0", "loss"), zip(*seen, strict=True), strict=True):
        np.testing.assert_array_equal(records[name].values[0], torch.stack(values).numpy())
    assert np.isfinite(records["activations_mean_1"].values).all()
    model.load_state_dict(state)
    trained(model, WRAPPED[kind](model), inputs)
    assert torch.equal(model[0].weight, after)


def test_of_sharpness_aware_minimisation_the_update_its_gradient_and_the_first_pass_are_recorded(model, inputs, path):
    optimizer, seen = Ascending(model.parameters()), []
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(4):
            before, outputs = model[0].weight.detach().clone(), model[:2](inputs).detach().mean(0)
            for step in (optimizer.first_step, optimizer.second_step):
                model.zero_grad()
                loss = model(inputs).square().mean()
                loss.backward()
                gradient = model[0].weight.grad.clone()
                step()
            seen.append((before, gradient, outputs))
            recorder.step(loss=loss)
    records = open_records(path)
    names = ("weights_0", "weight_gradients_0", "activations_mean_1")
    for name, values in zip(names, zip(*seen, strict=True), strict=True):
        np.testing.assert_allclose(records[name].values[0], torch.stack(values).numpy(), rtol=1e-6)


def test_what_has_no_optimiser_inside_is_refused(model, path):
    for wrong in (None, [], [None], object(), Holding(3), 0.1):
        with pytest.raises(InputError, match=r"optimizer must be a torch\.optim\.Optimizer"):
            Recorder(model, path, wrong)
    assert not path.exists()


class SelfTuned(torch.optim.SGD):
    """Chooses its rate itself, as Adafactor with relative steps."""

    def step(self, closure=None):
        self.param_groups[0]["lr"] = 0.1
        super().step(closure)
        self.param_groups[0]["lr"] = None


@pytest.mark.parametrize("labels", [{}, {"lr": 1e-3}])
def test_a_rate_that_the_optimiser_keeps_to_itself_is_missing(labels, model, inputs, path):
    optimizer = sgd(model, SelfTuned)
    optimizer.param_groups[0]["lr"] = None
    with Recorder(model, path, optimizer, time_budget=None, labels=labels) as recorder:
        trained(model, optimizer, inputs, recorder, steps=3)
    records = open_records(path)
    assert np.isnan(records["learning_rate"].values).all()
    assert np.isfinite(records["weights_0"].values).all()
    assert records.attrs["axes"] == (["lr"] if labels else ["optimizer"])


# several


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(20, 3, sparse=True)
        self.out = nn.Linear(3, 1)

    def forward(self, rows):
        return self.out(self.table(rows).mean(1))


ROWS = torch.randint(0, 20, (5, 7, 4), generator=torch.Generator().manual_seed(0))


def both(model):
    return torch.optim.SparseAdam(model.table.parameters(), lr=0.1), torch.optim.Adam(model.out.parameters(), lr=0.2)


def in_one_iteration(model, optimizers, recorder=None):
    seen = []
    for rows in ROWS:
        model.zero_grad()
        loss = model(rows).square().mean()
        loss.backward()
        pairs = [(one.detach().clone(), one.grad.to_dense().clone()) for one in (model.table.weight, model.out.weight)]
        seen.append((*pairs[0], *pairs[1], loss.detach()))
        for optimizer in optimizers:
            optimizer.step()
        if recorder:
            recorder.step(loss=loss)
    return seen


@pytest.mark.parametrize("given", [list, tuple, lambda pair: dict(enumerate(pair))])
def test_parameters_of_two_optimisers_are_those_that_gave_the_loss(given, path):
    model = Net()
    pair = both(model)
    with Recorder(model, path, given(pair), time_budget=None) as recorder:
        seen = in_one_iteration(model, pair, recorder)
    records = open_records(path)
    table, table_gradient, out, out_gradient, losses = (torch.stack(each) for each in zip(*seen, strict=True))
    np.testing.assert_array_equal(records["weights_table"].values[0], table.mT.numpy())
    np.testing.assert_array_equal(records["weight_gradients_table"].values[0], table_gradient.mT.numpy())
    np.testing.assert_array_equal(records["weights_out"].values[0], out.numpy())
    np.testing.assert_array_equal(records["weight_gradients_out"].values[0], out_gradient.numpy())
    np.testing.assert_array_equal(records["loss"].values[0], losses.numpy())
    assert records["learning_rate"].values[0].tolist() == [0.1] * 5
    assert records["learning_rate_1"].values[0].tolist() == [0.2] * 5
    last, alone = model.out.weight.detach().clone(), Net()
    in_one_iteration(alone, both(alone))
    assert torch.equal(alone.out.weight, last)


def test_of_one_of_two_optimisers_its_own_parameters_are_recorded(path):
    model = Net()
    pair = both(model)
    recorder = Recorder(model, path, pair[1], time_budget=None)
    with pytest.warns(RuntimeWarning, match="does not update are not recorded: table") as told, recorder:
        seen = in_one_iteration(model, pair, recorder)
    assert len(told) == 1
    records = open_records(path)
    assert not [name for name in records if "table" in str(name) and "activations" not in str(name)]
    np.testing.assert_array_equal(records["weights_out"].values[0], torch.stack([one[2] for one in seen]).numpy())


def test_a_part_that_is_not_updated_in_a_step_has_no_gradient_in_it(path):
    """As in a GAN, whose parts take turns."""
    model = Net()
    pair, seen = both(model), []
    with Recorder(model, path, pair, time_budget=None) as recorder:
        for number, rows in enumerate(ROWS):
            model.zero_grad()
            loss = model(rows).square().mean()
            loss.backward()
            seen.append((model.table.weight, model.out.weight)[number % 2].grad.to_dense().norm().item())
            pair[number % 2].step()
            recorder.step(loss=loss)
    records = open_records(path)
    np.testing.assert_allclose(records["gradient_norm"].values[0][[0, 2, 4]], seen[::2], rtol=0.5)
    assert (np.abs(records["weight_gradients_table"].values[0]).sum((1, 2)) > 0).tolist() == [True, False] * 2 + [True]
    assert (np.abs(records["weight_gradients_out"].values[0]).sum((1, 2)) > 0).tolist() == [False, True] * 2 + [False]


def test_one_optimiser_a_parameter_called_inside_the_backward_pass(inputs, model, path):
    optimizers = {one: torch.optim.SGD([one], lr=0.1) for one in model.parameters()}
    seen = []

    def update(parameter):
        seen.append((parameter, parameter.detach().clone(), parameter.grad.clone()))
        optimizers[parameter].step()
        parameter.grad = None

    for one in optimizers:
        one.register_post_accumulate_grad_hook(update)
    with Recorder(model, path, optimizers, time_budget=None) as recorder:
        for _ in range(4):
            loss = model(inputs).square().mean()
            loss.backward()
            recorder.step(loss=loss)
    records = open_records(path)
    for name, one in (("0", model[0].weight), ("2", model[2].weight)):
        weights, gradients = zip(*[pair for parameter, *pair in seen if parameter is one], strict=True)
        np.testing.assert_array_equal(records[f"weights_{name}"].values[0], torch.stack(weights).numpy())
        np.testing.assert_array_equal(records[f"weight_gradients_{name}"].values[0], torch.stack(gradients).numpy())
    assert np.isfinite(records["activations_mean_1"].values).all()


def test_several_optimisers_between_two_records_are_only_counted(path):
    model = Net()
    pair = both(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Recorder(model, path, pair, when=every(3), time_budget=None) as recorder:
            seen = in_one_iteration(model, pair, recorder)
    records = open_records(path)
    assert records["step"].values.tolist() == [0, 3]
    np.testing.assert_array_equal(records["weights_out"].values[0], torch.stack([seen[0][2], seen[3][2]]).numpy())


# replaced parameters


def assign(model, optimizer):
    state = {name: torch.randn_like(value) for name, value in model.state_dict().items()}
    old = list(model.parameters())
    model.load_state_dict(state, assign=True)
    swap(optimizer, dict(zip(old, model.parameters(), strict=True)))


def replace_module(model, optimizer):
    old = list(model[0].parameters())
    model[0] = nn.Linear(3, 4)
    swap(optimizer, dict(zip(old, model[0].parameters(), strict=True)))


def swap(optimizer, by_old):
    group = optimizer.param_groups[0]
    group["params"] = [by_old.get(one, one) for one in group["params"]]


def prune(model, optimizer):
    """Keep the parameter, under another name."""
    nn.utils.prune.l1_unstructured(model[2], "weight", amount=0.3)


@pytest.mark.parametrize("change", [assign, replace_module, prune])
def test_parameters_that_are_replaced_are_those_of_the_model(change, model, inputs, path):
    optimizer, seen = sgd(model), []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Recorder(model, path, optimizer, time_budget=None) as recorder:
            seen += trained(model, optimizer, inputs, recorder, steps=3)
            change(model, optimizer)
            seen += trained(model, optimizer, inputs, recorder, steps=3)
    records = open_records(path)
    for name, values in zip(("weights_0", "weight_gradients_0", "loss"), zip(*seen, strict=True), strict=True):
        np.testing.assert_array_equal(records[name].values[0], torch.stack(values).numpy())
    missing = np.isnan(records["activations_mean_1"].values[0]).any(1).tolist()
    assert missing == [False] * 6  # the activation function is the one from before


def test_of_a_layer_that_has_another_shape_now_nothing_is_recorded_and_it_is_said_once(model, inputs, path):
    optimizer = sgd(model)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        trained(model, optimizer, inputs, recorder, steps=3)
        model[0], model[2] = nn.Linear(3, 6), nn.Linear(6, 1)
        optimizer.param_groups[0]["params"] = list(model.parameters())
        with pytest.warns(RuntimeWarning, match="parameters of 0, 2 are gone or have another") as told:
            trained(model, optimizer, inputs, recorder, steps=3)
    assert len(told) == 1
    records = open_records(path)
    for name in ("weights_0", "biases_0", "weight_gradients_0", "weights_2"):
        missing = np.isnan(records[name].values[0]).reshape(6, -1).all(1).tolist()
        assert missing == [False] * 3 + [True] * 3
    assert np.isfinite(records["loss"].values).all()
    assert (records["diverged_at"].values == -1).all()


def unfrozen(model, optimizer):
    model[0].requires_grad_(True)


def added(model, optimizer):
    model.append(nn.Linear(1, 1))
    optimizer.add_param_group({"params": model[-1].parameters(), "lr": 0.5})


@pytest.mark.parametrize("change", [unfrozen, added])
def test_parameters_that_are_trained_only_later_are_named_once(change, model, update, path, shown):
    model[0].requires_grad_(change is not unfrozen)
    optimizer = sgd(model)
    layer = {unfrozen: "0", added: "3"}[change]
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(5):
            if step == 2:
                change(model, optimizer)
            recorder.step(loss=update(model, optimizer))
    assert [f": {layer}.weight, {layer}.bias. " in str(one.message) for one in shown] == [True]
    shown.clear()
    records = open_records(path)
    assert f"weights_{layer}" not in records
    assert np.isfinite(records["weights_2"].values).all()
