"""The paper's statements that can be checked. Nothing here is decided in advance, or on rounded numbers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import xarray as xr

from lrscope.papers.fluctuation._definitions import LRS, QUANTITIES
from lrscope.report import array_of
from lrscope.studies import missing
from lrscope.studies._study import Claim
from lrscope.studies._words import at_rates, percent

PAPER = "Pareek et al. 2025"
SLOW, MIDDLE, FAST = LRS
GRADIENTS = ["weight_gradients", "bias_gradients"]
CLOSE_TO_ZERO = 50
"""So many neurons, says the paper, have a fluctuation close to 0."""
SIMILAR = 0.1
"""Numbers of neurons that differ by at most this share of all count as similar."""
BARELY = 0.8
"""A module barely fluctuates if this share of it lies in the lowest bin."""
NEURONS = 97 + 98
"""Of both modules."""

Test = Callable[[xr.DataArray], xr.DataArray]
"""From the values of one shape, (lr, seed), to truth values (seed)."""


class Values(NamedTuple):
    """What a claim is about, in words, and from the results to its values (shape, lr, seed)."""

    name: str
    of: Callable[[xr.DataTree], xr.DataArray]


def _module(results: xr.DataTree, variable: str, quantity: str, module: str | None = None) -> xr.DataArray:
    """Return numbers of neurons of one module of the network, or of both together (shape, lr, seed, ...)."""
    counts = array_of(results, f"modules/{variable}").sel(quantity=quantity, drop=True)
    return counts.sel(module=module, drop=True) if module else counts.sum("module", skipna=False)


def _moving(quantity: str, module: str | None = None) -> Values:
    return Values("neurons taking part", lambda results: _module(results, "moving", quantity, module))


ERROR = Values("error", lambda results: array_of(results, "networks/error"))
INACTIVE = Values("inactive neurons, by their weights", lambda results: _module(results, "inactive", "weights"))
FEWEST_INACTIVE = Values(
    "inactive neurons in the module with fewer",
    lambda results: (
        array_of(results, "modules/inactive").sel(quantity="weights", drop=True).min("module", skipna=False)
    ),
)
LOW_SHARE = Values("share in the lowest bin", lambda results: _module(results, "low", "biases", "decoder"))
ABOVE_LOWEST_BIN = Values(
    "neurons above the lowest bin",
    lambda results: _module(results, "counts", "biases", "encoder").isel(bin=slice(1, None)).sum("bin", skipna=False),
)
ACTIVATIONS = _moving("activations")


def _at(values: xr.DataArray, lr: float) -> xr.DataArray:
    return values.sel(lr=lr, drop=True)


def _others(values: xr.DataArray, lr: float) -> xr.DataArray:
    return values.sel(lr=[other for other in LRS if other != lr])


def _largest_at(lr: float) -> Test:
    """Return the test that a rate has a larger value than either other; equal ones do not count."""
    return lambda values: _at(values, lr) > _others(values, lr).max("lr")


def _of_spiral(id: str, section: str, statement: str, values: Values, test: Test, **more: Any) -> Claim:
    """Return a claim about the paper's three rates on the spiral, judged seed by seed."""

    def chosen(results: xr.DataTree) -> xr.DataArray:
        return values.of(results).sel(shape="spiral", lr=list(LRS), drop=True)

    def needs(results: xr.DataTree) -> list[str]:
        shapes = array_of(results, "networks/error")["shape"].values
        return missing(values.of(results), lr=LRS) + ([] if "spiral" in shapes else ["the spiral"])

    return Claim(
        id,
        f"{PAPER}, section {section}",
        statement,
        of=chosen,
        holds=lambda here: test(here).where(here.notnull().all("lr")),
        measured=lambda here: f"{values.name}: {at_rates(here.mean('seed'))}",
        needs=needs,
        **{"tolerance": "the order of the rates", **more},
    )


