"""Curves are what the trainings logged, whatever they logged it with."""

import json
import math

import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.logs import compiled, curves_of, printed, read, read_folder

VALUES = {0: 2.5, 10: 1.25, 20: 0.5}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_comment_is_a_line_and_columns_may_be_separated_by_others_than_commas(tmp_path, separator):
    rows = [("step", "model", "loss"), ("1", '"run #1\n# of two"', "0.5"), ("2", "run #1", "0.25")]
    lines = ["# by hand", *(separator.join(row) for row in rows)]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    assert read(tmp_path / "log.csv")["loss"].to_dict() == {1: 0.5, 2: 0.25}


@pytest.mark.parametrize(
    ("rows", "values"),
    [("1;0,5\n2;2,5e-1\n3;3", [0.5, 0.25, 3]), ("1;1,5\n2;0.25", None), ("1;0.5\n2;0.25", [0.5, 0.25])],
)
def test_decimal_commas_are_read_where_no_number_has_a_point(tmp_path, rows, values):
    (tmp_path / "log.csv").write_text(f"step;loss\n{rows}\n")
    curves = read(tmp_path / "log.csv")
    assert (curves["loss"].tolist() if "loss" in curves else None) == values


def test_csv(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("step, val_loss, note\n0, 2.5, a\n10, 1.25, b\n20, 0.5, c\n")
    assert {name: curve.to_dict() for name, curve in read(file).items()} == {"val_loss": VALUES}


def test_an_empty_cell_is_no_value_and_nan_is_one(tmp_path):
    file = tmp_path / "metrics.csv"  # as Lightning's CSVLogger writes it
    file.write_text("epoch,step,train_loss,val_loss\n0,9,,2.5\n0,9,3.0,\n1,19,nan,\n1,19,,inf\n")
    curves = read(file)
    assert curves["val_loss"].to_dict() == {9: 2.5, 19: math.inf}
    assert curves["train_loss"].index.tolist() == [9, 19]
    assert np.isnan(curves["train_loss"][19])


def test_json_lines_with_nested_names_and_a_line_that_was_cut_off(tmp_path):
    file = tmp_path / "log.jsonl"
    rows = [{"step": step, "val": {"loss": value}, "done": True} for step, value in VALUES.items()]
    file.write_text("\n".join(json.dumps(row) for row in rows) + '\n{"step": 30, "val')
    assert {name: curve.to_dict() for name, curve in read(file).items()} == {"val.loss": VALUES}


def test_a_value_that_json_calls_nan_is_not_finite(tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": NaN}\n{"step": 3, "loss": null}\n')
    assert np.isnan(read(file)["loss"].iloc[-1])
    assert read(file)["loss"].index.tolist() == [1, 2]


def test_the_state_of_hugging_faces_trainer(tmp_path):
    log = [{"epoch": 0.5, "loss": 3.0, "step": 5}, *({"eval_loss": v, "step": s} for s, v in VALUES.items())]
    file = tmp_path / "trainer_state.json"
    file.write_text(json.dumps({"global_step": 20, "log_history": log}))
    curves = read(file)
    assert curves["eval_loss"].to_dict() == VALUES
    assert curves["loss"].to_dict() == {5: 3.0}


def test_rows_without_steps_are_numbered():
    assert curves_of([{"loss": 2.0}, {"loss": 1.0}])["loss"].to_dict() == {0: 2.0, 1: 1.0}
    assert curves_of([{"epoch": 0.5, "loss": 2.0}, {"epoch": 1.0, "loss": 1.0}])["loss"].index.tolist() == [0, 1]


def test_the_last_value_of_a_step_counts():
    assert curves_of([{"step": 1, "loss": 2.0}, {"step": 1, "loss": 3.0}])["loss"].to_dict() == {1: 3.0}


def test_event_files_of_tensorboard(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "run") as writer:
        for step, value in VALUES.items():
            writer.add_scalar("val/loss", value, step)
    assert read_folder(tmp_path)["val/loss"].to_dict() == VALUES


def test_of_several_files_the_one_that_comes_farthest_counts(tmp_path):
    for checkpoint, steps in (("checkpoint-20", [10, 20]), ("checkpoint-10", [10])):
        state = {"log_history": [{"eval_loss": float(step), "step": step} for step in steps]}
        (tmp_path / checkpoint).mkdir()
        (tmp_path / checkpoint / "trainer_state.json").write_text(json.dumps(state))
    assert read_folder(tmp_path)["eval_loss"].to_dict() == {10: 10.0, 20: 20.0}


def test_other_files_are_left_out(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    (tmp_path / "names.csv").write_bytes(b"\xff\xfe\x00broken")
    (tmp_path / "log.jsonl").write_text("no json\nat all\n")
    assert read_folder(tmp_path) == {}


@pytest.mark.parametrize("name", ["log.txt", "none.csv", "deep.json"])
def test_a_file_that_is_none_is_refused(tmp_path, name):
    (tmp_path / "log.txt").write_text("loss 1")
    (tmp_path / "deep.json").write_text("[" * 10**5)
    with pytest.raises(InputError):
        read(tmp_path / name)


def test_printed_numbers():
    text = "\x1b[32mstep 1\x1b[0m loss 2.5\rstep 2 loss 1.5e-1\nother\nstep 3 loss -inf (nan grads)\n"
    curves = printed(text, compiled(r"step (?P<step>\d+) loss ([-0-9.e]+)"), "loss")
    assert curves["loss"].to_dict() == {1: 2.5, 2: 0.15, 3: -math.inf}


def test_printed_nan_is_found_by_a_pattern_of_digits():
    curves = printed("loss 1.5\nloss nan\n", compiled(r"loss (\d\.\d)"), "loss")
    assert curves["loss"].iloc[0] == 1.5
    assert np.isnan(curves["loss"].iloc[1])


@pytest.mark.parametrize("pattern", ["loss [0-9.]+", "loss ([0-9"])
def test_a_pattern_without_a_group_is_refused(pattern):
    with pytest.raises(InputError):
        compiled(pattern)
