"""Names and units of results, as `attrs` of their variables."""

import xarray as xr

Labels = dict[str, str | tuple[str, str]]


def labelled(result: xr.Dataset, labels: Labels) -> xr.Dataset:
    """Give variables and coordinates their long name, and their unit where it is not 1.

    Parameters
    ----------
    labels : name of the variable -> its long name, or its long name and its unit

    Examples
    --------
    >>> result = labelled(xr.Dataset({"steps": 3}), {"steps": ("steps to the target", "updates")})
    >>> result["steps"].attrs
    {'long_name': 'steps to the target', 'units': 'updates'}
    """
    for name, label in labels.items():
        long_name, units = (label, "1") if isinstance(label, str) else label
        result[name].attrs = {"long_name": long_name, "units": units}
    return result


def with_ends(name: str, long_name: str, units: str = "1") -> Labels:
    """Return the labels of a value and of both ends of its interval, ``<name>_low`` and ``<name>_high``.

    The ends of ``mean``, ``median`` and ``share`` are called ``low`` and ``high``.
    """
    start = "" if name in ("mean", "median", "share") else f"{name}_"
    ends = {f"{start}{end}": (f"{long_name}, {end} end of the interval", units) for end in ("low", "high")}
    return {name: (long_name, units), **ends}


def name_of(array: xr.DataArray, default: str = "score") -> str:
    """Return the name of a quantity in words."""
    return str(array.attrs.get("long_name", array.name or default))


def units_of(array: xr.DataArray) -> str:
    """Return the unit of a quantity; "1" where it has none."""
    return str(array.attrs.get("units", "1"))
