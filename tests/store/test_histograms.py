"""Histograms as TH1: the summaries of a writer, and those that are added."""

import hist
import numpy as np
import pytest
import uproot

from lrscope.store import Writer, add_histograms, open_records, write


def test_the_last_step_of_every_variable_is_summarised(written):
    read = open_records(written)
    with uproot.open(written) as file:
        assert set(file["summaries"].keys(cycle=False)) == {"weights_encoder_0", "loss", "diverged_at", "outputs"}
        assert set(file["summaries"].classnames().values()) == {"TH1D"}
        for name, dim in (("weights_encoder_0", "step"), ("outputs", "step_outputs")):
            counts, edges = file["summaries"][name].to_numpy()
            values = read[name].isel({dim: -1}).values
            expected, _ = np.histogram(values, edges)
            np.testing.assert_array_equal(counts, expected)
            assert counts.sum() == values.size
            assert edges[0] == values.min()
        assert file["summaries/loss"].axis().member("fTitle") == "loss [1]"


def test_what_is_not_finite_is_left_out(block, tmp_path):
    loss = block(0)["loss"].copy()
    loss[:, -1] = [np.nan, np.inf, 7, 7]
    write(
        tmp_path / "records.root",
        [block(0).assign(loss=loss, weights_encoder_0=block(0)["weights_encoder_0"] * np.nan)],
    )
    with uproot.open(tmp_path / "records.root") as file:
        counts, edges = file["summaries/loss"].to_numpy()
        assert counts.sum() == 2
        assert edges[0] < 7 < edges[-1]
        assert "weights_encoder_0" not in file["summaries"]


def test_histograms_are_added_and_replaced(written):
    before = open_records(written).load()
    for filled in (1, 2):
        histogram = hist.Hist(hist.axis.Regular(4, 0, 1, name="fluctuation")).fill([0.1] * filled)
        add_histograms(written, {"fluctuation/weights": histogram, "single": histogram})
        with uproot.open(written) as file:
            assert file["fluctuation/weights"].values().tolist() == [filled, 0, 0, 0]
            assert file["single"].values().tolist() == [filled, 0, 0, 0]
    assert open_records(written).load().identical(before)


def test_a_colon_in_the_path_is_no_object_in_the_file(block, tmp_path):
    path = tmp_path / "run:1" / "records.root"
    write(path, [block(0)])
    add_histograms(path, {"drawn:1": hist.Hist(hist.axis.Regular(2, 0, 1)).fill([0.1])})
    assert open_records(path.parent)["loss"].load().identical(block(0)["loss"])
    with uproot.open(path) as file:
        assert file["drawn:1"].values().tolist() == [1, 0]


def test_a_run_that_was_interrupted_has_no_summaries(block, tmp_path):
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "records.root") as writer:
        interrupted_training(writer, block)
    with uproot.open(tmp_path / "records.root") as file:
        assert "summaries" not in file


def interrupted_training(writer, block) -> None:
    writer.extend(block(0))
    raise KeyboardInterrupt
