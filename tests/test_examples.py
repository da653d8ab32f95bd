"""Every example runs in an empty folder and says what is true."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from lrscope.store import open_records

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """Return a function that runs an example in an empty folder and returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(file: str) -> str:
        runpy.run_path(str(FOLDER / file), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_tested():
    tested = set(re.findall(r'example\("(\w+\.py)"\)', Path(__file__).read_text()))
    assert tested == {path.name for path in FOLDER.glob("*.py")}


def test_your_own_network(example):
    printed = example("your_own_network.py")
    assert printed.count("diverged") == 2
    assert "converged" in printed
    records = open_records("own.root")
    assert records.attrs["axes"] == ["lr", "momentum", "seed"]
    assert (records["lr"].values[records["diverged_at"].max("step").values >= 0] == 1e9).all()
    assert Path("own.png").stat().st_size > 1000


def test_stop_and_go_on(example):
    printed = example("stop_and_go_on.py")
    assert printed.splitlines() == ["stopped behind step 29", "went on to step 59; as if never stopped: True"]
    assert [path.name for path in sorted(Path("interrupted").glob("*.root"))] == ["records-1.root", "records.root"]
    assert np.isfinite(open_records("interrupted")["loss"].values).all()
