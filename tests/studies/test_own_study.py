"""A study in a package of its own is found, run and reported like those of lrscope; a broken one harms no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lrscope.store import open_records

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_study"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder into which the example was installed."""
    target = tmp_path_factory.mktemp("installed")
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, "--target", target, EXAMPLE], check=True)
    return target


def lrscope(*words: object, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT / "src")])}
    command = [sys.executable, "-m", "lrscope", *map(str, words)]
    return subprocess.run(command, env=here, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_study_of_another_package_is_listed_run_and_judged(installed, tmp_path):
    listed = lrscope("list", path=installed, cwd=tmp_path).stdout
    assert "limit        Up to which learning rate does gradient descent stay stable?" in listed
    ended = lrscope("run", "limit", "--steps", 100, "--seeds", 2, "--out", "limit", path=installed, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (claim,) = json.loads((tmp_path / "limit" / "claims.json").read_text())
    assert (claim["holds"], claim["published"], claim["agree"]) == (True, 4.0, "12 of 12 cases (learning rate, seed)")
    assert {path.name for path in (tmp_path / "limit").glob("*/*")} == {"rates.csv", "loss.svg"}
    records = open_records(tmp_path / "limit")
    grows = records["loss"].isel(step=-1) > records["loss"].isel(step=0)
    assert grows.values.tolist() == (records["lr"].values > 4).tolist()


def test_a_study_that_cannot_be_imported_is_named_and_the_others_work(installed, tmp_path):
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[lrscope.studies]\nbroken = no_such_module:STUDY\n")
    ended = lrscope("list", path=tmp_path, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "No module named 'no_such_module'" in ended.stdout
    assert "Which learning rate should I use" in ended.stdout
    assert lrscope("run", "broken", path=tmp_path, cwd=tmp_path).returncode == 2


def test_the_how_to_shows_the_example():
    assert (EXAMPLE / "limit_study.py").read_text() in (ROOT / "docs" / "how-to-add-a-study.md").read_text()
