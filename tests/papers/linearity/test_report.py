"""What the study reports of trainings whose truth is known: results, tables, claims and sentences."""

import re

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.linearity import STUDY, Options, analysis
from lrscope.papers.linearity._sections import SOURCE_TRAININGS
from lrscope.report import Figure, Table

SAMPLES_OF_CLASS = 1250
"""Enough samples of each class for 240 of middling confidence."""
PATH_ITEMS = {"law", "law_perceptron_film", "r2_by_trainings", "trainings_needed", "curvature"}
CHANGE_ITEMS = {"delta_against_output", "favoured"}
SENSITIVITY_ITEMS = {"sensitivity"}
ALWAYS = {"rates", "cost"}


class Reported:
    """The report of a run, each part by its name."""

    def __init__(self, records, options):
        self.results = STUDY.results(records, options)
        self.summary = STUDY.summary(self.results, options)
        self.sections = STUDY.sections(self.results, options)
        self.claims = {claim.id: claim for claim in STUDY.judged(self.results)}

    @property
    def items(self):
        return [item for section in self.sections for item in section.items]

    def table(self, name):
        [table] = [item for item in self.items if isinstance(item, Table) and item.name == name]
        return table.frame(self.results)

    def holds(self, *names):
        return [self.claims[name].holds for name in names]

    def texts(self):
        claims = [text for claim in self.claims.values() for text in (claim.note, str(claim.measured))]
        return " ".join([*self.summary, *claims, *(section.text for section in self.sections)])


@pytest.fixture(scope="module")
def line(simulated):
    return Reported(*simulated())


@pytest.fixture(scope="module")
def grid(simulated):
    return Reported(*simulated("levelling", noise=0.01, grid=True))


def test_a_straight_path_is_straight(line):
    assert line.holds("linear", "slope") == [True, True]
    [law] = line.table("law").to_dict("records")
    assert (law["network"], law["eta"], law["a"], law["b"], law["trainings"]) == ("perceptron", 0.2, 0.05, 0.1, 32)
    assert law["R² from"] <= 1 <= law["R² to"]
    assert law["slope from"] <= 2 == law["b / a"] <= law["slope to"]
    assert "move along a nearly straight line as the rate goes from 0.2 to 0.25 and 0.3" in line.summary[1]


def test_a_bent_path_is_bent(simulated):
    bent = Reported(*simulated("bent"))
    assert bent.holds("linear") == [False]
    assert "do not move along a straight line" in bent.summary[1]
    assert bent.table("curvature")["share of the change, from"].item() > 0.3


def test_the_second_order_share_is_not_clipped_where_noise_takes_it_below_zero(simulated):
    records, options = simulated(noise=0.2, replicates=48)
    sums = analysis.summed(records["perceptron"])
    share = float(analysis.second_order(sums, 0.2, 0.05, 0.1)["share"])
    assert share < 0
    reported = Reported(records, options)
    row = reported.table("curvature").iloc[0]
    assert row["share of the change"] == share
    assert row["share of the change, from"] < share < row["share of the change, to"]
    assert ", which does not differ from zero" in reported.summary[1]


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_noise_alone_decides_nothing_although_its_r2_is_not_zero(simulated, pairing):
    still = Reported(*simulated("still", noise=3.0, pairing=pairing))
    assert still.table("law")["R²"].item() == pytest.approx(0.25, abs=0.15)
    assert still.claims["linear"].holds is not True
    assert not {"nan", "inf"} & set(re.findall(r"\w+", still.texts()))


def test_large_changes_are_no_case_of_the_law(simulated):
    claim = Reported(*simulated(delta=0.2, delta2=0.3)).claims["linear"]
    assert claim.holds is None
    assert claim.note == "Needs a and b of at most half of eta (here up to 1.5 of it)."


def test_the_grid_shows_where_the_law_breaks(grid, line, simulated):
    assert grid.holds("near", "far", "smaller") == [True] * 3
    assert {line.claims[name].note for name in ("near", "far", "smaller")} == {"Needs a grid of rates: --grid."}
    assert "grid_perceptron" in {item.name for item in grid.items}
    assert len(grid.table("laws_perceptron")) == 7 * 8 * 7  # all rates but the two largest, ordered pairs
    medians = [float(text) for text in re.findall(r"([\d.]+) (?:up to|beyond)", grid.summary[2])]
    assert len(medians) == 4
    assert medians[0] == max(medians) > 0.99
    assert Reported(*simulated("bent", grid=True)).holds("near", "far", "smaller") == [False, True, False]