SPIRAL = (
    _of_spiral(
        "reconstruction-best",
        "4.1",
        "lr 0.01 reconstructs the spiral best",
        ERROR,
        lambda error: _at(error, FAST) < _others(error, FAST).min("lr"),
    ),
    _of_spiral(
        "reconstruction-second",
        "4.1",
        "lr 0.001 reconstructs the spiral somewhat worse than 0.01",
        ERROR,
        lambda error: _at(error, FAST) < _at(error, MIDDLE),
    ),
    _of_spiral("reconstruction-worst", "4.1", "lr 0.0001 reconstructs the spiral worst", ERROR, _largest_at(SLOW)),
    _of_spiral(
        "close-to-zero",
        "4.2.1",
        f"more than {CLOSE_TO_ZERO} neurons of each module have a weight fluctuation close to 0",
        FEWEST_INACTIVE,
        lambda count: (count > CLOSE_TO_ZERO).all("lr"),
        published=CLOSE_TO_ZERO,
        tolerance="more at every rate",
    ),
    _of_spiral(
        "decoder-weights",
        "4.2.1",
        "in the weights of the decoder, lr 0.01 engages the most neurons",
        _moving("weights", "decoder"),
        _largest_at(FAST),
    ),
    _of_spiral(
        "encoder-weights",
        "4.2.1",
        "in the weights of the encoder, lr 0.01 does not engage the most neurons",
        _moving("weights", "encoder"),
        lambda moving: _at(moving, FAST) <= _others(moving, FAST).max("lr"),
    ),
    _of_spiral(
        "decoder-biases",
        "4.2.2",
        "the biases of the decoder barely fluctuate at any rate",
        LOW_SHARE,
        lambda share: (share >= BARELY).all("lr"),
        tolerance=f"at least {BARELY:.0%} of the neurons in the lowest bin at every rate",
    ),
    _of_spiral(
        "encoder-biases",
        "4.2.2",
        "the biases of the encoder fluctuate massively at lr 0.0001 and not at the other two",
        ABOVE_LOWEST_BIN,
        lambda count: (_at(count, SLOW) > 0) & (_at(count, SLOW) >= 2 * _others(count, SLOW).max("lr")),
        tolerance="at least twice as many neurons above the lowest bin as at either other rate",
    ),
    _of_spiral(
        "engages-most",
        "4.2.3",
        "lr 0.0001 engages the most neurons in activations",
        ACTIVATIONS,
        _largest_at(SLOW),
    ),
    _of_spiral("most-inactive", "4.3", "lr 0.01 leaves the most neurons inactive", INACTIVE, _largest_at(FAST)),
    _of_spiral(
        "similarly-inactive",
        "4.3",
        "lr 0.001 leaves about as many neurons inactive as 0.01",
        INACTIVE,
        lambda inactive: abs(_at(inactive, MIDDLE) - _at(inactive, FAST)) <= SIMILAR * NEURONS,
        tolerance=f"they differ by at most {SIMILAR:.0%} of all neurons",
    ),
)


def _counted(id: str, statement: str, quantity: str, modules: Sequence[str], published: int) -> Claim:
    def sizes(results: xr.DataTree) -> list[int]:
        names = array_of(results, f"neurons/{quantity}/fluctuation")["module"].values.tolist()
        return [names.count(module) for module in modules]

    return Claim(
        id,
        f"{PAPER}, appendix A",
        statement,
        of=sizes,
        holds=lambda counts: all(size == published for size in counts),
        measured=lambda counts: " and ".join(map(str, dict.fromkeys(counts))),
        published=published,
        tolerance=0,
    )


def _table(quantity: str) -> Claim:
    """Return the claim that our tables of a quantity are the published ones, judged shape by shape and seed by seed."""

    def distances(results: xr.DataTree) -> tuple[xr.DataArray, xr.DataArray]:
        both = (array_of(results, f"definitions/{name}") for name in ("validated", "yardstick"))
        validated, yardstick = (array.sel(quantity=quantity, drop=True) for array in both)
        return validated, yardstick

    def holds(both: tuple[xr.DataArray, xr.DataArray]) -> xr.DataArray:
        validated, yardstick = both
        return (validated <= yardstick).where(validated.notnull() & yardstick.notnull())

    def published(results: xr.DataTree) -> float | str:
        yardstick = distances(results)[1]
        return float(yardstick.mean()) if bool(yardstick.notnull().any()) else "tables of other shapes or rates"

    return Claim(
        f"tables-{quantity.replace('_', '-')}",
        f"{PAPER}, appendix A, {QUANTITIES[quantity]}",
        f"the binned fluctuations of the {quantity.replace('_', ' ')} are those of the published tables",
        of=distances,
        holds=holds,
        measured=lambda both: float(both[0].mean()),
        published=published,
        tolerance="ours differ from the published ones of a shape no more than those of two shapes differ",
        needs=_without_two_tables,
        note="Total variation. The definition of fluctuation is chosen on the other shapes. Published: distance "
        "between the tables of two shapes.",
    )


