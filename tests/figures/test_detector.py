import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import detector, detector_scores, lead_times


def strips(ax):
    return [line for line in ax.lines if line.get_marker() == "o"]


def test_each_target_and_signal_has_its_lead_times(lead):
    ax = lead_times(lead)
    drawn = strips(ax)
    expected = [lead.values[target, signal] for target in range(2) for signal in range(3)]
    for line, values in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values[np.isfinite(values)])
    places = [round(float(np.mean(line.get_xdata())), 0) for line in drawn]
    assert places == [0, 1, 2, 0, 1, 2]


def test_boxes_are_the_quartiles(lead):
    ax = lead_times(lead)
    box = ax.lines[1].get_ydata()  # behind the first strip
    assert [box.min(), box.max()] == np.percentile(lead.values[0, 0], [25, 75]).tolist()


def test_few_values_have_no_box(lead):
    few = lead.isel(run=slice(0, 4))
    assert len(lead_times(few).lines) == len(strips(lead_times(few))) + 1


def test_signals_say_how_many_runs_they_have(lead):
    labels = [label.get_text() for label in lead_times(lead).get_xticklabels()]
    assert labels == ["angle\n16 runs", "gradient norm\n13 runs", "sharpness\n16 runs"]


def test_lead_times_over_orders_of_magnitude_have_a_curved_axis(lead):
    assert lead_times(lead).get_yscale() == "linear"
    lead[0, 0, 0] = 30_000
    ax = lead_times(lead)
    assert ax.get_yscale() == "symlog"
    assert ax.get_ylabel() == "lead time [updates]"


def test_a_signal_that_never_came_has_no_marks(lead):
    lead[:, 1] = np.nan
    assert [label.get_text() for label in lead_times(lead).get_xticklabels()][1] == "gradient norm\n0 runs"


def test_the_table_shows_every_score(scores):
    scores["precision"][1, 2] = np.nan
    ax = detector_scores(scores)
    cells = [text.get_text() for text in ax.texts[:12]]
    rows = np.stack([scores["precision"], scores["recall"]], -1).reshape(-1, 2)
    assert cells == [f"{share:.2f}" if np.isfinite(share) else "–" for share in rows.ravel()]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["precision", "recall"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["angle", "gradient norm", "sharpness"] * 2
    assert [text.get_text() for text in ax.texts[12:]] == ["f1", "f2"]


def test_both_stand_beside_each_other(lead, scores):
    left, right = detector(lead, scores).axes
    assert len(strips(left)) == 6
    assert len(right.images) == 1


def test_other_dimensions_are_refused(lead, scores):
    with pytest.raises(InputError, match=r"lead must be of dimensions \(target, signal, run\)"):
        lead_times(lead[0])
    with pytest.raises(InputError, match=r"scores must be of dimensions \(target, signal\)"):
        detector_scores(scores.isel(target=0))
