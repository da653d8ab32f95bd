"""Study `stability`: when and why training suddenly starts to oscillate.

Reproduces and extends Peeters: Experiment 1B, a deeper look into the basic neural network (2025). A perceptron with one
hidden layer learns a function of one variable by gradient descent; error, gradient norm and angle are recorded at every
step, and beside them the sharpness, the weights and the neurons that dominate the oscillation.
"""

from lrscope._imported import late
from lrscope.papers.stability._claims import claims
from lrscope.papers.stability._configurations import Options
from lrscope.papers.stability._results import analyse
from lrscope.papers.stability._sections import sections, summary
from lrscope.studies import Study

__all__ = ["STUDY", "Options"]

STUDY = Study(
    name="stability",
    title="Stability: when and why training suddenly starts to oscillate",
    question="When and why does training suddenly start to oscillate, and what announces it?",
    source="Peeters: Experiment 1B, a deeper look into the basic neural network (2025)",
    options=Options,
    experiments=late("lrscope.papers.stability._experiments:experiments"),
    analyse=analyse,
    sections=sections,
    summary=summary,
    claims=claims,
)
