"""The command line: what it prints, what it refuses, in one sentence and with nothing written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lrscope
import lrscope.studies
from lrscope.cli import main
from lrscope.studies import Folder, study, study_names

SHAPES = "triangle, square, pentagon, hexagon, heptagon, octagon, circle, spiral"
OPTIONS = (
    "--shapes, --lrs, --seeds, --epochs, --batch-size, --samples, --noise, --rotation, --threshold, "
    "--out, --resume, --overwrite, --estimate, --device, --engine, --address, --slurm, --workers"
)
SHORT = ["--shapes", "circle", "--lrs", "0.01", "--epochs", "3", "--samples", "20"]
RUN = ["run", "fluctuation"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Return the folder of a finished run without its report."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lrscope.studies, "write_report", lambda folder, *_: folder.report)
        assert main([*RUN, *SHORT, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def done(finished, tmp_path) -> Path:
    """Return a copy of a finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def unfinished(done) -> Path:
    """Return a copy of a run that was interrupted before its first block."""
    Folder(done).describe({**Folder(done).description(), "finished": False})
    (done / "records.root").unlink()
    return done


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--shapes", "cirle"], f"shape must be one of {SHAPES}; got 'cirle'. Did you mean 'circle'?"),
        (["--shapes", "circle", "circle"], "shapes must be a list of different values; got ['circle', 'circle']. "
         "Name each value once."),
        (["--lrs"], "lrs must be at least one learning rate; got (). Write for example --lrs 0.001 0.01."),
        (["--epochs", "many"], "epochs must be a valid integer; got 'many'."),
        (["--epochs", "9" * 25], f"epochs must be less than or equal to 2147483647; got '{'9' * 25}'."),
        (["--noise", "nan"], "noise must be a finite number; got 'nan'."),
        (["--epoch", "3"], f"an option must be one of {OPTIONS}; got '--epoch'. Did you mean '--epochs'?"),
        (["--epochs", "3", "now"], f"an option must be one of {OPTIONS}; got 'now'."),
        (["--resume", "--overwrite"], "--resume or --overwrite must be given, not both: one keeps what the other "
         "removes."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(refused, words, sentence):
    assert refused(*RUN, "--out", "new", *words) == sentence


def test_an_option_without_its_value_is_one_sentence(refused):
    sentence = "--epochs must have a value. See lrscope run fluctuation --help."
    assert refused(*RUN, "--out", "new", "--epochs") == sentence
    assert refused(*RUN, "--epochs", "--out", "new") == sentence


def test_a_file_in_the_working_directory_hides_no_module_of_python(tmp_path):
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong queue')")
    here = {**os.environ, "PYTHONPATH": str(Path(lrscope.__file__).parents[1])}
    program = Path(sys.executable).with_name("lrscope")
    words = ["run", "sweep", "--data", "mine:data", "--out", "new"]
    ended = subprocess.run([program, *words], env=here, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "mine:data" in ended.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rum"], "command must be one of run, report, figures, compare, import, inspect, data, export, list; "
         "got 'rum'. Did you mean 'run'?"),
        (["run"], f"STUDY must be one of {', '.join(study_names())}; got none. Write for example: lrscope run sweep"),
        (["run", "fluctation"], f"study must be one of {', '.join(study_names())}; got 'fluctation'. "
         "Did you mean 'fluctuation'?"),
        (["list", "all"], "lrscope list takes no arguments; got all."),
        (["report"], "lrscope report takes one folder; got none. See lrscope report --help."),
        (["report", "a", "b c"], "lrscope report takes one folder; got a 'b c'. See lrscope report --help."),
        (["report", "nowhere"], "nowhere must be a folder that a study has written; there is none. Check the path."),
        (["report", "."], ". must hold an experiment.json; it has none. "
         "Give the folder that `lrscope run` has written."),
        (["import", "--out", "x"], "SOURCE must be given. Write for example: lrscope import runs --out results"),
        (["import", "a", "b", "--out", "x"], "SOURCE must be given once; got 'b' besides."),
        (["import", "a"], "--out must be given. Write for example: lrscope import a --out results"),
        (["inspect"], "lrscope inspect takes one file; got none. See lrscope inspect --help."),
        (["inspect", "nowhere.root"], "nowhere.root must be a file of records; got none. "
         "Give a records*.root of a run."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_command_is_one_sentence(refused, words, sentence):
    assert refused(*words) == sentence


def test_a_folder_with_other_files_is_left_alone(refused, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "records.root").write_text("precious")
    for words in ([], ["--overwrite"]):
        sentence = refused(*RUN, *SHORT, "--out", "mine", *words)
        assert sentence == "out must be a new or empty folder; mine holds other files. Give another --out."


def test_a_file_is_no_folder(refused, tmp_path):
    (tmp_path / "file").write_text("precious")
    assert refused(*RUN, *SHORT, "--out", "file") == "out must be a folder; file is a file. Give another --out."
    within = refused(*RUN, *SHORT, "--out", "file/below")
    assert within == "out must be a folder that can be written; file/below cannot: Not a directory. Give another --out."


def test_a_folder_of_another_study_is_left_alone(refused, done):
    Folder(done).describe({**Folder(done).description(), "study": "logits"})
    sentence = refused(*RUN, *SHORT, "--out", done, "--overwrite")
    assert (
        sentence
        == f"out must be a folder of the study fluctuation; {done} holds results of logits. Give another --out."
    )
    sentence = refused(*RUN, *SHORT, "--out", done, "--resume")
    assert sentence == f"--resume must continue the study fluctuation; {done} holds results of logits."
    known = ", ".join(study_names())
    assert refused("report", done) == f"study must be one of {known}; got 'logits'. Did you mean 'stability'?"


def test_results_are_replaced_only_on_request(refused, done, monkeypatch, capsys):
    sentence = refused(*RUN, *SHORT, "--out", done)
    assert (
        sentence
        == f"out must be a new folder; {done} holds results of fluctuation already. Give another --out or --overwrite."
    )
    (done / "notes.txt").write_text("mine")
    (done / "tables").mkdir()
    (done / "tables" / "old.csv").write_text("old")
    monkeypatch.setattr(lrscope.studies, "write_report", lambda folder, *_: folder.report)
    assert main([*RUN, *SHORT, "--seeds", "2", "--out", str(done), "--overwrite"]) == 0
    assert sorted(file.name for file in done.iterdir()) == ["experiment.json", "notes.txt", "records.root"]
    assert json.loads((done / "experiment.json").read_text())["options"]["seeds"] == 2


def test_an_unfinished_run_is_gone_on_with_or_replaced_on_request(refused, unfinished):
    sentence = refused(*RUN, *SHORT, "--out", unfinished)
    assert sentence.endswith("Give another --out or --overwrite, or --resume to go on.")


def test_nothing_to_resume_is_one_sentence(refused, tmp_path, done):
    nowhere = refused(*RUN, *SHORT, "--out", "new", "--resume")
    assert nowhere == "--resume must continue a run; new holds none. Start it without --resume."
    (tmp_path / "empty").mkdir()
    empty = refused(*RUN, *SHORT, "--out", "empty", "--resume")
    assert empty == "--resume must continue a run; empty holds none. Start it without --resume."
    complete = refused(*RUN, *SHORT, "--out", done, "--resume")
    assert complete.startswith(f"--resume must continue an unfinished run; that in {done} is complete.")


def test_a_resume_with_other_options_names_them(refused, unfinished):
    sentence = refused(*RUN, *SHORT, "--seeds", "2", "--lrs", "0.01", "0.1", "--out", unfinished, "--resume")
    changes = "lrs was 0.01, is 0.01 0.1, seeds was 1, is 2"
    assert sentence == f"--resume must have the options of the run; {changes}. Give the same options again."


def test_a_resume_of_another_experiment_is_refused(refused, unfinished):
    description = Folder(unfinished).description()
    description["experiments"]["records"]["dtype"] = "float64"
    Folder(unfinished).describe(description)
    sentence = refused(*RUN, *SHORT, "--out", unfinished, "--resume")
    assert sentence.startswith("--resume must continue the same experiments; this lrscope makes others.")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"study": "fluctuation", "options": []}'])
def test_a_damaged_description_is_one_sentence(refused, done, content):
    (done / "experiment.json").write_text(content)
    sentence = f"{done}/experiment.json must be JSON as a study writes it; got a damaged file. Give another folder."
    for words in (["report", done], [*RUN, *SHORT, "--out", done, "--resume"]):
        assert refused(*words) == sentence


def test_records_that_cannot_be_read_are_one_sentence(refused, done):
    file = done / "records.root"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert refused("inspect", file).startswith(f"{file} must be a whole ROOT file; got one that is cut off or damaged.")
    assert refused("report", done).startswith(f"{file} must be a whole ROOT file")
    file.write_text("step,loss\n")
    assert refused("inspect", file) == f"{file} must be a ROOT file; got something else. Give a records*.root of a run."
    file.unlink()
    remedy = "Give a folder with everything that its run has written."
    assert refused("report", done) == f"{done} must hold records.root; it has none. {remedy}"


def test_the_command_is_written_down_so_that_it_can_be_typed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(lrscope.studies, "write_report", lambda folder, *_: folder.report)
    folder = tmp_path / "my results"
    assert main([*RUN, *SHORT, "--overwrite", "--out", str(folder)]) == 0
    command = json.loads((folder / "experiment.json").read_text())["command"]
    assert command == f"lrscope run fluctuation {' '.join(SHORT)} --out '{folder}'"


def test_inspect_tells_axes_trees_and_branches(done, capsys):
    assert main(["inspect", str(done / "records.root")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{done}/records.root: ")
    assert lines[0].endswith(" MB, complete")
    assert lines[1:4] == ["  shape: circle", "  lr: 0.01", "  seed: 0"]
    assert lines[4].startswith("  written by: lrscope run fluctuation --shapes circle")
    assert "records: 3 entries, 1 network, steps 0 to 2" in lines
    assert any(line.split() == ["weights_encoder_0", "64", "x", "2", "float32", "weights"] for line in lines)


def test_figures_has_no_options(done, refused):
    assert "got '--out'" in refused("figures", str(done), "--out", "new")


def test_brackets_in_a_path_are_no_markup(done, tmp_path, capsys):
    shutil.move(done / "records.root", tmp_path / "[bold]x[1].root")
    assert main(["inspect", str(tmp_path / "[bold]x[1].root")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/[bold]x[1].root: ")


@pytest.mark.parametrize(
    "words",
    ["", "-h", "run", *(f"run {name}" for name in study_names()), "report", "figures", "compare", "import",
     "inspect", "list", "data fetch", "export tensorboard"],
)  # fmt: skip
def test_every_command_has_help(words, capsys):
    assert main([*words.split(), *(["--help"] if words not in ("", "-h") else [])]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"usage: lrscope {words.removeprefix('-h')}".rstrip())
    assert "(default: None)" not in printed.out
    assert printed.err == ""


def test_help_of_a_study_has_every_option_with_its_text(capsys):
    assert main(["run", "fluctuation", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for option in OPTIONS.split(", "):
        assert f"{option} " in text


def test_options_are_refused_before_pytorch_is_imported():
    code = "import sys; from lrscope.cli import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
    here = {**os.environ, "PYTHONPATH": str(Path(lrscope.__file__).parents[1])}
    command = [sys.executable, "-c", code, *RUN, "--epochs", "0"]
    assert subprocess.run(command, env=here, capture_output=True, text=True, check=True).stdout == "2 False\n"


def test_the_studies_are_listed_with_their_questions(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[name, study(name).question] for name in study_names()]


def test_an_output_nobody_reads_on_is_no_traceback(done):
    code = "import sys; from lrscope.cli import main; sys.exit(main())"
    command = f"{sys.executable} -c '{code}' inspect {done}/records.root | head -1"
    here = {**os.environ, "PYTHONPATH": str(Path(lrscope.__file__).parents[1])}
    ended = subprocess.run(["bash", "-c", command], env=here, capture_output=True, text=True, check=False)
    assert ended.stdout.startswith(str(done))
    assert ended.stderr == ""


def test_too_much_for_the_memory_is_one_sentence(monkeypatch, capsys):
    def run(*_arguments: object, **_options: object) -> bool:
        raise MemoryError("Unable to allocate 1.0 PiB")

    monkeypatch.setattr(lrscope.studies, "run", run, raising=False)
    assert main([*RUN, *SHORT]) == 1
    remedy = "Ask for fewer seeds, rates, samples or epochs."
    assert (
        capsys.readouterr().err
        == f"lrscope: there is not enough memory for this (Unable to allocate 1.0 PiB). {remedy}\n"
    )
