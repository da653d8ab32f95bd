"""What the study found, put together."""

import xarray as xr

from lrscope.studies._findings import Chapter, Findings
from lrscope.studies.fluctuation import _tables as tables
from lrscope.studies.fluctuation._claims import claims
from lrscope.studies.fluctuation._options import Options
from lrscope.studies.fluctuation._results import results


def findings(records: xr.Dataset, options: Options) -> Findings:
    """Return what the records of a run show: claims, tables, figures and a summary in plain words.

    Raises
    ------
    InputError : the records lack a quantity that the study needs.
    """
    found = results(records, options)
    return Findings(
        title="Neuronal fluctuations: learning rates against participating neurons",
        question="Which neurons take part in learning, and how does that depend on the learning rate?",
        summary=["x"],
        claims=claims(found),
        chapters=[
            Chapter(
                "Tables",
                "",
                [tables.networks(found), tables.distances(found), tables.counts(found), tables.participation(found)],
            )
        ],
    )
