"""From the command line to the folder: what is refused, custom targets, several experiments as one run."""

import numpy as np
import pytest

from lrscope import store
from lrscope.papers.stability import Options
from lrscope.studies import Folder, Where, run

RUN = ["run", "stability", "--out", "new"]
SMALL = {"target": "f1", "hidden": 3, "lrs": (0.5, 1.0), "epochs": 12}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--target", "f11"], "target must be one of f1, f2, package.module:function; got 'f11'. Did you mean 'f1'?"),
        (["--target", "nosuchmodule:f"], "target must name a function that can be imported; got 'nosuchmodule:f': "
         "No module named 'nosuchmodule'."),
        (["--hidden", "1"], "hidden must be greater than or equal to 2; got '1'."),
        (["--init-scale", "0"], "init_scale must be greater than 0; got '0'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(refused, words, sentence):
    assert refused(*RUN, *words) == sentence


@pytest.mark.parametrize(("name", "got"), [("one_number", "shape ()"), ("not_finite", "values that are not finite")])
def test_a_target_that_gives_no_number_for_each_point_is_one_sentence(refused, name, got):
    sentence = refused(*RUN, "--target", f"own_things:{name}")
    assert sentence.startswith("target must be a function that gives a finite number for each of 1")
    assert f"got {got!r}." in sentence


def test_a_target_of_ones_own_is_learned(tmp_path):
    folder = Folder(tmp_path / "run")
    options = Options(target="own_things:slope", hidden=3, lrs=(0.05,), epochs=79)
    assert run("stability", options, folder, command="-", where=Where("cpu"))
    records = store.open_records(folder.path / "records-run.root")
    assert float(records["loss"].isel(member=0, step=-1)) < 8  # half the mean of (2 x)**2 is 17
    learned = records.isel(member=0, step=0)
    np.testing.assert_array_equal(learned["targets"], 2 * learned["inputs"])


def test_the_progress_of_several_experiments_is_one_and_a_resume_begins_where_it_was(tmp_path):
    reports: list[tuple[int, int]] = []
    each, whole = 2 * 12, 2 * 2 * 12  # networks and steps of one experiment, of both

    def tell(done: int, total: int) -> None:
        reports.append((done, total))
        if len(reports) == each:  # in the second
            raise KeyboardInterrupt

    shared = {"command": "-", "where": Where("cpu"), "progress": tell}
    for resume, first in ((False, 0), (True, each)):
        assert run("stability", Options(**SMALL), Folder(tmp_path / "run"), resume=resume, **shared) is resume
        done, totals = zip(*reports, strict=True)
        assert set(totals) == {whole}
        assert list(done) == sorted(done)
        assert first < done[0] <= first + 2
        reports.clear()
    assert done[-1] == whole
