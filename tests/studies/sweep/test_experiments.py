"""What the study trains."""

import pytest

from lrscope.studies.sweep import STUDY, Options

MODULE = """
import numpy as np

images = np.random.default_rng(0).normal(size=(24, 1, 8, 8)).astype(np.float32)
targets = np.arange(24) % 2
data = (images[:16], targets[:16]), (images[16:], targets[16:] + 1)
"""


@pytest.fixture
def images(tmp_path, monkeypatch):
    (tmp_path / "pictures_of_mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return "pictures_of_mine:data"


def test_the_network_of_the_source_has_an_output_for_classes_that_are_only_validation(images):
    made = STUDY.experiments(Options(data=images, lrs=(0.01,), seeds=1, epochs=1, batch_size=8, crossed_seeds=0))
    arrays = next(iter(made.values())).data.arrays()
    assert arrays.targets.max() == 1
    assert [experiment.model.classes for experiment in made.values()] == [3, 3]
