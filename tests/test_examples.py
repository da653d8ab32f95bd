"""Every example runs in an empty folder and says what is true."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from lrscope.analysis import final_scores
from lrscope.cli import main
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
    assert printed.splitlines() == ["stopped after step 29", "went on to step 59; as if never stopped: True"]
    assert [path.name for path in sorted(Path("interrupted").glob("*.root"))] == ["records-1.root", "records.root"]
    assert np.isfinite(open_records("interrupted")["loss"].values).all()


def test_watch_for_instability(example):
    printed = example("watch_for_instability.py")
    onsets, leads = (re.findall(r"^0\.16 +(.*)$", printed, re.MULTILINE)[place].split() for place in (0, 1))
    sharpness, angle, norm, oscillation, error = map(int, onsets)
    assert 0 <= sharpness < angle < norm < error
    assert angle < oscillation < error
    assert [float(lead) for lead in leads] == [error - sign for sign in (sharpness, angle, norm, oscillation)]
    assert re.search(r"^0\.10?( +-1){5}$", printed, re.MULTILINE)
    first_alarm = int(re.search(r"alarms at \[\s*(\d+)", printed)[1])
    assert angle <= first_alarm < error
    shares = [float(word) for word in re.search(r"^\[([^\]]*)\]$", printed, re.MULTILINE)[1].split()]
    assert len(shares) == 9
    assert sum(shares) == pytest.approx(1, abs=0.05)  # nine numbers, rounded to two digits each


def test_gradient_driven_rate(example):
    printed = example("gradient_driven_rate.py")
    losses = re.findall(r"constant +(\S+), gradient-driven +(\S+)", printed)
    assert len(losses) == 3
    constant, driven = np.array(losses, dtype=float).T
    assert (driven < 0.01).all()
    assert not (constant < driven).any()
    assert "raised: aligned" in printed


@pytest.fixture
def rates(example, monkeypatch):
    """Return what choosing a rate printed; the file that it wrote is the argument of the next example."""
    printed = example("choose_a_rate.py")
    monkeypatch.setattr(sys, "argv", ["example", "rates.root"])
    return printed


def test_choose_a_rate(rates):
    table = {float(line[0]): line[1:] for line in map(str.split, rates.splitlines()) if line[0][0].isdigit()}
    assert list(table) == [0.001, 0.003, 0.01, 0.03, 0.1, 1.0]
    found = dict(pair.split(": ") for pair in rates.splitlines()[-1].split(", "))
    best = float(found["best"])
    assert float(found["low"]) <= best <= float(found["high"])
    assert float(table[best][0]) == min(float(columns[0]) for columns in table.values())
    plausible = [rate for rate, columns in table.items() if columns[-1] == "True"]
    assert plausible == [rate for rate in table if float(found["low"]) <= rate <= float(found["high"])]
    assert not {0.001, 0.003, 1.0} & set(plausible)
    assert found["decided"] == str(len(plausible) == 1)
    assert Path("rates.png").stat().st_size > 1000


def test_read_with_xarray(rates, example):
    printed = example("read_with_xarray.py")
    quartiles = re.findall(r"^0\.25 +(.*)$", printed, re.MULTILINE)
    assert len(quartiles[0].split()) == 6
    best = re.search(r"lowest at lr (\S+),", printed)[1]
    assert 0 <= float(re.search(r"at step (\S+)", printed)[1]) < 250
    assert best in rates
    assert printed.count("converged") >= 5  # the largest rate hardly learns


def test_read_with_uproot(rates, example):
    printed = example("read_with_uproot.py")
    means = {
        float(lr): float(mean) for lr, mean in re.findall(r"^lr (\S+) +(\S+) over 8 seeds$", printed, re.MULTILINE)
    }
    scores = final_scores(open_records("rates.root"))
    assert means == pytest.approx(dict(zip(scores["lr"].values, scores.mean("seed").values, strict=True)), abs=6e-4)


def test_record_your_loop(example):
    printed = example("record_your_loop.py")
    assert len(re.findall(r"^rate \S+: \d+ of 400 steps recorded in", printed, re.MULTILINE)) == 3
    slow, good, fast = map(float, re.search(r"last losses \[(.*)\]", printed)[1].split(", "))
    assert good < slow < fast
    records = open_records(sorted(Path().glob("mine-*.root")))
    assert sorted(records["lr"].values) == [0.001, 0.01, 1.0]
    assert all(path.stat().st_size <= 5_000_000 for path in Path().glob("mine-*.root"))


@pytest.mark.filterwarnings("ignore")  # Lightning's
def test_record_with_lightning(example):
    pytest.importorskip("lightning")
    printed = example("record_with_lightning.py")
    assert re.search(r"\d+ of 80 steps recorded", printed)
    loss = open_records("lightning.root")["loss"].values[0]
    assert loss[-1] < loss[0]


SCRIPTS = {
    "plain_pytorch.py": ("val_loss", "--epochs=2"),
    "with_lightning.py": ("val_loss", "--epochs=2"),
    "with_huggingface.py": ("eval_loss", "--steps=8"),
}
"""Script of a training -> its metric, and how to make it short."""


def test_every_script_is_tested():
    assert set(SCRIPTS) == {path.name for path in (FOLDER / "scripts").glob("*.py")}


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS)
def test_one_line_gives_a_report_on_a_script(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metric, short = SCRIPTS[script]
    command = [sys.executable, str(FOLDER / "scripts" / script), "--lr={lr}", "--seed={seed}", "--out={out}", short]
    options = ["--lrs", "0.0001", "0.01", "--seeds", "2", "--metric", metric, "--out", "results"]
    assert main(["run", "sweep", *options, "--", *command]) == 0
    scores = final_scores(open_records("results/records-grid.root"), metric)
    assert scores.sizes == {"lr": 2, "seed": 2}
    assert (scores.sel(lr=0.01) < scores.sel(lr=0.0001)).all()
    assert Path("results/report.html").exists()


@pytest.mark.filterwarnings("ignore")  # transformers'
def test_record_with_transformers(example):
    pytest.importorskip("transformers")
    printed = example("record_with_transformers.py")
    assert re.search(r"\d+ of 40 steps recorded", printed)
    records = open_records("transformers.root")
    assert records["loss"].values[0, -1] < records["loss"].values[0, 0]
    assert "weights_transformer_h_0_mlp_c_fc" in records
