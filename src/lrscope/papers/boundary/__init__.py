"""Study `boundary`: which pairs of learning rates train a network, and how rough the edge between them is.

Reproduces Sohl-Dickstein: The boundary of neural network trainability is fractal (arXiv 2402.06184, 2024). A point of
the map is one training, with a learning rate for each of two layers; it converged or it did not. The edge is trained at
full resolution, its surroundings as far as they are needed to find it.

`Map` describes the trainings, `MapTraining` trains them, `estimate` returns beforehand what that costs, and `maps`
makes the maps of their records.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.papers.boundary._claims import claims
from lrscope.papers.boundary._frames import experiments, further
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._maps import maps
from lrscope.papers.boundary._options import Options
from lrscope.papers.boundary._own import Own
from lrscope.papers.boundary._report import sections
from lrscope.papers.boundary._results import analyse
from lrscope.papers.boundary._summary import summary
from lrscope.studies import Folder, Study

if TYPE_CHECKING:
    from lrscope.papers.boundary._rounds import MapTraining, estimate

__all__ = ["STUDY", "Map", "MapTraining", "Options", "Own", "estimate", "experiments", "further", "maps"]


def __getattr__(name: str) -> Any:
    """Return what needs PyTorch when it is used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}._rounds"), name)


def _estimate(asked: Map, **where: Any) -> Any:
    return __getattr__("estimate")(asked, **where)


def _stream(asked: Map, *, folder: Folder, name: str, **shared: Any) -> "MapTraining":
    """Return the training of a map of a run; its pieces so far lie in the folder of the run."""
    training: MapTraining = __getattr__("MapTraining")(asked, folder=folder.pieces(name), **shared)
    return training


STUDY = Study(
    name="boundary",
    title="The boundary of trainability",
    question="Which pairs of learning rates train, and how rough is the edge between them and the others?",
    source="Sohl-Dickstein: The boundary of neural network trainability is fractal (arXiv 2402.06184, 2024)",
    options=Options,
    experiments=experiments,
    further=further,
    analyse=analyse,
    claims=claims,
    summary=summary,
    sections=sections,
    stream=_stream,
    estimate=_estimate,
    unit="pixels",
)
"""What can be chosen in the study `boundary`."""
