"""What is trained next: the rules one by one, and whatever the scores are, an end within the budget."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lrscope import analysis
from lrscope.studies.sweep import Options
from lrscope.studies.sweep._rounds import (
    FINE,
    GRID,
    Round,
    grids,
    next_round,
    rounds_of,
    settings_of,
    together,
)

Truth = Callable[[float, int], float]
"""The last validation loss of a rate and seed; infinite where the network diverges."""
LRS = (0.0001, 0.001, 0.01)
LABELS = {"long_name": "a loss", "units": "1"}


def trained(truth: Truth, lrs: tuple[float, ...], seeds: tuple[int, ...]) -> xr.Dataset:
    """Return records of a grid as training would leave them."""
    members = [(lr, seed) for lr in lrs for seed in seeds]
    scores = np.array([truth(lr, seed) for lr, seed in members])
    lost = np.isinf(scores)
    columns = {
        "member": np.arange(len(members)),
        "lr": ("member", [lr for lr, _ in members]),
        "seed": ("member", [seed for _, seed in members]),
    }
    return xr.Dataset(
        {
            "val_loss": (("member", "step_every_1_epoch"), np.where(lost, np.nan, scores)[:, None], LABELS),
            "diverged_at": (("member", "step"), np.where(lost, 3, -1)[:, None], LABELS),
        },
        {"step": [9], "step_every_1_epoch": [9], **columns},
        {"axes": ["lr", "seed"]},
    )


def with_axis(truth: Callable[[float, int, str], float], chosen: Round) -> xr.Dataset:
    """Return records of a round whose settings are values of the axis `rule`."""
    parts = [
        trained(lambda lr, seed, rule=rule: truth(lr, seed, rule), chosen.lrs, chosen.seeds).assign_coords(
            rule=("member", [rule] * len(chosen.lrs) * len(chosen.seeds))
        )
        for rule in chosen.axes["rule"]
    ]
    whole = xr.concat(parts, "member").assign_coords(member=np.arange(sum(one.sizes["member"] for one in parts)))
    return whole.assign_attrs(axes=["lr", "rule", "seed"])


def until_decided(truth: Truth, options: Options) -> tuple[dict[str, xr.Dataset], list[Round]]:
    """Return the records and the rounds of a run whose trainings end as a truth says."""
    records = {GRID: trained(truth, options.lrs, tuple(range(options.seeds)))}
    rounds: list[Round] = []
    while chosen := next_round(records, options):
        assert len(rounds) < options.trainings, "it does not come to an end"
        rounds.append(chosen)
        records[chosen.name] = trained(truth, chosen.lrs, chosen.seeds)
    return records, rounds


def asked(lrs: tuple[float, ...] = LRS, seeds: int = 4, **chosen: object) -> Options:
    return Options(lrs=lrs, seeds=seeds, until_decided=True, **chosen)


def first_round(truth: Truth, options: Options) -> Round | None:
    return next_round({GRID: trained(truth, options.lrs, tuple(range(options.seeds)))}, options)


def valley(best: float, steepness: float = 1.0, noise: float = 0.01) -> Truth:
    """Return losses that grow with the distance of the rate from the best one, on the logarithmic scale."""
    return lambda lr, seed: math.exp(
        steepness * abs(math.log10(lr / best)) + noise * np.random.default_rng([seed, int(1e9 * lr)]).normal()
    )


def test_nothing_more_is_trained_unless_it_was_asked_for():
    assert first_round(valley(1.0), Options(lrs=LRS, seeds=4)) is None


@pytest.mark.parametrize(
    ("best", "lrs", "why"),
    [
        (1.0, (0.1, 1.0), "the best rate, 0.01, is the largest of the grid"),
        (1e-7, (1e-6, 1e-5), "the best rate, 0.0001, is the smallest of the grid"),
    ],
)
def test_a_best_rate_at_an_end_extends_the_grid_there(best, lrs, why):
    assert first_round(valley(best), asked()) == Round("round2", lrs, (0, 1, 2, 3), why)


@pytest.mark.parametrize(("budget", "lrs"), [(20, (0.1, 1.0)), (19, (0.1,)), (16, (0.1,)), (15, None), (12, None)])
def test_the_grid_is_extended_as_far_as_the_budget_goes(budget, lrs):
    chosen = first_round(valley(1.0), asked(budget=budget))
    assert (chosen.lrs if chosen else None) == lrs


def test_an_end_that_diverges_is_not_extended():
    def truth(lr: float, seed: int) -> float:
        return math.inf if lr > 0.001 else valley(1.0)(lr, seed)

    chosen = first_round(truth, asked())
    assert chosen.lrs == (0.0003162, 0.003162)
    assert chosen.why == "the neighbours of the best rate, 0.001, are far from it"


def test_a_grid_is_extended_until_training_diverges_and_no_further():
    def truth(lr: float, seed: int) -> float:
        return math.inf if lr > 0.5 else 1 / lr

    _, rounds = until_decided(truth, asked(budget=200))
    beyond = [chosen for chosen in rounds if "is the largest" in chosen.why]
    assert [chosen.lrs for chosen in beyond] == [(0.1, 1.0)]
    assert max(lr for chosen in rounds for lr in chosen.lrs) == 1.0


def test_rates_beyond_one_rate_lie_apart_by_the_root_of_ten():
    assert first_round(lambda lr, seed: 1.0, asked((0.001,))).lrs == (0.003162, 0.01)


def test_rates_that_are_all_the_same_are_not_extended_to_nothing():
    _, rounds = until_decided(lambda lr, seed: 1.0, asked((1e-6, 1.0), 2, budget=70))
    assert [chosen.lrs for chosen in rounds[:2]] == [(1e-12,), (1e6,)]


def test_one_rate_that_sometimes_diverges_is_extended_downwards():
    chosen = first_round(lambda lr, seed: math.inf if seed == 0 else 1.0, asked((0.001,)))
    assert chosen.lrs == (0.0001, 0.0003162)
    assert chosen.why == "the best rate, 0.001, is the smallest of the grid"


def close(lr: float, seed: int) -> float:
    """Return losses of which 0.001 is better than 0.003 by less than the seeds differ."""
    if lr not in (0.001, 0.003):
        return 10.0
    return math.exp((0.0 if lr == 0.001 else 0.15) + 0.15 * (-1) ** (seed + (lr == 0.001)))


def test_rates_that_cannot_be_distinguished_get_more_seeds():
    options = asked((0.0001, 0.001, 0.003, 0.01), seeds=6, budget=1000)
    records = {GRID: trained(close, options.lrs, tuple(range(6)))}
    needed = int(analysis.recommendation(analysis.final_scores(records[GRID]))["seeds_needed"])
    chosen = next_round(records, options)
    assert chosen.lrs == (0.001, 0.003)
    assert chosen.seeds == tuple(range(6, max(needed, 9)))
    assert chosen.why == "0.001 and 0.003 could not be distinguished with 6 seeds"


def test_a_grid_is_refined_until_neighbours_are_near():
    records, rounds = until_decided(valley(0.002, noise=0.001), asked(budget=400))
    scores = together(grids(records), analysis.final_scores)
    found = analysis.recommendation(scores)
    rates, best = scores["lr"].values, float(found["best"])
    place = int(np.flatnonzero(rates == best)[0])
    assert rates[place + 1] / rates[place] <= FINE
    assert rates[place] / rates[place - 1] <= FINE
    assert abs(math.log(best / 0.002)) <= math.log(FINE)
    assert all("far from it" in chosen.why for chosen in rounds)


def test_smaller_rates_are_trained_where_all_diverged():
    chosen = first_round(lambda lr, seed: math.inf, asked())
    assert chosen == Round("round2", (1e-6, 1e-5), (0, 1, 2, 3), "all networks diverged")


def test_an_end_that_cannot_be_told_from_the_best_rate_is_extended_when_seeds_do_not_help():
    def truth(lr: float, seed: int) -> float:
        return {0.01: 1.0 + 0.001 * (-1) ** seed, 0.001: 1.0}.get(lr, 2.0)

    chosen = first_round(truth, asked(seeds=8))
    assert (chosen.lrs, chosen.seeds) == ((0.1, 1.0), tuple(range(8)))
    assert chosen.why.endswith("cannot be distinguished from the best rate") or chosen.why.endswith(
        "the largest of the grid"
    )


def test_equal_rates_do_not_use_up_the_budget_with_seeds():
    def truth(lr: float, seed: int) -> float:
        return valley(0.001)(lr, seed) if lr not in (0.001, 0.0015) else 1 + 0.01 * (-1) ** (seed // (2 - (lr > 0.001)))

    _, rounds = until_decided(truth, asked((0.0005, 0.001, 0.0015, 0.003), seeds=8, budget=10_000))
    assert rounds == []


def worlds() -> st.SearchStrategy[Truth]:
    """Return truths of all kinds: valleys and plains, noise, divergence by chance or from a rate on, huge and zero."""
    return st.builds(
        _world,
        best=st.floats(-9, 5),
        steepness=st.sampled_from([0.0, 0.01, 0.3, 3.0]),
        noise=st.sampled_from([0.0, 0.001, 0.1, 5.0]),
        limit=st.sampled_from([math.inf, 0.02, 1e-5, 0.0]),
        chance=st.sampled_from([0.0, 0.0, 0.1, 0.9]),
        scale=st.sampled_from([1.0, 1e-30, 1e30, 0.0]),
        number=st.integers(0, 2**31),
    )


def _world(best: float, steepness: float, noise: float, limit: float, chance: float, scale: float, number: int):
    def truth(lr: float, seed: int) -> float:
        random = np.random.default_rng([number, seed, abs(hash(lr))])
        if lr > limit or random.random() < chance:
            return math.inf
        return scale * math.exp(steepness * abs(math.log10(lr) - best) + noise * random.normal())

    return truth


@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=pytest.mark.long)])
def test_whatever_the_scores_it_ends_within_the_budget_and_trains_nothing_twice(examples):
    @settings(max_examples=examples, phases=set(Phase) - {Phase.shrink})
    @given(
        truth=worlds(),
        lrs=st.sampled_from([(0.001,), (0.001, 0.0011), LRS, (1e-6, 1.0), (0.001, 0.002, 0.004, 0.008)]),
        seeds=st.integers(1, 5),
        more=st.integers(0, 40),
    )
    def check(truth: Truth, lrs: tuple[float, ...], seeds: int, more: int) -> None:
        options = asked(lrs, seeds, budget=len(lrs) * seeds + more)
        records, rounds = until_decided(truth, options)
        every = [pair for one in grids(records) for pair in zip(one["lr"].values, one["seed"].values, strict=True)]
        assert len(every) == len(set(every)) <= options.trainings
        assert [chosen.name for chosen in rounds] == [f"round{number}" for number in range(2, len(rounds) + 2)]
        assert all(chosen.lrs == tuple(sorted(chosen.lrs)) and chosen.seeds and chosen.why for chosen in rounds)
        assert all(0 < lr < math.inf for lr, _ in every)
        assert rounds_of(records, options) == rounds
        assert next_round(records, options) is None

    check()


RULES = {"sgd": 3.0, "adam": 1.0, "lion": 1.02}
"""Settings, and by how much their loss is larger."""


def test_settings_that_are_worse_beyond_doubt_get_no_further_trainings():
    def truth(lr: float, seed: int, rule: str) -> float:
        noise = np.random.default_rng([seed, int(1e9 * lr), list(RULES).index(rule)]).normal()
        return RULES[rule] * math.exp(0.03 * noise) * valley(0.05, noise=0.0)(lr, seed)

    options = asked((0.001, 0.01), grid=("rule=sgd,adam,lion",), budget=200)
    records = {GRID: with_axis(truth, Round(GRID, options.lrs, (0, 1, 2, 3), "", options.axes))}
    rounds = []
    while chosen := next_round(records, options):
        rounds.append(chosen)
        records[chosen.name] = with_axis(truth, chosen)
    assert rounds[0] == Round("round2", (0.1, 1.0), (0, 1, 2, 3), rounds[0].why, {"rule": ["adam", "lion"]})
    assert any(chosen.seeds[0] == 4 and chosen.axes["rule"] == ["adam", "lion"] for chosen in rounds)
    assert sum(one.sizes["member"] for one in grids(records)) <= 200
    found = settings_of(grids(records), options)
    assert found.best == "rule adam"
    nodes = found.nodes()
    assert nodes["all_rates"]["members"].sel(setting="rule sgd").max() == 4 < nodes["all_rates"]["members"].max()
    effects = nodes["effects"].to_dataframe().set_index("value")
    assert effects.loc["sgd", "change"] == pytest.approx(math.log(3), abs=0.05)


def test_a_setting_is_not_dropped_while_its_best_rate_is_an_end_of_its_grid():
    def truth(lr: float, seed: int, rule: str) -> float:
        noise = np.random.default_rng([seed, int(1e9 * lr), len(rule)]).normal()
        best, scale = {"sgd": (10.0, 0.2), "adam": (0.01, 1.0)}[rule]
        return scale * math.exp(0.03 * noise) * valley(best, noise=0.0)(lr, seed)

    options = asked((0.001, 0.01, 0.1), grid=("rule=sgd,adam",), budget=200)
    records = {GRID: with_axis(truth, Round(GRID, options.lrs, (0, 1, 2, 3), "", options.axes))}
    first = settings_of(grids(records), options)
    assert (first.best, first.contenders) == ("rule adam", {"rule": ["adam"]})
    assert first.nodes()["effects"].to_dataframe().set_index("value")["open"].to_dict() == {"adam": False, "sgd": True}
    chosen = next_round(records, options)
    assert (chosen.lrs, chosen.axes) == ((1.0, 10.0), {"rule": ["sgd"]})
    records["round2"] = with_axis(truth, chosen)
    assert settings_of(grids(records), options).best == "rule sgd"


def test_one_seed_gets_more_before_rates_that_it_cannot_compare():
    chosen = first_round(valley(0.001, noise=0.3), asked(seeds=1, budget=40))
    assert chosen.seeds == (1, 2, 3)


def test_where_what_did_not_fail_diverged_smaller_rates_have_the_seeds_of_those():
    failed = trained(lambda lr, seed: math.inf, LRS, (0, 1))
    failed["val_loss"] = failed["val_loss"].where(failed["lr"] > LRS[0])
    failed["diverged_at"] = failed["diverged_at"].where(failed["lr"] > LRS[0], -1)
    chosen = next_round({GRID: failed}, asked(seeds=2))
    assert (chosen.lrs, chosen.seeds) == ((1e-6, 1e-5), (0, 1))


def test_seeds_are_added_if_they_exclude_some_settings_though_not_all():
    def truth(lr: float, seed: int, rule: str) -> float:
        draw = np.random.default_rng([seed, int(1e9 * lr), list(RULES).index(rule)]).normal()
        return (
            {"sgd": 2.0, "adam": 1.0, "lion": 1.0005}[rule] * math.exp(0.2 * draw) * valley(0.01, noise=0.0)(lr, seed)
        )

    options = asked(seeds=3, grid=("rule=sgd,adam,lion",), budget=200)
    records = {GRID: with_axis(truth, Round(GRID, (0.001, 0.01, 0.1), (0, 1, 2), "", options.axes))}
    assert settings_of(grids(records), options).flat["seeds_needed"] == -1
    assert next_round(records, options).seeds[0] == 3


@settings(max_examples=4, deadline=None)
@given(truth=worlds(), number=st.integers(0, 2**31))
def test_the_order_of_the_networks_does_not_change_the_next_round(truth, number):
    options = asked(budget=300)
    records = {GRID: trained(truth, LRS, tuple(range(4)))}
    order = np.random.default_rng(number).permutation(records[GRID].sizes["member"])
    assert next_round(records, options) == next_round({GRID: records[GRID].isel(member=order)}, options)


def test_scores_of_several_rounds_stand_on_one_grid():
    records = {
        GRID: trained(lambda lr, seed: lr + seed, (0.1, 0.2), (0, 1)),
        "round2": trained(lambda lr, seed: lr + seed, (0.2,), (2,)),
        "round3": trained(lambda lr, seed: math.inf, (0.15,), (0, 2)),
        "round5": trained(lambda lr, seed: 7.0, (9.0,), (0,)),
    }
    scores = together(grids(records), analysis.final_scores)
    assert scores["lr"].values.tolist() == [0.1, 0.15, 0.2]
    expected = [[0.1, 1.1, math.nan], [math.inf, math.nan, math.inf], [0.2, 1.2, 2.2]]
    np.testing.assert_array_equal(scores.transpose("lr", "seed"), expected)
