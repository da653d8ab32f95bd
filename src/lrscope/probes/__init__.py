"""What is measured during training, and when: pure measurements of one network at one step.

A probe is frozen data. ``labels(structure)`` says what it records, ``measure(state, moment)`` returns the values;
it declares in ``needs`` what of the moment is expensive to have, and only that is computed. A probe gets no random
generator and changes nothing: recording never changes training.
"""

from lrscope.probes._activations import Activations, Outputs
from lrscope.probes._directions import GradientAngle, GradientPath, Oscillation
from lrscope.probes._kinds import is_activation
from lrscope.probes._moment import (
    At,
    Cadence,
    Curvature,
    Every,
    Moment,
    Need,
    Probe,
    State,
    at,
    every,
)
from lrscope.probes._parameters import Biases, Gradients, Weights
from lrscope.probes._scalars import (
    Accuracy,
    GradientNorm,
    LearningRate,
    Loss,
    UpdateSize,
    ValidationAccuracy,
    ValidationLoss,
)
from lrscope.probes._sharpness import BatchSharpness, PreconditionedSharpness, Sharpness
from lrscope.probes._structure import (
    ROOT,
    Layer,
    Parameter,
    Structure,
    layers_of,
    output_of,
    parameters_of,
    refuse_collisions,
    structure_of,
    wrapped,
)

__all__ = [
    "ROOT",
    "Accuracy",
    "Activations",
    "At",
    "BatchSharpness",
    "Biases",
    "Cadence",
    "Curvature",
    "Every",
    "GradientAngle",
    "GradientNorm",
    "GradientPath",
    "Gradients",
    "Layer",
    "LearningRate",
    "Loss",
    "Moment",
    "Need",
    "Oscillation",
    "Outputs",
    "Parameter",
    "PreconditionedSharpness",
    "Probe",
    "Sharpness",
    "State",
    "Structure",
    "UpdateSize",
    "ValidationAccuracy",
    "ValidationLoss",
    "Weights",
    "at",
    "every",
    "is_activation",
    "layers_of",
    "output_of",
    "parameters_of",
    "refuse_collisions",
    "structure_of",
    "wrapped",
]
