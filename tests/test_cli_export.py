"""`lrscope export tensorboard`: what it prints and refuses; what it writes is tested with the integrations."""

import pytest
import torch

from lrscope.cli import main
from lrscope.recorder import Recorder
from lrscope.studies import Folder

EXPORT = ["export", "tensorboard"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the folder of a run of two small networks, without its report."""
    folder = tmp_path_factory.mktemp("runs") / "my run"
    words = ["--shapes", "circle", "--lrs", "0.01", "--seeds", "2", "--epochs", "3", "--samples", "20"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrscope.studies.write_report", lambda folder, *_: folder.report)
        assert main(["run", "fluctuation", *words, "--out", str(folder)]) == 0
    return folder


def test_a_run_is_exported_beside_its_records(run, capsys):
    assert main([*EXPORT, str(run)]) == 0
    assert capsys.readouterr().out == f"Event files: {run / 'tensorboard'}\n"
    names = [f"shape=circle,lr=0.01,seed={seed}" for seed in (0, 1)]
    assert sorted(path.name for path in (run / "tensorboard").iterdir()) == names
    assert main(["inspect", str(run / "records.root")]) == 0  # the run is as it was


def exported(folder):
    return sorted(path.name for path in (folder / "tensorboard").iterdir())


def test_of_a_folder_with_several_experiments_the_grid_and_its_rounds_are_exported(tmp_path, run, capsys):
    described = Folder(run).description()
    ((_, experiment),) = described["experiments"].items()
    names = ("grid", "round2", "range-test")
    told = {**described, "experiments": dict.fromkeys(names, experiment)}
    Folder(tmp_path).describe(told)
    for name in (*names, "grid-1"):  # the last one is there after a resume
        (tmp_path / f"records-{name}.root").write_bytes((run / "records.root").read_bytes())
    assert main([*EXPORT, str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"Event files: {tmp_path / 'tensorboard'}\n"
    grid = [f"shape=circle,lr=0.01,seed={seed}" for seed in (0, 1)]
    assert exported(tmp_path) == sorted([*grid, *(f"{name},2" for name in grid)])  # each round trains other seeds
    assert main([*EXPORT, str(tmp_path), "--experiment", "range-test"]) == 0
    assert exported(tmp_path) == grid
    assert main([*EXPORT, str(tmp_path), "--experiment", "gird"]) == 2
    sentence = "experiment must be one of grid, round2, range-test; got 'gird'. Did you mean 'grid'?"
    assert sentence in capsys.readouterr().err


def test_several_files_are_exported_together(tmp_path, capsys):
    files = []
    for lr in (0.1, 0.2):
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        files.append(str(tmp_path / f"{lr}.root"))
        with Recorder(model, files[-1], optimizer) as recorder:
            for _ in range(3):
                loss = model(torch.ones(4, 2)).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss)
    assert main([*EXPORT, *files, "--histograms", "1"]) == 0
    assert exported(tmp_path) == ["lr=0.1", "lr=0.2"]
    assert main([*EXPORT, *files, "--experiment", "grid"]) == 2
    assert "experiment must be left out for files; got 'grid'." in capsys.readouterr().err


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
        (["tensorboard"], "DIR must be a folder of a run or files of records; got none. See lrscope export --help."),
        (["tensorboard", "."], ". holds no records*.root. Give the folder that a run has written."),
        (["tensorboard", ".", "--histograms", "-1"], "histograms must be greater than or equal to 0; got '-1'."),
        (
            ["tensorboard", ".", "--oud", "x"],
            "an option must be one of --out, --histograms, --experiment; got '--oud'. Did you mean",
        ),
    ],
)
def test_what_is_not_allowed_is_said_in_one_sentence(words, sentence, refused):
    assert refused("export", *words).startswith(sentence)
