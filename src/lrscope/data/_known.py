"""The data sets that the command line knows by name. Each is one entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lrscope.data._cifar import ARCHIVE, CIFAR10
from lrscope.data._digits import Digits
from lrscope.data._mnist import MNIST


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


@dataclass(frozen=True)
class KnownData:
    """A data set with a name.

    Attributes
    ----------
    make : the class; takes the folder of the files if there is a `source`
    classes : equally frequent classes; 0 if targets are something else
    source : of the files; None if there are none
    """

    make: Callable[..., Any]
    classes: int = 0
    source: Source | None = None


DATA_SETS: Mapping[str, KnownData] = {
    "digits": KnownData(Digits, classes=10),
    "mnist": KnownData(
        MNIST,
        classes=10,
        source=Source(
            {
                "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            },
            ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
        ),
    ),
    "cifar10": KnownData(
        CIFAR10,
        classes=10,
        source=Source(
            {ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
            ("https://www.cs.toronto.edu/~kriz",),
        ),
    ),
}
"""Name -> data set; `lrscope.data.data_set` makes one by its name."""
