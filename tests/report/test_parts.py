"""Tables from results, claims that are counted, names that are unique."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.report import Figure, Report, Section, Table, array_of, dataset_of


def rows(table, results):
    frame = table.frame(results)
    return [list(frame.columns), *frame.values.tolist()]


def test_a_table_has_a_row_for_each_place_with_a_value(results):
    table = Table("t", "T", "fractions", ("part", "lr"), {"share": "below 0.3"})
    assert rows(table, results) == [["part", "lr", "below 0.3"], ["encoder", 0.01, 0.75], ["decoder", 0.01, 0.5]]


def test_columns_may_name_dimensions_and_order_them(results):
    table = Table("t", "T", "fractions/share", ("lr", "part"), {"share": "x", "lr": "learning rate"})
    assert rows(table, results)[:2] == [["part", "x", "learning rate"], ["encoder", 0.75, 0.01]]


def test_without_columns_there_are_all_dimensions_and_variables(results):
    assert rows(Table("t", "T", "fractions"), results)[:2] == [["part", "lr", "share"], ["encoder", 0.01, 0.75]]


def test_whole_numbers_are_whole_and_what_is_not_finite_is_none():
    numbers = {"a": [1.0, np.nan, 3.0], "b": [0.5, 0.25, np.inf], "c": ["u", "v", "w"], "d": [1.0, 1.0, 1e300]}
    data = xr.Dataset({name: ("x", values) for name, values in numbers.items()})
    cells = rows(Table("t", "T", lambda _: data, columns={name: name for name in numbers}), xr.DataTree())[1:]
    assert cells == [[1, 0.5, "u", 1.0], [None, 0.25, "v", 1.0], [3, None, "w", 1e300]]
    assert [type(cell) for cell in cells[0]] == [int, float, str, float]


def test_a_table_may_be_a_frame_and_may_be_empty():
    frame = pd.DataFrame({"why": ["because"], "round": [2]})
    assert rows(Table("t", "T", lambda _: frame), xr.DataTree()) == [["why", "round"], ["because", 2]]
    assert rows(Table("t", "T", lambda _: frame[:0]), xr.DataTree()) == [["why", "round"]]


def test_a_single_value_is_a_row():
    results = xr.DataTree.from_dict({"one": xr.Dataset({"best": 0.1})})
    assert rows(Table("t", "T", "one"), results) == [["best"], [0.1]]


@pytest.mark.parametrize(
    ("ask", "nearest"),
    [
        (lambda tree: Table("t", "T", "fractions", columns={"shore": "x"}).frame(tree), "'share'"),
        (lambda tree: Table("t", "T", "fractoins").frame(tree), "'fractions'"),
        (lambda tree: array_of(tree, "fractions/shares"), "'fractions/share'"),
        (lambda tree: dataset_of(tree, "network"), "'networks'"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(results, ask, nearest):
    with pytest.raises(InputError, match=f"Did you mean {nearest}"):
        ask(results)


def test_two_items_of_one_name_are_refused():
    items = [Figure("loss", "A", "", None), Figure("loss", "B", "", None)]
    with pytest.raises(InputError, match="'loss'"):
        Report("R", "?", [], [], [Section("S", items=items)])
