"""A grid of experiments: named axes, their values, and the members that stand for the combinations."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lrscope.errors import InputError, must_be
from lrscope.records import MEMBER

SEEDS = ("init_seed", "order_seed", "noise_seed")
"""What a seed decides: the initial weights, the order of the data, dropout. `seed` sets all three."""

_NAME = re.compile(r"[A-Za-z_]\w*")
INIT_SCALE = "init_scale"
"""The axis that multiplies the initial weights, and all other parameters that are trained."""
MOST_VALUES = 10**5
"""Of one range."""
GROUP = "lr_"
"""An axis that begins like this multiplies the learning rate of a module, whose name follows."""

_LABELS = {
    "lr": {"long_name": "learning rate", "units": "1", "scale": "log"},
    "seed": {"long_name": "seed", "units": "1", "scale": "category"},
}


class Sweep:
    """The values of the named axes of a grid; one member of the ensemble for every combination.

    Parameters
    ----------
    axes : name -> values. ``lr`` is the learning rate; ``seed`` sets initialisation, order of the data and noise
        together (``init_seed``, ``order_seed``, ``noise_seed`` set one each); ``lr_<module>`` multiplies the learning
        rate of the parameters of a module, dots written as underscores (``lr_head``, ``lr_encoder_0``);
        ``init_scale`` multiplies all initial parameters; any other name must be a field of the data (``shape``,
        ``noise``) or a number of the update rule (``momentum``, ``weight_decay``).

    Raises
    ------
    InputError : an axis without values or with a value twice; a learning rate that is not positive and finite; a
        seed that is not a non-negative integer.

    Examples
    --------
    >>> sweep = Sweep(lr=[0.1, 0.01], seed=range(3))
    >>> len(sweep), sweep.axes["lr"]
    (6, (0.1, 0.01))
    """

    def __init__(self, **axes: Iterable[Any]) -> None:
        self.axes: Mapping[str, tuple[Any, ...]] = {name: _checked(name, values) for name, values in axes.items()}

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sweep) or type(other) is not type(self):
            return False
        return list(self.__json__().items()) == list(other.__json__().items())

    def __hash__(self) -> int:
        return hash(tuple((name, tuple(values)) for name, values in self.__json__().items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={values}' for name, values in self.__json__().items())})"

    def __json__(self) -> dict[str, list[Any]]:
        return {name: list(values) for name, values in self.axes.items()}

    def members(self) -> dict[str, np.ndarray]:
        """Return the columns of the members: ``member`` and every axis, one entry a combination, last axis fastest."""
        rows = list(itertools.product(*self.axes.values()))
        columns = {name: np.array([row[i] for row in rows]) for i, name in enumerate(self.axes)}
        return {MEMBER: np.arange(len(rows), dtype=np.int64), **columns}

    def attrs(self) -> dict[str, dict[str, str]]:
        """Return for each axis its ``long_name``, ``units`` and ``scale`` (``log``, ``linear`` or ``category``)."""
        return {name: _LABELS.get(name) or _label(name, values) for name, values in self.axes.items()}


class Points(Sweep):
    """Some combinations of a grid, instead of all.

    Parameters
    ----------
    columns : axis -> its value for each member
    """

    def __init__(self, **columns: Sequence[Any] | np.ndarray) -> None:
        super().__init__(**{name: dict.fromkeys(np.asarray(column).tolist()) for name, column in columns.items()})
        self._columns = {name: np.asarray(column) for name, column in columns.items()}

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __json__(self) -> dict[str, list[Any]]:
        return {name: column.tolist() for name, column in self._columns.items()}

    def members(self) -> dict[str, np.ndarray]:
        """Return the columns of the members: ``member`` and every axis."""
        return {MEMBER: np.arange(len(self), dtype=np.int64), **self._columns}


def _label(name: str, values: Sequence[Any]) -> dict[str, str]:
    scale = "category" if isinstance(values[0], str) or name.endswith("seed") else "linear"
    if (name.startswith(GROUP) or name == INIT_SCALE) and all(is_rate(value) for value in values):
        scale = "log"
    return {"long_name": name.replace("_", " "), "units": "1", "scale": scale}


def _checked(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise must_be(name, "a list of values", values)
    listed = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
    if not listed:
        raise must_be(name, "a list of at least one value", list(listed))
    check = _rate if name == "lr" else _seed if name.endswith("seed") else _plain
    checked = tuple(check(name, value) for value in listed)
    if len(set(checked)) < len(checked):
        raise must_be(name, "a list of different values", list(checked), "Name each value once.")
    return checked


def is_rate(value: Any) -> bool:
    """Tell whether a value can be a learning rate, or multiply one: a positive finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _rate(name: str, value: Any) -> float:
    if not is_rate(value):
        raise must_be(name, "a positive finite number", value)
    return float(value)


