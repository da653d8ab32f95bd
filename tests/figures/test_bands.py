import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import colours, figure_of, rate_band_panels, rate_bands


def parts(course):
    return course["centre"], course["low"], course["high"]


def marked(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def many(course, count):
    """The same curves at `count` rates."""
    wide = course.isel(lr=np.arange(count) % 3)
    return wide.assign_coords(lr=course["lr"].isel(lr=np.arange(count) % 3).copy(data=np.geomspace(1e-5, 1, count)))


def test_a_line_and_a_band_for_each_rate(course):
    ax = rate_bands(*parts(course))
    palette = colours(course["lr"].values)
    lines = {line.get_color(): line for line in ax.lines if len(line.get_xdata()) == 60}
    assert set(lines) == set(palette.values())
    for lr, colour in palette.items():
        np.testing.assert_array_equal(lines[colour].get_ydata(), course["centre"].sel(lr=lr))
    assert len(ax.collections) == 4


def test_the_first_and_the_last_seed_that_diverged_are_marked(course):
    ax = rate_bands(*parts(course), members=course["members"])
    (first,), (last,) = marked(ax, "first lost"), marked(ax, "last lost")
    assert (first.get_xdata().item(), last.get_xdata().item()) == (20, 39)
    assert first.get_color() == last.get_color() == colours(course["lr"].values)[0.1]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["lr 0.0001", "lr 0.001", "lr 0.01", "lr 0.1", "first seed diverged", "last seed diverged"]


def test_rates_that_keep_their_seeds_have_no_marks(course):
    ax = rate_bands(*parts(course.isel(lr=slice(3))), members=course["members"].isel(lr=slice(3)))
    assert marked(ax, "first lost") + marked(ax, "last lost") == []
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["lr 0.0001", "lr 0.001", "lr 0.01"]


def test_the_legend_stands_above_the_curves(course):
    ax = rate_bands(*parts(course))
    figure_of(ax).canvas.draw()
    assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1


def test_many_rates_have_a_colour_bar_in_their_colours(course):
    nine = many(course, 9)
    ax = rate_bands(*parts(nine))
    (bar,) = [other for other in figure_of(ax).axes if other is not ax]
    figure_of(ax).canvas.draw()
    texts = [text.get_text() for text in bar.get_yticklabels()]
    assert (texts[0], texts[4], texts[-1]) == ("1e-5", "0.00316", "1")
    assert ax.get_legend() is None


def test_losses_are_logarithmic_accuracies_are_not(course):
    assert rate_bands(*parts(course)).get_yscale() == "log"
    accuracy = course.assign(centre=course["centre"].assign_attrs(long_name="validation accuracy"))
    assert rate_bands(*parts(accuracy)).get_yscale() == "linear"
    given = course.assign(centre=course["centre"].assign_attrs(scale="linear"))
    assert rate_bands(*parts(given)).get_yscale() == "linear"


def test_a_rate_that_escapes_does_not_stretch_the_axis(course):
    escaping = course["centre"].copy()
    for first in (0, 30):  # at once, or on the way
        escaping[3, first:40] = 1e30
        ax = rate_bands(escaping, course["low"], course["high"])
        assert 1 < ax.get_ylim()[1] < 10


def test_marks_of_a_rate_that_escapes_stay_on_the_edge(course):
    escaping = course.assign(centre=course["centre"].copy())
    escaping["centre"][3, 10:40] = 1e25
    figure = rate_band_panels({"training loss": escaping, "validation loss": escaping})
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.height < figure.get_figheight() + 0.5
    ax = figure.axes[0]
    (first,), (last,) = marked(ax, "first lost"), marked(ax, "last lost")
    assert first.get_ydata().item() == last.get_ydata().item() == ax.get_ylim()[1] < 10


def test_long_curves_are_thinned(course):
    long = course.isel(step=np.arange(60_000) % 20).assign_coords(step=np.arange(60_000))
    ax = rate_bands(*parts(long))
    assert {len(line.get_xdata()) for line in ax.lines} == {1200}
    assert (ax.lines[0].get_xdata()[[0, -1]] == [0, 59_999]).all()


def test_panels_have_titles_and_one_legend(course):
    figure = rate_band_panels({"training loss": course, "validation loss": course, "last": course})
    assert [ax.get_title("left") for ax in figure.axes if ax.has_data()] == ["Training loss", "Validation loss", "Last"]
    assert len(figure.legends) == 1
    assert all(ax.get_legend() is None for ax in figure.axes)


def test_a_quantity_without_values_is_said_to_have_none(course):
    empty = course.where(False)
    ax = rate_bands(*parts(empty))
    assert [text.get_text() for text in ax.texts] == ["no finite outcome"]


def test_bad_input_is_refused(course):
    with pytest.raises(InputError, match=r"^quantities must be one or more, by title; got {}"):
        rate_band_panels({})
    with pytest.raises(InputError, match=r"^low must be of dimensions \(lr, step\)"):
        rate_bands(course["centre"], course["low"].isel(lr=0), course["high"])
