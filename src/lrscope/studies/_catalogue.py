"""Which studies there are: those that installed packages declare as entry points ``lrscope.studies``."""

from importlib.metadata import EntryPoint, entry_points

from lrscope.errors import InputError, unknown
from lrscope.studies._study import Study

GROUP = "lrscope.studies"


def study_names() -> list[str]:
    """Return the names of all studies, sorted; none is imported."""
    return sorted(_entries())


def study(name: str) -> Study:
    """Return a study by its name.

    Raises
    ------
    InputError : there is none of this name, or it cannot be imported.
    """
    entries = _entries()
    if name not in entries:
        raise unknown("study", name, sorted(entries))
    entry = entries[name]
    try:
        loaded = entry.load()
    except Exception as error:  # the module may be anybody's, and fail in any way
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(".: ")
        raise InputError(f"The study {name} cannot be used: importing {entry.value} raised {reason}.") from error
    if not isinstance(loaded, Study):
        kind = type(loaded).__name__
        raise InputError(f"The study {name} cannot be used: {entry.value} is a {kind}; it must be a lrscope Study.")
    if loaded.name != name:
        raise InputError(f"The study {name} cannot be used: it names itself {loaded.name!r}. Give both the same name.")
    return loaded


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