def test_laws_that_are_straight_are_not_judged_by_chance(simulated):
    noisy = Reported(*simulated(noise=0.3, grid=True, pairing="independent"))
    near, far, smaller = noisy.holds("near", "far", "smaller")
    assert near is not False
    assert far is not True
    assert smaller is None


def test_laws_that_are_not_known_can_turn_the_verdict(simulated):
    records, options = simulated(noise=0.001, grid=True)
    results = STUDY.results(records, options)
    laws = results["perceptron/laws"].to_dataset()
    near = np.flatnonzero(~laws["swapped"] & (laws["size"] <= 0.5 + 1e-9))
    assert len(near) == 27
    for unknown, holds in ((0, True), (13, True), (14, None), (27, None)):
        lost = xr.DataArray(np.isin(np.arange(laws.sizes["law"]), near[:unknown]), dims="law")
        some = laws[["r2_corrected", "r2_corrected_low", "r2_corrected_high"]].where(~lost)
        results["perceptron/laws"] = xr.DataTree(laws.assign(some))
        assert next(claim for claim in STUDY.judged(results) if claim.id == "near").holds is holds


def test_each_law_is_counted_once(grid):
    laws = grid.results["perceptron/laws"].to_dataset()
    once = laws.isel(law=np.flatnonzero(~laws["swapped"]))
    assert 2 * once.sizes["law"] == laws.sizes["law"]
    changes = np.round(np.stack([once["eta"], once["a"] + once["b"], once["a"] * once["b"]]), 9)
    assert np.unique(changes, axis=1).shape[1] == once.sizes["law"]
    np.testing.assert_allclose(laws["size"], np.maximum(abs(laws["a"]), abs(laws["b"])) / laws["eta"])


def test_a_change_that_follows_from_the_output_differs_from_one_that_does_not(simulated, line):
    assert line.holds("no-function") == [True]
    records, options = simulated()
    means = records["perceptron"]["outputs_sum"]
    follows = (means.isel(lr=0) * (1 + (means["lr"] - 0.2))).transpose(*means.dims)
    assert Reported({"perceptron": records["perceptron"].assign(outputs_sum=follows)}, options).holds(
        "no-function"
    ) == [False]


@pytest.mark.parametrize(("noise", "holds"), [(0.02, False), (5.0, None)])
def test_noise_hides_no_relation(simulated, noise, holds):
    records, options = simulated("still", noise=noise, pairing="independent")
    base = simulated("still", noise=0.0)[0]["perceptron"]["outputs_sum"]
    related = records["perceptron"]["outputs_sum"] + 0.5 * (base["lr"] - 0.2) * base
    claim = Reported({"perceptron": records["perceptron"].assign(outputs_sum=related)}, options).claims["no-function"]
    assert claim.holds is holds
    assert "explains without noise: " in (claim.measured or claim.note)


@pytest.mark.parametrize(("change", "holds"), [(0.0, True), (1.0, False)])
def test_accuracies_are_compared_on_unrounded_numbers(simulated, change, holds):
    reported = Reported(*simulated(accuracy=change))
    assert reported.holds("accuracy") == [holds]
    names = ("difference_low", "difference", "difference_high")
    low, value, high = (float(reported.results["perceptron/accuracy"][name]) for name in names)
    assert low < value < high
    assert low < 0.1 * change < high


def confident(records, confidence, dog=0.5):
    """Return records of 12 500 learned samples: those that gain most begin with more confidence, or less."""
    draw = np.random.default_rng(0)
    learned = np.repeat(np.arange(10), SAMPLES_OF_CLASS)
    gain = draw.permuted(np.tile(np.linspace(-1, 1, SAMPLES_OF_CLASS), (10, 1)), axis=1).ravel()
    base = 5 + (confidence * gain if confidence else draw.normal(0, 1, len(learned)))
    lrs, each = records["lr"].values, records["replicates"].values
    own = base + np.multiply.outer((lrs - lrs[0]) / (lrs[-1] - lrs[0]), dog + 0.3 * gain)
    dims = (*records["replicates"].dims, "learned_sample")
    sums = {"class_output_sum": (dims, each[..., None] * own[:, None, None])}
    sums["learned_targets"] = (dims, np.tile(learned, (*each.shape, 1)))
    return {"perceptron": records.drop_vars(list(sums)).assign(sums)}


