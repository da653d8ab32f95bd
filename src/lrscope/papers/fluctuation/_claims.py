"""The paper's statements that can be checked, checked. Nothing here is decided in advance."""

import dataclasses

import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation._published import LIMITS, LRS, QUANTITIES
from lrscope.papers.fluctuation._results import Results
from lrscope.papers.fluctuation._statements import GRADIENTS, STATEMENTS, Statement, taking_part
from lrscope.report._old import Claim
from lrscope.studies._words import at_rates, counted, percent, rate

PAPER = "Pareek et al. 2025"
MAJORITY = "more than half of the cases"
WORDS = "stated in words"
UNDECIDED = "Nothing to judge: no network came far enough (it diverged, or has fewer than two recorded steps)."
_COUNTED = (
    ("encoder", "the encoder has 97 neurons", "weights", 97),
    ("decoder", "the decoder has 98 neurons", "weights", 98),
    ("relu", "each part has 96 ReLU neurons", "activations", 96),
)


def claims(found: Results) -> list[Claim]:
    """Return every claim: with the published value, the measured one, and whether it holds here."""
    return [
        *(_neurons(found, *counting) for counting in _COUNTED),
        *(_distance(found, quantity) for quantity in QUANTITIES),
        *(_of_spiral(found, statement) for statement in STATEMENTS),
        _lowest_bin(found),
        _half_barely_move(found),
        _gradients_least(found),
        _engages_most(found),
    ]


def _neurons(found: Results, what: str, statement: str, quantity: str, published: int) -> Claim:
    parts = found.fluctuation[quantity]["part"].values.tolist()
    measured = [parts.count(part) for part in (("encoder", "decoder") if what == "relu" else (what,))]
    holds = all(count == published for count in measured)
    told = measured[0] if len(set(measured)) == 1 else measured
    return Claim(f"neurons-{what}", f"{PAPER}, appendix A", statement, published, told, 0, holds)


def _distance(found: Results, quantity: str) -> Claim:
    """The tables of one quantity: their distance to the published ones, beside the published tables' own scatter."""
    limit, distance = LIMITS[quantity], found.distance[quantity]
    scatter = round(float(found.scatter[quantity].mean()), 3)
    measured, agree = None, ""
    if not distance.size:
        note = "Needs a shape and a rate of the published tables."
    elif distance.isnull().all():
        note = UNDECIDED
    else:
        measured, agree = round(float(distance.mean()), 3), _agree(_within(distance, limit), "seed")
        compared = distance.notnull().any(["seed", "part"])
        shapes, rates = (int(compared.any(dim).sum()) for dim in ("lr", "shape"))
        note = (
            f"Mean total-variation distance over {counted(shapes, 'shape')}, {counted(rates, 'rate')} and both parts. "
            "Published: the tables' own scatter, their distance to their mean over the shapes."
        )
    return Claim(
        f"tables-{quantity.replace('_', '-')}",
        f"{PAPER}, appendix A, {QUANTITIES[quantity]}",
        f"the binned fluctuations of the {quantity.replace('_', ' ')} are those of the published tables",
        scatter,
        measured,
        limit,
        None if measured is None else measured <= limit,
        note,
        agree,
    )


def _within(distance: xr.DataArray, limit: float) -> xr.DataArray:
    """Tell for each seed whether its mean distance lies within the limit (seed); NaN where it has none."""
    mean = distance.mean(["shape", "lr", "part"])
    return (mean <= limit).where(mean.notnull())


def _of_spiral(found: Results, statement: Statement) -> Claim:
    """A statement about the paper's three rates on the spiral, judged seed by seed."""
    source = f"{PAPER}, section {statement.section}"
    values = statement.values(found)
    lacking = _lacking(values)
    lacking += [] if "spiral" in values["shape"] else ["the spiral"]
    if lacking:
        return _unchecked(statement.id, source, statement.words, f"Needs {', '.join(lacking)}.")
    chosen = values.sel(shape="spiral", lr=list(LRS))
    measured = f"{statement.what}: {at_rates(chosen.mean('seed'))}"
    holds = statement.test(chosen)
    claim = _judged(statement.id, source, statement.words, holds, "seed", measured=measured, note=statement.note)
    tolerance = f"{statement.tolerance}, in {MAJORITY}"
    return dataclasses.replace(claim, published=statement.published, tolerance=tolerance)


