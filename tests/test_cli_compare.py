"""`lrscope compare`: what it prints and refuses; what it computes is tested with the studies and analyses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lrscope import store
from lrscope.cli import main
from lrscope.records import DIVERGED_AT, Variable, new_block

RATES = ["--lr", "0.001", "--lr", "0.01"]
STEPS, EPOCHS = np.arange(46), np.array([22, 45])


def write_run(folder: Path, grids: dict[str, dict[str, list]]) -> Path:
    """Write the folder of a run whose experiments have these axes: loss at each step, validation at each epoch."""
    rng = np.random.default_rng(0)
    for name, axes in grids.items():
        columns = [column.ravel() for column in np.meshgrid(*axes.values(), indexing="ij")]
        count = len(columns[0])
        values = {
            "loss": rng.normal(1, 0.1, (count, len(STEPS))),
            "val_loss": rng.normal(1, 0.1, (count, 2)),
            "val_accuracy": rng.uniform(0, 1, (count, 2)),
            DIVERGED_AT: np.full((count, len(STEPS)), -1),
        }
        block = new_block(
            values,
            {each: Variable(each, each, each) for each in values},
            {"step": STEPS, "step_every_1_epoch": EPOCHS},
            {"member": np.arange(count), **dict(zip(axes, columns, strict=True))},
            {axis: {"long_name": axis} for axis in axes},
            {each: "step_every_1_epoch" if each.startswith("val") else "step" for each in values},
        )
        folder.mkdir(exist_ok=True)
        store.write(folder / f"records-{name}.root", [block], {})
    described = {"study": "sweep", "options": {}, "command": "", "versions": {}, "machine": {}, "finished": True}
    (folder / "experiment.json").write_text(json.dumps({**described, "experiments": {name: {} for name in grids}}))
    return folder


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Return the folder of a run with the experiments of the study `sweep`."""
    crossed = {"lr": [0.001, 0.01], "init_seed": [0, 1], "order_seed": [0, 1]}
    grids = {"grid": {"lr": [0.001, 0.01], "seed": [0, 1, 2]}, "range-test": {"lr": [1e-7]}, "crossed": crossed}
    return write_run(tmp_path_factory.mktemp("runs") / "my run", grids)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Return the folder of a run with two shapes."""
    axes = {"shape": ["circle", "spiral"], "lr": [0.001, 0.01], "seed": [0, 1]}
    return write_run(tmp_path_factory.mktemp("shapes") / "run", {"grid": axes})


@pytest.fixture
def said(capsys):
    """Return the function that compares and gives what was printed."""

    def run(*words: object) -> str:
        assert main(["compare", *map(str, words)]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return run


def test_a_sweep_is_compared_by_its_score(sweep, said):
    text = said(sweep, *RATES, "--size", "0.5")
    assert re.search(
        r"^0\.01 (beats|and) 0\.001 .* in validation loss.*over 3 paired seeds at step 45", text
    ) or re.search(r"^0\.001 and 0\.01 cannot be distinguished in validation loss: a difference of ", text)
    assert "all 8 flips of their signs: p = " in text
    assert re.search(
        r"^learning rate +validation loss +compared +diverged *\n0\.001 .* 3 +0 *\n0\.01 .* 3 +0 *$", text, re.M
    )
    assert re.search(r"^0\.5 \(asked for\) +\d+ *$", text, re.M)


def test_a_file_is_compared_as_the_folder(sweep, said):
    folder = said(sweep, *RATES, "--metric", "val_accuracy")
    assert said(sweep / "records-grid.root", *RATES, "--metric", "val_accuracy") == folder
    assert "in validation accuracy" in folder


def test_other_steps_experiments_and_confidences_are_chosen(sweep, said):
    assert "at step 7" in said(sweep, *RATES, "--metric", "loss", "--step", "7")
    crossed = said(sweep, *RATES, "--experiment", "crossed", "--where", "order_seed=1", "--confidence", "0.5")
    assert "50 %" in crossed
    assert "over 2 paired seeds" in crossed


def test_cases_are_shown_in_whole_lines(shapes, said):
    text = said(shapes, *RATES)
    assert "…" not in text
    assert len(re.findall(r"^(circle|spiral) ", text, re.M)) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["RUN", "--lr", "0.001"], "--lr must be given twice, for the two rates; got '0.001'. Write for example"),
        (["RUN", "--lr", "0.002", "--lr", "0.01"], "lr must be a rate that was trained; got 0.002. The nearest: 0.001 "
         "and 0.01."),
        (["RUN", "--lr", "0.01", "--lr", "0.01"], "other must be another rate than lr; got 0.01."),
        (["RUN", *RATES, "--confidence", "95"], "confidence must be less than 1; got '95'. Write 95 % as 0.95."),
        (["RUN", *RATES, "--metric", "val_los"], "metric must be one of loss, val_loss, "),
        (["RUN", *RATES, "--step", "7"], "step must be one at which val_loss was recorded; got 7. The nearest: "
         "22 and 45."),
        (["RUN", *RATES, "--where", "seed"], "--where must be AXIS=VALUE; got 'seed'. Write for example --where "
         "shape=circle."),
        (["RUN", *RATES, "--where", "seed=0"], "seeds must be 2 or more that ended well, at both rates; got 1 of 1 at "
         "0.001 and 1 of 1 at 0.01."),
        (["RUN", *RATES, "--experiment", "crossd"], "experiment must be one of grid, range-test, crossed; got "
         "'crossd'. Did you mean 'crossed'?"),
        (["RUN", *RATES, "--experiment", "crossed"], "records must have one axis of seeds; got init_seed and "
         "order_seed, whose networks share seeds. Add for example --where order_seed=0."),
        (RATES, "DIR must be a folder of a run or files of records; got none. See lrscope compare --help."),
        (["nowhere", *RATES], "nowhere does not exist. Give a file of records or the folder that a run has written."),
        ([".", *RATES], ". holds no records*.root. Give the folder that a run has written."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_compared_is_one_sentence(words, sentence, sweep, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *(str(sweep) if word == "RUN" else word for word in words)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"lrscope: {sentence}")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
