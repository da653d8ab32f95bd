"""Study `fluctuation`: learning rates against participating neurons.

Reproduces Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025). An
autoencoder learns eight shapes at three learning rates for 1000 epochs, and everything inside is recorded at the end
of every epoch.
"""

from typing import TYPE_CHECKING

from lrscope.papers.fluctuation._claims import CLAIMS
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._results import analyse, histograms
from lrscope.papers.fluctuation._sections import sections, summary
from lrscope.studies._study import Study

if TYPE_CHECKING:
    from lrscope.training import Experiment

__all__ = ["STUDY", "Options"]


def _experiments(options: Options) -> "dict[str, Experiment]":
    from lrscope.papers.fluctuation._experiment import experiments

    return experiments(options)


STUDY = Study(
    name="fluctuation",
    title="Neuronal fluctuations: learning rates against participating neurons",
    question="Which neurons take part in learning, and how does that depend on the learning rate?",
    source="Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025)",
    options=Options,
    experiments=_experiments,
    analyse=analyse,
    claims=CLAIMS,
    summary=summary,
    sections=sections,
    histograms=histograms,
)
