"""What the study `linearity` says of trainings whose truth is known."""

import math
import re

import numpy as np
import pytest

from lrscope.papers.linearity import Options, analysis, findings
from lrscope.papers.linearity._results import results
from lrscope.papers.linearity._summary import SOURCE
from lrscope.papers.linearity._words import sure
from lrscope.report._old import Table
from lrscope.studies import Listed, Still

LAW = (
    "eta,a,b,replicates,pairing,r2,slope,expected_slope,r2_corrected,r2_corrected_low,r2_corrected_high,"
    "slope_corrected,slope_low,slope_high"
)


@pytest.fixture(scope="module")
def line(simulated):
    return findings(*simulated())


@pytest.fixture(scope="module")
def grid(simulated):
    return findings(*simulated("levelling", noise=0.01, grid=True))


def claim(found, name):
    return next(one for one in found.claims if one.id == name)


def table(found, name) -> Table:
    items = [item for chapter in found.chapters for item in chapter.items if isinstance(item, Listed)]
    return next(item.table for item in items if item.name == name)


def row(found, name, place=0) -> dict[str, object]:
    chosen = table(found, name)
    return dict(zip(chosen.columns, chosen.rows[place], strict=True))


def test_the_table_of_the_law_has_the_columns_that_were_promised(line, grid):
    assert ",".join(table(line, "law").columns) == LAW
    assert ",".join(table(grid, "laws_perceptron").columns) == LAW
    assert len(table(grid, "laws_perceptron").rows) == 7 * 8 * 7  # all rates but the two largest, ordered pairs


def test_the_law_is_read_in_the_page_with_names_of_networks_and_intervals(line, grid):
    law, grids = (
        next(item for chapter in found.chapters for item in chapter.items if getattr(item, "name", "") == name)
        for found, name in ((line, "law"), (grid, "laws_perceptron"))
    )
    [(network, *cells)] = law.shown.rows
    assert network == "perceptron"
    assert law.shown.columns[0] == "network"
    assert [name for name in (*law.shown.columns, *grids.shown.columns) if "_" in name] == []
    told = row(line, "law")
    assert cells[5] == sure([told[f"r2_corrected{end}"] for end in ("", "_low", "_high")], 4)
    assert cells[7] == sure([told[name] for name in ("slope_corrected", "slope_low", "slope_high")], 4)
    assert len(grids.shown.rows) == len(grids.table.rows)


def test_the_term_of_second_order_lies_in_its_interval_where_noise_takes_it_below_zero(simulated):
    records, options = simulated(noise=0.2, replicates=48)
    sums = analysis.summed(records["perceptron"])
    assert float(analysis.second_order(sums, 0.2, 0.05, 0.1)["share"]) < 0
    found = findings(records, options)
    told = row(found, "curvature")
    assert told["share of the change to eta + b"] == told["from"] == 0
    sentence = (
        "The term of second order has at most 5.0% of the mean square of the whole change, and cannot be told from"
    )
    assert sentence in found.summary[1]


def test_a_straight_path_is_found_to_be_straight(line):
    assert claim(line, "linear").holds
    assert claim(line, "slope").holds
    found = row(line, "law")
    assert found["r2_corrected_low"] <= 1 <= found["r2_corrected_high"]
    assert found["slope_low"] <= 2 == found["expected_slope"] <= found["slope_high"]
    assert "move along a nearly straight line as the rate goes from 0.2 to 0.25 and 0.3" in line.summary[1]


def test_a_bent_path_is_found_to_be_bent(simulated):
    found = findings(*simulated("bent"))
    assert claim(found, "linear").holds is False
    assert "do not move along a straight line" in found.summary[1]
    assert row(found, "curvature")["from"] > 0.3


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_noise_alone_decides_nothing_although_its_r2_is_not_zero(simulated, pairing):
    found = findings(*simulated("still", noise=3.0, pairing=pairing))
    assert row(found, "law")["r2"] == pytest.approx(0.25, abs=0.15)
    assert claim(found, "linear").holds is not True
    assert claim(found, "linear").measured is None or claim(found, "linear").holds is False
    assert "nan" not in " ".join(found.summary)
    assert not any(text in one.note for one in found.claims for text in ("nan", "inf"))


def test_large_changes_are_no_case_of_the_law(simulated):
    found = findings(*simulated(a=0.2, b=0.3))
    assert claim(found, "linear").holds is None
    assert claim(found, "linear").note == "Needs a and b of at most half of eta; here up to 1.5 of it."


