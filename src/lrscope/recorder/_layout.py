"""What the fast probes record of one step, as one row of numbers: where each variable stands in it.

One row a step means one copy for all statistics, and no Python for each of them. Parameters and gradients stand in it
as well, unless they can be placed straight into the records. The other probes measure by themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from lrscope.probes import (
    Activations,
    Biases,
    GradientAngle,
    GradientNorm,
    Gradients,
    LearningRate,
    Loss,
    Parameter,
    Probe,
    Structure,
    UpdateSize,
    Weights,
)
from lrscope.recorder._statistics import NAMES
from lrscope.recorder._timetable import Group
from lrscope.records import STEP, VALUES, Variable

EXACT = ("learning_rate", "recording_seconds", "training_seconds")
"""Numbers that are kept in double precision whatever the model has."""
SCALARS = ("loss", "gradient_norm", "gradient_angle", "update_size", *EXACT)
"""What is one number a step; it stands beside the row."""
_SECONDS = (
    Variable("recording_seconds", "recording_seconds", "time spent on recording", "s"),
    Variable("training_seconds", "training_seconds", "time since the first step", "s"),
)


@dataclass(frozen=True)
class Column:
    """One variable: its label, its shape behind (member, step), and where it stands in the row, or among `SCALARS`.

    Of parameters that are placed, `start` says nothing.
    """

    label: Variable
    shape: tuple[int, ...]
    start: int
    parameter: Parameter | None = None

    @property
    def scalar(self) -> bool:
        """Whether it is one of `SCALARS`."""
        return self.shape == ()

    @property
    def turned(self) -> bool:
        """Whether its elements stand in another order in the records than in the row."""
        return self.parameter is not None and self.parameter.inputs_first

    @property
    def of_gradient(self) -> bool:
        """Whether it is the gradient of its parameter."""
        return self.label.quantity.endswith("gradients")

    @property
    def exact(self) -> bool:
        """Whether it is kept in double precision."""
        return self.label.name in EXACT

    @cached_property
    def stop(self) -> int:
        """Where the next one begins."""
        return self.start + _product(self.shape)


@dataclass
class Layout:
    """The row.

    Attributes
    ----------
    placed : whether parameters and gradients go straight into the records; otherwise they stand in the row
    starts : where parameters, gradients and the statistics of a layer begin
    vectors : those of parameters, gradients and update from which something is computed
    layers : path -> where its statistics begin, and how many neurons it has
    columns : step dimension -> variables
    slow : step dimension -> probes that measure by themselves
    rates : step dimensions at which the learning rates are recorded
    angles : those at which the angle of the gradient is
    """

    structure: Structure
    placed: bool = False
    width: int = 0
    vectors: set[str] = field(default_factory=set)
    starts: dict[str, int] = field(default_factory=dict)
    layers: dict[str, tuple[int, int]] = field(default_factory=dict)
    columns: dict[str, list[Column]] = field(default_factory=dict)
    slow: dict[str, tuple[Probe, ...]] = field(default_factory=dict)
    rates: set[str] = field(default_factory=set)
    angles: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Elements of all parameters."""
        return sum(_product(one.shape) for one in self.structure.parameters)

    def room(self, name: str, size: int) -> int:
        """Return where something of so many elements begins, at the end of the row if it is not there yet."""
        if name not in self.starts:
            self.starts[name] = self.width
            self.width += size
        return self.starts[name]


def layout_of(structure: Structure, groups: Iterable[Group], *, placed: bool = False) -> Layout:
    """Return where what the groups record stands in a row."""
    layout = Layout(structure, placed)
    for group in groups:
        layout.columns[group.dim] = [column for probe in group.probes for column in _columns(layout, group, probe)]
        layout.slow[group.dim] = tuple(probe for probe in group.probes if not is_fast(probe))
        if group.dim == STEP:
            layout.columns[STEP] += [Column(label, (), SCALARS.index(label.name)) for label in _SECONDS]
    if any(layout.slow.values()):
        layout.vectors |= {"parameters", "gradients", "update"}
    for name in () if placed else sorted(layout.vectors - {"update"}):
        layout.room(name, layout.size)
    return layout


def is_fast(probe: Probe) -> bool:
    """Tell whether what a probe measures is part of the row."""
    kind = type(probe)
    if isinstance(probe, Weights | Biases | Gradients):
        whole = probe.detail == VALUES and "activations" not in getattr(probe, "of", ())
        return whole and kind in (Weights, Biases, Gradients)
    if isinstance(probe, Activations):
        return kind is Activations and not probe.full
    if isinstance(probe, LearningRate):
        return kind is LearningRate and not probe.reasons
    return kind in (Loss, GradientNorm, GradientAngle, UpdateSize)


def _columns(layout: Layout, group: Group, probe: Probe) -> list[Column]:
    if not is_fast(probe):
        return []
    if isinstance(probe, LearningRate):
        layout.rates.add(group.dim)
    labels = probe.labels(layout.structure)
    if isinstance(probe, Weights | Biases | Gradients):
        return _of_parameters(layout, labels)
    if isinstance(probe, Activations):
        return _of_layers(layout, labels)
    if isinstance(probe, GradientAngle):
        layout.angles.add(group.dim)
        layout.vectors.add("gradients")
    if isinstance(probe, UpdateSize):
        layout.vectors.add("parameters")
    return [Column(label, (), SCALARS.index(label.name)) for label in labels]


def _of_parameters(layout: Layout, labels: Sequence[Variable]) -> list[Column]:
    parameters = layout.structure.parameters
    offsets: dict[tuple[str, bool], tuple[int, Parameter]] = {}
    offset = 0
    for one in parameters:
        offsets[one.layer, one.is_bias] = offset, one
        offset += _product(one.shape)
    columns = []
    for label in labels:
        name = "gradients" if label.quantity.endswith("gradients") else "parameters"
        first = 0 if layout.placed else layout.room(name, layout.size)
        at, one = offsets[label.layer, label.quantity in ("biases", "bias_gradients")]
        shape = tuple(one.by_neuron(torch.empty(one.shape, device="meta")).shape)
        columns.append(Column(label, shape, first + at, one))
    return columns


def _of_layers(layout: Layout, labels: Sequence[Variable]) -> list[Column]:
    layers = {one.path: one for one in layout.structure.layers}
    columns = []
    for label in labels:
        layer = layers[label.layer]
        neurons = layer.shape[0] if layer.channels_first or len(layer.shape) == 1 else layer.shape[-1]
        first = layout.room(f"layer {label.layer}", neurons * len(NAMES))
        layout.layers[label.layer] = first, neurons
        columns.append(Column(label, (neurons,), first + NAMES.index(label.statistic) * neurons))
    return columns


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
