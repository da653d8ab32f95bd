"""Lives of neurons: against a walk through the steps one by one, and what must hold for any of them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.analysis import dead, lives, survival
from lrscope.errors import InputError
from lrscope.records import DIVERGED_AT, Variable, new_block, on_grid

NOT_BORN, ALIVE, DEAD = range(3)


def recorded(active, steps=None, diverged_at=None, statistics=("active",), seeds=1):
    """Return records whose layer "0" has the active shares (member, step, neuron); NaN: not recorded."""
    active = np.asarray(active, dtype=float)
    members, count, _ = active.shape
    what = {"layer": "0", "module": "net", "dims": ("neuron_0",)}
    labels = {
        f"activations_{name}_0": Variable(f"activations_{name}_0", "activations", name, statistic=name, **what)
        for name in statistics
    }
    of = {"active": active, "max": active, "min": np.where(np.isnan(active), np.nan, 0.0)}
    values = {name: of[label.statistic] for name, label in labels.items()}
    labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "diverged at")
    ends = np.full(members, -1) if diverged_at is None else np.asarray(diverged_at)
    values[DIVERGED_AT] = np.repeat(ends[:, None], count, 1)
    lrs = np.repeat(0.1 * (1 + np.arange(members // seeds)), seeds)
    along = {"member": np.arange(members), "lr": lrs, "seed": np.tile(np.arange(seeds), members // seeds)}
    attrs = {"lr": {"scale": "log"}, "seed": {}}
    steps = np.arange(count) if steps is None else np.asarray(steps)
    return new_block(values, labels, {"step": steps}, along, attrs, dict.fromkeys(labels, "step"))


def walked(active, steps, window):
    """Return the life of one neuron from its active shares (step), step by step."""
    known = [(step, some) for step, some in zip(steps, active, strict=True) if not np.isnan(some)]
    born = next((step for step, some in known if some > 0), -1)
    state, was, deaths, revivals, died = {}, "not born", 0, 0, -1
    for place, (step, active_share) in enumerate(known):
        before = next((n for n, (_, some) in enumerate(reversed(known[:place])) if some > 0), place)
        after = next((n for n, (_, some) in enumerate(known[place:]) if some > 0), len(known) - place)
        silent = 0 if active_share > 0 else before + after
        now = "alive" if silent < window else "dead"
        now = "not born" if born == -1 or step < born else now
        if was == "alive" and now == "dead":
            deaths, died = deaths + 1, step
        if was == "dead" and now == "alive":
            revivals, died = revivals + 1, -1
        state[step], was = ("not born", "alive", "dead").index(now), now
    if known and born == -1:
        died = known[0][0]
    return {"born": born, "died": died, "deaths": deaths, "revivals": revivals}, state


@st.composite
def histories(draw):
    members, steps, neurons = draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    flags = draw(st.lists(st.booleans(), min_size=members * steps * neurons, max_size=members * steps * neurons))
    gaps = draw(st.lists(st.booleans(), min_size=members * steps, max_size=members * steps))
    active = np.array(flags, float).reshape(members, steps, neurons) * 0.5
    active[np.array(gaps).reshape(members, steps)] = np.nan
    return active, np.cumsum(draw(st.lists(st.integers(1, 5), min_size=steps, max_size=steps))), draw(st.integers(1, 4))


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_life_is_what_a_walk_through_the_steps_tells(history):
    active, steps, window = history
    found = lives(recorded(active, steps), window)
    for member in range(active.shape[0]):
        for neuron in range(active.shape[2]):
            one = found.isel(member=member, neuron=neuron)
            expected, state = walked(active[member, :, neuron], steps, window)
            assert {name: int(one[name]) for name in expected} == expected
            assert one["state"].dropna("step").astype(int).to_series().to_dict() == state


def test_without_a_window_a_death_is_that_of_dead():
    rng = np.random.default_rng(1)
    active = (rng.random((4, 12, 30)) < 0.6) * rng.random((4, 12, 30))
    active[:, 7:, :15] = 0
    records = recorded(active, diverged_at=[-1, 9, -1, 3], statistics=("active", "min", "max"))
    found, known = lives(records), dead(records)
    xr.testing.assert_allclose(found["dead_share"], known.mean("step").rename(found["dead_share"].name))


def test_active_shares_alone_say_the_same_as_extremes():
    active = np.random.default_rng(2).random((2, 8, 5)).round()
    of_shares = lives(recorded(active))
    xr.testing.assert_identical(of_shares, lives(recorded(active, statistics=("min", "max"))))


def test_steps_after_a_divergence_do_not_count():
    active = [[[1.0], [0.5], [0.0], [0.0]], [[1.0], [0.5], [0.0], [0.0]]]
    found = lives(recorded(active, diverged_at=[-1, 2]))
    assert found["died"].values.tolist() == [[2], [-1]]
    assert np.isnan(found["state"][1, 2:]).all()
    assert found["dead_share"].values.tolist() == [[0.5], [0.0]]


def test_a_saturated_neuron_is_dead_within_bounds():
    records = recorded(np.full((1, 3, 2), 0.2), statistics=("min", "max"))
    records["activations_max_0"][:] = [[[1.0, 0.1], [1.0, 1.0], [0.5, 1.0]]]
    records["activations_min_0"][:] = [[[1.0, 0.1], [-1.0, 1.0], [0.5, 1.0]]]
    state = lives(records, bounds=(-1, 1))["state"].isel(member=0, neuron=1)
    assert state.values.tolist() == [ALIVE, DEAD, DEAD]


def test_steps_and_neurons_keep_their_labels():
    records = recorded(np.ones((4, 3, 2)), seeds=2)
    found = lives(records, window=2)
    for array in (found["state"], survival(on_grid(found))["mean"]):
        assert array["step"].attrs == records["step"].attrs != {}
    assert on_grid(found)["lr"].attrs["scale"] == "log"


def test_the_window_is_checked():
    with pytest.raises(InputError, match="window must be 1 recorded step or more; got 0"):
        lives(recorded(np.ones((1, 2, 1))), window=0)


# survival


def test_survival_without_divergence_is_the_plain_share():
    rng = np.random.default_rng(3)
    active = np.cumsum(rng.random((6, 10, 20)) < 0.06, axis=1) == 0
    found = on_grid(lives(recorded(active, seeds=3)))
    curve = survival(found)
    gone = (found["died"] >= 0) & (found["died"] <= found["step"])
    xr.testing.assert_allclose(curve["mean"].drop_attrs(), (1 - gone.mean(["seed", "neuron"])).transpose("lr", "step"))
    assert (curve["low"] <= curve["mean"]).all()
    assert (curve["mean"] <= curve["high"]).all()
    assert (curve["count"] == 3).all()


def test_survival_is_kaplan_and_meiers_textbook_estimate():
    """Two networks of four neurons, one observed for three steps only: 8 at risk, then 7, then 3 of one network."""
    active = np.ones((2, 6, 4))
    active[0, 1:, 0] = active[1, 2:, 0] = active[0, 4:, 1] = 0
    curve = survival(on_grid(lives(recorded(active, diverged_at=[-1, 3], seeds=2))))
    expected = np.array([1, 7 / 8, 7 / 8 * 6 / 7, 3 / 4, 3 / 4 * 2 / 3, 1 / 2])
    np.testing.assert_allclose(curve["mean"].values[0], expected)
    assert curve["count"].values.tolist() == [[2, 2, 2, 1, 1, 1]]


def test_where_every_network_diverged_nothing_is_known():
    curve = survival(on_grid(lives(recorded(np.ones((2, 5, 3)), diverged_at=[2, 3], seeds=2))))
    assert np.isfinite(curve["mean"].values[0]).tolist() == [True, True, True, False, False]
    assert np.isfinite(curve["high"].values[0]).tolist() == [True, True, True, False, False]


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_survival_never_rises_and_stays_a_share(seed):
    rng = np.random.default_rng(seed)
    active = rng.random((4, 8, 6)) < rng.random((4, 1, 6))
    ends = rng.integers(-1, 8, 4)
    curve = survival(on_grid(lives(recorded(active, diverged_at=ends, seeds=2), window=2)), by="layer")
    for name in ("mean", "low", "high"):
        values = curve[name].transpose(..., "step").values
        assert name != "mean" or not (np.diff(values) > 1e-12).any()
        assert ((values >= 0) | np.isnan(values)).all()
        assert ((values <= 1) | np.isnan(values)).all()


def test_survival_takes_seeds_in_any_order_and_one_alone():
    active = np.random.default_rng(4).random((6, 7, 9)) < 0.7
    found = on_grid(lives(recorded(active, seeds=3)))
    xr.testing.assert_allclose(survival(found.isel(seed=[2, 0, 1]))["mean"], survival(found)["mean"])
    alone = survival(found.isel(seed=[1]))
    assert np.isnan(alone["low"]).all()
    assert np.isfinite(alone["mean"]).all()


def test_what_was_not_trained_is_left_out():
    active = np.ones((6, 5, 4))
    active[:, 2:, 0] = 0
    records = recorded(active, seeds=3)
    found = on_grid(lives(records.isel(member=[0, 1, 2, 4])))
    curve = survival(found)
    np.testing.assert_allclose(curve["mean"].isel(step=-1).values, [0.75, 0.75])
    assert curve["count"].isel(step=0).values.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "neuron"}, "by must be one of module, layer"),
        ({"confidence": 1.0}, "confidence must be between 0 and 1; got 1.0"),
    ],
)
def test_survival_says_what_is_wrong(change, message):
    found = on_grid(lives(recorded(np.ones((2, 3, 2)), seeds=2)))
    with pytest.raises(InputError, match=message):
        survival(found, **change)
    with pytest.raises(InputError, match="lives must be a Dataset with the dimension seed"):
        survival(lives(recorded(np.ones((2, 3, 2)))))
