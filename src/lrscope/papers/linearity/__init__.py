"""Study `linearity`: what the learning rate does to the average network.

Reproduces Jordan: The learning rate's effect on average behavior (blog post, 2024): the mean output of many trainings
moves along a nearly straight line as the learning rate changes. Tests that on any task with as many trainings as one
can afford: the noise that few trainings leave is removed, the rest has an interval, and the report says how many
trainings would be needed, where the law breaks, and which samples a higher rate favours.

`Replication` describes one training that is repeated thousands of times, `replicate` trains it piece by piece and
returns its sums, `estimate` returns beforehand what that costs.
"""

from typing import TYPE_CHECKING, Any

from lrscope._imported import late, lazy
from lrscope.papers.linearity._claims import claims
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import analyse
from lrscope.papers.linearity._sections import sections
from lrscope.papers.linearity._summary import summary
from lrscope.studies import Folder, Study

if TYPE_CHECKING:
    from lrscope.papers.linearity._experiments import experiments
    from lrscope.papers.linearity._replicate import Replicating, estimate, replicate
    from lrscope.papers.linearity._replication import Replication

__all__ = ["STUDY", "Options", "Replicating", "Replication", "estimate", "experiments", "replicate"]

_FILES = {
    "_replicate": ["Replicating", "estimate", "replicate"],
    "_replication": ["Replication"],
    "_experiments": ["experiments"],
}
"""Files that need PyTorch, and the names that they have."""
__getattr__ = lazy(__name__, _FILES)


def _stream(replication: "Replication", *, folder: Folder, name: str, **shared: Any) -> "Replicating":
    """Return the training of an experiment of a run; its sums so far lie in the folder of the run."""
    training: Replicating = __getattr__("Replicating")(replication, folder=folder.pieces(name), **shared)
    return training


STUDY = Study(
    name="linearity",
    title="The learning rate and the average network",
    question="What does the learning rate do to the average network, and is that a straight line?",
    source="Jordan: The learning rate's effect on average behavior (blog post, 2024)",
    options=Options,
    experiments=late("lrscope.papers.linearity._experiments:experiments"),
    analyse=analyse,
    claims=claims,
    summary=summary,
    sections=sections,
    resumable=frozenset({"price"}),
    stream=_stream,
    estimate=late("lrscope.papers.linearity._replicate:estimate"),
    unit="trainings",
)
