"""The published tables are those of the paper."""

import importlib.resources
import json
from collections import Counter

import pytest
import xarray as xr

from lrscope.papers.fluctuation._definitions import LRS, MODULES, QUANTITIES, SHAPES, published_counts

NEURONS = {"encoder": 97, "decoder": 98}
MISSING = {("pentagon", "GradBiases", "encoder", 0.01), ("octagon", "GradBiases", "encoder", 0.01)}


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    file = importlib.resources.files("lrscope.papers.fluctuation").joinpath("published.json")
    return json.loads(file.read_text(encoding="utf-8"))["rows"]


@pytest.fixture(scope="module")
def tables() -> dict[str, xr.DataArray]:
    return published_counts()


def key(row):
    return row["shape"], row["quantity"], row["module"], row["lr"]


def test_there_are_208_rows_each_once_and_two_are_missing(rows):
    assert len(rows) == 208
    assert set(Counter(map(key, rows)).values()) == {1}
    every = {
        (shape, quantity, module, lr)
        for shape in SHAPES
        for quantity in QUANTITIES.values()
        for module in MODULES
        for lr in LRS
    }
    assert every - set(map(key, rows)) == MISSING
    assert set(map(key, rows)) <= every


def test_the_totals_are_the_neurons_of_the_part_and_twice_for_the_square(rows):
    for row in rows:
        neurons = 96 if row["quantity"] == "Activations" else NEURONS[row["module"]]
        expected = neurons * (2 if row["shape"] == "square" else 1)
        assert row["low"] + row["middle"] + row["high"] == expected, key(row)


def test_every_row_stands_at_its_place(rows, tables):
    assert set(tables) == set(QUANTITIES)
    for row in rows:
        ours = next(name for name, theirs in QUANTITIES.items() if theirs == row["quantity"])
        place = {"shape": row["shape"], "lr": row["lr"], "module": row["module"]}
        assert tables[ours].sel(place).values.tolist() == [row["low"], row["middle"], row["high"]]
    assert sum(int(table.notnull().all("bin").sum()) for table in tables.values()) == 208


def test_rows_read_off_the_paper(tables):
    """Three rows as they stand in appendix A, figures 12 and following."""
    assert tables["activations"].sel(shape="triangle", lr=0.001, module="decoder").values.tolist() == [77, 15, 4]
    assert tables["weights"].sel(shape="circle", lr=0.01, module="encoder").values.tolist() == [93, 1, 3]
    assert tables["biases"].sel(shape="circle", lr=0.01, module="encoder").values.tolist() == [74, 15, 8]