def _seed(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise must_be(name, "a non-negative integer", value)
    return value


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise must_be(name, "a finite number or a text", value)
    return value


def parse_axis(text: str, taken: Sequence[str] = ()) -> tuple[str, tuple[Any, ...]]:
    """Return the name and the values of an axis given as ``name=a,b,c`` or ``name=start:stop:count``.

    Values are numbers if all are, otherwise texts. A range that begins at 0 is evenly spaced, any other by a constant
    factor.

    Raises
    ------
    InputError : it is neither, or the name is `taken`.

    Examples
    --------
    >>> parse_axis("lr_head=1,3,10"), parse_axis("warmup=0:200:3")
    (('lr_head', (1, 3, 10)), ('warmup', (0, 100, 200)))
    """
    name, sign, values = text.partition("=")
    if not (sign and values and _NAME.fullmatch(name)) or name in taken:
        example = "Write for example --grid wd=0,0.1 or --grid warmup=0:200:3."
        raise must_be("grid", "NAME=VALUES, with a name that is not taken", text, example)
    words = values.split(",")
    if values.count(":") == 2:
        example = "Write for example --grid wd=1e-4:1e-1:4."
        words = _range(f"grid {name}", values, must_be(f"grid {name}", "start:stop:count", values, example))
    try:
        numbers = [int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word) for word in words]
    except ValueError:
        return name, tuple(words)
    return name, tuple(numbers) if all(isinstance(number, int) for number in numbers) else tuple(map(float, numbers))


def parse_rates(lrs: Sequence[float | str]) -> tuple[float, ...]:
    """Return learning rates given as numbers, as ``a,b,c``, or as ``start:stop:count``, spaced by a constant factor.

    Raises
    ------
    InputError : a text that is nothing of this, with an example; none, one twice, or one that is not above 0.

    Examples
    --------
    >>> parse_rates([0.5, "0.1,0.2", "1e-4:1e-2:3"])
    (0.5, 0.1, 0.2, 0.0001, 0.001, 0.01)
    """
    if not lrs:
        raise must_be("lrs", "at least one learning rate", lrs, "Write for example --lrs 0.001 0.01.")
    return Sweep(lr=[number for lr in lrs for number in _parse_one(str(lr))]).axes["lr"]


def _parse_one(text: str) -> list[float]:
    example = "Write for example '0.001' or '1e-4:1e-1:7' (start:stop:count)."
    wrong = InputError(f"lrs must be numbers or start:stop:count; got {text!r}. {example}")
    words = _range("lrs", text, wrong) if ":" in text else text.split(",")
    try:
        rates = [float(word) for word in words]
    except ValueError:
        raise wrong from None
    if ":" in text and min(rates) <= 0:
        raise must_be("lrs", "above 0 at both ends of a range", text, example)
    return rates


def _range(name: str, text: str, wrong: InputError) -> list[str]:
    """Return the values of ``start:stop:count`` with six digits; raise `wrong` if it is no range, or too long."""
    try:
        first, last, number = text.split(":")
        start, stop, count = float(first), float(last), int(number)
    except ValueError:
        raise wrong from None
    if count > MOST_VALUES:
        raise must_be(name, f"at most {MOST_VALUES:,} values", text)
    across = start and (start > 0) != (stop > 0)  # a constant factor does not lead across 0
    if count < 1 or across or not (math.isfinite(start) and math.isfinite(stop)):
        raise wrong
    return [f"{value:.6g}" for value in (np.geomspace if start else np.linspace)(start, stop, count)]
