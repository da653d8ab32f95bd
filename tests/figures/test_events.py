import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from lrscope.figures._events import happened, mark_onsets

CRITERIA = ["angle", "gradient_norm", "error", "sharpness", "oscillation"]


@given(st.dictionaries(st.sampled_from(CRITERIA), st.integers(-1, 1000)))
def test_events_come_in_their_order_however_they_are_given(onsets):
    array = xr.DataArray(list(onsets.values()), {"criterion": list(onsets)}, ("criterion",))
    assert happened(onsets) == happened(array)
    steps = list(happened(onsets).values())
    assert steps == sorted(step for step in onsets.values() if step >= 0)


def test_a_missing_onset_may_be_nan():
    assert happened({"angle": float("nan"), "error": 3.0}) == {"error": 3}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_labels_do_not_overlap(steps):
    figure = Figure(figsize=(6, 3))
    ax = figure.subplots()
    ax.set_xlim(0, 1000)
    mark_onsets(ax, dict(zip(CRITERIA, steps, strict=True)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    for text in ax.texts:
        text.update_positions(renderer)
    boxes = [Text.get_window_extent(text, renderer) for text in ax.texts]  # without the line to the step
    assert len(boxes) == 5
    assert not any(box.overlaps(other) for place, box in enumerate(boxes) for other in boxes[:place])


def test_labels_name_criterion_and_step():
    ax = Figure().subplots()
    ax.set_xlim(0, 1000)
    mark_onsets(ax, {"gradient_norm": 742, "angle": 734, "oscillation": -1})
    assert [text.get_text() for text in ax.texts] == ["angle 734", "gradient norm 742"]
    assert [line.get_xdata()[0] for line in ax.lines] == [734, 742]


def test_events_outside_the_axis_are_left_out():
    ax = Figure().subplots()
    ax.set_xlim(700, 740)
    mark_onsets(ax, {"gradient_norm": 742, "angle": 734})
    assert [text.get_text() for text in ax.texts] == ["angle 734"]
