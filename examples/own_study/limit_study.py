"""Study `limit`: up to which learning rate does gradient descent stay stable?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import xarray as xr
from pydantic import Field

from lrscope import analysis, figures
from lrscope.records import on_grid, outcomes
from lrscope.specification import specification
from lrscope.studies import Claim, Figure, Section, Study, Table, array_of, dataset_of

if TYPE_CHECKING:
    from torch import nn

    from lrscope.training import Experiment

LIMIT = 4.0


@specification
class Options:
    """Teach a linear map the identity on the circle, by gradient descent."""

    lrs: tuple[float, ...] = (1.0, 2.0, 3.0, 3.9, 4.1, 5.0)
    """learning rates"""
    seeds: Annotated[int, Field(ge=1)] = 3
    """initialisations at each learning rate"""
    steps: Annotated[int, Field(ge=1)] = 200
    """updates"""


def linear() -> "nn.Module":
    """Return the network: two inputs, two outputs, no bias."""
    from torch import nn

    return nn.Linear(2, 2, bias=False)


def experiments(options: Options) -> "dict[str, Experiment]":
    """Return what is trained, by name."""
    from lrscope.data import Shape
    from lrscope.optim import SGD
    from lrscope.training import Experiment, Sweep

    sweep = Sweep(lr=options.lrs, seed=range(options.seeds))
    experiment = Experiment(data=Shape("circle"), model=linear, optimizer=SGD(), sweep=sweep, steps=options.steps)
    return {"records": experiment}


def analyse(records: Mapping[str, xr.Dataset], _options: Options) -> xr.DataTree:
    """Return the results: which networks improved (lr, seed), and the mean loss (lr, step)."""
    recorded = records["records"]
    improved = on_grid(outcomes(recorded))["outcome"] == "converged"
    loss = analysis.over_seeds(on_grid(recorded[["loss"]])["loss"])
    share = xr.Dataset({"share": improved.mean("seed")})
    return xr.DataTree.from_dict({"networks": xr.Dataset({"improved": improved}), "loss": loss, "rates": share})


def largest_falling(results: xr.DataTree) -> float:
    """Return the largest rate at which the loss fell for every seed."""
    improved = array_of(results, "networks/improved")
    return float(improved["lr"].where(improved.all("seed")).max())


def as_predicted(results: xr.DataTree) -> xr.DataArray:
    """Tell for each rate and seed whether the loss did what theory says (lr, seed)."""
    improved = array_of(results, "networks/improved")
    return improved == (improved["lr"] < LIMIT)


STUDY = Study(
    name="limit",
    title="The limit of gradient descent",
    question="Up to which learning rate does gradient descent stay stable?",
    source="theory of quadratic functions",
    options=Options,
    experiments=experiments,
    analyse=analyse,
    claims=[
        Claim(
            id="two-over-lambda",
            source="theory of quadratic functions",
            statement="the loss falls below a rate of 2/λ and grows above it",
            holds=as_predicted,
            rule="all",
            measured=lambda results: f"the loss falls for every seed up to {largest_falling(results):g}",
            published=LIMIT,
        )
    ],
    summary=lambda results, options: [
        f"{options.seeds} seeds at {len(options.lrs)} rates: the loss falls up to {largest_falling(results):g}."
    ],
    sections=lambda _results, _options: [
        Section(
            "Loss",
            items=[
                Figure(
                    "loss",
                    "Loss",
                    "Loss before each update; bands: 95% intervals over the seeds.",
                    lambda results: figures.panels(dataset_of(results, "loss")),
                ),
                Table("rates", "Where the loss fell", "rates", columns={"lr": "lr", "share": "share of the seeds"}),
            ],
        )
    ],
)
