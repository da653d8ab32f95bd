"""A run may be killed, interrupted, or out of disk at any moment: `--resume` ends with the records of any other."""

import csv
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrscope import store
from lrscope.studies import Folder

RUN = ("run", "fluctuation", "--shapes", "circle", "spiral", "--lrs", "0.001", "0.01", "--epochs", "30")
EPOCHS, NETWORKS = 30, 4
ALONE = "constants(CPU_BYTES=1)\n"
"""Set-up that trains the networks one by one."""


@pytest.fixture(
    scope="module", params=[ALONE, pytest.param("", marks=pytest.mark.long)], ids=["one by one", "together"]
)
def commands(commands, request):
    commands.always = request.param
    yield commands
    commands.always = ""


@pytest.fixture(scope="module")
def told(commands, tmp_path_factory) -> Path:
    """Return the folder of a run that nobody disturbed, with a short report."""
    folder = tmp_path_factory.mktemp("told") / "run"
    ended = commands.run([*RUN, "--out", folder], commands.SHORT_REPORT)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def reference(told) -> xr.Dataset:
    """Return the records of the run that nobody disturbed."""
    return store.open_records(told).load().assign_attrs(bytes=size(told))


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("records*.root"))


def check_whole_blocks(folder: Path, reference: xr.Dataset) -> int:
    """Check that every file opens and holds, bit for bit, the first steps of each network; return how many in all."""
    files = sorted(folder.glob("records*.root"))
    last = store.last_recorded(files) if files else {}
    for file in files:
        assert store.summary(file).complete is False
    if any(last.values()):  # a tree may be there before its first block is
        check_same(store.open_records(folder), reference, last)
    return sum(step + 1 for step in last.get("records", {}).values())


def check_same(records: xr.Dataset, reference: xr.Dataset, last: dict[str, dict[int, int]]) -> None:
    """Check that records are bit for bit those of the reference, up to the last step of each tree and network."""
    assert set(records.data_vars) <= set(reference.data_vars)
    for name, array in records.data_vars.items():
        dim = next(str(dim) for dim in array.dims if str(dim).startswith("step"))
        assert array.dtype == reference[name].dtype
        for member, step in last[f"records{dim.removeprefix('step')}"].items():
            own, expected = (some.sel({"member": member, dim: slice(0, step)}) for some in (array, reference[name]))
            assert own.values.tobytes() == expected.values.tobytes(), (name, member)


def check_complete(folder: Path, reference: xr.Dataset) -> None:
    """Check that the run is finished, with the records of the reference, bit for bit and all of them."""
    records = store.open_records(folder)
    assert records.attrs["complete"] is True
    assert set(records.data_vars) == set(reference.data_vars)
    assert dict(records.sizes) == dict(reference.sizes)
    check_same(records, reference, store.last_recorded(folder))
    labels, expected = (some.coords.to_dataset().drop_attrs(deep=False) for some in (records, reference))
    xr.testing.assert_identical(labels, expected)
    assert json.loads((folder / "experiment.json").read_text())["finished"] is True
    assert not [file.name for file in folder.iterdir() if file.suffix in (".part", ".npz")]


def killed(commands, folder: Path, when, pause: float, resume: bool) -> None:
    arguments = [*RUN, "--out", folder, *(["--resume"] if resume else [])]
    ended = commands.signalled(arguments, signal.SIGKILL, when, pause, commands.SMALL_BLOCKS + commands.NO_REPORT)
    assert ended.code in (-signal.SIGKILL, 0), ended.err


def resumed(commands, folder: Path, setup: str = "") -> None:
    ended = commands.run([*RUN, "--out", folder, "--resume"], setup or commands.NO_REPORT)
    assert ended.code == 0, ended.err


def test_a_run_killed_before_its_first_block_starts_again(commands, reference, tmp_path):
    folder = tmp_path / "run"
    killed(commands, folder, (folder / "experiment.json").exists, 0.0, resume=False)
    resumed(commands, folder)
    check_complete(folder, reference)


@pytest.mark.parametrize("method", ["store._rootfile.RootFile.complete", "studies.Folder.finish"])
def test_a_run_killed_behind_its_last_block_only_becomes_complete(commands, reference, tmp_path, method):
    folder = tmp_path / "run"
    setup = commands.NO_REPORT + f"lrscope.{method} = lambda *_: os.kill(os.getpid(), 9)\n"
    assert commands.run([*RUN, "--out", folder], setup).code == -signal.SIGKILL
    resumed(commands, folder)
    check_complete(folder, reference)


