"""The rules of the tools, against what the tools' own code does: written out here step by step, or called."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import range_test, range_test_agreement, recommendation
from lrscope.errors import InputError
from lrscope.records import on_grid

STEPS = 100


def curves(seeds=6, steps=STEPS):
    """Return rates (step) and noisy losses (seed, step) that fall and then rise."""
    rates = np.geomspace(1e-7, 10, steps)
    place = np.log10(rates)
    clean = 2.3 - 1.8 / (1 + np.exp(-2 * (place + 3))) + np.exp(6 * (place + 0.5))
    return rates, clean * np.random.default_rng(0).lognormal(0, 0.15, (seeds, steps))


def records(rates, losses):
    attrs = {"long_name": "loss", "units": "1", "quantity": "loss", "statistic": "values"}
    coords = {"seed": np.arange(len(losses)), "step": np.arange(losses.shape[1])}
    made = {
        "loss": (("seed", "step"), losses, attrs),
        "learning_rate": (("seed", "step"), np.broadcast_to(rates, losses.shape), attrs),
    }
    return xr.Dataset(made, coords=coords)


class Fastai:
    """`LRFinder`, `AvgSmoothLoss`, `lr_find` and the suggestion functions, written out."""

    def __init__(self, rates, losses):
        value, best, self.losses = 0.0, np.inf, []
        for count, loss in enumerate(losses, 1):
            value = loss + 0.98 * (value - loss)
            smooth = value / (1 - 0.98**count)
            self.losses.append(smooth)
            best = min(best, smooth)
            if smooth > 4 * best:
                break
        self.smoothed = list(self.losses)
        number = len(losses)
        self.rates = list(rates[: len(self.losses)])[number // 10 : -5]
        self.losses = self.losses[number // 10 : -5]

    def valley(self):
        n = len(self.losses)
        start = end = 0
        longest = [1] * n
        for i in range(1, n):
            for j in range(i):
                if self.losses[i] < self.losses[j] and longest[i] < longest[j] + 1:
                    longest[i] = longest[j] + 1
                if longest[end] < longest[i]:
                    end = i
                    start = end - longest[end]
        third = (end - start) / 3
        return self.rates[start + int(third) + int(third / 2)]

    def steep(self):
        slopes = [
            (after - before) / (np.log(right) - np.log(left))
            for before, after, left, right in zip(
                self.losses, self.losses[1:], self.rates, self.rates[1:], strict=False
            )
        ]
        return self.rates[slopes.index(min(slopes))]

    def minimum(self):
        return self.rates[self.losses.index(min(self.losses))] / 10

    def slide(self):
        slopes = np.gradient(self.losses)
        right, left = -1, -16
        found = self.rates[left]
        while left >= -len(self.losses) and abs(slopes[right] - slopes[left]) > 0.005:
            found = self.rates[left]
            right -= 1
            left -= 1
        return found


def torch_lr_finder(rates, losses):
    history = [losses[0]]
    for loss in losses[1:]:
        history.append(0.05 * loss + 0.95 * history[-1])
        if history[-1] > 5 * min(history):
            break
    return rates[10:-5][int(np.argmin(np.gradient(history[10:-5])))]


def lightning(rates, losses):
    finder = pytest.importorskip("lightning.pytorch.tuner.lr_finder")
    loop = SimpleNamespace(batch_idx=0)
    scheduler = SimpleNamespace(scheduler=SimpleNamespace(lr=[0.0]))
    strategy = SimpleNamespace(broadcast=lambda value: value)
    trainer = SimpleNamespace(
        fit_loop=loop, accumulate_grad_batches=1, lr_scheduler_configs=[scheduler], strategy=strategy, should_stop=False
    )
    callback = finder._LRCallback(num_training=len(losses))
    import torch

    for step, (rate, loss) in enumerate(zip(rates, losses, strict=True)):
        scheduler.scheduler.lr = [rate]
        trainer.global_step = step
        callback.on_train_batch_start(trainer, None, None, step)
        trainer.global_step = step + 1
        callback.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss, dtype=torch.float64)}, None, step)
        if trainer.should_stop:
            break
    result = finder._LRFinder("exponential", rates[0], rates[-1], len(losses))
    result.results = {"lr": callback.lrs, "loss": callback.losses}
    return result.suggestion()


@pytest.fixture(params=["rising", "to the end", "spike", "falling"])
def curve(request):
    rates, losses = curves()
    if request.param == "to the end":
        rates, losses = rates[:70], losses[:, :70]
    if request.param == "spike":
        losses[:, 30] *= 50
    if request.param == "falling":
        losses = 3.0 - np.log10(rates / 1e-7) / 4 + 0 * losses
    return rates, losses


def test_fastais_rules_are_fastais(curve):
    rates, losses = curve
    found = range_test(records(rates, losses))
    for seed, loss in enumerate(losses):
        tool = Fastai(rates, loss)
        of_seed = found.suggestion.sel(seed=seed)
        for rule, text in {"valley": "valley", "steep": "steep", "minimum": "minimum / 10", "slide": "slide"}.items():
            assert float(of_seed.sel(rule=f"fastai: {text}")) == pytest.approx(getattr(tool, rule)(), rel=1e-9), rule
        smoothed = found.smoothed.sel(seed=seed).dropna("step")
        np.testing.assert_allclose(smoothed, tool.smoothed)


def test_torch_lr_finders_rule_is_its_own(curve):
    rates, losses = curve
    found = range_test(records(rates, losses)).suggestion.sel(rule="torch-lr-finder")
    np.testing.assert_allclose(found, [torch_lr_finder(rates, loss) for loss in losses])


def test_lightnings_rule_is_lightnings(curve):
    rates, losses = curve
    found = range_test(records(rates, losses)).suggestion.sel(rule="Lightning")
    np.testing.assert_allclose(found, [lightning(rates, loss) for loss in losses])


@pytest.mark.parametrize("behind", [np.nan, np.inf])
def test_a_network_that_diverges_gets_suggestions_from_before(behind):
    rates, losses = curves()
    losses[:, 70:] = np.nan
    losses[:, 70] = behind
    found = range_test(records(rates, losses)).suggestion
    before = found.sel(rule=["fastai: valley", "fastai: steep", "fastai: minimum / 10", "Lightning"])
    assert (before <= rates[70]).all()


def test_a_test_that_stops_at_once_suggests_nothing():
    rates, losses = curves()
    losses[:, 3:] *= 1e6
    assert range_test(records(rates, losses)).suggestion.isnull().all()


def test_members_grids_and_any_order_say_the_same(draw):
    some = draw(steps=60).isel(member=slice(0, 3))
    rate = some["loss"].copy(data=np.geomspace(1e-4, 1, 60) + 0 * some["loss"].values)
    some = some[["loss", "diverged_at"]].assign(learning_rate=rate)
    found = range_test(some)
    xr.testing.assert_identical(range_test(on_grid(some)), found)
    xr.testing.assert_identical(range_test(some.isel(member=[2, 0, 1])), found)
    assert found.suggestion.dims == ("rule", "seed")


def agreed(suggested, plausible=(2,)):
    rates = np.array([0.01, 0.1, 1.0, 10.0])
    losses = np.full((4, 8), 5.0) * np.random.default_rng(0).lognormal(0, 0.01, (4, 8))
    losses[list(plausible)] /= 5
    found = recommendation(xr.DataArray(losses, coords={"lr": rates, "seed": np.arange(8)}, dims=("lr", "seed")))
    assert np.flatnonzero(found.plausible).tolist() == list(plausible)
    array = xr.DataArray([suggested], coords={"rule": ["a rule"], "seed": range(len(suggested))}, dims=("rule", "seed"))
    return range_test_agreement(array, found), float(found.best)


def test_the_range_reaches_half_way_to_the_next_rate():
    found, _ = agreed([0.3, 0.32, 3.1, 3.2])
    assert found.share.values.tolist() == [0.5]


def test_the_range_reaches_as_far_beyond_the_grid():
    found, _ = agreed([20.0, 40.0], plausible=(3,))
    assert found.share.values.tolist() == [0.5]


def test_a_rate_that_was_ruled_out_between_two_others_is_a_gap():
    scores = np.exp(np.array([[3.0] * 8, [0.0] * 8, [1.0] * 8, np.linspace(-1, 1.1, 8)]))
    found = recommendation(xr.DataArray(scores, coords={"lr": [0.01, 0.1, 1.0, 10.0]}, dims=("lr", "seed")))
    assert found.plausible.values.tolist() == [False, True, False, True]
    suggested = xr.DataArray([[0.01, 0.2, 0.4, 3.0, 4.0, 40.0]], coords={"rule": ["a rule"]}, dims=("rule", "seed"))
    assert range_test_agreement(suggested, found).share.values == pytest.approx([2 / 6])


def test_around_a_rate_alone_a_factor_of_two_is_inside():
    scores = xr.DataArray([[1.0, 1.1]], coords={"lr": [0.1]}, dims=("lr", "seed"))
    suggested = xr.DataArray([[0.049, 0.051, 0.199, 0.201]], coords={"rule": ["a rule"]}, dims=("rule", "seed"))
    assert range_test_agreement(suggested, recommendation(scores)).share.values.tolist() == [0.5]


def test_the_factor_is_that_to_the_best_rate_either_way():
    found, best = agreed([0.25, 2.0, 4.0])
    assert best == 1.0
    assert found.factor.values.tolist() == [4.0]


def test_seeds_without_a_suggestion_are_outside():
    found, _ = agreed([1.0, np.nan, np.nan])
    assert found.share.values == pytest.approx([1 / 3])
    assert found.factor.values.tolist() == [np.inf]


def test_where_all_diverge_no_suggestion_is_inside():
    scores = xr.DataArray(np.full((2, 3), np.inf), coords={"lr": [0.1, 1.0], "seed": range(3)}, dims=("lr", "seed"))
    array = xr.DataArray([[0.1, 1.0]], coords={"rule": ["a rule"], "seed": range(2)}, dims=("rule", "seed"))
    assert range_test_agreement(array, recommendation(scores)).share.values.tolist() == [0.0]


def test_errors_name_what_is_allowed():
    made = records(*curves())
    with pytest.raises(InputError, match="records must be records with learning_rate"):
        range_test(made.drop_vars("learning_rate"))
    with pytest.raises(InputError, match="records must be of one range test a seed; got 2"):
        range_test(xr.concat([made, made], xr.DataArray([0.1, 0.2], dims="lr", name="lr")))
    with pytest.raises(InputError, match="records must be records with the dimensions seed and step"):
        range_test(made.isel(seed=0))
    fewer = made["learning_rate"].isel(step=slice(0, 50)).rename(step="step_every_2").drop_vars("step_every_2")
    with pytest.raises(InputError, match="learning_rate must be recorded at the same steps as the loss"):
        range_test(made.assign(learning_rate=fewer))
    with pytest.raises(InputError, match="suggestions must be an array with the dimensions rule and seed"):
        range_test_agreement(made["loss"], made)