def _without_two_tables(results: xr.DataTree) -> list[str]:
    known = array_of(results, "definitions/distance").notnull().any(["definition", "quantity", "seed"])
    return [] if int(known.sum()) >= 2 else ["two shapes and a learning rate of the published tables"]


def _low_tables(counts: xr.DataArray) -> xr.DataArray:
    """Tell of each table whether more than half of its neurons lie in the lowest bin; NaN where it is empty."""
    total = counts.sum("bin", skipna=False)
    return (counts.isel(bin=0, drop=True) > total / 2).where(total > 0)


def _low_published(results: xr.DataTree) -> str:
    known = _low_tables(array_of(results, "modules/published"))
    return percent(float(known.mean())) if bool(known.notnull().any()) else "no table of these shapes and rates"


def _gradient_cases(results: xr.DataTree) -> xr.DataArray:
    moving = 1 - array_of(results, "modules/share").mean(["shape", "module"])
    most = moving.sel(quantity=GRADIENTS).max("quantity", skipna=False)
    least = moving.drop_sel(quantity=GRADIENTS).min("quantity", skipna=False)
    return (most < least).where(most.notnull() & least.notnull())


def _gradients_measured(results: xr.DataTree) -> str:
    moving = 1 - array_of(results, "modules/share").mean(["shape", "module", "lr", "seed"])
    return ", ".join(f"{name.replace('_', ' ')} {percent(float(moving.sel(quantity=name)))}" for name in QUANTITIES)


def _half(results: xr.DataTree) -> xr.DataArray:
    share = array_of(results, "modules/share").sel(quantity="weights", drop=True)
    return (share >= 0.5).where(share.notnull())


def _half_measured(results: xr.DataTree) -> str:
    count = array_of(results, "modules/inactive").sel(quantity="weights")
    return f"{float(count.mean()):.0f} of each module on average, {float(count.min()):.0f} to {float(count.max()):.0f}"


CLAIMS = (
    _counted("neurons-encoder", "the encoder has 97 neurons", "weights", ["encoder"], 97),
    _counted("neurons-decoder", "the decoder has 98 neurons", "weights", ["decoder"], 98),
    _counted("neurons-relu", "each module has 96 ReLU neurons", "activations", ["encoder", "decoder"], 96),
    *map(_table, QUANTITIES),
    *SPIRAL,
    Claim(
        "lowest-bin",
        f"{PAPER}, figures 4 to 8 and appendix A",
        "most neurons lie in the lowest bin",
        of=lambda results: _low_tables(array_of(results, "modules/counts")),
        holds=lambda low: low,
        measured=lambda low: percent(float(low.mean())),
        published=_low_published,
        note="Share of the tables with more than half of the neurons between 0 and 0.3.",
    ),
    Claim(
        "half-barely-move",
        f"{PAPER}, section 4.3",
        "about half or more of the neurons barely move",
        _half,
        _half_measured,
        published="about 50 of 97 or 98",
        note=lambda results: f"Inactive: a normalised fluctuation below {results.attrs['options'].threshold:g}.",
    ),
    Claim(
        "gradients-least",
        f"{PAPER}, section 4.2.4",
        "gradients fluctuate least",
        _gradient_cases,
        _gradients_measured,
        note="Share of the neurons that take part, over all shapes.",
    ),
    Claim(
        "engages-most-all-shapes",
        f"{PAPER}, sections 4.2.3 and 4.3",
        "lr 0.0001 engages the most neurons in activations, shape by shape",
        of=lambda results: ACTIVATIONS.of(results).sel(lr=list(LRS)),
        holds=lambda engaged: _largest_at(SLOW)(engaged).where(engaged.notnull().all("lr")),
        measured=lambda engaged: f"{ACTIVATIONS.name}: {at_rates(engaged.mean(['shape', 'seed']))}",
        needs=lambda results: missing(ACTIVATIONS.of(results), lr=LRS),
    ),
)