def test_ctrl_c_keeps_what_was_recorded_and_says_how_to_go_on(commands, reference, tmp_path):
    folder = tmp_path / "run"
    bound, setup = reference.attrs["bytes"] / 3, commands.SMALL_BLOCKS + commands.NO_REPORT
    arguments = [*RUN, "--out", str(folder)]
    ended = commands.signalled(arguments, signal.SIGINT, lambda: size(folder) > bound, setup=setup)
    assert (ended.code, ended.out) == (130, "")
    sentence = f"What was recorded is kept in {folder}. Go on with: lrscope {' '.join(arguments)} --resume"
    assert ended.err.splitlines()[-1] == f"lrscope: interrupted. {sentence}"
    assert "Traceback" not in ended.err
    assert 0 < check_whole_blocks(folder, reference) < NETWORKS * EPOCHS
    asked = commands.run(["report", folder])
    remedy = f"Go on with: lrscope {' '.join(arguments)} --resume"
    assert (
        asked.err == f"lrscope: {folder} must hold a finished run; got one that was interrupted, or goes on. {remedy}\n"
    )
    assert asked.code == 2
    shown = commands.run(["inspect", folder / "records.root"])
    assert "interrupted, or still being written" in shown.out
    resumed(commands, folder)
    check_complete(folder, reference)


def check_report(folder: Path, told: Path) -> None:
    """Check that a report is there as a whole, and says what that of another run says."""
    files = [file.relative_to(told) for file in told.rglob("*.csv")]
    assert files
    for file in (*files, Path("claims.json")):
        assert (folder / file).read_bytes() == (told / file).read_bytes()
    names = [sorted(file.name for file in (some / "figures").iterdir()) for some in (folder, told)]
    assert names[0] == names[1]
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")
    assert not [file.name for file in folder.rglob(".*")]


def check_nothing_half_written(folder: Path) -> None:
    for file in folder.rglob("*.json"):
        json.loads(file.read_text())
    for file in folder.rglob("*.csv"):
        assert len({len(row) for row in csv.reader(file.read_text().splitlines())}) == 1
    for file in folder.rglob("*.png"):
        assert file.read_bytes().endswith(b"IEND\xaeB`\x82")
    for file in [*folder.rglob("*.svg"), *folder.rglob("*.html")]:
        assert file.read_text().rstrip().endswith(("</svg>", "</html>"))


def without_report(told: Path, folder: Path) -> Path:
    """Return a copy of a finished run whose report was not written yet."""
    leave_out = shutil.ignore_patterns("claims.json", "report.html", "tables", "figures")
    return Path(shutil.copytree(told, folder, ignore=leave_out))


def check_written_again(commands, told: Path, folder: Path, reference: xr.Dataset) -> None:
    """Check that a report that was killed left nothing half written, and can be written again."""
    check_nothing_half_written(folder)
    check_complete(folder, reference)
    again = commands.run(["report", folder], commands.SHORT_REPORT)
    assert again.code == 0, again.err
    check_report(folder, told)
    check_complete(folder, reference)


def test_a_report_that_was_killed_while_it_drew_is_written_again(commands, told, reference, tmp_path):
    folder = without_report(told, tmp_path / "run")
    setup = (
        commands.SHORT_REPORT
        + "import lrscope.report._write; lrscope.report._write.picture = lambda _: os.kill(os.getpid(), 9)\n"
    )
    assert commands.run(["report", folder], setup).code == -signal.SIGKILL
    check_written_again(commands, told, folder, reference)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_report_that_was_killed_at_any_moment_is_written_again(commands, told, reference, tmp_path, seed):
    folder, pause = without_report(told, tmp_path / "run"), np.random.default_rng(seed).uniform(0, 3)
    commands.signalled(["report", folder], signal.SIGKILL, lambda: True, pause, commands.SHORT_REPORT)
    check_written_again(commands, told, folder, reference)


def test_ctrl_c_during_the_report_says_that_the_records_are_complete(commands, reference, tmp_path):
    folder = tmp_path / "run"
    setup = (
        commands.SHORT_REPORT
        + "import lrscope.report._write; lrscope.report._write.write_claims = lambda *_: os.kill(os.getpid(), 2)\n"
    )
    ended = commands.run([*RUN, "--out", folder], setup)
    assert ended.code == 130
    sentence = f"The records are complete; write the report with: lrscope report {folder}"
    assert ended.err.splitlines()[-1] == f"lrscope: interrupted. {sentence}"
    check_complete(folder, reference)


