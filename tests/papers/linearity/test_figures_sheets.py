import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.papers.linearity.figures import image_sheet


def test_both_blocks_show_their_images_the_most_extreme_first(gains, images):
    for ax, side in zip(image_sheet(gains, images).axes, ("most", "least"), strict=True):
        assert len(ax.images) == 7
        np.testing.assert_array_equal(ax.images[0].get_array(), images[side][0])
        lefts, tops = ([image.get_extent()[place] for image in ax.images] for place in (0, 3))
        assert lefts[:6] == sorted(lefts[:6])
        assert tops[6] < tops[0]
        assert lefts[6] == lefts[0]


def test_each_image_has_its_change_below(gains, images):
    most, least = image_sheet(gains, images).axes
    assert [text.get_text() for text in most.texts][:2] == ["+0.90", "+0.89"]
    assert least.texts[0].get_text() == "−0.20"
    left, right, bottom, _ = most.images[1].get_extent()
    x, y = most.texts[1].get_position()
    assert left < x < right
    assert y < bottom


def test_means_are_told_under_each_block(gains, images):
    most, least = image_sheet(gains, images).axes
    lines = ["Mean change: +0.80", "Mean confidence low: 5.10", "Mean confidence high: 5.90"]
    assert most.get_xlabel().splitlines() == lines
    assert least.get_xlabel().startswith("Mean change: −0.10")


def test_the_change_in_the_half_that_chose_is_told_if_it_is_known(gains, images):
    told = gains.assign(mean_choosing_change=("side", [1.25, -0.5], {"long_name": "mean change where chosen"}))
    most, least = image_sheet(told, images).axes
    assert most.get_xlabel().splitlines()[-1] == "Mean change where chosen: +1.25"
    assert least.get_xlabel().splitlines()[-1] == "Mean change where chosen: −0.50"


def test_colours_are_shown_as_they_are(gains, rng):
    images = {side: rng.random((8, 4, 4, 3)) for side in ("most", "least")}
    np.testing.assert_array_equal(image_sheet(gains, images).axes[1].images[2].get_array(), images["least"][2])


def test_black_is_zero_and_white_is_one_whatever_the_image(gains, images):
    dim = {side: 0.5 * values for side, values in images.items()}
    assert image_sheet(gains, dim).axes[0].images[0].get_clim() == (0, 1)


def test_a_class_has_its_name(gains, images):
    titles = [ax.get_title(loc="left") for ax in image_sheet(gains, images, "dog").axes]
    assert titles == ["Dog: rises most", "Dog: rises least"]


def test_no_sample_is_said(gains, images):
    nobody = (gains * np.nan).assign(position=gains["position"] * 0 - 1)
    for ax in image_sheet(nobody, images).axes:
        assert [text.get_text() for text in ax.texts] == ["too few samples of middling confidence"]
        assert ax.get_xlabel() == ""


@pytest.mark.parametrize("wrong", [np.zeros((3, 5, 5)), np.zeros((8, 5)), np.zeros((8, 5, 5, 4))])
def test_images_must_be_images_of_all(gains, images, wrong):
    with pytest.raises(InputError, match=r"images\['least'\] must be 7 or more of shape"):
        image_sheet(gains, images | {"least": wrong})


def test_each_side_must_have_images(gains, images):
    with pytest.raises(InputError, match="images must be an array for each of most and least; got 'nothing for least'"):
        image_sheet(gains, {"most": images["most"]})


def test_one_class_must_be_selected(gains, images):
    with pytest.raises(InputError, match=r"favoured must be of dimensions \(side, rank\)"):
        image_sheet(gains.expand_dims({"class": [3]}), images)
