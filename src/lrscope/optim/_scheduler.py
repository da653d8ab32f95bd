"""The learning rate driven by the gradient angle, for anyone's `torch.optim` loop."""

import dataclasses
import inspect
import math
import weakref
from collections.abc import Callable
from functools import cache
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrscope.errors import InputError, must_be
from lrscope.optim._controllers import GradientAngle
from lrscope.records import RATE_REASONS


class GradientAngleLR(LRScheduler):
    """`GradientAngle` as a scheduler: wrap an optimizer, call ``step()`` after each ``optimizer.step()``.

    The rate of an update is chosen when its gradient is known, inside ``optimizer.step()`` and before the parameters
    move (a step pre-hook; with a closure, after it). So the rates are those of `GradientAngle` in an ensemble, and
    the gradients may be cleared at any time after ``optimizer.step()``. ``step()`` counts, as other schedulers do;
    ``get_last_lr()`` is the rate of the update made last. One angle between the gradients of all parameters, one
    factor for the own rates of all groups, whose parameters are measured in units in which their rates are equal; a
    parameter without a gradient counts as zero. Reading the factor waits for the device once a step; the state holds
    one gradient.

    Parameters
    ----------
    optimizer : its rates are the given ones, and are overwritten; not for one that calls its closure several times
    margin, raising, returning, trial, lowest, highest : as in `GradientAngle`
    last_epoch : as in `torch.optim.lr_scheduler.LRScheduler`

    Raises
    ------
    InputError : a number is out of bounds; or at ``optimizer.step()``, no parameter has a gradient, or the number of
        parameters has changed.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    >>> optimizer = torch.optim.SGD([weight], lr=100.0)
    >>> scheduler = GradientAngleLR(optimizer)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     loss = (weight * weight).sum() / 2
    ...     loss.backward()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> bool(loss < 1e-6), scheduler.reasons[0], scheduler.reasons[2]
    (True, 'trial step', 'raised: aligned')
    """

    def __init__(
        self,
        optimizer: Optimizer,
        margin: float = GradientAngle.margin,
        raising: float = GradientAngle.raising,
        returning: float = GradientAngle.returning,
        trial: float = GradientAngle.trial,
        lowest: float = GradientAngle.lowest,
        highest: float = GradientAngle.highest,
        last_epoch: int = -1,
    ) -> None:
        self._rule = GradientAngle(margin, raising, returning, trial, lowest, highest)
        self._state: dict[str, Tensor] = {}
        self._factor = self._rule.trial
        self._codes = bytearray()
        super().__init__(optimizer, last_epoch)
        optimizer.register_step_pre_hook(before_update(self._choose, each_call=True))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the rate of each update was chosen, from the first update on; texts of `lrscope.records.RATE_REASONS`."""
        return tuple(RATE_REASONS[code] for code in self._codes)

    @property
    def last_reason(self) -> str | None:
        """Why the rate of the last update was chosen; None before the first."""
        return RATE_REASONS[self._codes[-1]] if self._codes else None

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate of each group at the present factor."""
        return [float(base) * self._factor for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on identically: tensors, numbers and lists of them."""
        counted = {"base_lrs", "last_epoch", "_step_count", "_last_lr"}
        return {
            **{name: value for name, value in super().state_dict().items() if name in counted},
            "rule": dataclasses.asdict(self._rule),
            "state": dict(self._state),
            "factor": self._factor,
            "reasons": torch.tensor(list(self._codes), dtype=torch.uint8),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state, with its hyperparameters."""
        own = {"rule", "state", "factor", "reasons"}
        super().load_state_dict({name: value for name, value in state_dict.items() if name not in own})
        self._rule = GradientAngle(**state_dict["rule"])
        self._state = dict(state_dict["state"])
        self._factor = state_dict["factor"]
        self._codes = bytearray(state_dict["reasons"].tolist())

    def _choose(self, _: Optimizer) -> None:
        """Choose the rate of the update that is about to be made."""
        gradient = _gradient(self.optimizer, [float(base) for base in self.base_lrs])
        state = self._state or self._rule.init(gradient)
        if len(state["gradient"]) != len(gradient):
            remedy = "Make a new scheduler when parameters are added."
            raise must_be("parameters", f"{len(state['gradient'])} as before", len(gradient), remedy)
        state = {name: value.to(gradient.device) for name, value in state.items()}
        factor, reason, self._state = self._rule.next_factor(state, gradient)
        self._factor = float(factor)
        self._codes.append(int(reason))
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            _set_rate(group, rate)
        self._last_lr = self.get_lr()


def _gradient(optimizer: Optimizer, rates: list[float]) -> Tensor:
    """Return the gradients of all parameters of all groups as one vector (parameter), zero where there is none.

    A group whose rate is ``k`` times the largest is measured in a unit of ``sqrt(k)``, in which its rate is the
    largest too.
    """
    largest = max(rates) or 1.0
    units = {
        parameter: math.sqrt(rate / largest)
        for group, rate in zip(optimizer.param_groups, rates, strict=False)  # other parameters are refused after this
        for parameter in group["params"]
    }
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if all(parameter.grad is None for parameter in parameters):
        raise InputError(
            f"gradients must be there when optimizer.step() is called; all {len(parameters)} parameters have None. "
            "Call loss.backward() before optimizer.step(), and zero_grad() before backward() or after the step."
        )
    pieces = [torch.zeros_like(one) if one.grad is None else one.grad * units.get(one, 1.0) for one in parameters]
    return torch.cat([piece.detach().reshape(-1) for piece in pieces])


def _set_rate(group: dict[str, Any], rate: float | Tensor) -> None:
    """Set the rate of a group, in place if it is a tensor, so that captured graphs see it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


Hook = Callable[..., tuple[tuple[Any, ...], dict[str, Any]] | None]


def before_update(method: Callable[[Optimizer], None], *, each_call: bool) -> Hook:
    """Return a hook that calls a method before the parameters move; the gradients are there by then.

    The hook keeps nothing alive: once the owner of the method is gone it does nothing.

    Parameters
    ----------
    method : of an object that other code holds; it is given the optimiser, and returns nothing
    each_call : where the gradients come from a closure, call it after each of its calls, and not the first only
    """
    assert isinstance(method, MethodType)
    owner, function = weakref.ref(method.__self__), method.__func__  # a WeakMethod takes longer than all of the rest

    def before_step(
        optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        living, kind = owner(), type(optimizer)
        if living is None or (_may_call_itself(kind) and _within_step(optimizer)):  # type: ignore[arg-type]
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer
        if closure is None:
            function(living, optimizer)
            return None
        calls = 0

        def then_called() -> Any:
            nonlocal calls
            loss, calls = closure(), calls + 1
            if calls == 1 or each_call:
                function(living, optimizer)
            return loss

        return (args[:1], {**kwargs, "closure": then_called})

    return before_step


@cache
def _may_call_itself(kind: Any) -> bool:
    """Return whether a class of optimisers has a ``step`` that may call that of a class that it extends."""
    return sum("step" in vars(one) for one in kind.__mro__) > 2  # its own, and that of Optimizer


def _within_step(optimizer: Optimizer) -> bool:
    """Return whether an optimiser's ``step`` was called by its own: PyTorch calls the hooks before each of the two.

    So it does for a class that calls ``super().step()``, once there is an optimiser of the class that it extends.
    """
    code, calls, frame = type(optimizer).step.__code__, 0, inspect.currentframe()
    while frame is not None and calls < 2:
        calls += frame.f_code is code and frame.f_locals.get("self") is optimizer
        frame = frame.f_back
    return calls == 2
