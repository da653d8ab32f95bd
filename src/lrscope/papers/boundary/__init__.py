"""Study `boundary`: which pairs of learning rates train a network, and how rough the edge between them is.

Reproduces Sohl-Dickstein: The boundary of neural network trainability is fractal (arXiv 2402.06184, 2024). A point of
the map is one training, with a learning rate for each of two layers; it converged or it did not. The edge is trained at
full resolution, its surroundings as far as they are needed to find it.

`Map` describes the trainings, `MapTraining` trains them, `estimate` returns beforehand what that costs, and `maps`
makes the maps of their records.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from lrscope._imported import late, lazy
from lrscope.papers.boundary._claims import claims
from lrscope.papers.boundary._frames import experiments, further
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._maps import maps
from lrscope.papers.boundary._options import MAP, Options
from lrscope.papers.boundary._own import Own
from lrscope.papers.boundary._point import POINT, analysed
from lrscope.papers.boundary._results import analyse
from lrscope.papers.boundary._sections import sections
from lrscope.papers.boundary._summary import summary
from lrscope.studies import Folder, Study

if TYPE_CHECKING:
    from lrscope.papers.boundary._rounds import MapTraining, estimate
    from lrscope.training import Experiment, Stream

__all__ = ["STUDY", "Map", "MapTraining", "Options", "Own", "estimate", "experiments", "further", "maps"]

__getattr__ = lazy(__name__, {"_rounds": ["MapTraining", "estimate"]})


def _stream(asked: "Map | Experiment", *, folder: Folder, name: str, **shared: Any) -> "MapTraining | Stream":
    """Return the training of a map of a run, whose pieces so far lie in the folder of the run, or of a point."""
    if isinstance(asked, Map):
        training: MapTraining = __getattr__("MapTraining")(asked, folder=folder.pieces(name), **shared)
        return training
    point: Stream = late("lrscope.training:stream")(asked, **shared)
    return point


def _analyse(records: Mapping[str, xr.Dataset], options: Options) -> xr.DataTree:
    """Return the results of the maps and of the point."""
    points = [one for name, one in records.items() if name.startswith(POINT)]
    known = maps({name: one for name, one in records.items() if not name.startswith(POINT)})
    results = analyse(known)
    at = options.point("at")
    if points and at:
        results[POINT] = xr.DataTree(analysed(points, known[MAP], at))
    return results


STUDY = Study(
    name="boundary",
    title="The boundary of trainability",
    question="Which pairs of learning rates train, and how rough is the edge between them and the others?",
    source="Sohl-Dickstein: The boundary of neural network trainability is fractal (arXiv 2402.06184, 2024)",
    options=Options,
    experiments=experiments,
    further=further,
    analyse=_analyse,
    claims=claims,
    summary=summary,
    sections=sections,
    stream=_stream,
    estimate=late("lrscope.papers.boundary._rounds:estimate"),
    unit="pixels",
)
"""What can be chosen in the study `boundary`."""
