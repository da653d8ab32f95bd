"""What README and docs show is true: examples run, commands parse, links and paths lead somewhere, tests exist.

A block marked ```` ```python file=src/lrscope/... ```` is the content of that file: it becomes that module for the
blocks after it; ``file=mine.py`` is a file of the reader's. A block marked ``no-run`` is only compiled. Long trainings
are shortened.
"""

import ast
import importlib
import os
import re
import shlex
import shutil
import sys
import tomllib
import types
from pathlib import Path

import pytest

import lrscope.cli
import lrscope.studies
from lrscope.store import open_records, write
from lrscope.training import stream

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted(ROOT.glob("docs/**/*.md"))]
OWN_TEST = {
    "docs/commands.md": "tests/test_docs.py",
    "docs/file-format.md": "tests/store/test_file_format.py",
    "docs/python.md": "tests/test_docs.py",
    "README.md": "tests/test_docs.py",
}
"""Pages whose examples run in a test of their own."""
BLOCK = re.compile(r"^```(?P<language>\w*) ?(?P<mark>[^\n]*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
HOW_TO = ROOT / "docs"
IMAGE_BYTES = 400_000


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str = "python") -> list[re.Match[str]]:
    return [block for block in BLOCK.finditer(text_of(page)) if block["language"] == language]


def inline(page: Path) -> list[str]:
    return INLINE.findall(BLOCK.sub("", text_of(page)))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """Return a folder in which `lrscope run fluctuation` has been, for a few epochs."""
    folder = tmp_path_factory.mktemp("documented")
    study = lrscope.studies.study("fluctuation")
    experiment = study.experiments(study.options(shapes=("circle", "spiral"), epochs=4, samples=20))["records"]
    blocks = stream(experiment, device="cpu")
    write(folder / "results/fluctuation/records.root", blocks, {"experiment": experiment.to_json()})
    return folder


@pytest.fixture
def workplace(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def as_file(monkeypatch):
    """Return a function that makes code the module of a file, its names public in the folder."""

    def alone(name: str, file: str, code: types.CodeType) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
        exec(code, module.__dict__)
        return module

    def install(file: str, code: types.CodeType) -> types.ModuleType:
        if "/" not in file:
            return alone(Path(file).stem, file, code)
        path = Path(file).relative_to("src").with_suffix("")
        parts = path.parts[:-1] if path.name == "__init__" else path.parts
        module = alone(".".join(parts), file, code)
        folder = importlib.import_module(".".join(parts[:-1]))
        for public, thing in list(vars(module).items()):
            if not public.startswith("_") and getattr(thing, "__module__", None) == module.__name__:
                monkeypatch.setattr(folder, public, thing, raising=False)
                if public not in folder.__all__:
                    monkeypatch.setattr(folder, "__all__", [*folder.__all__, public])
        return module

    return install


def compiled(page: Path, block: re.Match[str]) -> types.CodeType:
    """Return the block's code; an error names the line of the page."""
    line = text_of(page)[: block.start("code")].count("\n")
    code = block["code"].replace("epochs=1000", "epochs=4")
    if "no-run" in block["mark"] and not is_code(code):
        code = "{" + code + "}"
    return compile("\n" * line + code, str(page), "exec")


def is_code(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and name(page) not in OWN_TEST], ids=name)
def test_the_examples_of_a_page_run(page, workplace, as_file):
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        code = compiled(page, block)
        if block["mark"].startswith("file="):
            as_file(block["mark"].removeprefix("file="), code)
        elif "no-run" not in block["mark"]:
            exec(code, names)


def ran(page: Path) -> dict[str, object]:
    """Return the names of a page whose blocks ran one after the other."""
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        exec(compiled(page, block), names)
    return names


def test_the_readme_records_a_loop_and_trains_a_grid(workplace):
    names = ran(ROOT / "README.md")
    assert names["records"].sizes["lr"] == 3
    assert names["records"].sizes["seed"] == 4
    assert open_records("mine.root").sizes["step"] >= 1  # how many depends on how fast the machine is


def test_the_python_page_says_what_comes_out(workplace):
    names = ran(ROOT / "docs/python.md")
    assert names["normalised"].sizes == {"lr": 3, "seed": 4, "neuron": 195}
    assert {"lr", "seed"} < set(names["inactive"].dims)
    assert names["loss"].dims == ("shape", "lr", "seed", "step")
    assert names["weights"].dims == ("step", "neuron_encoder_0", "input_encoder_0")
    assert names["slow"]["loss"].shape == (2 * 4,)
    assert names["first"].shape == (10, 64, 2)


def commands() -> list[str]:
    """Return every whole command line of lrscope that a page shows."""
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block["code"].splitlines()]
    words = [word for page in PAGES for word in inline(page)]
    shown = [line.partition(" #")[0].strip() for line in [*lines, *words]]
    return sorted({line for line in shown if line.startswith("lrscope ")})


NAMES = (
    "lrscope run",
    "lrscope import",
    "lrscope report",
    "lrscope compare",
    "lrscope inspect",
    "lrscope data fetch",
    "lrscope export tensorboard",
)
"""Said of a command, not to be typed; so are lines with a word in capitals."""
WHOLE = [line for line in commands() if line not in NAMES and not re.search(r"\b[A-Z]{3,}\b", line)]


def exit_code(words: list[str]) -> int:
    try:
        return lrscope.cli.main(words)
    except SystemExit as end:  # the help of a study
        return int(end.code or 0)


