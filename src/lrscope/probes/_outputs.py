"""What the network makes of its whole data set: the reconstruction of an autoencoder, for one."""

from typing import ClassVar

from torch import Tensor

from lrscope.errors import InputError
from lrscope.probes._cadence import At, Every, LogSpaced
from lrscope.probes._moment import Moment, Need, Probe, State
from lrscope.probes._structure import Structure
from lrscope.records import Variable
from lrscope.specification import specification


@specification
class Outputs(Probe):
    """Outputs and targets of every sample, in evaluation mode; at the last step by default.

    Attributes
    ----------
    when : cadence
    inputs : also record the inputs, flattened behind the sample
    """

    when: Every | LogSpaced | At = At((-1,))
    inputs: bool = False
    needs: ClassVar[frozenset[Need]] = frozenset({"evaluation"})

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return the labels of ``outputs`` (sample, output), ``targets`` (the same, or sample, target), ``inputs``."""
        of_target = "output" if structure.target_size == structure.output_size else "target"
        both = (
            Variable("outputs", "outputs", "output", dims=("sample", "output")),
            Variable("targets", "targets", "target", dims=("sample", of_target)),
        )
        return (*both, Variable("inputs", "inputs", "input", dims=("sample", "input"))) if self.inputs else both

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return outputs and targets, flattened behind the sample."""
        if moment.outputs is None or moment.targets is None or moment.inputs is None:
            raise InputError("Outputs must be measured with an evaluation of the data; the moment has none.")
        tensors = {"outputs": moment.outputs, "targets": moment.targets}
        tensors |= {"inputs": moment.inputs} if self.inputs else {}
        return {name: tensor.reshape(tensor.shape[0], -1) for name, tensor in tensors.items()}, state
