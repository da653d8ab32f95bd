"""Runs that exist as a run's folder, and the study `sweep` of them."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from lrscope import store
from lrscope.logs import runs_of
from lrscope.specification import to_json
from lrscope.studies._folder import Folder, machine, versions
from lrscope.studies._study import Study
from lrscope.studies.sweep._command_results import analyse as analyse_trainings
from lrscope.studies.sweep._command_sections import sections, summary
from lrscope.studies.sweep._import_options import ImportOptions, cautions, chosen, notes_of, records_of
from lrscope.studies.sweep._rounds import GRID
from lrscope.studies.sweep._scores import scores_of


def import_runs(options: ImportOptions, folder: Folder, *, command: str, overwrite: bool = False) -> int:
    """Write the records of runs that exist into the folder of a run; return how many runs they are.

    Parameters
    ----------
    options : the source, and by what its runs are compared
    folder : where the records go; the report is written by `write_report`
    command : the line that repeats the import
    overwrite : replace what an earlier run of this study has written

    Raises
    ------
    InputError : the source has no runs, a name is not known, or two runs have the same rate and seed; nothing has been
        written.
    """
    runs, named, left_out = chosen(runs_of(Path(options.source), options.lr, options.seed), options)
    records, notes = records_of(runs, named), notes_of(runs, named)
    scores_of(records, named)  # refuses a step that was not logged before anything is written
    experiment = {"runs": [run.name for run in runs]}
    description: dict[str, Any] = {
        "study": "sweep",
        "options": to_json(named),
        "experiments": {GRID: experiment},
        "command": command,
        "versions": versions(),
        "machine": machine(),
        "finished": False,
    }
    own = {name: value for name, value in description.items() if name != "experiments"}
    if left_out:
        warnings.warn(left_out, RuntimeWarning, stacklevel=2)
        notes["left_out"] = left_out
    with folder.locked():
        folder.check_new("sweep", overwrite)
        folder.begin(description)
        store.write(folder.next_records(GRID), [records], {**own, "experiment": experiment, **notes})
        folder.finish(description)
    return len(runs)


def _analyse(records: Mapping[str, xr.Dataset], options: ImportOptions) -> xr.DataTree:
    results = analyse_trainings(records, options)
    refused, noted = cautions(records[GRID], records[GRID].attrs["metadata"], options)
    results.attrs |= {"refused": refused, "noted": noted}
    return results


IMPORTED = Study(
    name="sweep",
    title="A learning rate with its evidence, from runs that exist",
    question="Which learning rate should I use, and how certain is that?",
    options=ImportOptions,
    experiments=lambda _options: {},
    analyse=_analyse,
    summary=summary,
    sections=sections,
    again="This command reads the runs again and writes this report.",
)
