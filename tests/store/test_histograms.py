"""Histograms as TH1: the summaries of a writer, and those that stand beside the records."""

import hist
import numpy as np
import pytest
import uproot

from lrscope.errors import StoreError
from lrscope.store import open_records, write, write_histograms


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


def test_histograms_have_a_file_of_their_own_and_are_replaced(tmp_path):
    path = tmp_path / "run:1" / "histograms.root"
    path.parent.mkdir()
    for filled in (1, 2):
        histogram = hist.Hist(hist.axis.Regular(4, 0, 1, name="fluctuation")).fill([0.1] * filled)
        write_histograms(path, {"fluctuation/weights": histogram, "drawn:1": histogram})
        with uproot.open(path) as file:
            assert set(file.classnames(cycle=False).values()) == {"TDirectory", "TH1D"}
            assert file["fluctuation/weights"].values().tolist() == [filled, 0, 0, 0]
            assert file["drawn:1"].values().tolist() == [filled, 0, 0, 0]
    assert [file.name for file in path.parent.iterdir()] == ["histograms.root"]


def test_histograms_that_cannot_be_written_are_a_sentence(tmp_path):
    with pytest.raises(
        StoreError, match=r"histograms\.root cannot be written: No such file or directory\. Check the disk"
    ):
        write_histograms(tmp_path / "nowhere" / "histograms.root", {})
