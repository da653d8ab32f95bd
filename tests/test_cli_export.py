"""`lrscope export tensorboard`: what it prints and refuses; what it writes is tested with the integrations."""

import pytest

from lrscope.cli import main

EXPORT = ["export", "tensorboard"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run of two small networks, without its report."""
    folder = tmp_path_factory.mktemp("runs") / "my run"
    words = ["--shapes", "circle", "--lrs", "0.01", "--seeds", "2", "--epochs", "3", "--samples", "20"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrscope.studies.write_report", lambda folder: folder.report)
        assert main(["run", "fluctuation", *words, "--out", str(folder)]) == 0
    return folder


def test_a_run_is_exported_beside_its_records(run, capsys):
    assert main([*EXPORT, str(run)]) == 0
    assert capsys.readouterr().out == f"Event files: {run / 'tensorboard'}\n"
    names = [f"shape=circle,lr=0.01,seed={seed}" for seed in (0, 1)]
    assert sorted(path.name for path in (run / "tensorboard").iterdir()) == names
    assert main(["inspect", str(run / "records.root")]) == 0  # the run is as it was


def test_of_a_folder_with_several_experiments_the_grid_is_exported(run, tmp_path, capsys):
    for name in ("grid", "range-test"):
        (tmp_path / f"records-{name}.root").write_bytes((run / "records.root").read_bytes())
    assert main([*EXPORT, str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"Event files: {tmp_path / 'tensorboard'}\n"
    (tmp_path / "records-grid-1.root").write_bytes((run / "records.root").read_bytes())
    assert main([*EXPORT, str(tmp_path)]) == 2  # a part of the grid alone would be taken for all of it
    assert "must hold the records of one experiment; got those of grid, range-test" in capsys.readouterr().err


def test_a_file_is_exported_elsewhere_with_fewer_histograms(run, tmp_path, capsys):
    out = tmp_path / "events"
    assert main([*EXPORT, str(run / "records.root"), "--out", str(out), "--histograms", "0"]) == 0
    assert capsys.readouterr().out == f"Event files: {out}\n"
    small = sum(path.stat().st_size for path in out.rglob("events*"))
    assert main([*EXPORT, str(run / "records.root"), "--out", str(out), "--histograms", "2"]) == 0
    assert sum(path.stat().st_size for path in out.rglob("events*")) > small


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tensorbord"], "lrscope export must be one of tensorboard; got 'tensorbord'. Did you mean 'tensorboard'?"),
        (
            ["tensorboard"],
            "PATH must be a folder of a run or a file of records; got none. See lrscope export --help.",
        ),
        (
            ["tensorboard", "nowhere"],
            "nowhere does not exist. Give a file of records or the folder that a run has written.",
        ),
        (["tensorboard", "."], ". holds no records*.root. Give the folder that a run has written."),
        (
            ["tensorboard", ".", "--histograms", "-1"],
            "histograms must be greater than or equal to 0; got '-1'.",
        ),
        (["tensorboard", ".", "--oud", "x"], "an option must be one of --out, --histograms; got '--oud'. Did you mean"),
    ],
)
def test_what_is_not_allowed_is_said_in_one_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"lrscope: {sentence}")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--help"], ["tensorboard", "-h"], ["tensorboard", "x", "--help"]])
def test_help_is_printed_when_it_is_asked_for(words, capsys):
    assert main(["export", *words]) == 0
    assert capsys.readouterr().out.startswith("usage: lrscope export tensorboard PATH")
