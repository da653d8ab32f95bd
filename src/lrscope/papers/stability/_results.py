"""The numbers of the study, computed once: what claims, tables and figures are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._alarms import AlarmTest, alarm_test
from lrscope.papers.stability._bench import bench
from lrscope.papers.stability._configurations import Configuration
from lrscope.papers.stability._options import Options
from lrscope.records import MEMBER, outcomes, step_dimension

ERRORS = {"loss": "training error", "val_loss": "test error"}


@dataclass(frozen=True)
class Trained:
    """What became of one configuration.

    Attributes
    ----------
    configuration : as it was asked for
    records : all of it (member, step, ...)
    onsets, test_onsets : of the training error and of the test error, see `lrscope.analysis.onsets` (member)
    outcome : Dataset of `records.outcomes` (member)
    growth : of the gradient norm after its lowest value (member)
    guided : records of the same configuration with a rate that listens to the gradient's angle; None if it has none
    """

    configuration: Configuration
    records: xr.Dataset
    onsets: xr.Dataset
    test_onsets: xr.Dataset
    outcome: xr.Dataset
    growth: xr.DataArray
    guided: xr.Dataset | None = None

    def member(self, lr: float, seed: int = 0) -> int:
        """Return the place of a member."""
        found = (self.records["lr"].values == lr) & (self.records["seed"].values == seed)
        return int(np.flatnonzero(found)[0])

    def run(self, lr: float, seed: int = 0) -> xr.Dataset:
        """Return the records of one member, without the dimension."""
        return self.records.isel({MEMBER: self.member(lr, seed)})

    def onset(self, criterion: str, lr: float, seed: int = 0) -> int:
        """Return the step at which a sign of instability began; -1 if it never did."""
        chosen = self.onsets["onset"].isel({MEMBER: self.member(lr, seed)})
        return int(chosen.sel(criterion=criterion)) if criterion in chosen["criterion"] else -1

    def of_member(self, lr: float, seed: int = 0) -> dict[str, int]:
        """Return all onsets of one member: criterion -> step, -1 for never."""
        chosen = self.onsets["onset"].isel({MEMBER: self.member(lr, seed)})
        return dict(zip(chosen["criterion"].values.tolist(), chosen.values.tolist(), strict=True))

    def carriers(self, lr: float, seed: int = 0) -> xr.Dataset | None:
        """Return who carries the instability of a member, at the onset of the angle, or of the error without one.

        Returns
        -------
        Dataset (neuron) of each neuron's share of the sharpest direction, ``sharpness``, and of the part of the
        update that oscillates, ``oscillation``; None without an onset
        """
        signs = (self.onset(sign, lr, seed) for sign in ("angle", "error"))
        at = next((step for step in signs if step >= 0), None)
        if at is None:
            return None
        member = self.records.isel({MEMBER: [self.member(lr, seed)]})
        when = xr.DataArray([at], dims=MEMBER)
        kinds = ("sharpness", "oscillation")
        found = {kind: analysis.carriers(member, when, f"{kind}_share")["share"] for kind in kinds}
        return xr.Dataset(found).isel({MEMBER: 0}, drop=True)

    def risen(self, lr: float, seed: int = 0) -> int:
        """Return the first step at which the test error had visibly risen: to 1.5 times its lowest; -1 for never."""
        return int(self.test_onsets["risen"].isel({MEMBER: self.member(lr, seed)}))

    def lowest(self, error: str, lr: float, seed: int = 0) -> tuple[float, int]:
        """Return the lowest value of an error, and its step."""
        return lowest(self.run(lr, seed)[error])

    def final(self, error: str, lr: float, seed: int = 0) -> float:
        """Return the error at the last step."""
        return float(self.run(lr, seed)[error][-1])

    def members(self) -> Iterator[tuple[float, int]]:
        """Yield learning rate and seed of each member, in ascending order."""
        pairs = zip(self.records["lr"].values.tolist(), self.records["seed"].values.tolist(), strict=True)
        yield from sorted(pairs)


@dataclass(frozen=True)
class Results:
    """Everything measured.

    Attributes
    ----------
    options : of the run
    trained : name -> what became of the configuration
    alarms : the alarm's test; None unless the configurations are those of the source
    bench : (target, controller, lr) of `_bench.bench`; None likewise
    """

    options: Options
    trained: dict[str, Trained]
    alarms: AlarmTest | None = None
    bench: xr.Dataset | None = None


def lowest(values: xr.DataArray) -> tuple[float, int]:
    """Return the lowest finite value of a curve (step), and its step; NaN and -1 if there is none."""
    if not bool(np.isfinite(values).any()):
        return float("nan"), -1
    place = int(np.nanargmin(values.values))
    return float(values[place]), int(values[step_dimension(values)][place])


def results(by_name: Mapping[str, xr.Dataset], options: Options) -> Results:
    """Return the numbers of the study from the records of its experiments.

    Raises
    ------
    InputError : a quantity was not recorded.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        trained = {
            each.name: _trained(each, by_name[each.name], by_name.get(grids.guided_name(each)))
            for each in grids.configurations(options)
        }
        if not options.published:
            return Results(options, trained)
        of_alarm = {target: by_name[grids.alarm_name(target)] for target in grids.ALARM_LRS}
        return Results(options, trained, alarm_test(of_alarm), bench(by_name))


def _trained(configuration: Configuration, lazily: xr.Dataset, guided: xr.Dataset | None) -> Trained:
    records = lazily.load()
    found = analysis.onsets(records)
    growth = analysis.norm_growth(records, found["valley"])
    whole = guided.load() if guided is not None else None
    of_test = analysis.onsets(records, error="val_loss")
    return Trained(configuration, records, found, of_test, outcomes(records), growth, whole)
