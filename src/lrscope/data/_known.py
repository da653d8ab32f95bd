"""The data sets that the command line knows by name, and a user's own by where to import them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope._imported import called, checked_path, imported
from lrscope.data._arrays import Arrays, DataSet, Samples
from lrscope.data._files import ARCHIVE, CIFAR10, MNIST
from lrscope.data._images import Digits, divided
from lrscope.errors import InputError, must_be, unknown
from lrscope.specification import class_name

_ALLOWED = "a data set, arrays (inputs, targets), or a function without arguments that returns one of them"


@dataclass(frozen=True)
class Source:
    """Where files come from.

    Attributes
    ----------
    files : name -> SHA-256, as the authors published them; every copy elsewhere must have these as well
    servers : folders that hold them; the first that answers is taken
    """

    files: Mapping[str, str]
    servers: tuple[str, ...]


DATA_SETS: Mapping[str, Callable[..., Any]] = {"digits": Digits, "mnist": MNIST, "cifar10": CIFAR10}
"""Name -> data set, which takes the folder of its files if it is one of `SOURCES`."""
SOURCES = {
    "mnist": Source(
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
    ),
    "cifar10": Source(
        {ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        ("https://www.cs.toronto.edu/~kriz",),
    ),
}
"""Name -> where its files come from."""


def data_set(name: str, root: str | Path | None = None) -> DataSet:
    """Return a data set by its name, or the one that stands at ``package.module:name``.

    There may stand a data set, a pair of arrays (inputs, targets), a pair of such pairs (for training and for
    validation), or a function without arguments that returns one of them. Pairs are tuples or lists. Of a single pair
    of arrays a fifth is kept for validation, by the same permutation of seed 0 as the images are.

    Parameters
    ----------
    name : one of `DATA_SETS`, or where to import one
    root : folder of the files, for those that have files

    Raises
    ------
    InputError : an unknown name (the nearest is given), a folder that is missing or not needed, something that cannot
        be imported or is no data set.

    Examples
    --------
    >>> data_set("digits").arrays().inputs.shape
    (1438, 1, 8, 8)
    """
    check_data(name, root)
    if ":" in name:
        return _of_user(name)
    data: DataSet = DATA_SETS[name](*([] if root is None else [root]))
    return data


def check_data(name: str, root: str | Path | None) -> None:
    """Raise an error for an unknown name, and for a folder that is missing or not needed; nothing is read."""
    if ":" not in name and name not in DATA_SETS:
        raise unknown("data", name, [*DATA_SETS, "package.module:name"])
    has_files = name in SOURCES
    if not has_files and root is not None:
        raise InputError(f"root must not be given with the data set {name}, which has no files; got {str(root)!r}.")
    if has_files and root is None:
        remedy = f"Download them, for example with: lrscope data fetch {name} --root data"
        raise must_be("root", f"the folder with the files of {name}", None, remedy)


def _of_user(path: str) -> DataSet:
    checked_path("data", path, f"one of {', '.join(DATA_SETS)}, or package.module:name")
    value = imported("data", path, _ALLOWED)
    if callable(value) and not _is_data_set(value):
        value = called("data", _ALLOWED, path, value)
    if _is_data_set(value):
        return _written_down(value, path)
    if not (isinstance(value, tuple | list) and len(value) == 2):
        raise must_be("data", _ALLOWED, f"{path}, which is {type(value).__name__}")
    if all(map(_is_pair, value)):
        (inputs, targets), validation = value
        return Samples(inputs, targets, path, validation)
    arrays = Arrays(*value)
    first, kept = divided(len(arrays.inputs), Digits().val_share, Digits().split_seed)
    parts = [(arrays.inputs[some], arrays.targets[some]) for some in (first, kept)]
    return Samples(*parts[0], path, parts[1])


def _is_pair(one: Any) -> bool:
    """Tell inputs and targets from samples, which are arrays, or more or fewer than two, or numbers."""
    return isinstance(one, tuple | list) and len(one) == 2 and all(hasattr(part, "__len__") for part in one)


def _is_data_set(value: Any) -> bool:
    return hasattr(value, "arrays") and not isinstance(value, type)


def _written_down(value: Any, path: str) -> DataSet:
    """Return a data set that has a JSON form: itself, or its arrays, which are identified by their checksum."""
    if hasattr(value, "__json__") or class_name(type(value)).startswith("lrscope.data."):
        data: DataSet = value
        return data
    arrays: Arrays = value.arrays()
    validation: Arrays | None = value.validation() if hasattr(value, "validation") else None
    return Samples(arrays.inputs, arrays.targets, path, (validation.inputs, validation.targets) if validation else None)