def test_the_grid_tells_where_the_law_breaks(grid, line):
    assert [claim(grid, name).holds for name in ("near", "far", "smaller")] == [True] * 3
    assert [claim(line, name).note for name in ("near", "far", "smaller")] == ["Needs a grid of rates: --grid."] * 3
    assert [chapter.title for chapter in grid.chapters if chapter.title == "Where it breaks"]
    assert not [chapter.title for chapter in line.chapters if chapter.title == "Where it breaks"]
    medians = [float(text) for text in re.findall(r"([\d.]+) (?:up to|beyond)", grid.summary[2])]
    assert len(medians) == 4
    assert medians[0] == max(medians) > 0.99


def test_a_grid_of_a_bent_path_is_not_praised(simulated):
    found = findings(*simulated("bent", grid=True))
    assert [claim(found, name).holds for name in ("near", "far", "smaller")] == [False, True, False]


def test_a_delta_that_is_no_function_of_the_output_is_told_from_one_that_is(simulated, line):
    assert claim(line, "no-function").holds
    records, options = simulated()
    means = records["perceptron"]["outputs_sum"]
    follows = means.isel(lr=0) * (1 + (means["lr"] - 0.2))
    found = findings({"perceptron": records["perceptron"].assign(outputs_sum=follows.transpose(*means.dims))}, options)
    assert claim(found, "no-function").holds is False


@pytest.mark.parametrize(("change", "holds"), [(0.0, True), (1.0, False)])
def test_accuracies_are_compared(simulated, change, holds):
    found = claim(findings(*simulated(accuracy=change)), "accuracy")
    assert found.holds is holds
    value, low, high = map(float, re.search(r"difference (\S+)% \((\S+)% to (\S+)%\)", found.measured).groups())
    assert low < 10 * change < high
    assert low < value < high


def test_the_two_classes_whose_groups_differ_most_are_shown_with_their_images(simulated):
    records, options = simulated()
    [network] = results(records, options).networks
    stills = [item for chapter in findings(records, options).chapters for item in chapter.items]
    shown = [int(item.name[-1]) for item in stills if isinstance(item, Still) and item.name.startswith("favoured")]
    changes = network.change.favoured["mean_choosing_change"]
    apart = changes.sel(side="most") - changes.sel(side="least")
    assert shown == np.argsort(-apart.values)[:2].tolist()
    images = network.change.sheets.images[shown[0]]
    assert [images[side].shape[1:] for side in ("most", "least")] == [(8, 8), (8, 8)]


def test_images_that_are_not_there_any_more_are_left_out_with_a_sentence(simulated):
    records, _ = simulated()
    options = Options(data="cifar10", root="/nowhere", model=("perceptron",), replicates=32)
    found = findings(records, options)
    chapter = next(chapter for chapter in found.chapters if chapter.title == "Which examples")
    assert "The samples cannot be shown: root must be a folder that holds" in chapter.text
    assert [type(item) for item in chapter.items] == [Listed]


def test_other_images_than_were_learned_from_are_not_shown(simulated):
    records, options = simulated()
    changed = records["perceptron"].assign(learned_targets=records["perceptron"]["learned_targets"][..., ::-1])
    [network] = results({"perceptron": changed}, options).networks
    assert not network.change.sheets.images
    assert network.change.sheets.why == "The samples cannot be shown: digits holds others now than were learned from."


def test_each_network_has_claims_of_its_own(simulated):
    both = {"model": ("perceptron", "cnn"), "eta": 0.2}
    straight, options = simulated(**both)
    bent, _ = simulated("bent", **both)
    found = findings({"perceptron": straight["perceptron"], "cnn": bent["cnn"]}, options)
    assert [claim(found, name).holds for name in ("linear-perceptron", "linear-cnn")] == [True, False]
    assert claim(found, "linear-cnn").statement.startswith("cnn: the learning rate")
    assert claim(found, "far").note == "Needs a grid of rates: --grid."


def test_trainings_that_diverged_are_told(simulated):
    records, options = simulated()
    lost = records["perceptron"]["diverged"].copy()
    lost[{"lr": 2, "batch": 3}] = 2
    found = findings({"perceptron": records["perceptron"].assign(diverged=lost)}, options)
    assert found.summary[0].endswith("Of perceptron 2 at 0.3 are left out, because training diverged.")


def test_the_cost_is_that_of_the_measured_rate(line):
    found = row(line, "cost")
    assert found["seconds a training"] == pytest.approx(0.005)
    assert found[f"hours for {SOURCE:,} trainings"] == pytest.approx(SOURCE * 0.005 / 3600)
    assert math.isclose(SOURCE, 3 * 40_000)
    assert "an hour of a worker" not in line.chapters[-1].text


def test_an_hour_of_a_worker_has_a_price(simulated):
    found = findings(*simulated(price=1.2))
    assert row(found, "cost")["cost at 1.2 an hour"] == pytest.approx(1.2 * SOURCE * 0.005 / 3600)
    assert found.chapters[-1].text.endswith(" At 1.2 an hour of a worker: 0.2.")
