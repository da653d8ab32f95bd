"""How well outputs agree with their targets."""

import xarray as xr

from lrscope.analysis._layers import labelled
from lrscope.errors import must_be
from lrscope.records import step_dimension

OUTPUTS, TARGETS = "outputs", "targets"


def reconstruction_error(records: xr.Dataset) -> xr.DataArray:
    """Return the mean squared difference between outputs and targets, over samples and components.

    Parameters
    ----------
    records : records with the variables ``outputs`` and ``targets`` (member, step_at_last, sample, output)

    Returns
    -------
    DataArray (member, step_at_last) : NaN after a member diverged; the unit is that of the targets, squared

    Raises
    ------
    InputError : outputs or targets were not recorded, or a target is no reconstruction: its size is another.
    """
    for name in (OUTPUTS, TARGETS):
        if name not in records:
            raise must_be("records", "records with outputs and targets", sorted(map(str, records)), "Record Outputs().")
    outputs, targets = records[OUTPUTS].compute(), records[TARGETS].compute()
    if outputs.dims != targets.dims:
        raise must_be("targets", f"of dimensions {outputs.dims}", targets.dims)
    own = outputs.dims[outputs.dims.index(step_dimension(outputs)) + 1 :]
    error = ((outputs.astype(float) - targets) ** 2).mean(own, skipna=False)
    return labelled(error, records, "reconstruction error")
