"""The report of any file of records: what it shows, what it leaves out, and what it says of files that are none."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrscope import store
from lrscope.cli import main
from lrscope.errors import InputError
from lrscope.records import DIVERGED_AT, Variable, new_block
from lrscope.report import Table
from lrscope.studies import write_report
from lrscope.studies._report import report_of_files
from lrscope.studies.recorded import _results

STEPS = 30
LAYERS = {"0": (5, 3), "2": (4, 5)}


def block(lrs=(0.1,), seeds=1, steps=STEPS, leave_out=(), axis="seed", diverged=(), dying=True, **more):
    """Return records of a small network: loss, norm, weights and their gradients, activations of one layer.

    Of its 5 neurons number 1 dies at step 10, number 2 is never active and number 3 is revived at step 20.
    """
    rng = np.random.default_rng(0)
    members = len(lrs) * seeds
    labels: dict[str, Variable] = {}
    values: dict[str, np.ndarray] = {}

    def add(array: np.ndarray, *label, **of):
        labels[label[0]] = Variable(*label, **of)
        values[label[0]] = array.astype(np.float32)

    add(np.exp(-np.arange(steps) / 9) + 0.01 * rng.random((members, steps)), "loss", "loss", "loss")
    add(rng.random((members, steps)) + 0.1, "gradient_norm", "gradient_norm", "norm of the gradient")
    for name, array in more.items():
        add(np.broadcast_to(array, (members, steps)), name, name, name)
    for layer, (count, inputs) in LAYERS.items():
        of = {"layer": layer, "module": "net", "dims": (f"neuron_{layer}", f"input_{layer}")}
        for quantity in ("weights", "weight_gradients"):
            drawn = rng.normal(size=(members, steps, count, inputs)) * np.arange(count)[:, None]
            add(drawn, f"{quantity}_{layer}", quantity, quantity, **of)
    active = np.full((members, steps, 5), 0.5)
    if dying:
        active[:, 10:, 1] = active[:, :, 2] = active[:, 10:20, 3] = 0
    of = {"layer": "1", "module": "net", "dims": ("neuron_1",)}
    for statistic, array in {"active": active, "min": 0 * active, "max": active, "std": active}.items():
        add(array, f"activations_{statistic}_1", "activations", statistic, statistic=statistic, **of)
    names = [name for name in labels if labels[name].quantity not in leave_out]
    labels, values = {name: labels[name] for name in names}, {name: values[name] for name in names}
    labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "diverged at")
    at = np.full((members, steps), -1)
    for member, step in dict(diverged).items():
        at[member, step:] = step
        for array in values.values():
            array[member, step:] = np.nan
    coords = {"member": np.arange(members), "lr": np.repeat(lrs, seeds), axis: np.tile(np.arange(seeds), len(lrs))}
    attrs = {"lr": {"long_name": "learning rate", "scale": "log"}, axis: {"long_name": axis}}
    whole = values | {DIVERGED_AT: at}
    return new_block(whole, labels, {"step": np.arange(steps)}, coords, attrs, dict.fromkeys(labels, "step"))


@pytest.fixture
def written(tmp_path):
    def write(records: xr.Dataset, name: str = "mine.root", **metadata) -> Path:
        store.write(tmp_path / name, [records], metadata)
        return tmp_path / name

    return write


@pytest.fixture
def reported(written):
    """Return the function that gives the report of records."""
    return lambda records, **metadata: report_of_files([written(records, **metadata)])


def titles(report) -> list[str]:
    return [chapter.title for chapter in report.sections]


def item(report, name):
    """Return the figure or table of a name."""
    return next(one for one in report.items if one.name == name)


def curves(report):
    """Return the summaries of the curves by name."""
    return {name: node.to_dataset() for name, node in report.results["curves"].children.items()}


def table(report, name):
    (one,) = [one for one in report.items if isinstance(one, Table) and one.name == name]
    return one.frame(report.results).to_dict("records")


def test_a_page_with_its_figures_and_tables_stands_beside_the_file(written, read, monkeypatch):
    monkeypatch.setattr(_results, "FLUCTUATING", ("weights",))
    file = written(block(leave_out=["weight_gradients"]))
    old = file.with_name("mine-report") / "figures"
    page = write_report(file)
    assert page == file.with_name("mine-report") / "report.html"
    drawn = {path.stem for path in old.iterdir()}
    assert drawn == {"training", "fluctuation_weights", "inactive", "dead", "activity", "survival"}
    assert {path.name for path in (page.parent / "tables").iterdir()} >= {"networks.csv", "lives.csv", "recorded.csv"}
    with (page.parent / "tables" / "lives.csv").open() as text:
        (row,) = csv.DictReader(text)
    assert (row["neurons"], row["never active"], row["dead at the end"], row["revivals"]) == ("5", "1", "2", "1")
    said = read(page)
    assert "Records of mine.root" in said
    assert "At the end 2 of 5 recorded neurons were dead." in said
    assert f"lrscope report {file}" in said
    assert "This command reads the records again" in said
    assert "trains the same networks" not in said


def test_an_earlier_report_is_replaced_and_other_files_stay(written):
    file = written(block(leave_out=["weights", "weight_gradients", "activations", "gradient_norm"]))
    folder = file.with_name("mine-report")
    for name in ("report.html", "figures/old.png", "tables/old.csv", "figures/notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    write_report([file])
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert "figures/notes.txt" in names
    assert not {"figures/old.png", "tables/old.csv"} & names
    assert "figures/training.svg" in names


def test_everything_recorded_has_its_chapter(reported):
    report = reported(block())
    assert titles(report) == [
        *("Training", "Gradients by layer", "Fluctuations", "Taking part", "Life of the neurons", "What was recorded")
    ]
    (network,) = table(report, "networks")
    assert network["outcome"] == "converged"
    assert network["last loss"] == pytest.approx(float(block()["loss"][0, -1]))
    rows = {(row["quantity"], row["statistic"]): row for row in table(report, "recorded")}
    assert rows["weights", "values"]["numbers a step"] == 5 * 3 + 4 * 5
    assert "from step 0 to step 29." in report.summary[0]
    assert (rows["loss", "values"]["steps"], rows["loss", "values"]["last"]) == (STEPS, STEPS - 1)
    assert all(row["MB"] > 0 for row in rows.values())


@pytest.mark.parametrize(
    ("missing", "gone", "sentence"),
    [
        (["activations"], "Life of the neurons", "Life of the neurons: activations were not recorded"),
        (["weight_gradients"], "Gradients by layer", "Gradients by layer: the values of gradients were not recorded"),
        (["weights", "weight_gradients", "activations"], "Fluctuations", "Fluctuations: weights, biases"),
        (["loss", "gradient_norm"], "Training", "Training: neither the loss nor"),
    ],
)
def test_what_was_not_recorded_is_left_out_with_a_sentence(reported, missing, gone, sentence):
    report = reported(block(leave_out=missing))
    assert gone not in titles(report)
    assert report.sections[-1].title == "What is left out"
    assert sentence in report.sections[-1].text


def test_layers_at_different_steps_are_left_out_not_an_error(reported):
    records = block()
    apart = records["weight_gradients_2"].isel(step=slice(None, None, 2)).rename(step="step_every_2")
    records = records.drop_vars("weight_gradients_2").assign(weight_gradients_2=apart)
    report = reported(records)
    text = report.sections[-1].text
    assert "Gradients by layer: the quantity must be recorded at one cadence in all layers" in text
    assert "Life of the neurons" in titles(report)


def test_everything_but_the_rate_counts_as_repetition(reported):
    report = reported(block(lrs=(0.1, 0.01), seeds=3, axis="shape"))
    assert "6 networks (lr 0.1, 0.01; shape 0, 1, 2)" in report.summary[0]
    assert {row["shape"] for row in table(report, "networks")} == {0, 1, 2}
    summaries = curves(report)
    assert dict(summaries["loss"].sizes) == {"lr": 2, "step": STEPS}
    assert (summaries["loss"]["low"] <= summaries["loss"]["mean"]).all()
    assert "All 6 networks ended with a lower loss" in report.summary[1]


def test_the_loss_of_a_network_that_did_not_improve_is_the_one_that_decides(reported):
    losses = np.linspace(4.2, 3.2, STEPS)
    losses[0], losses[-1] = 3.45, 3.26
    (text,) = [text for text in reported(block(loss=losses)).summary if "loss" in text]
    assert "3.45" in text
    assert f"{losses[-20:].mean():.3g}" in text
    assert "3.26" not in text


def test_a_rate_that_rose_before_it_fell_is_told_with_its_largest(reported):
    rising = np.r_[np.linspace(0, 0.3, 10), np.linspace(0.3, 0.01, STEPS - 10)]
    assert any("from 0 to 0.01 (up to 0.3)" in text for text in reported(block(learning_rate=rising)).summary)


def test_a_rate_that_stayed_is_no_sentence(reported):
    constant = reported(block(learning_rate=np.full(STEPS, 0.1))).summary
    assert not any("changed" in text for text in constant)


def test_diverged_networks_are_told(reported):
    report = reported(block(lrs=(0.1, 9.0), seeds=2, diverged={2: 4, 3: 0}))
    assert "Of the networks 2 ended with a lower loss than at the start, 2 diverged." in report.summary
    rows = table(report, "networks")
    assert [row["diverged at step"] for row in rows] == [None, None, 4, 0]
    assert rows[3]["last loss"] is None
    axes = item(report, "training").draw(report.results).axes
    crosses = [mark.get_offsets()[:, 0].tolist() for mark in axes[0].collections if mark.get_gid() == "diverged"]
    assert crosses == [[4, 0]]


def test_networks_that_all_diverged_at_once_are_told(reported):
    report = reported(block(lrs=(9.0,), seeds=2, diverged={0: 0, 1: 0}))
    assert "All 2 networks diverged." in report.summary
    assert not any("recorded neurons" in text for text in report.summary)


def test_where_nobody_dies_there_is_no_survival(reported):
    report = reported(block(dying=False))
    life = next(chapter for chapter in report.sections if chapter.title == "Life of the neurons")
    assert [one.name for one in life.items] == ["dead", "activity", "lives"]
    (row,) = table(report, "lives")
    assert (row["ever died"], row["dead at the end"]) == (0, 0)


def test_layers_that_are_not_rectified_are_named(reported):
    records = block()
    records["activations_min_1"] -= 1
    life = next(chapter for chapter in reported(records).sections if chapter.title == "Life of the neurons")
    assert "Activations of all recorded layers go below 0" in life.text


def test_long_records_are_thinned_and_it_is_said(reported, monkeypatch):
    records = block()
    size = sum(array.nbytes for array in records.values() if array.attrs["quantity"] == "weights")
    monkeypatch.setattr(_results, "READ_BYTES", size // 3)
    monkeypatch.setattr(_results, "POINTS", 10)
    monkeypatch.setattr("lrscope.studies.recorded._results._thinned.__defaults__", (10,))
    report = reported(records)
    moving = next(chapter for chapter in report.sections if chapter.title == "Fluctuations")
    assert "one of 4 recorded steps was used" in moving.text
    training = report.sections[0]
    assert "one of 3 steps is drawn" in training.text
    assert curves(report)["loss"].sizes["step"] == 10
    (network,) = table(report, "networks")
    assert network["last loss"] == pytest.approx(float(records["loss"][0, -1]))


def test_many_rates_and_layers_are_chosen_from(reported):
    report = reported(block(lrs=tuple(np.geomspace(1e-4, 1, 11))))
    training = item(report, "training")
    assert "Shown are 8 of 11 learning rates." in training.caption
    assert len(training.draw(report.results).axes[0].lines) == 8
    assert len(table(report, "networks")) == 11


def test_what_a_recorder_writes_down_of_its_time_is_told_and_not_drawn(reported):
    report = reported(block(recording_seconds=np.linspace(0, 0.5, STEPS), training_seconds=np.linspace(0, 10, STEPS)))
    assert "Recording took 0.5 of 10 s, 5% of the time, until the last record." in report.sections[-1].text
    assert set(curves(report)) == {"loss", "gradient_norm"}


def test_of_one_step_only_what_it_tells_is_told(reported):
    report = reported(block(steps=1, recording_seconds=1.48, training_seconds=1.0))
    assert report.summary[0] == "The records are of 1 network (lr 0.1; seed 0): one step was recorded, step 0."
    loss = table(report, "networks")[0]["last loss"]
    assert report.summary[1:] == [f"The loss was {loss:.3g} then."]
    assert table(report, "networks")[0]["outcome"] == "one step"
    assert titles(report) == ["Training", "Gradients by layer", "What was recorded", "What is left out"]
    assert all(isinstance(one, Table) for one in report.items)
    assert "Recording took" not in report.sections[2].text
    assert "Life of the neurons: activations were recorded at one step" in report.sections[3].text
    diverged = block(steps=1)
    diverged[DIVERGED_AT][:] = 0
    assert reported(diverged, name="diverged.root").summary[1:] == [
        f"The loss was {loss:.3g} then, and the network diverged."
    ]


def test_what_has_a_single_value_is_listed_and_not_drawn(reported):
    records = block(leave_out=("gradient_norm",), val_loss=0.5)
    single = records["val_loss"].isel(step=[-1]).rename(step="step_val_loss")
    report = reported(records.assign(val_loss=single.astype(np.float32)))
    assert set(curves(report)) == {"loss"}
    assert table(report, "networks")[0]["last validation loss"] == 0.5


def test_an_accuracy_is_not_drawn_on_a_logarithmic_axis(reported):
    report = reported(block(accuracy=np.linspace(0.01, 1, STEPS)))
    axes = item(report, "training").draw(report.results).axes
    scales = {ax.get_title("left"): ax.get_yscale() for ax in axes}
    assert (scales["Loss"], scales["Accuracy"]) == ("log", "linear")


def test_records_without_a_rate_are_told(written):
    records = block().drop_vars("lr").assign_attrs(axes=["seed"])
    report = report_of_files([written(records)])
    assert report.summary[0].startswith("The records are of 1 network (seed 0)")
    assert table(report, "lives")[0]["lr"] == "not recorded"


def test_an_interrupted_file_is_told_as_far_as_it_goes(tmp_path):
    first, second = block(), block()
    second = second.assign_coords(step=second["step"] + STEPS)
    writer = store.Writer(tmp_path / "cut.root")
    writer.extend(first)
    writer.extend(second)
    writer.wait()
    content = (tmp_path / "cut.root").read_bytes()
    writer.close()
    (tmp_path / "cut.root").write_bytes(content)
    report = report_of_files([tmp_path / "cut.root"])
    assert any(text.startswith("The file is not complete") for text in report.summary)
    assert "Life of the neurons" in titles(report)


def test_files_that_continue_each_other_are_one(written):
    later = block()
    first, second = written(block(), "a.root"), written(later.assign_coords(step=later["step"] + STEPS), "b.root")
    report = report_of_files([first, second])
    assert report.title == "Records of a.root, b.root"
    assert f"from step 0 to step {2 * STEPS - 1}." in report.summary[0]
    alone = report_of_files([second])
    assert f"from step {STEPS} to" in alone.summary[0]


def test_a_file_without_a_block_is_refused(tmp_path):
    writer = store.Writer(tmp_path / "begun.root")
    content = (tmp_path / "begun.root").read_bytes()
    writer.close()
    (tmp_path / "begun.root").write_bytes(content)
    with pytest.raises(InputError, match=r"begun.root must "):
        write_report([tmp_path / "begun.root"])


def test_the_command_says_where_the_page_is(written, capsys):
    file = written(block(leave_out=["weights", "weight_gradients", "activations"]))
    assert main(["report", str(file)]) == 0
    assert capsys.readouterr().out == f"Report: {file.parent}/mine-report/report.html\n"


def test_a_slash_in_a_name_makes_no_other_level(reported):
    both = block().assign(**{"loss/val": block()["loss"], "a%2Fb": block()["loss"]})
    assert {"loss", "loss%2Fval", "a%252Fb"} <= set(curves(reported(both)))
