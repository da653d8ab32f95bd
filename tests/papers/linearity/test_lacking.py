"""Where trainings diverged, the report shows what can be shown, and says what cannot."""

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.linearity import Options, experiments, findings, replicate
from lrscope.papers.linearity._results import results
from lrscope.studies import Listed, Still

PATH_ITEMS = {"law_perceptron", "r2_perceptron", "second_order_perceptron", "trainings_needed", "curvature"}
CHANGE_ITEMS = {"delta_perceptron", "delta_against_output", "favoured"}
SENSITIVITY_ITEMS = {"sensitivity_perceptron", "sensitivity"}
ALWAYS = {"law", "rates", "cost"}


def lose(records: xr.Dataset, lr: float, batches: int = 16) -> xr.Dataset:
    """Return the records as if all trainings of some batches had diverged at a rate."""
    lost = (abs(records["lr"] - lr) < 1e-9) & (records["batch"] < batches)
    told = records["replicates"].where(lost, 0).transpose(*records["replicates"].dims)
    sums = [name for name in records if str(name).endswith("_sum") or name == "replicates"]
    return records.assign({name: records[name].where(~lost, 0).transpose(*records[name].dims) for name in sums}).assign(
        diverged=told
    )


def items(found) -> dict[str, object]:
    return {item.name: item for chapter in found.chapters for item in chapter.items if isinstance(item, Listed | Still)}


def texts(found) -> str:
    notes = [one.note for one in found.claims]
    return "\n".join([*found.summary, *notes, *(chapter.text for chapter in found.chapters)])


@pytest.mark.parametrize(
    ("lr", "missing", "undecided"),
    [
        (0.2, PATH_ITEMS | CHANGE_ITEMS | SENSITIVITY_ITEMS, ["linear", "slope", "no-function", "accuracy"]),
        (0.25, PATH_ITEMS | SENSITIVITY_ITEMS, ["linear", "slope"]),
        (0.3, PATH_ITEMS | CHANGE_ITEMS, ["linear", "slope", "no-function", "accuracy"]),
    ],
)
def test_what_does_not_need_the_rate_is_shown_and_the_rest_is_named(simulated, lr, missing, undecided):
    records, options = simulated()
    whole = items(findings(records, options))
    found = findings({"perceptron": lose(records["perceptron"], lr)}, options)
    shown = items(found)
    assert not set(shown) & missing
    assert (PATH_ITEMS | CHANGE_ITEMS | SENSITIVITY_ITEMS) - missing | ALWAYS <= set(shown)
    for name in shown:
        if name in CHANGE_ITEMS | SENSITIVITY_ITEMS and isinstance(shown[name], Listed):
            assert shown[name].table == whole[name].table
    assert f"Of perceptron 32 at {lr} are left out" in found.summary[0]
    assert found.summary[1].startswith(f"perceptron: all 32 trainings at {lr} diverged. Not known is the law at 0.2, ")
    notes = {one.id: one.note for one in found.claims if one.id in undecided and one.holds is None}
    assert notes == dict.fromkeys(undecided, f"Not decided: all 32 trainings at {lr} diverged.")
    assert found.chapters[0].title == "What is not known"
    assert not {"nan", "inf"} & set(texts(found).replace(",", " ").split())
    for item in shown.values():
        if isinstance(item, Still):
            item.draw()


@pytest.mark.parametrize("lr", [0.2, 0.25, 0.3])
def test_the_table_of_the_law_has_its_row(simulated, lr):
    records, options = simulated()
    law = items(findings({"perceptron": lose(records["perceptron"], lr)}, options))["law"]
    listed, shown = law.table, law.shown
    [row] = [dict(zip(listed.columns, cells, strict=True)) for cells in listed.rows]
    told = {"eta": 0.2, "a": 0.05, "b": 0.1, "replicates": 0, "pairing": "common", "expected_slope": 2.0}
    assert row == dict.fromkeys(listed.columns) | told
    assert shown.rows == [("perceptron", 0.2, 0.05, 0.1, 0, None, None, None, None, 2.0)]
    assert shown.note.endswith("Empty where trainings diverged: perceptron.")


def test_every_rate_tells_how_many_trainings_diverged(simulated):
    records, options = simulated()
    table = items(findings({"perceptron": lose(records["perceptron"], 0.3)}, options))["rates"].table
    assert [row[1:4] for row in table.rows] == [(0.2, 32, 0), (0.25, 32, 0), (0.3, 0, 32)]
    assert table.rows[2][4] is None


def test_too_few_batches_are_counted(simulated):
    records, options = simulated()
    found = findings({"perceptron": lose(records["perceptron"], 0.3, batches=9)}, options)
    assert (
        "so many trainings diverged (18 at 0.3) that 7 of 16 batches of trainings have a result at each of 0.2 and "
        "0.3, and intervals need 8. Not known is what changes from 0.2 to 0.3" in found.summary[1]
    )
    assert items(findings({"perceptron": lose(records["perceptron"], 0.3, batches=8)}, options))["curvature"]


def test_a_rate_of_the_grid_beside_takes_only_its_own_laws(simulated):
    records, options = simulated("levelling", noise=0.01, grid=True)
    whole, fewer = (
        results(one, options).networks[0] for one in (records, {"perceptron": lose(records["perceptron"], 0.6)})
    )
    assert not fewer.lacking
    xr.testing.assert_identical(fewer.path.law, whole.path.law)
    top = np.maximum(fewer.laws["eta"], fewer.laws["eta"] + np.maximum(fewer.laws["a"], fewer.laws["b"])) > 0.59
    assert fewer.laws["r2"].isnull().equals(top)
    xr.testing.assert_allclose(fewer.laws.isel(law=~top), whole.laws.isel(law=~top), rtol=1e-9)
    found = findings({"perceptron": lose(records["perceptron"], 0.6)}, options)
    assert "Of 196 laws 49 are not known and left out." in found.summary[2]
    items(found)["grid_perceptron"].draw()


def test_a_network_that_learned_nothing_takes_nothing_from_another(simulated):
    records, options = simulated(model=("perceptron", "cnn"), eta=0.2)
    lost = records["cnn"]
    for lr in (0.2, 0.25, 0.3):
        lost = lose(lost, lr).assign(diverged=xr.zeros_like(lost["diverged"]) + 2)
    found = findings(records | {"cnn": lost}, options)
    alone = findings({"perceptron": records["perceptron"]}, simulated()[1])
    for name in ("curvature", "favoured", "sensitivity", "cost"):
        rows = items(found)[name].table.rows
        assert [row for row in rows if row[0] == "perceptron"] == items(alone)[name].table.rows
    assert any(text.startswith("cnn: all 32 trainings at 0.2, 0.25 and 0.3 diverged.") for text in found.summary)
    assert {one.holds for one in found.claims if one.id.endswith("-cnn")} == {None}
    assert next(one for one in found.claims if one.id == "linear-perceptron").holds


def test_a_training_with_a_rate_that_is_far_too_large_has_a_report():
    options = Options(model=("perceptron",), replicates=8, epochs=1, b=1e30)
    [(name, one)] = experiments(options).items()
    found = findings({name: replicate(one)}, options)
    assert "perceptron: all 8 trainings at 1e30 diverged." in found.summary[1]
    assert set(items(found)) == SENSITIVITY_ITEMS | ALWAYS
