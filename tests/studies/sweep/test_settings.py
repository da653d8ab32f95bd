"""Axes beside rate and seed: which of them matters is known of scores that are made so."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lrscope.records import on_grid
from lrscope.studies._report import report_from
from lrscope.studies.sweep import STUDY
from lrscope.studies.sweep._settings import Settings
from lrscope.studies.sweep._summary import effect

LRS, HEAD, DECAY = np.geomspace(1e-3, 1e-1, 3), np.array([1.0, 3.0]), np.array([0.0, 0.1])


@pytest.fixture
def settings() -> Settings:
    """A multiplier of 3 halves the loss at any rate; the decay does nothing."""
    noise = np.random.default_rng(0).normal(0, 0.02, (3, 2, 2, 8)) + np.random.default_rng(1).normal(0, 0.3, 8)
    log = np.log10(LRS / 1e-2)[:, None, None, None] ** 2 - np.log(2) * (HEAD == 3)[:, None, None] + noise
    coords = {"lr": LRS, "lr_head": HEAD, "weight_decay": DECAY, "seed": range(8)}
    return Settings(xr.DataArray(np.exp(log), coords, attrs={"long_name": "loss"}), ["lr_head", "weight_decay"])


def test_what_matters_is_distinguished_and_what_does_not_is_bounded(settings):
    frame = settings.nodes()["effects"].to_dataframe().set_index(["axis", "value"])
    assert frame["best"].tolist() == [0.01] * 4
    head, decay = frame.loc["lr_head"], frame.loc["weight_decay"]
    assert head["plausible"].tolist() == [False, True]
    assert 0.6 < head.loc["1", "difference_low"] < np.log(2) < head.loc["1", "difference_high"] < 0.8
    assert head.loc["3", "change_low"] < -np.log(2) < head.loc["3", "change_high"] < -0.6
    assert head.loc["1", ["change_low", "change_high"]].isnull().all()
    assert decay["plausible"].all()
    assert decay["difference_high"].max() < 0.1
    assert decay.loc["0.1", "change_low"] < 0 < decay.loc["0.1", "change_high"]


def test_the_best_setting_is_one_of_the_better_half(settings):
    assert settings.best.startswith("lr_head 3")
    table = settings.nodes()["settings"].to_dataframe()
    assert table["plausible"].tolist() == [False, False, True, True]


def test_a_value_at_which_everything_diverges_is_not_the_best(settings):
    scores = settings.scores.copy()
    scores.loc[{"lr_head": 3.0}] = np.inf
    effects = Settings(scores, settings.axes).nodes()["effects"].isel(choice=slice(2))
    assert effects["plausible"].values.tolist() == [True, False]
    assert effects["trained"].all()
    assert effects["change"].isel(choice=1).isnull()


def test_of_a_value_without_scores_nothing_is_said(settings):
    scores = settings.scores.copy()
    scores.loc[{"lr_head": 1.0}] = np.nan
    lost = Settings(scores, settings.axes)
    assert lost.nodes()["effects"]["trained"].values.tolist() == [False, True, True, True]
    assert lost.nodes()["settings"]["trained"].values.tolist() == [False, False, True, True]
    known = effect(lost.nodes()["effects"], "lr_head")
    assert (known["untrained"], known["worse"], known["largest"]) == (["lr_head 1"], [], None)


def test_of_one_seed_nothing_is_said(settings):
    one = Settings(settings.scores.isel(seed=[0]), settings.axes)
    assert one.nodes()["effects"]["difference_high"].isnull().all()
    assert effect(one.nodes()["effects"], "lr_head")["largest"] is None


def test_a_value_that_shares_no_two_seeds_has_no_bound_and_neither_have_all(settings):
    scores = settings.scores.sel(lr_head=3.0).assign_coords(weight_decay=[0.0, 0.1]).reindex(weight_decay=[0, 0.1, 0.2])
    scores.loc[{"weight_decay": 0.2, "seed": 0}] = scores.sel(weight_decay=0.1, seed=0)
    few = Settings(scores, ["weight_decay"])
    assert few.nodes()["effects"]["difference_high"].isnull().values.tolist() == [False, False, True]
    assert np.isnan(effect(few.nodes()["effects"], "weight_decay")["largest"])


def test_differences_are_on_one_scale(settings):
    """Of all settings the best one alone has scores below zero."""
    scores = settings.scores - 1.0
    scores.loc[{"lr_head": 3.0, "weight_decay": 0.1}] -= 1
    assert (scores.sel(lr_head=1.0, lr=0.01) > -1).all()
    linear = Settings(scores, settings.axes).nodes()["effects"]
    below = Settings(scores - 5, settings.axes).nodes()["effects"]
    assert linear.attrs["scale"] == below.attrs["scale"] == "linear"
    xr.testing.assert_allclose(linear, below)


def test_the_best_rate_with_a_value_is_none_at_which_too_many_diverge(settings):
    scores = settings.scores.copy()
    scores.loc[{"lr_head": 1.0, "lr": LRS[2], "seed": [0, 1]}] = np.inf
    scores.loc[{"lr_head": 1.0, "lr": LRS[2], "seed": range(2, 8)}] /= 1e3
    effects = Settings(scores, settings.axes).nodes()["effects"]
    assert effects["best"].values[0] == LRS[1]


def test_axes_of_vectorised_trainings_are_those_of_the_records(train, options):
    chosen = {"lrs": (0.001, 0.01), "grid": ("lr_2=0.1,1", "weight_decay=0,0.1"), "epochs": 2, "seeds": 2}
    records = train(**chosen)
    assert "crossed" not in records
    report = report_from(STUDY, records, options(**chosen))
    settings = report.results["settings"].to_dataset()
    assert settings.sizes["setting"] == 4
    losses = on_grid(records["grid"])["val_loss"].isel(step_every_1_epoch=-1)
    best = report.results.attrs["setting"].split()
    labels = {"lr_2": float(best[1].rstrip(",")), "weight_decay": float(best[3])}
    assert np.allclose(report.results["networks/score"], losses.sel(labels))
    names = [item.name for item in report.items]
    assert {"effects", "settings", "by_lr_2", "by_weight_decay"} <= set(names)
    assert all(isinstance(item.frame(report.results), pd.DataFrame) for item in report.items if hasattr(item, "frame"))


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ("lr_fcs=1,3", "Did you mean 'fc'?"),
        ("lr_fc=0,1", "lr_fc must be a list of positive finite numbers"),
        ("momentum=0,0.9", "grid must be one of beta1"),
        ("seed=1,2", "with a name that is not taken"),
    ],
)
def test_an_axis_that_cannot_be_is_one_sentence_and_nothing_is_written(refused, axis, sentence):
    assert sentence in refused("run", "sweep", "--grid", axis, "--out", "results")