@pytest.fixture
def dry(monkeypatch):
    """The command line parses and does nothing."""
    for inner in (
        "cli._run._trained",
        "cli._run.reported",
        "cli._report.reported",
        "cli._import._imported",
        "data.fetch",
    ):
        monkeypatch.setattr(f"lrscope.{inner}", lambda *_: True)
    monkeypatch.setattr("lrscope.cli._compare._compared", lambda *_: None)
    monkeypatch.setattr("lrscope.cli._compare._print", lambda *_: None)
    monkeypatch.setattr("lrscope.studies._compare_words.decision", lambda *_: "better")
    monkeypatch.setattr("lrscope.studies._compare_words.compared_json", lambda *_: {})
    monkeypatch.setattr("lrscope.cli._report._exported", lambda *_: "folder")


@pytest.mark.parametrize("line", WHOLE)
def test_every_command_shown_parses(line, workplace, dry, as_file, monkeypatch):
    """Options and studies exist; nothing is trained."""
    page = HOW_TO / "how-to-add-a-study.md"
    module = as_file("limit_study.py", compiled(page, blocks(page)[0]))
    known = lrscope.studies.study
    monkeypatch.setattr("lrscope.studies.study", lambda name: module.STUDY if name == "limit" else known(name))
    assert exit_code([word for word in shlex.split(line)[1:] if word != "--estimate"]) == 0


def test_data_and_model_of_ones_own_are_trained_as_shown(workplace, monkeypatch):
    """The file of docs/sweep.md, and its command, on a small grid."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("lrscope.cli._run.reported", lambda *_: None)
    (block,) = [block for block in blocks(HOW_TO / "sweep.md") if block["mark"] == "file=mine.py"]
    Path("mine.py").write_text(block["code"])
    line = next(line for line in WHOLE if "run sweep" in line and "mine:rings" in line and "--lrs" not in line)
    small = ["--lrs", "0.01", "--seeds", "2", "--epochs", "5", "--crossed-seeds", "0"]
    try:
        assert exit_code([*shlex.split(line)[1:], *small]) == 0
    finally:
        sys.modules.pop("mine", None)
    records = open_records("results/mine/records-grid.root")
    accuracy = records["val_accuracy"]
    assert accuracy.shape == (2, 5)
    assert (accuracy.isel(step_every_1_epoch=-1) > 0.5).all()


def test_commands_that_train_run_as_shown(tmp_path, monkeypatch):
    """The file of docs/commands.md, and each command of the page that trains it, on a small grid."""
    monkeypatch.chdir(tmp_path)
    # The python of the page is the one that has what its script needs.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setattr("lrscope.cli._run.reported", lambda *_: None)
    page = HOW_TO / "commands.md"
    (block,) = [block for block in blocks(page) if block["mark"] == "file=train.py"]
    Path("train.py").write_text(block["code"])
    lines = [line for shown in blocks(page, "sh") for line in shown["code"].splitlines() if "python train.py" in line]
    for line in lines:
        words = shlex.split(line)[1:]
        place = words.index("--")
        small = ["--lrs", "0.01", "--seeds", "1"]
        assert exit_code([*words[:place], *small, *words[place:]]) == 0
    named, printed, decayed = (
        open_records(f"results/{name}/records-grid.root") for name in ("named", "printed", "decay")
    )
    assert named["val_loss"].shape == printed["val_loss"].shape == (1, 10)
    assert abs(named["val_loss"].values - printed["val_loss"].values).max() < 1e-4
    assert decayed.attrs["axes"] == ["lr", "decay", "seed"]


def test_every_make_target_shown_exists():
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    shown = {word.split()[1] for page in PAGES for word in inline(page) if re.match(r"make [a-z]", word)}
    assert {"study", "test", "lint"} <= shown
    assert shown <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page):
    targets = [match["target"] for match in LINK.finditer(text_of(page))]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


MINE = [page for page in PAGES if name(page) not in ("CHANGELOG.md", "CONTRIBUTING.md")]
TO_BE_MADE = re.compile(
    r"_(weight_norms|half_time|wave)\.py|test_(weight_norms|half_time|wave|limit)\.py|studies/limit/"
)
"""What the how-tos add."""


@pytest.mark.parametrize("page", MINE, ids=name)
def test_paths_named_exist(page):
    words = [word for word in inline(page) if re.fullmatch(r"(src|tests|docs|examples|benchmarks)/[\w./-]+", word)]
    words = [word for word in words if not TO_BE_MADE.search(word)]
    assert [word for word in words if not (ROOT / word).exists()] == []


def test_the_tests_that_the_rules_name_exist():
    named = [word for page in MINE for word in inline(page) if re.fullmatch(r"test_\w+", word)]
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert [test for test in named if f"def {test}(" not in written] == []


def test_the_contracts_that_the_rules_name_exist():
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    ids = {contract["id"] for contract in contracts}
    assert all(f"`{one}`" in text_of(ROOT / "ARCHITECTURE.md") for one in ids)


def test_the_map_shows_every_folder_and_module():
    source = ROOT / "src/lrscope"
    there = {path.name for path in source.iterdir() if path.suffix == ".py"}
    folders = [
        *source.glob("*/__init__.py"),
        *source.glob("studies/*/__init__.py"),
        *source.glob("papers/*/__init__.py"),
    ]
    there |= {f"{path.parent.name}/" for path in folders}
    there |= {path.name for path in source.glob("training/_[a-z]*.py")}
    tree = next(block["code"] for block in blocks(ROOT / "ARCHITECTURE.md", "") if "src/lrscope/\n" in block["code"])
    shown = {line.split()[0] for line in tree.splitlines() if line.startswith("  ")}
    assert shown == there


def test_images_are_small():
    images = list((ROOT / "docs/images").iterdir())
    shown = {(page.parent / match["target"]).resolve() for page in PAGES for match in LINK.finditer(text_of(page))}
    assert {image.resolve() for image in images} <= shown
    assert sum(image.stat().st_size for image in images) < IMAGE_BYTES
