"""The drop-in: the ensemble's rule in an ordinary loop, and the conventions of PyTorch's schedulers."""

import io

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from lrscope.errors import InputError
from lrscope.optim import SGD, Adam, Feedback, GradientAngle, GradientAngleLR, hyperparameters
from lrscope.records import RATE_REASONS

INPUTS = torch.linspace(-2, 2, 40, dtype=torch.float64)[:, None]
TARGETS = torch.exp(INPUTS)


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def backward(module: nn.Module) -> torch.Tensor:
    module.zero_grad()
    loss = nn.functional.mse_loss(module(INPUTS), TARGETS)
    loss.backward()
    return loss.detach()


def train(module, optimizer, scheduler, steps):
    """Return the rate of each update, and the losses."""
    rates, losses = [], []
    for _ in range(steps):
        losses.append(float(backward(module)))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)  # as is allowed before the scheduler steps
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return rates, losses


def vector(module: nn.Module, gradient: bool = False) -> torch.Tensor:
    return torch.cat([(each.grad if gradient else each).detach().reshape(-1) for each in module.parameters()])


def in_an_ensemble(module, controller, rule, lr, steps):
    """Return rates, reasons and parameters of a loop over the pure functions that an ensemble lifts."""
    parameters = vector(module)
    state, inner, rates, reasons = controller.init(parameters), rule.init(parameters), [], []
    for step in range(steps):
        nn.utils.vector_to_parameters(parameters, module.parameters())
        loss = backward(module)
        told = Feedback(
            torch.tensor(lr, dtype=torch.float64), torch.tensor(step), loss, parameters, vector(module, True), abs
        )
        rate, reason, state = controller.control(state, told)
        parameters, inner = rule.update(parameters, told.gradient, inner, {**hyperparameters(rule), "lr": rate})
        rates.append(float(rate))
        reasons.append(RATE_REASONS[int(reason)])
    return rates, reasons, parameters


RULES = {
    "SGD": (SGD(), lambda given, lr: torch.optim.SGD(given, lr)),
    "momentum": (SGD(momentum=0.9), lambda given, lr: torch.optim.SGD(given, lr, momentum=0.9)),
    "Adam": (Adam(), lambda given, lr: torch.optim.Adam(given, lr)),
}


@pytest.mark.parametrize("lr", [1e-3, 0.3, 50.0])
@pytest.mark.parametrize("name", RULES)
def test_rates_and_parameters_are_those_of_the_ensemble(name, lr):
    rule, make = RULES[name]
    # Long rates let rounding grow: after these steps the digits in which PyTorch rounds otherwise become visible.
    ours, reasons, parameters = in_an_ensemble(network(), GradientAngle(), rule, lr, 40)
    module = network()
    optimizer = make(module.parameters(), lr)
    scheduler = GradientAngleLR(optimizer)
    theirs, _ = train(module, optimizer, scheduler, 40)
    assert theirs == pytest.approx(ours, rel=1e-9)
    assert torch.allclose(vector(module), parameters, rtol=1e-9, atol=1e-12)
    assert scheduler.reasons == tuple(reasons)


def test_it_is_a_scheduler_of_pytorch():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), 0.5)
    scheduler = GradientAngleLR(optimizer, trial=0.01)
    assert isinstance(scheduler, LRScheduler)
    assert scheduler.get_last_lr() == [0.005]
    assert optimizer.param_groups[0]["lr"] == 0.005
    assert scheduler.last_reason is None
    rates, _ = train(module, optimizer, scheduler, 5)
    assert scheduler.last_epoch == 5
    assert rates[0] == 0.005
    assert optimizer.param_groups[0]["lr"] == scheduler.get_last_lr()[0] == rates[-1]
    assert len(scheduler.reasons) == 5
    assert scheduler.reasons[0] == "trial step"
    assert scheduler.last_reason == scheduler.reasons[-1]


