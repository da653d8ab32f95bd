"""What can be chosen for trainings by command, and the trainings that follow from it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import tyro
import xarray as xr
from pydantic import Field, model_validator

from lrscope.commands import Trainings
from lrscope.errors import InputError
from lrscope.specification import specification
from lrscope.studies._at import LAST
from lrscope.studies.sweep._options import At, Axes, Grid, Positive
from lrscope.studies.sweep._rounds import GRID, next_round
from lrscope.sweep import Sweep


@specification
class CommandOptions(Grid):
    """Run your own training command at several learning rates and seeds, and recommend a rate with its evidence.

    {lr}, {seed} and {out} in the command are replaced by a learning rate, a seed, and a folder for the training's
    files. Metrics are found in that folder: CSV, JSON lines, TensorBoard's event files, trainer_state.json of
    Hugging Face, a Recorder's file.
    """

    seeds: Positive = 4
    """trainings per rate, each with a seed of its own"""
    metric: Annotated[str, tyro.conf.arg(metavar="NAME"), Field(min_length=1)] = "val_loss"
    """what rates are compared by, as the training logs it; --estimate lists what there is"""
    maximize: bool = False
    """the larger the metric the better, as for an accuracy"""
    at: At = LAST
    """which value of the metric counts"""
    read: Annotated[str | None, tyro.conf.arg(metavar="WHERE", help_behavior_hint="(default: files in {out})")] = None
    """where metrics are: a path with placeholders, or 'stdout:PATTERN' with a group for the value"""
    grid: Axes = ()
    """a further axis, filled in as {NAME}: a,b,c or start:stop:count"""
    timeout: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None,
        tyro.conf.arg(metavar="SECONDS", help_behavior_hint="(default: none)"),
    ] = None
    """end a training that takes longer"""
    jobs: Annotated[
        Positive | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: one, or one per GPU)")
    ] = None
    """trainings at a time; they share the cores, and each has a GPU of its own; on ray, slurm: workers"""
    command: Annotated[tuple[str, ...], tyro.conf.Suppress] = ()
    """program and arguments, given after --"""

    @model_validator(mode="after")
    def _consistent(self) -> "CommandOptions":
        if self.command:
            trainings_of(self, self.lrs, range(self.seeds), self.axes)
        return self


def trainings_of(
    options: CommandOptions, lrs: Iterable[Any], seeds: Iterable[int], axes: Mapping[str, Iterable[Any]]
) -> Trainings:
    """Return the trainings of a grid of rates, further axes and seeds."""
    own = {name: getattr(options, name) for name in ("metric", "read", "timeout", "jobs")}
    own["step"] = int(options.at) if options.at.isdecimal() else None
    return Trainings(command=options.command, sweep=Sweep(lr=lrs, **axes, seed=seeds), **own)


def experiments(options: CommandOptions) -> dict[str, Trainings]:
    """Return the grid of rates, further axes and seeds."""
    if not options.command:
        example = "Write for example: lrscope run sweep -- python train.py --lr {lr} --seed {seed} --out {out}"
        raise InputError(f"a command must follow --; got none. {example}")
    return {GRID: trainings_of(options, options.lrs, range(options.seeds), options.axes)}


def further(records: Mapping[str, xr.Dataset], options: CommandOptions) -> dict[str, Trainings]:
    """Return the grid of the next round, if the data do not decide yet and the budget allows it."""
    chosen = next_round(records, options)
    if chosen is None:
        return {}
    return {chosen.name: trainings_of(options, chosen.lrs, chosen.seeds, chosen.axes)}
