"""The rules of ARCHITECTURE.md that no linter knows. Import contracts stand in pyproject.toml."""

import ast
import importlib
import os
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import lrscope

ROOT = Path(__file__).parents[1]
SOURCE = Path(lrscope.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
REFUSED = {"utils", "util", "helpers", "helper", "manager", "handler", "core", "misc", "common"}
IMPORTS_INSIDE = {"cli", "__init__.py"}
ARRAY_HALF = ("records", "store", "analysis", "figures", "report")

BANNED_NAMES = re.compile(
    "found|told|said|held_out|behind|apart|whoever|somebody|NOTHING|FEW|FAR|MOST|LONG|Gathered|Gatherer|Sheet|Tape|nudges"
)
"""Identifiers that do not name what a value is, or for which the field has another word."""
BANNED_PHRASES = re.compile(
    r"\bputs? out\b|\b(is|are|be|was|were) told (from|apart)\b|\bheld[- ]out\b|\bwhoever\b|\bsomebody\b"
    r"|\bof one's own\b|\bbehind the (last|first|update|training|step|end)\b",
    re.IGNORECASE,
)
"""Write: outputs, differs from, validation, anyone, your own, after."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def functions(path: Path) -> Iterator[Function]:
    return (node for node in nodes(path) if isinstance(node, Function))


def length(function: Function) -> int:
    """Return the lines from `def` to the end, without the docstring."""
    whole = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - (first.end_lineno - first.lineno + 1)


def parameters(function: Function) -> int:
    """Return how many parameters a caller sees: without self and cls, a star counting as one."""
    given = function.args
    names = [parameter.arg for parameter in given.posonlyargs + given.args + given.kwonlyargs]
    stars = [star for star in (given.vararg, given.kwarg) if star]
    return len([name for name in names if name not in ("self", "cls")]) + len(stars)


@cache
def every_function() -> list[tuple[str, Function]]:
    return [(f"{relative(path)}:{function.name}", function) for path in FILES for function in functions(path)]


def public_modules() -> list[str]:
    """Return `lrscope.<name>` of every public module and folder that exists."""
    tops = [*SOURCE.glob("*.py"), *SOURCE.glob("*/__init__.py")]
    names = {path.parent.name if path.name == "__init__.py" else path.stem for path in tops} - {SOURCE.name}
    return sorted(f"lrscope.{name}" for name in names if not name.startswith("_"))


def python(code: str) -> str:
    """Return what a fresh interpreter prints."""
    here = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=here, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rules_look_at_the_code():
    assert {"__init__.py", "errors.py", "records.py"} <= {relative(path) for path in FILES}
    assert len(every_function()) > 20


def test_files_have_at_most_400_lines():
    lines = {relative(path): len(path.read_text().splitlines()) for path in FILES}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_functions_have_at_most_60_lines():
    assert {name: length(function) for name, function in every_function() if length(function) > 60} == {}


def test_nine_of_ten_functions_have_under_30_lines():
    long = {name: length(function) for name, function in every_function() if length(function) >= 30}
    assert len(long) <= 0.1 * len(every_function()), long


def test_functions_take_at_most_8_parameters():
    assert {name: parameters(function) for name, function in every_function() if parameters(function) > 8} == {}


def test_there_is_one_vmap():
    calls = [relative(path) for path in FILES if re.search(r"\bvmap\(", path.read_text())]
    assert set(calls) <= {"training/_ensemble.py"}


def test_no_private_parts_of_other_libraries():
    private = re.compile(
        r"\bctypes\b|\btorch\._[a-zA-Z]|_inductor|_functorch|torch\.jit|mallopt|_cascading|__globals__|hooks_dict_ref"
    )
    using = {path.name for path in FILES if any(map(private.search, referenced(path)))}
    assert using == set(), "use the public interface"


def referenced(path: Path) -> Iterator[str]:
    """Yield every module and dotted name that a file imports or uses, but no text."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            named = isinstance(node.value, ast.Attribute | ast.Name)
            yield f"{ast.unparse(node.value)}.{node.attr}" if named else node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (ast.unparse(argument) for argument in node.args)


def identifiers(path: Path) -> set[str]:
    """Return every name that a file defines or uses: variables, parameters, functions, classes and attributes."""
    kinds = {ast.Name: "id", ast.arg: "arg", ast.Attribute: "attr", ast.FunctionDef: "name", ast.ClassDef: "name"}
    return {getattr(node, kinds[type(node)]) for node in nodes(path) if type(node) in kinds}


def test_names_are_the_fields_words():
    using = {path.name for path in FILES if any(BANNED_NAMES.fullmatch(name.strip("_")) for name in identifiers(path))}
    assert using == set(), "name what the value is"


def test_texts_are_plain_english():
    texts = [*FILES, *SOURCE.rglob("*.j2"), *ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/**/*.py")]
    using = {path.name for path in texts if BANNED_PHRASES.search(path.read_text())}
    assert using == set(), "see `BANNED_PHRASES`"


def test_analyses_name_their_dimensions():
    numbered = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        if relative(path).startswith("analysis/")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "axis" and not names_something(keyword.value)
    ]
    assert numbered == []


def names_something(value: ast.expr) -> bool:
    """Tell `axis="seed"` and `axis=axis` from `axis=0`, `axis=-1` and `axis=(0, 1)`."""
    return not any(isinstance(node, ast.Constant) and isinstance(node.value, int) for node in ast.walk(value))


def test_imports_stand_at_the_top():
    inside = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        if not IMPORTS_INSIDE & {path.parent.name, path.name}
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_no_name_that_says_nothing():
    words = {relative(path): set(path.stem.split("_")) | set(path.parent.name.split("_")) for path in FILES}
    assert {path: named & REFUSED for path, named in words.items() if named & REFUSED} == {}


def test_every_test_folder_mirrors_the_source():
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    tested = {path.name for path in Path(__file__).parent.iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert tested <= folders


@pytest.mark.parametrize("name", public_modules())
def test_every_public_name_is_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if callable(thing) and not is_alias(thing):
            assert described(thing), f"{name}.{public} has no docstring of its own"


def is_alias(thing: object) -> bool:
    """Tell a type alias such as `Callable[[int], bool]`, which cannot carry a docstring."""
    return hasattr(thing, "__origin__")


def described(thing: object) -> bool:
    """Tell whether the docstring was written by somebody: dataclasses and pydantic invent or inherit one."""
    written = thing.__dict__.get("__doc__") if isinstance(thing, type) else thing.__doc__
    return bool(written) and not written.startswith(f"{thing.__name__}(")


@pytest.mark.parametrize("name", [name for name in public_modules() if (SOURCE / name.split(".")[1]).is_dir()])
def test_every_folder_lists_its_names(name):
    assert importlib.import_module(name).__all__


def test_the_contents_page_lists_what_exists():
    assert set(public_modules()) <= {f"lrscope.{name}" for name in dir(lrscope)}
    assert {name for name in dir(lrscope) if not name.startswith("_") and getattr(lrscope, name) is None} == set()


def test_what_most_people_need_is_imported_when_asked():
    printed = python("import lrscope, sys; lrscope.recommendation, lrscope.open_records; print('torch' in sys.modules)")
    assert printed.strip() == "False"
    from lrscope import Experiment, Recorder, Study, compare, train

    assert [thing.__name__ for thing in (Experiment, Recorder, Study, compare, train)] == [
        "Experiment",
        "Recorder",
        "Study",
        "compare",
        "train",
    ]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'; it has"):
        lrscope.nothing  # noqa: B018


def test_the_help_fits_on_a_screen():
    assert len(pydoc.plain(pydoc.render_doc(lrscope)).splitlines()) <= 60


def test_importing_lrscope_is_light():
    loaded = python("import lrscope, sys; print(*sys.modules)").split()
    assert not {"torch", "numpy", "xarray", "matplotlib"} & set(loaded)


def test_the_array_half_leaves_torch_alone():
    half = ", ".join(f"lrscope.{name}" for name in ARRAY_HALF)
    loaded = python(f"import {half}, sys; print(*sys.modules)").split()
    assert not {"torch", "matplotlib.pyplot"} & set(loaded)


def test_the_help_of_the_command_line_leaves_torch_alone():
    code = """
import sys
sys.argv = ["lrscope", "--help"]
import lrscope.cli
try:
    assert not lrscope.cli.main()
except SystemExit as end:
    assert not end.code, end.code
print("torch loaded:", "torch" in sys.modules)
"""
    printed = python(code)
    assert "usage" in printed.lower()
    assert printed.rstrip().endswith("torch loaded: False")
