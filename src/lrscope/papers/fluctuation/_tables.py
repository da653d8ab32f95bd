"""The study's tables: the paper's counts measured again, and what each network came to."""

from typing import Any

from lrscope.papers.fluctuation._published import QUANTITIES
from lrscope.papers.fluctuation._results import Results
from lrscope.report._old import Table
from lrscope.studies._cells import number, places, step_number
from lrscope.studies._findings import Listed


def networks(found: Results) -> Listed:
    """Return one row a network: reconstruction error, outcome, first and last loss."""
    columns = ("shape", "lr", "seed", "outcome", "diverged at step", "first loss", "last loss", "reconstruction error")
    rows = [
        (
            *place.values(),
            str(found.outcome["outcome"].sel(place).item()),
            step_number(int(found.outcome["diverged_at"].sel(place))),
            number(found.loss.sel(place)[0]),
            number(found.loss.sel(place)[-1]),
            number(found.error.sel(place)),
        )
        for place in places(found.error, ("shape", "lr", "seed"))
    ]
    return Listed("networks", Table("Every network", columns, rows, "Error: mean square over points and coordinates."))


def counts(found: Results) -> Listed:
    """Return the paper's tables, measured and published: one row a shape, quantity, part, rate and seed."""
    columns = ("shape", "quantity", "part", "lr", "seed", "0 to 0.3", "0.3 to 0.7", "0.7 to 1", "published", "distance")
    rows = [
        (
            place["shape"],
            quantity.replace("_", " "),
            place["part"],
            place["lr"],
            place["seed"],
            *_counts_row(found, quantity, place),
        )
        for quantity in QUANTITIES
        for place in places(found.counts[quantity], ("shape", "part", "lr", "seed"))
    ]
    note = "Number of neurons by normalised fluctuation. Distance: total variation to the published row."
    return Listed("fluctuation_counts", Table("Binned fluctuations", columns, rows, note))


def participation(found: Results) -> Listed:
    """Return the share of inactive neurons of each layer, one row a quantity, layer and rate, over shapes and seeds."""
    columns = ("quantity", "layer", "lr", "neurons", "share inactive")
    rows = [
        (
            quantity.replace("_", " "),
            place["layer"],
            place["lr"],
            found.fluctuation[quantity]["layer"].values.tolist().count(place["layer"]),
            number(part["share"].sel(place).mean()),
        )
        for quantity, part in found.by_layer.items()
        for place in places(part["share"], ("layer", "lr"))
    ]
    note = f"Inactive: normalised fluctuation below {found.options.threshold:g}; mean over shapes and seeds."
    return Listed("participation", Table("Inactive neurons by layer", columns, rows, note))


def distances(found: Results) -> Listed:
    """Return the mean distance to the published tables, one row a quantity and shape."""
    columns = ("quantity", "shape", "distance", "scatter of the published tables")
    rows = [
        (
            quantity.replace("_", " "),
            shape,
            number(distance.sel(shape=shape).mean()),
            number(found.scatter[quantity].sel(shape=shape).mean()),
        )
        for quantity, distance in found.distance.items()
        for shape in distance["shape"].values.tolist()
    ]
    note = "Mean total-variation distance over rates, parts and seeds; scatter: of each table to the mean of its kind."
    return Listed("distance_to_published", Table("Distance to the published tables", columns, rows, note))


def _counts_row(found: Results, quantity: str, place: dict[str, Any]) -> tuple[Any, ...]:
    counted = found.counts[quantity].sel(place)
    measured = counted.values.tolist() if counted.any() else [None] * counted.size  # none lies in a bin if it diverged
    published, distance = found.published[quantity], found.distance[quantity]
    if place["shape"] not in distance["shape"] or place["lr"] not in distance["lr"]:
        return (*measured, None, None)
    row = published.sel({name: place[name] for name in ("shape", "lr", "part")})
    theirs = " / ".join(f"{count:.0f}" for count in row.values) if row.notnull().all() else None
    return (*measured, theirs, number(distance.sel(place)))
