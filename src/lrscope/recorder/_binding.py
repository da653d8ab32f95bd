"""Which tensors a model's parameters are: a loop may replace them, as ``load_state_dict(assign=True)`` does."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lrscope.errors import must_be
from lrscope.probes import Structure, parameters_of
from lrscope.recorder._attaching import Warnings


class Binding:
    """The parameters of a structure, in its order, as the model has them now.

    Attributes
    ----------
    parameters : of one that the model has no longer, or with another shape, zeros in its place
    lost : layers of such parameters

    Raises
    ------
    InputError : the parameters have no numbers.
    """

    def __init__(self, model: nn.Module, structure: Structure, warnings: Warnings) -> None:
        self._model, self._structure, self._warnings = model, structure, warnings
        self.lost: set[str] = set()
        self.parameters: list[Tensor] = []
        self._new: set[int] = set()  # identities of parameters that came later
        self._bind()
        if any(one.is_meta for one in self.parameters):
            remedy = "Make the optimizer and the Recorder after model.to_empty(device=...) and the initialisation."
            raise must_be("the model's parameters", "on a device that holds numbers", "some on meta", remedy)

    def renew(self) -> bool:
        """Return whether the model has other parameters than before; a warning names layers that are lost since."""
        if all(getattr(outer, name, None) is inner for outer, name, inner in self._links):
            return False
        before = self.lost.copy()
        self._bind()
        if self.lost - before:
            self._warnings.add(
                f"parameters of {', '.join(sorted(self.lost - before))} are gone or have another shape than at first: "
                "from now on they are missing in the records, and count as zero in norms of the whole model."
            )
        return True

    def check_new(self, updated: Iterable[Tensor]) -> None:
        """Warn of parameters that have a gradient now, and were added or unfrozen after the first step."""
        new = {id(one) for one in updated if id(one) not in self._known and one.grad is not None}
        if new <= self._new:
            return
        self._new |= new
        ours = {one.path or one.name for one in self._structure.parameters}
        names = [name for name, one in parameters_of(self._model).items() if id(one) in new and name not in ours]
        if names:
            named = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            self._warnings.add(
                f"parameters that were added or unfrozen after the first step are not recorded: {named}. Make a new "
                "Recorder, with another file, to have them."
            )

    def _bind(self) -> None:
        named = parameters_of(self._model)
        paths = dict(zip(named, dict(self._model.named_parameters()), strict=True))  # with what wraps the modules
        links: dict[tuple[int, str], tuple[nn.Module, str, object]] = {}
        before, self.parameters = self.parameters, []
        present: dict[Tensor, str] = {tensor: name for name, tensor in named.items()}
        for place, one in enumerate(self._structure.parameters):
            name = one.path or one.name
            if name not in named and place < len(before):  # pruning keeps the parameter, under another name
                name = present.get(before[place], name)
            tensor = named.get(name)
            if tensor is None or tuple(tensor.shape) != one.shape:
                self.lost.add(one.layer)
                self.parameters.append(torch.zeros(one.shape, device=next(self._model.parameters()).device))
            else:
                self.parameters.append(tensor)
            outer: object = self._model
            for step in paths.get(name, name).split("."):
                inner = getattr(outer, step, None)
                if isinstance(outer, nn.Module):
                    links[id(outer), step] = (outer, step, inner)
                outer = inner
        self._links = list(links.values())
        self._known = set(map(id, self.parameters))
