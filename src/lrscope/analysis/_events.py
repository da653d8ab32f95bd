"""Onsets of instability in the series of one member: an error that rises, an angle that swings, a norm that grows."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lrscope.errors import must_be

Series = NDArray[np.floating]
Interval = tuple[int, int]
"""First and last index of a stretch in which a state holds."""

NEVER = -1
"""Onset of what did not happen."""
REVERSED = 90.0
"""Degrees; above it a gradient points against the one before."""
WALL = 2.0
"""A valley ends where the values lie above this multiple of its lowest."""
FIELDS = ("angle", "gradient_norm", "oscillation", "error", "risen", "valley", "early", "from", "to")
"""What `event_steps` returns."""


@dataclass(frozen=True)
class Thresholds:
    """From which values on `onsets` counts something.

    Attributes
    ----------
    angle : degrees, above 0, at most 90; above it the gradient has left its quiet course, if the same swing takes it
        past 90 degrees
    norm : above 1; the gradient norm grows from this multiple of the lowest value of the valley that it leaves
    error : above 1; the error has risen at this multiple of its lowest value so far
    steps : at least 2; so many recorded steps in a row make a state: of calm between two swings of the angle, and of
        angles above 90 degrees that are an oscillation

    Raises
    ------
    InputError : one of them is out of range.
    """

    angle: float = 10.0
    norm: float = 1.1
    error: float = 1.5
    steps: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.angle <= REVERSED:
            raise must_be("angle", "above 0 and at most 90 degrees", self.angle)
        for name in ("norm", "error"):
            if not 1 < getattr(self, name) < np.inf:
                raise must_be(name, "a finite number above 1", getattr(self, name))
        if self.steps < 2:
            raise must_be("steps", "at least 2", self.steps)


@dataclass(frozen=True)
class Event:
    """The event that all onsets of a member belong to; indices, -1 for what did not happen.

    Attributes
    ----------
    lowest, risen : where the error was lowest before its rise, and where it had risen
    swing : of the angle, under way
    turned : where the swing first took the angle past 90 degrees
    """

    lowest: int
    risen: int
    swing: Interval
    turned: int

    @property
    def start(self) -> int:
        """The earlier one of what happened: the lowest error, the first step of the swing."""
        return min((index for index in (self.lowest, self.swing[0]) if index != NEVER), default=NEVER)

    @property
    def peak(self) -> int:
        """Where the error had risen; if it did not, where the angle was past 90 degrees."""
        return self.turned if self.risen == NEVER else self.risen

    @property
    def end(self) -> int:
        """The later one of the peak and of the last step of the swing."""
        return max(self.peak, self.swing[1])


def event_steps(
    error: Series, norm: Series, angle: Series, steps: NDArray[np.integer], limits: Thresholds
) -> NDArray[np.int64]:
    """Return the step numbers named in `FIELDS`, -1 for what did not happen; ``early`` is 1 or 0.

    Parameters
    ----------
    error, norm, angle, steps : (step); error and norm are infinite from a divergence on
    limits : from which values on something counts

    Notes
    -----
    ``from`` and ``to`` are the start and the peak of the event.
    """
    event = _event(error, angle, limits)
    valley = bottom(norm, event.peak, limits.steps)
    grown = norm > limits.norm * norm[valley]
    indices = {
        "angle": event.swing[0],
        "gradient_norm": first(grown, valley, event.end) if valley != NEVER else NEVER,
        "oscillation": _oscillation(angle, event, limits.steps),
        "error": event.lowest + 1 if event.risen != NEVER else NEVER,
        "risen": event.risen,
        "valley": valley,
        "from": event.start,
        "to": event.peak,
    }
    numbers = {name: int(steps[index]) if index != NEVER else NEVER for name, index in indices.items()}
    calm = first_calm(angle, limits)
    numbers["early"] = int(event.risen != NEVER and (calm == NEVER or event.lowest < calm))
    return np.array([numbers[name] for name in FIELDS], dtype=np.int64)


def crossing(sharpness: Series, limit: Series, steps: NDArray[np.integer], start: int, peak: int) -> int:
    """Return the first recorded step of the interval above the limit that belongs to the event; -1 if there is none.

    A recorded value holds until the next, and the first one after the peak still belongs to the event. Without an event
    it is the first interval that began below the limit, or the first step where all lie above.

    Parameters
    ----------
    sharpness, limit, steps : (step)
    start, peak : step numbers of the event, -1 if there is none
    """
    above = sharpness > limit
    ends = np.append(steps[1:], np.iinfo(np.int64).max)
    last = steps[min(int(np.searchsorted(steps, peak)), len(steps) - 1)]
    every = intervals(above, 1)
    if start == NEVER:
        belonging = [one for one in every if one[0] > 0 or above.all()]
    else:
        belonging = [(low, high) for low, high in every if steps[low] <= last and ends[high] > start]
    return int(steps[belonging[0][0]]) if belonging else NEVER


def rise(error: Series, factor: float) -> tuple[int, int]:
    """Return where the error was lowest before it first rose to `factor` times that, and where it had risen.

    Lowest values below the resolution of the first error are taken for that; -1 and -1 if it never rose.
    """
    if not np.isfinite(error[:1]).all():
        return 0, 0
    resolution = np.finfo(error.dtype).eps * abs(error[0])
    lowest = np.maximum(np.fmin.accumulate(error), resolution)
    risen = first(error > factor * lowest, 0, len(error) - 1)
    if risen == NEVER:
        return NEVER, NEVER
    before = error[: risen + 1]
    return int(np.flatnonzero(before <= lowest[risen])[-1]), risen


def bottom(norm: Series, peak: int, steps: int) -> int:
    """Return the index of the lowest value of the valley that lies before the peak; -1 if there is no peak.

    Back in time, the valley ends before `steps` values in a row above `WALL` times its lowest.
    """
    if peak == NEVER:
        return NEVER
    back = np.nan_to_num(norm[peak::-1], nan=np.inf, posinf=np.inf)
    lowest = np.minimum.accumulate(back)
    padded = np.append(back, np.full(steps - 1, np.inf))
    ahead = reduce(np.minimum, (padded[shift : shift + len(back)] for shift in range(steps)))
    walls = np.flatnonzero(ahead > WALL * lowest)
    valley = back[: walls[0]] if len(walls) and walls[0] else back
    return peak - int(np.argmin(valley))


def intervals(state: NDArray[np.bool_], gap: int) -> list[Interval]:
    """Return the stretches in which a state holds; those less than `gap` apart are one.

    Examples
    --------
    >>> intervals(np.array([True, False, True, False, False, True]), gap=2)
    [(0, 2), (5, 5)]
    """
    where = np.flatnonzero(state)
    if not len(where):
        return []
    cuts = np.flatnonzero(np.diff(where) > gap)
    starts, ends = where[np.append(0, cuts + 1)], where[np.append(cuts, len(where) - 1)]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def first(state: NDArray[np.bool_], low: int, high: int) -> int:
    """Return the first index between `low` and `high`, both included, at which a state holds; -1 if there is none."""
    places = np.flatnonzero(state[low : high + 1])
    return low + int(places[0]) if len(places) else NEVER


def first_calm(angle: Series, limits: Thresholds) -> int:
    """Return the index at which the angle had first been quiet for so many recorded steps in a row; -1 for never."""
    quiet = intervals(angle <= limits.angle, 1)
    return next((low + limits.steps - 1 for low, high in quiet if high - low + 1 >= limits.steps), NEVER)


def _event(error: Series, angle: Series, limits: Thresholds) -> Event:
    lowest, risen = rise(error, limits.error)
    swings = [
        swing for swing in intervals(angle > limits.angle, limits.steps) if first(angle > REVERSED, *swing) != NEVER
    ]
    if risen == NEVER:
        calm = first_calm(angle, limits)
        belonging = [swing for swing in swings if NEVER < calm < swing[0]]
    else:
        belonging = [swing for swing in swings if swing[0] <= risen and swing[1] >= lowest]
    if not belonging:
        return Event(lowest, risen, (NEVER, NEVER), NEVER)
    return Event(lowest, risen, belonging[0], first(angle > REVERSED, *belonging[0]))


def _oscillation(angle: Series, event: Event, steps: int) -> int:
    """Return where the first long interval of reversed gradients of the event begins."""
    if event.start == NEVER:
        return NEVER
    long = ((low, high) for low, high in intervals(angle > REVERSED, 1) if high - low + 1 >= steps)
    return next((low for low, high in long if low <= event.end and high >= event.start), NEVER)