def _lowest_bin(found: Results) -> Claim:
    ours, theirs = (_low_tables(counts) for counts in (found.counts, found.published))
    return _judged(
        "lowest-bin",
        f"{PAPER}, figures 4 to 8 and appendix A",
        "most neurons lie in the lowest bin",
        ours,
        "table",
        published=round(float(theirs.mean()), 3),
        measured=round(float(ours.mean()), 3),
        note="Share of the tables (shape, rate, part, quantity) with more than half of the neurons between 0 and 0.3.",
    )


def _low_tables(counts: dict[str, xr.DataArray]) -> xr.DataArray:
    """Tell of each table whether more than half of its neurons lie in the lowest bin; NaN where it is empty."""
    tables = xr.concat(counts.values(), "quantity", coords="minimal", compat="override")
    total = tables.sum("bin", skipna=False)
    return (tables.isel(bin=0, drop=True) > total / 2).where(total > 0)


def _half_barely_move(found: Results) -> Claim:
    share = found.participation["weights"]["share"]
    inactive = found.participation["weights"]["inactive"].where(share.notnull())
    low, high = float(inactive.min()), float(inactive.max())
    return _judged(
        "half-barely-move",
        f"{PAPER}, section 4.3",
        "about half or more of the neurons barely move",
        (share >= 0.5).where(share.notnull()),
        "case (shape, rate, part, seed)",
        published="about 50 of 97 or 98",
        measured=f"{float(inactive.mean()):.0f} of each part on average, between {low:.0f} and {high:.0f}",
        note=f"Neurons whose weights have a normalised fluctuation below {found.options.threshold:g}.",
    )


def _gradients_least(found: Results) -> Claim:
    moving = {name: 1 - found.participation[name]["share"].mean(["shape", "part"]) for name in QUANTITIES}
    most = xr.concat([moving[name] for name in GRADIENTS], "quantity").max("quantity", skipna=False)
    others = [moving[name] for name in QUANTITIES if name not in GRADIENTS]
    least = xr.concat(others, "quantity").min("quantity", skipna=False)
    above = f"at least {found.options.threshold:g}"
    return _judged(
        "gradients-least",
        f"{PAPER}, section 4.2.4",
        "gradients fluctuate least",
        (most < least).where(most.notnull() & least.notnull()),
        "case (rate, seed)",
        measured=", ".join(f"{name.replace('_', ' ')} {percent(float(part.mean()))}" for name, part in moving.items()),
        note=f"Share of the neurons with a normalised fluctuation of {above}, over all shapes.",
    )


def _engages_most(found: Results) -> Claim:
    """The statement about activations, over all shapes: the spiral alone is among the statements of the text."""
    id, statement = "engages-most-all-shapes", "lr 0.0001 engages the most neurons in activations, shape by shape"
    source = f"{PAPER}, sections 4.2.3 and 4.3"
    engaged = taking_part(found, "activations").sum("part", skipna=False)
    lacking = _lacking(engaged)
    if lacking:
        return _unchecked(id, source, statement, f"Needs {', '.join(lacking)}.")
    chosen = engaged.sel(lr=list(LRS))
    slow, others = chosen.sel(lr=LRS[0]), chosen.sel(lr=list(LRS[1:])).max("lr")
    wins = (slow > others).where(chosen.notnull().all("lr"))
    measured = f"neurons taking part: {at_rates(chosen.mean(['shape', 'seed']))}"
    return _judged(id, source, statement, wins, "case (shape, seed)", measured=measured)


def _lacking(values: xr.DataArray) -> list[str]:
    return [f"lr {rate(lr)}" for lr in LRS if lr not in values["lr"]]


def _unchecked(id: str, source: str, statement: str, why: str) -> Claim:
    return Claim(id, source, statement, WORDS, None, MAJORITY, None, why)


def _judged(
    id: str,
    source: str,
    statement: str,
    holds: xr.DataArray,
    case: str,
    *,
    measured: object,
    published: object = WORDS,
    note: str = "",
) -> Claim:
    """Return the claim that something holds in more than half of the decided cases.

    Parameters
    ----------
    holds : of each case 1, 0, or NaN where it cannot be told
    case : what a case is called
    """
    counts = analysis.agreement(holds, holds.dims)
    agree, count = int(counts["agree"]), int(counts["count"])
    if not count:
        return Claim(id, source, statement, published, None, MAJORITY, None, UNDECIDED)
    agreeing = _agree(holds, case)
    return Claim(id, source, statement, published, measured, MAJORITY, agree * 2 > count, note, agreeing)


def _agree(holds: xr.DataArray, case: str) -> str:
    counts = analysis.agreement(holds, holds.dims)
    return f"{int(counts['agree'])} of {counted(int(counts['count']), case)}"
