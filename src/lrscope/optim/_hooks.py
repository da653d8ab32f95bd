"""A hook for the moment before an optimiser of PyTorch makes its update."""

import weakref
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

Hook = Callable[..., tuple[tuple[Any, ...], dict[str, Any]] | None]


def before_update(method: Callable[[], None], *, each_call: bool) -> Hook:
    """Return a hook that calls a method before the parameters move; the gradients are there by then.

    The hook keeps nothing alive: once the owner of the method is gone it does nothing.

    Parameters
    ----------
    method : of an object that other code holds
    each_call : where the gradients come from a closure, call it behind each of its calls, and not the first only
    """
    alive = weakref.WeakMethod(method)

    def listen() -> None:
        living = alive()
        if living is not None:
            living()

    def before_step(
        optimizer: Optimizer,  # noqa: ARG001  what PyTorch passes
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        given = args[1:]  # behind the optimizer itself
        closure = given[0] if given else kwargs.get("closure")
        if closure is None:
            listen()
            return None
        calls = 0

        def heard() -> Any:
            nonlocal calls
            loss, calls = closure(), calls + 1
            if calls == 1 or each_call:
                listen()
            return loss

        return (args[:1], {**kwargs, "closure": heard})

    return before_step
