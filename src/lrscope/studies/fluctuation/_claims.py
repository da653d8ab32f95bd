"""The paper's statements that can be checked, checked. Nothing here is decided in advance."""

import xarray as xr

from lrscope import analysis
from lrscope.report import Claim
from lrscope.studies.fluctuation._published import LIMITS, LRS, QUANTITIES
from lrscope.studies.fluctuation._results import Results
from lrscope.studies.fluctuation._statements import GRADIENTS, STATEMENTS, Statement

PAPER = "Pareek et al. 2025"
MAJORITY = "more than half of the cases"
WORDS = "stated in words"
_COUNTED = (
    ("encoder", "the encoder has 97 neurons", "weights", 97),
    ("decoder", "the decoder has 98 neurons", "weights", 98),
    ("relu", "each part has 96 ReLU neurons", "activations", 96),
)


def claims(found: Results) -> list[Claim]:
    """Return every claim: with the published value, the measured one, and whether it holds here."""
    return [
        *(_neurons(found, *counted) for counted in _COUNTED),
        *(_distance(found, quantity) for quantity in QUANTITIES),
        *(_of_spiral(found, statement) for statement in STATEMENTS),
        _lowest_bin(found),
        _half_barely_move(found),
        _gradients_least(found),
        _engages_most(found),
    ]


def _neurons(found: Results, what: str, statement: str, quantity: str, published: int) -> Claim:
    parts = found.fluctuation[quantity]["part"].values.tolist()
    measured = parts.count("encoder" if what == "relu" else what)
    return Claim(f"neurons-{what}", f"{PAPER}, appendix A", statement, published, measured, 0, measured == published)


def _distance(found: Results, quantity: str) -> Claim:
    """The tables of one quantity: their distance to the published ones, beside the published tables' own scatter."""
    name, source = f"tables-{quantity.replace('_', '-')}", f"{PAPER}, appendix A, {QUANTITIES[quantity]}"
    statement = f"the binned fluctuations of the {quantity.replace('_', ' ')} are those of the published tables"
    scatter = round(float(found.scatter[quantity].mean()), 3)
    distance = found.distance[quantity]
    if not distance.notnull().any():
        return Claim(
            name, source, statement, scatter, None, LIMITS[quantity], None, "Needs a shape and rate of the tables."
        )
    measured = round(float(distance.mean()), 3)
    note = (
        f"Mean total-variation distance over {distance.sizes['shape']} shapes, {distance.sizes['lr']} rates and both "
        "parts. Published: the tables' own scatter, their distance to their mean over the shapes."
    )
    agree = _agree(distance.mean(["shape", "lr", "part"]) <= LIMITS[quantity], "seeds")
    holds = measured <= LIMITS[quantity]
    return Claim(name, source, statement, scatter, measured, LIMITS[quantity], holds, note, agree)


def _of_spiral(found: Results, statement: Statement) -> Claim:
    """A statement about the paper's three rates on the spiral, judged seed by seed."""
    id, source, words = statement.id, f"{PAPER}, section {statement.section}", statement.words
    values = statement.values(found)
    lacking = [f"lr {lr:g}" for lr in LRS if lr not in values["lr"]]
    lacking += [] if "spiral" in values["shape"] else ["the spiral"]
    if lacking:
        return Claim(id, source, words, WORDS, None, MAJORITY, None, f"Needs {', '.join(lacking)}.")
    chosen = values.sel(shape="spiral", lr=list(LRS))
    holds = statement.test(chosen)
    means = zip(chosen.mean("seed").values.tolist(), LRS, strict=True)
    measured = f"{statement.what}: " + ", ".join(f"{mean:.3g} at {lr:g}" for mean, lr in means)
    return Claim(id, source, words, WORDS, measured, MAJORITY, _mostly(holds), statement.note, _agree(holds, "seeds"))


def _lowest_bin(found: Results) -> Claim:
    ours, theirs = (round(_share_of_low_tables(counts), 3) for counts in (found.counts, found.published))
    note = "Share of the tables (shape, rate, part, quantity) with more than half of the neurons between 0 and 0.3."
    source = f"{PAPER}, figures 4 to 8 and appendix A"
    return Claim("lowest-bin", source, "most neurons lie in the lowest bin", theirs, ours, MAJORITY, ours > 0.5, note)