def test_a_band_of_few_samples_has_no_extremes(line):
    for name in ("confident-before", "confident-after"):
        assert line.claims[name].holds is None
        assert "240 samples of middling confidence" in line.claims[name].note


@pytest.mark.parametrize(
    ("confidence", "before", "after"), [(-1.0, True, False), (1.0, False, True), (0.0, False, True)]
)
def test_a_band_of_many_samples_is_judged(simulated, confidence, before, after):
    records, options = simulated()
    judged = Reported(confident(records["perceptron"], confidence), options)
    assert judged.holds("confident-before", "confident-after") == [before, after]


@pytest.mark.parametrize(
    ("dog", "rates", "holds"),
    [(0.5, {"lr": 0.4, "delta2": 0.2}, True), (1.5, {"lr": 0.4, "delta2": 0.2}, False), (0.5, {}, None)],
)
def test_the_dogs_of_cifar10_are_the_sources(simulated, dog, rates, holds):
    records, _ = simulated(**rates)
    options = Options(data="cifar10", root="/nowhere", model=("perceptron",), replicates=32, **rates)
    claim = Reported(confident(records["perceptron"], 0.0, dog), options).claims["dogs"]
    assert claim.published == [0.8, 0.2]
    assert claim.holds is holds


def test_the_two_classes_whose_groups_differ_most_are_shown_with_their_images(line):
    shown = [int(item.name[-1]) for item in line.items if isinstance(item, Figure) and item.name.startswith("favoured")]
    changes = line.results["perceptron/favoured/mean_choosing_change"]
    gap = changes.sel(side="most") - changes.sel(side="least")
    assert shown == np.argsort(-gap.values)[:2].tolist()
    assert dict(line.results["perceptron/images/image"].sizes) == {"class": 2, "side": 2, "rank": 24, "y": 8, "x": 8}


def test_images_that_are_no_longer_there_are_left_out_with_a_reason(simulated, line):
    records, options = simulated()
    missing = Reported(records, Options(data="cifar10", root="/nowhere", model=("perceptron",), replicates=32))
    [section] = [section for section in missing.sections if section.title == "Which examples"]
    assert "The samples cannot be shown: root must be a folder that holds" in section.text
    assert [item.name for item in section.items] == ["favoured"]
    turned = records["perceptron"].assign(learned_targets=records["perceptron"]["learned_targets"][..., ::-1])
    images = STUDY.results({"perceptron": turned}, options)["perceptron/images"]
    assert not images.data_vars
    assert images.attrs["reason"] == "The samples cannot be shown: digits has changed since the training."


def test_each_network_has_claims_of_its_own(simulated):
    both = {"model": ("perceptron", "cnn"), "lr": 0.2}
    straight, options = simulated(**both)
    bent, _ = simulated("bent", **both)
    reported = Reported({"perceptron": straight["perceptron"], "cnn": bent["cnn"]}, options)
    assert reported.holds("linear-perceptron", "linear-cnn") == [True, False]
    assert reported.claims["linear-cnn"].statement.startswith("cnn: the learning rate")
    assert reported.claims["far"].holds is None
    assert reported.table("law")["network"].tolist() == ["perceptron", "cnn"]


def test_the_cost_is_that_of_the_measured_time(line, simulated):
    row = line.table("cost").iloc[0]
    assert row["seconds a training"] == pytest.approx(0.005)
    assert row[f"hours for {SOURCE_TRAININGS:,} trainings"] == pytest.approx(120_000 * 0.005 / 3600)
    paid = Reported(*simulated(price=1.2))
    assert paid.table("cost").iloc[0]["cost at 1.2 an hour"] == pytest.approx(1.2 * 120_000 * 0.005 / 3600)


def lose(records, lr, batches=16):
    """Return the records as if all trainings of some batches had diverged at a rate."""
    lost = (abs(records["lr"] - lr) < 1e-9) & (records["batch"] < batches)
    diverged = records["replicates"].where(lost, 0).transpose(*records["replicates"].dims)
    sums = ["replicates", "outputs_sum", "loss_sum", "accuracy_sum", "class_output_sum"]
    kept = {name: records[name].where(~lost, 0).transpose(*records[name].dims) for name in sums}
    return records.assign(kept).assign(diverged=diverged)


