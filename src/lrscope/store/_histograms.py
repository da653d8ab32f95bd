"""Distributions of what was recorded, as TH1."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
import xarray as xr

from lrscope.errors import StoreError
from lrscope.records import step_dimension
from lrscope.store._rawfile import RawFile

BINS = 100
LARGEST = 1e150
"""Values beyond it have no square; ROOT keeps the sum of squares with each histogram."""


def distributions(records: xr.Dataset) -> dict[str, "hist.Hist[Any]"]:
    """Return the distribution of the finite values (below `LARGEST`) of every variable at its last recorded step.

    One variable at a time is read. Those without such a value have no histogram.
    """
    histograms: dict[str, hist.Hist[Any]] = {}
    for name, array in records.data_vars.items():
        dim = step_dimension(array)
        if array.size:
            last = np.asarray(array.isel({dim: -1}).values, float)
            finite = last[np.abs(last) < LARGEST]
            if finite.size:
                histograms[str(name)] = _histogram(finite, array.attrs)
    return histograms


def _histogram(values: np.ndarray, attrs: Mapping[str, object]) -> "hist.Hist[Any]":
    """Return `BINS` bins from the smallest to the largest value, which lies in the last bin."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        margin = max(0.5, abs(low) * 1e-6)
        low, high = low - margin, high + margin
    label = f"{attrs.get('long_name', '')} [{attrs.get('units', '1')}]"
    axis = hist.axis.Regular(BINS, low, float(np.nextafter(high, np.inf)), name="value", label=label)
    return hist.Hist(axis, storage=hist.storage.Double()).fill(values)


def write_histograms(path: str | os.PathLike[str], histograms: Mapping[str, "hist.Hist[Any]"]) -> None:
    """Write histograms of one dimension as TH1D into a ROOT file of their own, as a whole or not at all.

    An earlier file is replaced. Files of records are never changed once they are complete: what is computed about
    them later stands beside them.

    Parameters
    ----------
    histograms : name, with ``/`` for folders -> histogram

    Raises
    ------
    StoreError : the file cannot be written.
    """
    raw = RawFile(Path(path))
    try:
        file = uproot.recreate(raw)
        for name, histogram in histograms.items():
            file[name] = histogram
        raw.settle()
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{path} cannot be written: {reason}. Check the disk and try again.") from error
    finally:
        raw.close()