def _share_of_low_tables(counts: dict[str, xr.DataArray]) -> float:
    """Return for which share of the tables that are not empty more than half of the neurons lie in the lowest bin."""
    totals = [table.sum("bin", skipna=False) for table in counts.values()]
    low = sum(int((table.isel(bin=0) > total / 2).sum()) for table, total in zip(counts.values(), totals, strict=True))
    return low / max(1, sum(int((total > 0).sum()) for total in totals))


def _half_barely_move(found: Results) -> Claim:
    share = found.participation["weights"]["share"]
    inactive = found.participation["weights"]["inactive"].where(share.notnull())
    measured = (
        f"{float(inactive.mean()):.0f} of each part on average, between {inactive.min():.0f} and {inactive.max():.0f}"
    )
    note = f"Neurons whose weights have a normalised fluctuation below {found.options.threshold:g}."
    half = (share >= 0.5).where(share.notnull())
    return Claim(
        "half-barely-move",
        f"{PAPER}, section 4.3",
        "about half or more of the neurons barely move",
        "about 50 of 97 or 98",
        measured,
        MAJORITY,
        _mostly(half),
        note,
        _agree(half, "cases (shape, rate, part, seed)"),
    )


def _gradients_least(found: Results) -> Claim:
    moving = {name: 1 - found.participation[name]["share"].mean(["shape", "part"]) for name in QUANTITIES}
    most = xr.concat([moving[name] for name in GRADIENTS], "quantity").max("quantity", skipna=False)
    others = [moving[name] for name in QUANTITIES if name not in GRADIENTS]
    least = xr.concat(others, "quantity").min("quantity", skipna=False)
    holds = (most < least).where(most.notnull() & least.notnull())
    measured = ", ".join(f"{name.replace('_', ' ')} {float(share.mean()):.0%}" for name, share in moving.items())
    note = (
        f"Share of the neurons with a normalised fluctuation of at least {found.options.threshold:g}, over all shapes."
    )
    source, statement = f"{PAPER}, section 4.2.4", "gradients fluctuate least"
    agree = _agree(holds, "cases (rate, seed)")
    return Claim("gradients-least", source, statement, WORDS, measured, MAJORITY, _mostly(holds), note, agree)


def _engages_most(found: Results) -> Claim:
    """The statement about activations, over all shapes: the spiral alone is among the statements of the text."""
    taking_part = _participating(found.participation["activations"]).sum("part", skipna=False)
    id, statement = "engages-most-all-shapes", "0.0001 engages the most neurons in activations, on every shape"
    source = f"{PAPER}, sections 4.2.3 and 4.3"
    if any(lr not in taking_part["lr"] for lr in LRS):
        return Claim(id, source, statement, WORDS, None, MAJORITY, None, f"Needs the rates {', '.join(map(str, LRS))}.")
    chosen = taking_part.sel(lr=list(LRS))
    slow = chosen.sel(lr=LRS[0])
    wins = (slow >= chosen.max("lr")).where(chosen.notnull().all("lr"))
    means = zip(chosen.mean(["shape", "seed"]).values.tolist(), LRS, strict=True)
    measured = "neurons taking part: " + ", ".join(f"{mean:.1f} at {lr:g}" for mean, lr in means)
    return Claim(
        id, source, statement, WORDS, measured, MAJORITY, _mostly(wins), "", _agree(wins, "cases (shape, seed)")
    )


def _participating(participation: xr.Dataset) -> xr.DataArray:
    return participation["neurons"] - participation["inactive"]


def _mostly(holds: xr.DataArray) -> bool | None:
    """Return whether something holds in more than half of the decided cases; None if no case is decided."""
    counted = analysis.agreement(holds, holds.dims)
    return int(counted["agree"]) * 2 > int(counted["count"]) if int(counted["count"]) else None


def _agree(holds: xr.DataArray, cases: str) -> str:
    counted = analysis.agreement(holds, holds.dims)
    agree, count = int(counted["agree"]), int(counted["count"])
    return f"{agree} of {count} {cases if count != 1 else cases.removesuffix('s')}"
