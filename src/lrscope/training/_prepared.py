"""What trainings of one experiment share, whichever their members: made once, used by all of them."""

import numpy as np
import torch
from torch import Tensor

from lrscope.optim import loss_function
from lrscope.training._ensemble import check_lifted
from lrscope.training._experiment import Experiment
from lrscope.training._graph import Graphs
from lrscope.training._groups import groups_of
from lrscope.training._network import Network, build, initial_tree, tied_parameters
from lrscope.training._plan import DataSets, chunked


class Prepared:
    """The network, the data on the device and the traced steps of an experiment.

    Experiments that differ in the values of their sweep only can share one: the second finds the steps traced.

    Attributes
    ----------
    network : as pure functions
    groups : of parameters with learning rates of their own
    bytes_each : that one member needs while it trains
    sets : the data sets that were loaded
    graphs : the steps that were traced
    uses : about how many trainings of this size will share them, which decides whether compiling pays
    """

    def __init__(
        self, experiment: Experiment, device: torch.device, uses: int = 1, graphs: Graphs | None = None
    ) -> None:
        self.uses = uses
        self.sets: DataSets = {}
        self.graphs = graphs or Graphs()
        dtype = getattr(torch, experiment.dtype)
        module = build(experiment.model, 0, dtype).to(device)
        members = next(chunked(experiment, device, 1, 1, sets=self.sets))
        example = members.example(experiment.batch_size or members.samples)
        last = members.samples % len(example.inputs)
        self._module, self._batches = module, [example, *([members.example(last)] if last else [])]
        self.network = Network(module, loss_function(experiment.loss), example)
        self.groups = groups_of(experiment.group_axes(), self.network.layout, tied_parameters(module))
        for batch in (members.data.train, members.data.validation):
            if batch:
                self.network.check_classes(batch.targets)
        outputs = sum(int(np.prod(layer.shape)) for layer in self.network.structure.layers) * len(example.inputs)
        parameters = sum(self.network.layout.sizes)
        vectors = 6 if self.groups else 4  # multipliers and rates of groups are as long as the parameters
        self.bytes_each: int = (outputs + vectors * parameters) * dtype.itemsize

    def check_lifted(self) -> None:
        """Make sure that batches of each size can be learned from by many; see `_ensemble.check_lifted`."""
        for batch in self._batches:
            check_lifted(self.network, *initial_tree(self._module), batch)


def initial(experiment: Experiment, seeds: np.ndarray, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
    """Return parameters (member, parameter) and buffers (member, ...): each as PyTorch makes them under its seed.

    Parameters
    ----------
    seeds : (member) of the initial weights
    """
    dtype = getattr(torch, experiment.dtype)
    by_seed = {
        int(seed): initial_tree(build(experiment.model, int(seed), dtype)) for seed in dict.fromkeys(seeds.tolist())
    }
    vectors, buffers = zip(*(by_seed[int(seed)] for seed in seeds), strict=True)
    stacked = {name: torch.stack([one[name] for one in buffers]).to(device) for name in buffers[0]}
    return torch.stack(vectors).to(device), stacked
