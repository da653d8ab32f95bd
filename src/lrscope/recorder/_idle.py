"""The steps between two records, at which a Recorder has nothing to do but to count.

Python that runs between two steps finds the processor's caches full of the training: what takes four microseconds in a
loop of its own takes thirty there. So a step at which nothing is due ends after a handful of operations.
"""

from typing import Any

from torch.optim import Optimizer

from lrscope.optim import before_update


class Idle:
    """What the hook of the optimiser and `step` of a Recorder tell each other.

    Attributes
    ----------
    steps : so many of the next steps, one behind the other, need nothing
    updated : whether an update was made that the Recorder was not told of
    """

    __slots__ = ("steps", "updated")

    def __init__(self) -> None:
        self.steps = 0
        self.updated = False

    def hook(self, method: Any) -> Any:
        """Return a hook for the optimiser that calls a method before an update, unless the step needs nothing.

        A closure, and a GradScaler that leaves the update to the optimiser, are the method's business in any case.
        """
        careful = before_update(method, each_call=False)

        def before_step(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            plain = len(args) == 1 and not kwargs and getattr(optimizer, "found_inf", None) is None
            if plain and self.steps and not self.updated:
                self.updated = True
                return None
            return careful(optimizer, args, kwargs)

        return before_step