class Disk:
    """A small disk of its own: a tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def resize(self, size: int) -> None:
        """Mount the disk, or give it another size in bytes."""
        again = "remount," if self.path.is_mount() else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}size={-(-size // 4096) * 4096}", "lrscope", str(self.path)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"a small tmpfs cannot be mounted here: {mounted.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    made = Disk(tmp_path / "disk")
    yield made
    if made.path.is_mount():
        subprocess.run(["umount", str(made.path)], check=True)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(commands, reference, disk):
    folder, arguments = disk.path / "run", [*RUN, "--out", disk.path / "run"]
    disk.resize(int(0.6 * reference.attrs["bytes"]))
    ended = commands.run(arguments, commands.SMALL_BLOCKS)
    assert (ended.code, ended.out) == (1, "")
    *_bar, sentence = ended.err.splitlines()
    assert sentence.startswith(
        f"lrscope: No space left on the disk while writing {folder}/records.root. Every block before"
    )
    assert sentence.endswith("Free some space and go on from there: a run of lrscope with --resume.")
    assert "Traceback" not in ended.err
    assert 0 < check_whole_blocks(folder, reference) < NETWORKS * EPOCHS
    disk.resize(10 * reference.attrs["bytes"])
    resumed(commands, folder, commands.SHORT_REPORT)
    check_complete(folder, reference)


def test_a_disk_that_is_full_during_the_report_keeps_the_records(commands, told, reference, disk):
    disk.resize(50 * 2**20)
    folder = without_report(told, disk.path / "run")
    used = shutil.disk_usage(disk.path).used
    for room in (0, 32_768, 400_000):
        disk.resize(used + room)
        ended = commands.run(["report", folder], commands.SHORT_REPORT)
        assert (ended.code, ended.out) == (1, ""), ended.err
        assert "No space left on device" in ended.err
        assert len(ended.err.splitlines()) == 1, ended.err
        check_nothing_half_written(folder)
        check_complete(folder, reference)
    disk.resize(50 * 2**20)
    assert commands.run(["report", folder], commands.SHORT_REPORT).code == 0
    check_report(folder, told)
    check_complete(folder, reference)


def test_a_run_whose_report_finds_no_room_says_how_to_write_it_later(commands, reference, disk):
    disk.resize(int(1.1 * reference.attrs["bytes"]))
    folder = disk.path / "run"
    ended = commands.run([*RUN, "--out", folder], commands.SHORT_REPORT)
    assert (ended.code, ended.out) == (1, "")
    sentence = f"The records are complete; write the report with: lrscope report {folder}"
    assert ended.err.splitlines()[-1].endswith(sentence)
    assert "Traceback" not in ended.err
    check_complete(folder, reference)


EVERY = {
    "fluctuation": RUN[2:],
    "stability": ["--target", "f2", "--hidden", "8", "--lrs", "0.3", "1.0", "--epochs", "60"],
    "sweep": [
        *("--data", "own_things:ARRAYS", "--model", "own_things:network", "--lrs", "0.0001", "0.001", "--seeds", "3"),
        *("--epochs", "3", "--batch-size", "16", "--crossed-seeds", "2", "--until-decided", "--budget", "18"),
    ],
    "linearity": ["--model", "perceptron", "--replicates", "64", "--epochs", "2"],
    "boundary": ["--resolution", "128", "--steps", "40", "--zooms", "1", "--null", "0"],
}
"""Study -> options of a run of some seconds; `sweep` trains further rounds."""
TIMES = {"seconds_sum"}
"""Variables that are no two runs' the same."""


def written(folder: Path) -> int:
    """Return the bytes of records and pieces."""
    files = [*folder.glob("records*.root"), *folder.glob("pieces/*/*.npz")]
    with suppress(FileNotFoundError):  # pieces are removed in the end
        return sum(file.stat().st_size for file in files)
    return 0


def records_of(folder: Path) -> dict[str, xr.Dataset]:
    """Return the records of each experiment of a finished run, without its times."""
    run = Folder(folder)
    description = run.description()
    assert description["finished"] is True
    return {
        name: store.open_records(run.records(name)).load().drop_vars(TIMES, errors="ignore").drop_attrs(deep=False)
        for name in description["experiments"]
    }


@pytest.fixture(
    scope="module",
    params=[
        name if name not in ("sweep", "boundary") else pytest.param(name, marks=pytest.mark.long) for name in EVERY
    ],
)
def undisturbed(commands, request, tmp_path_factory) -> tuple[list[str], dict[str, xr.Dataset], int]:
    """Return the words of a run of each study, its records, and their bytes."""
    folder, words = tmp_path_factory.mktemp("undisturbed") / "run", ["run", request.param, *EVERY[request.param]]
    ended = commands.run([*words, "--out", folder], commands.SMALL_BLOCKS + commands.NO_REPORT)
    assert ended.code == 0, ended.err
    records = records_of(folder)
    assert request.param != "sweep" or "round3" in records
    return words, records, written(folder)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 25))])
def test_any_study_killed_at_any_moment_ends_with_the_same_records(commands, undisturbed, tmp_path, seed):
    words, expected, size = undisturbed
    random, arguments = np.random.default_rng(seed), [*words, "--out", tmp_path / "run"]
    setup, kills = commands.SMALL_BLOCKS + commands.NO_REPORT, int(random.integers(1, 4))
    for number in range(kills):
        before = written(tmp_path / "run")  # pieces may take more than the records that they become
        bound, pause = random.uniform(before, max(before, size)), random.uniform(0, 0.1)
        given = [*arguments, *(["--resume"] if number else [])]
        far = lambda bound=bound: written(tmp_path / "run") > bound  # noqa: E731
        ended = commands.signalled(given, signal.SIGKILL, far, pause, setup)
        assert ended.code in (-signal.SIGKILL, 0), ended.err
        if not ended.code:
            break  # the signal came too late
    else:
        ended = commands.run([*arguments, "--resume"], setup)
        assert ended.code == 0, ended.err
    for name, records in records_of(tmp_path / "run").items():
        xr.testing.assert_identical(records, expected[name])
