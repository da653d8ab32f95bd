"""Rows that become variables."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.integrations import Recorder, _blocks
from lrscope.integrations._kernel import kernel_for
from lrscope.integrations._layout import Column
from lrscope.integrations._sorting import sorter_for
from lrscope.probes import Parameter
from lrscope.records import Variable
from lrscope.store import open_records

pytestmark = pytest.mark.skipif(kernel_for(torch.float32) is None, reason="no compiler of C")
SINGLE = np.dtype("float32")


def column(name: str, shape: tuple[int, ...], start: int, parameter: Parameter | None = None) -> Column:
    return Column(Variable(name, name, name), shape, start, parameter)


def test_rows_go_behind_those_that_are_there_and_never_behind_the_end():
    sorter = sorter_for([column("loss", (), 0), column("a", (2, 3), 4), column("b", (4,), 0)], SINGLE)
    assert sorter is not None
    rows = torch.arange(30, dtype=torch.float32).reshape(3, 10)
    first, second = ({"a": np.zeros((1, 7, 2, 3), ">f4"), "b": np.zeros((1, 7, 4), ">f4")} for _ in range(2))
    for arrays in (first, second):
        sorter.sort(rows[:2], 0, arrays)
        sorter.sort(rows, 2, arrays)
        wanted = torch.cat([rows[:2], rows]).numpy()
        np.testing.assert_array_equal(arrays["a"][0, :5], wanted[:, 4:].reshape(5, 2, 3))
        np.testing.assert_array_equal(arrays["b"][0, :5], wanted[:, :4])
        assert not arrays["a"][0, 5:].any()
        with pytest.raises(IndexError, match="8 rows must fit arrays of 7"):
            sorter.sort(rows, 5, arrays)
        assert not arrays["b"][0, 5:].any()


def test_numbers_need_no_loop():
    assert sorter_for([column("loss", (), 0)], SINGLE) is None


def test_without_the_loop_the_records_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = []
    for name in ("loop", "none"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with Recorder(model, tmp_path / f"{name}.root", optimizer) as recorder:
            for _ in range(6):
                optimizer.zero_grad()
                loss = model(torch.eye(3)).square().mean()
                loss.backward()
                optimizer.step()
                recorder.step(loss=loss)
        records = open_records(tmp_path / f"{name}.root").load()
        found.append(records.drop_vars(["recording_seconds", "training_seconds"]).drop_attrs())
        monkeypatch.setattr(_blocks, "sorter_for", lambda *_: None)
    assert found[0].equals(found[1])
    assert found[0]["weights_2"].sizes["step"] == 6
