import numpy as np
import pytest
import xarray as xr
from matplotlib.patches import StepPatch

from lrscope.errors import InputError
from lrscope.figures import fluctuation_histogram


@pytest.fixture
def drawn(fluctuation, counts):
    published = counts.sel(shape="circle") - 1
    return fluctuation_histogram(fluctuation.sel(shape="circle"), counts.sel(shape="circle"), published, "Circle")


def panels(figure, columns=2):
    return np.reshape(figure.axes, (-1, columns))


def bars(ax):
    return [height for patch in ax.patches if isinstance(patch, StepPatch) for height in patch.get_data().values]


def test_bars_count_every_neuron_of_the_module(drawn):
    grid = panels(drawn)
    assert grid.shape == (4, 2)
    for row in grid[:3]:
        assert [sum(bars(ax)) for ax in row] == [5, 5]


def test_each_neuron_has_a_tick_at_its_value(drawn, fluctuation):
    encoder = fluctuation.sel(shape="circle", lr=0.001).isel(neuron=slice(0, 5))
    np.testing.assert_array_equal(panels(drawn)[1, 0].lines[0].get_xdata(), encoder)


def test_the_table_holds_the_counts_and_the_published_ones_in_brackets(drawn, counts):
    for column, module in enumerate(["encoder", "decoder"]):
        texts = [text.get_text() for text in panels(drawn)[3, column].texts]
        numbers = counts.sel(shape="circle", module=module).transpose("bin", "lr").values
        expected = []
        for label, of_bin in zip(counts["bin"].values, numbers, strict=True):
            expected += [label, *(f"{number} ({number - 1})" for number in of_bin)]
        assert texts == expected


def test_a_part_of_one_neuron_is_left_out_where_there_are_others(fluctuation, counts):
    of_shape = fluctuation.sel(shape="circle")
    one = of_shape.isel(neuron=np.flatnonzero(of_shape["module"].values == "decoder")[:1])
    rest = of_shape.isel(neuron=np.flatnonzero(of_shape["module"].values == "encoder"))
    both = xr.concat([rest, one], "neuron")
    titles = [ax.get_title(loc="left") for ax in fluctuation_histogram(both, counts.sel(shape="circle")).axes]
    assert [title for title in titles if title] == [f"Encoder, {rest.sizes['neuron']} neurons"]
    alone = fluctuation_histogram(one, counts.sel(shape="circle"))
    assert "Decoder, 1 neuron" in [ax.get_title(loc="left") for ax in alone.axes]


def test_a_published_number_that_is_missing_has_no_brackets(fluctuation, counts):
    of_shape = counts.sel(shape="circle")
    figure = fluctuation_histogram(fluctuation.sel(shape="circle"), of_shape, of_shape.where(of_shape["lr"] < 0.01))
    assert sum("(" in text.get_text() for text in panels(figure)[3, 0].texts) == 6


def test_without_published_numbers_there_are_no_brackets(fluctuation, counts):
    figure = fluctuation_histogram(fluctuation.sel(shape="circle"), counts.sel(shape="circle"))
    assert not any("(" in text.get_text() for ax in figure.axes for text in ax.texts)
    assert "brackets" not in figure.get_supxlabel()


def test_diverged_members_are_marked(fluctuation, counts):
    of_shape = fluctuation.sel(shape="circle").copy()
    of_shape["steps_used"] = ("lr", [100, 40, 1])
    of_shape[2] = np.nan
    of_counts = counts.sel(shape="circle").where(counts["lr"] < 0.01, 0)
    grid = panels(fluctuation_histogram(of_shape, of_counts))
    marks = [[text.get_text() for text in ax.texts if "steps" in text.get_text()] for ax in grid[:3, 0]]
    assert marks == [[], ["diverged after 40 recorded steps"], ["fewer than two recorded steps"]]
    assert bars(grid[2, 0]) == []
    assert [text.get_text() for text in grid[3, 0].texts].count("–") == 3


def test_other_dimensions_are_refused(fluctuation, counts):
    with pytest.raises(InputError, match=r"fluctuation must be of dimensions \(lr, neuron\)"):
        fluctuation_histogram(fluctuation, counts)