@pytest.mark.parametrize(
    ("lr", "missing", "undecided"),
    [
        (0.2, PATH_ITEMS | CHANGE_ITEMS | SENSITIVITY_ITEMS, ["linear", "slope", "no-function", "accuracy"]),
        (0.25, PATH_ITEMS | SENSITIVITY_ITEMS, ["linear", "slope"]),
        (0.3, PATH_ITEMS | CHANGE_ITEMS, ["linear", "slope", "no-function", "accuracy"]),
    ],
)
def test_what_does_not_need_a_rate_that_diverged_is_shown_and_the_rest_is_named(
    simulated, line, lr, missing, undecided
):
    records, options = simulated()
    lost = Reported({"perceptron": lose(records["perceptron"], lr)}, options)
    shown = {item.name for item in lost.items}
    assert not shown & missing
    assert (PATH_ITEMS | CHANGE_ITEMS | SENSITIVITY_ITEMS) - missing | ALWAYS <= shown
    for name in (CHANGE_ITEMS | SENSITIVITY_ITEMS) - missing:
        assert lost.table(name).equals(line.table(name))
    assert f"perceptron: 32 at {lr} diverged (left out)." in lost.summary[0]
    assert lost.summary[1].startswith(f"perceptron: all 32 trainings at {lr} diverged. Unavailable: the law at 0.2, ")
    notes = {name: lost.claims[name].note for name in undecided}
    assert notes == dict.fromkeys(undecided, f"Needs more trainings (all 32 trainings at {lr} diverged).")
    assert lost.sections[0].title == "Unavailable"
    assert not {"nan", "inf"} & set(re.findall(r"\w+", lost.texts()))
    for item in lost.items:
        if isinstance(item, Figure):
            item.draw(lost.results)


def test_every_rate_shows_how_many_trainings_diverged(simulated):
    records, options = simulated()
    rates = Reported({"perceptron": lose(records["perceptron"], 0.3)}, options).table("rates")
    assert rates[["lr", "trainings", "diverged"]].values.tolist() == [[0.2, 32, 0], [0.25, 32, 0], [0.3, 0, 32]]
    assert rates["validation accuracy"].tolist()[-1] is None


def test_too_few_batches_are_counted(simulated):
    records, options = simulated()
    few = Reported({"perceptron": lose(records["perceptron"], 0.3, batches=9)}, options)
    assert "trainings diverged (18 at 0.3), and only 7 of 16 batches of trainings have a result" in few.summary[1]
    assert Reported({"perceptron": lose(records["perceptron"], 0.3, batches=8)}, options).table("curvature").size


def test_a_rate_of_the_grid_that_diverged_takes_only_its_own_laws(simulated, grid):
    records, options = simulated("levelling", noise=0.01, grid=True)
    fewer = Reported({"perceptron": lose(records["perceptron"], 0.6)}, options)
    xr.testing.assert_identical(*(one.results["perceptron/law"].to_dataset() for one in (fewer, grid)))
    laws, whole = (one.results["perceptron/laws"].to_dataset() for one in (fewer, grid))
    top = np.maximum(laws["eta"], laws["eta"] + np.maximum(laws["a"], laws["b"])) > 0.59
    assert laws["r2"].isnull().equals(top)
    xr.testing.assert_allclose(laws.isel(law=~top), whole.isel(law=~top), rtol=1e-9)
    assert " 49 of 196 laws are unavailable and left out." in fewer.summary[2]


def test_a_network_that_learned_nothing_takes_nothing_from_another(simulated):
    records, options = simulated(model=("perceptron", "cnn"), lr=0.2)
    lost = records["cnn"]
    for lr in (0.2, 0.25, 0.3):
        lost = lose(lost, lr).assign(diverged=xr.zeros_like(lost["diverged"]) + 2)
    both = Reported(records | {"cnn": lost}, options)
    alone = Reported({"perceptron": records["perceptron"]}, simulated()[1])
    for name in ("curvature", "favoured", "sensitivity"):
        assert both.table(name).equals(alone.table(name))
    assert any(text.startswith("cnn: all 32 trainings at 0.2, 0.25 and 0.3 diverged.") for text in both.summary)
    assert {claim.holds for name, claim in both.claims.items() if name.endswith("-cnn")} == {None}
    assert both.holds("linear-perceptron") == [True]
