import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.papers.linearity.figures import law_grid
from lrscope.papers.linearity.figures._grid import cells


def panels(figure):
    return [ax for ax in figure.axes if ax.get_title(loc="left")]


def test_each_rate_has_a_panel(laws):
    assert [ax.get_title(loc="left") for ax in panels(law_grid(laws))] == ["eta 0.1", "eta 0.2"]


def test_a_cell_is_the_law_of_its_steps(laws):
    first = panels(law_grid(laws))[0]
    drawn = first.collections[0].get_array()
    assert [text.get_text() for text in first.get_xticklabels()] == ["1", "1.5", "2"]
    of_rate = laws.isel(law=laws["eta"].values == 0.1)
    one = of_rate.isel(law=np.isclose(of_rate["a"], 0.15) & np.isclose(of_rate["b"], 0.1))
    assert drawn[0, 1] == float(one["r2_corrected"].item())
    assert np.isnan(np.diag(drawn.filled(np.nan))).all()


def test_columns_are_a_and_rows_are_b(laws):
    lopsided = laws.assign(slope=("law", laws["b"].values / laws["a"].values))
    steps, values = cells(lopsided.isel(law=laws["eta"].values == 0.1), "slope")
    np.testing.assert_allclose(steps, [0.1, 0.15, 0.2])
    assert values[2, 0] == pytest.approx(2)
    assert values[0, 2] == pytest.approx(0.5)


def test_steps_up_to_half_of_the_rate_are_framed(laws):
    first, second = panels(law_grid(laws))
    assert [patch.get_gid() for patch in first.patches] == []
    (frame,) = second.patches
    ratios = [text.get_text() for text in second.get_xticklabels()]
    assert ratios == ["−0.5", "0.25", "0.5"]
    assert frame.get_bbox().extents.tolist() == [-0.5, -0.5, 2.5, 2.5]


def test_few_cells_have_their_numbers_and_many_have_not(laws):
    assert len(panels(law_grid(laws))[0].texts) == 6
    rates = np.arange(1, 11) / 10
    a, b = (part.ravel() for part in np.meshgrid(rates, rates))
    many = laws.isel(law=np.zeros(100, int)).assign(a=("law", a), b=("law", b), r2_corrected=("law", a * b))
    figure = law_grid(many)
    assert len(panels(figure)[0].texts) == 0


def test_values_that_noise_takes_above_one_have_the_last_colour(laws):
    mesh = panels(law_grid(laws.assign(r2_corrected=laws["r2_corrected"] * 0 + 1.003)))[0].collections[0]
    assert mesh.norm(1.003) == mesh.norm(0.999)


def test_laws_must_be_listed(laws):
    with pytest.raises(InputError, match=r"laws must be of dimensions \(law\); got \(\)"):
        law_grid(laws.isel(law=0))
