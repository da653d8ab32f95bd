"""Study `sweep`: which learning rate, with what evidence.

Reproduces Santos: How Learning Rate Shapes the Journey of a Neural Network (blog post), a small convolutional network
at three learning rates, and asks what the source could not with one training each: which rate has the best validation
loss, which other rates do not differ from it significantly, how often training diverges, and what the usual range test
would have suggested. `BY_COMMAND` asks the same of any training script.
"""

from lrscope._imported import late
from lrscope.studies._study import Study
from lrscope.studies.sweep._by_command import BY_COMMAND
from lrscope.studies.sweep._claims import claims
from lrscope.studies.sweep._import_options import ImportOptions
from lrscope.studies.sweep._imported import IMPORTED, import_runs
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._results import analyse
from lrscope.studies.sweep._sections import sections
from lrscope.studies.sweep._summary import summary

__all__ = ["STUDY", "ImportOptions", "Options", "import_runs"]

STUDY = Study(
    name="sweep",
    title="A learning rate with its evidence",
    question="Which learning rate should I use, and how certain is that?",
    source="Santos: How Learning Rate Shapes the Journey of a Neural Network (blog post)",
    options=Options,
    experiments=late("lrscope.studies.sweep._experiments:experiments"),
    further=late("lrscope.studies.sweep._experiments:further"),
    analyse=analyse,
    claims=claims,
    summary=summary,
    sections=sections,
    variants={"command": BY_COMMAND, "source": IMPORTED},
)
