"""Several processes that train one model: which of them record, and how they agree when."""

import torch
from torch import Tensor, nn

from lrscope.errors import InputError
from lrscope.recorder._live import is_sharded


class Processes:
    """The processes of `torch.distributed`, as far as they matter to a Recorder.

    Attributes
    ----------
    count : of all of them
    first : whether this is the one that writes the file
    reduces : whether statistics of activations are those of the samples of all of them
    together : whether all of them measure, at the same steps: each holds a part of the parameters only (FSDP2), or
        their activations are reduced
    """

    def __init__(self, model: nn.Module, *, reduce_activations: bool = False) -> None:
        distributed = torch.distributed
        several = distributed.is_available() and distributed.is_initialized()
        self.count = distributed.get_world_size() if several else 1
        self.first = not several or distributed.get_rank() == 0
        self.reduces = reduce_activations and self.count > 1
        parameters = list(model.parameters())
        self.together = self.reduces or any(map(is_sharded, parameters))
        self._device = parameters[0].device if parameters else torch.device("cpu")

    def agreed(self, factor: int, digest: int, *, failed: bool) -> int | None:
        """Return the first process's factor of the cadence; None if recording has failed in one of them.

        `digest` tells what they are about to exchange; an `InputError` says that it is not the same in all of them.

        All processes must call it at the same step: one that waited for a gathering that the others do not take part in
        would wait for ever.
        """
        numbers = torch.tensor([int(failed), factor if self.first else 0, digest, -digest], device=self._device)
        torch.distributed.all_reduce(numbers, torch.distributed.ReduceOp.MAX)
        any_failed, chosen, most, minus_least = numbers.tolist()
        if any_failed:
            return None
        if most != -minus_least:
            raise InputError(
                "reduce_activations=True must be used with processes that call the same layers in the first pass; got "
                "others in one of them."
            )
        return int(chosen)

    def gathered(self, part: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, which must call it at the same step, with the same shape."""
        parts = [torch.empty_like(part) for _ in range(self.count)]
        torch.distributed.all_gather(parts, part)
        return parts
