"""Study `fluctuation`: learning rates against participating neurons.

Reproduces Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025). An
autoencoder learns eight shapes at three learning rates for 1000 epochs, and everything inside is recorded at the end
of every epoch.
"""

from lrscope._imported import late
from lrscope.papers.fluctuation._claims import CLAIMS
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._results import analyse, histograms
from lrscope.papers.fluctuation._sections import sections, summary
from lrscope.studies._study import Study

__all__ = ["STUDY", "Options"]

STUDY = Study(
    name="fluctuation",
    title="Neuronal fluctuations: learning rates against participating neurons",
    question="Which neurons take part in learning, and how does that depend on the learning rate?",
    source="Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025)",
    options=Options,
    experiments=late("lrscope.papers.fluctuation._experiments:experiments"),
    analyse=analyse,
    claims=CLAIMS,
    summary=summary,
    sections=sections,
    histograms=histograms,
)