def test_groups_keep_the_ratio_of_their_rates():
    module = network()
    optimizer = torch.optim.SGD(
        [{"params": module[0].parameters(), "lr": 0.4}, {"params": module[2].parameters()}], 0.1
    )
    scheduler = GradientAngleLR(optimizer)
    for _ in range(20):
        backward(module)
        optimizer.step()
        scheduler.step()
        first, second = scheduler.get_last_lr()
        assert first == pytest.approx(4 * second)
        assert [group["lr"] for group in optimizer.param_groups] == [first, second]


def test_a_rate_that_is_a_tensor_stays_the_same_tensor():
    module = network()
    rate = torch.tensor(0.1)
    optimizer = torch.optim.SGD(module.parameters(), rate)
    train(module, optimizer, GradientAngleLR(optimizer), 5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate > 0


@pytest.mark.parametrize("cut", [1, 7, 30])
@pytest.mark.parametrize("name", RULES)
def test_resumed_from_its_state_it_goes_on_identically(name, cut):
    module, (_, make) = network(), RULES[name]
    optimizer = make(module.parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer, margin=0.4, raising=1.1)
    train(module, optimizer, scheduler, cut)
    file = io.BytesIO()
    torch.save([module.state_dict(), optimizer.state_dict(), scheduler.state_dict()], file)
    expected = train(module, optimizer, scheduler, 30)

    file.seek(0)
    again = network(seed=5)
    fresh = make(again.parameters(), 0.3)
    resumed = GradientAngleLR(fresh)
    for part, state in zip((again, fresh, resumed), torch.load(file, weights_only=True), strict=True):
        part.load_state_dict(state)
    assert resumed.last_epoch == cut
    assert train(again, fresh, resumed, 30) == expected
    assert resumed.reasons == scheduler.reasons
    assert torch.equal(vector(again), vector(module))


def test_a_state_is_not_changed_by_going_on():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer)
    train(module, optimizer, scheduler, 3)
    state = scheduler.state_dict()
    gradient, reasons, factor = state["state"]["gradient"].clone(), state["reasons"].clone(), state["factor"]
    train(module, optimizer, scheduler, 3)
    assert torch.equal(state["state"]["gradient"], gradient)
    assert torch.equal(state["reasons"], reasons)
    assert state["factor"] == factor


def test_an_update_without_gradients_is_refused():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer)
    backward(module)
    optimizer.zero_grad(set_to_none=True)
    with pytest.raises(InputError, match=r"^gradients must be there when optimizer.step\(\) is called; all 4 param"):
        optimizer.step()
    assert scheduler.reasons == ()


def test_a_frozen_parameter_counts_as_zero():
    module = network()
    module[0].bias.requires_grad_(False)
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer)
    train(module, optimizer, scheduler, 5)
    assert len(scheduler.state_dict()["state"]["gradient"]) == 13


def test_new_parameters_ask_for_a_new_scheduler():
    module = network()
    optimizer = torch.optim.SGD(module[0].parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer)
    train(module, optimizer, scheduler, 2)
    optimizer.add_param_group({"params": module[2].parameters()})
    backward(module)
    with pytest.raises(InputError, match=r"^parameters must be 8 as before; got 13. Make a new scheduler"):
        optimizer.step()


def test_a_rate_is_chosen_after_the_gradients_of_a_closure():
    """As Lightning steps: the gradients are made inside `optimizer.step(closure)`."""
    plain = network()
    optimizer = torch.optim.SGD(plain.parameters(), 0.3)
    expected, losses = train(plain, optimizer, GradientAngleLR(optimizer), 20)
    module, rates, seen = network(), [], []
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    scheduler = GradientAngleLR(optimizer)
    for number in range(20):
        given = ((lambda: backward(module)),)
        loss = optimizer.step(*given) if number % 2 else optimizer.step(closure=given[0])
        scheduler.step()
        rates += scheduler.get_last_lr()
        seen.append(float(loss))
    assert rates == expected
    assert seen == losses


def test_a_scheduler_that_is_gone_no_longer_acts():
    module = network()
    optimizer = torch.optim.SGD(module.parameters(), 0.3)
    GradientAngleLR(optimizer)
    optimizer.param_groups[0]["lr"] = 0.2
    backward(module)
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == 0.2
