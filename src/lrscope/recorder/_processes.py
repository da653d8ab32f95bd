"""Several processes that train one model: which of them record, and how they agree when."""

import torch
from torch import nn

from lrscope.recorder._live import is_sharded


class Processes:
    """The processes of `torch.distributed`, as far as they matter to a Recorder.

    Attributes
    ----------
    count : of all of them
    first : whether this is the one that writes the file
    sharded : whether each holds a part of the parameters only (FSDP2): then all of them measure at the same steps
    """

    def __init__(self, model: nn.Module) -> None:
        distributed = torch.distributed
        several = distributed.is_available() and distributed.is_initialized()
        self.count = distributed.get_world_size() if several else 1
        self.first = not several or distributed.get_rank() == 0
        parts = [one for one in model.parameters() if is_sharded(one)]
        self.sharded = bool(parts)
        self._device = parts[0].device if parts else torch.device("cpu")

    def agreed(self, factor: int, *, failed: bool) -> int | None:
        """Return the first process's factor of the cadence; None if recording has failed in one of them.

        All processes must call it at the same step: one that waited for a gathering that the others do not take part in
        would wait for ever.
        """
        both = torch.tensor([int(failed), factor if self.first else 0], device=self._device)
        torch.distributed.all_reduce(both, torch.distributed.ReduceOp.MAX)
        any_failed, chosen = both.tolist()
        return None if any_failed else int(chosen)
