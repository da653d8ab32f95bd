"""By what the trainings of a sweep are compared: the last validation loss, or what the options say of a metric."""

from typing import TYPE_CHECKING, TypeAlias

import xarray as xr

from lrscope import analysis
from lrscope.commands import variable_of
from lrscope.studies._at import values_at

if TYPE_CHECKING:
    from lrscope.studies.sweep._command_options import CommandOptions
    from lrscope.studies.sweep._import_options import ImportOptions
    from lrscope.studies.sweep._options import Options

LR, SEED = "lr", "seed"
Compared: TypeAlias = "Options | CommandOptions | ImportOptions"
"""Options that say by what trainings are compared: all have ``metric``, ``maximize``, ``at`` and ``axes``."""


def variable(options: Compared) -> str:
    """Return the name of the metric in the records."""
    return variable_of(str(options.metric), [LR, SEED, *options.axes])


def scores_of(records: xr.Dataset, options: Compared) -> xr.DataArray:
    """Return the value that counts of each training (lr, ..., seed): the smaller the better.

    Infinite where it is not finite; NaN where the training failed. What is to be maximised has its sign changed.

    Raises
    ------
    InputError : no training logged the metric at the step that counts.
    """
    name = variable(options)
    kept = values_at(records, name, options.at, maximize=options.maximize)
    if options.maximize:
        kept[name] = (-kept[name]).assign_attrs(kept[name].attrs)
    return analysis.final_scores(kept, name)
