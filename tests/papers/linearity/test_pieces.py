"""Sums on disk: whatever happens to the process, what is there is whole, and of this experiment."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from image_files import write_mnist
from lrscope.data import MNIST, Digits
from lrscope.errors import InputError, StoreError
from lrscope.models import CNN
from lrscope.papers.linearity import Replication
from lrscope.papers.linearity._pieces import JOINED, SumPieces
from lrscope.papers.linearity._sums import Sums, merged
from lrscope.sweep import Sweep
from lrscope.training import Experiment

COUNT = 24
DATA, MODEL = Digits(samples=64, val_samples=20), CNN(1, 8, 8)


def replication(data=DATA, model=MODEL, replicates=COUNT, batches=4, pairing="common", epochs=1) -> Replication:
    experiment = Experiment(data=data, model=model, sweep=Sweep(lr=[0.1, 0.2]), epochs=epochs)
    return Replication(experiment, replicates, pairing, batches)


REPLICATION = replication()


def sums_of(replicates: range) -> Sums:
    """Sums that tell which replicates are in them: of powers of two."""
    sums: Sums = {}
    for one in replicates:
        batch = REPLICATION.batch_of(np.array(one))
        sums = merged(sums, {f"{batch}/outputs_sum": np.full((2, 3, 1), 2.0**one)})
    return sums


def check_same(one: Sums, other: Sums) -> None:
    assert set(one) == set(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def check_done(pieces: SumPieces, done: set[int]) -> None:
    """Check that these replicates are on the disk, each once."""
    assert [one for gap in pieces.missing for one in gap] == sorted(set(range(COUNT)) - done)
    check_same(pieces.sums(), merged(*(sums_of(range(one, one + 1)) for one in done)))


cuts = st.sets(st.integers(1, COUNT - 1)).map(
    lambda inner: [range(*edges) for edges in zip([0, *sorted(inner)], [*sorted(inner), COUNT], strict=True)]
)


@settings(max_examples=20)
@given(cut=cuts, data=st.data())
def test_any_cut_in_any_order_gives_the_same_sums(cut, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    pieces = SumPieces(folder, REPLICATION)
    done: set[int] = set()
    for piece in data.draw(st.permutations(cut)):
        pieces.keep(piece, sums_of(piece))
        done.update(piece)
        assert [one for gap in pieces.missing for one in gap] == sorted(set(range(COUNT)) - done)
    check_done(SumPieces(folder, REPLICATION), done)
    check_same(SumPieces(folder, REPLICATION).sums(), sums_of(range(COUNT)))
    assert len(list(folder.iterdir())) < 2 * JOINED


@settings(max_examples=20)
@given(cut=cuts, data=st.data())
def test_a_process_that_dies_at_any_write_or_deletion_loses_nothing_of_what_was_kept(cut, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    pieces = SumPieces(folder, REPLICATION)
    order = data.draw(st.permutations(cut))
    dies_at = data.draw(st.integers(1, len(cut) + JOINED + 2))
    done: set[int] = set()
    with pytest.MonkeyPatch.context() as patch:
        count_down(patch, dies_at)
        try:
            for piece in order:
                pieces.keep(piece, sums_of(piece))
                done.update(piece)
        except Killed:
            pass
    survived = SumPieces(folder, REPLICATION)
    kept = set(range(COUNT)) - {one for gap in survived.missing for one in gap}
    assert done <= kept <= {*done, *order[min(len(order) - 1, len([p for p in order if set(p) <= done]))]}
    check_done(survived, kept)
    for gap in survived.missing:
        survived.keep(gap, sums_of(gap))
    check_same(SumPieces(folder, REPLICATION).sums(), sums_of(range(COUNT)))


class Killed(BaseException):
    """Stands for the end of the process."""


def count_down(patch: pytest.MonkeyPatch, until: int) -> None:
    """Let the process die before it puts a file in its place, or deletes a piece, for the `until`-th time."""
    left = [until]
    for name in ("replace", "unlink"):
        original = getattr(Path, name)

        def counted(path, *arguments, original=original, name=name, **options):
            if name == "unlink" and path.name.startswith("."):
                return None if left[0] <= 0 else original(path, *arguments, **options)  # the dead tidy nothing up
            left[0] -= 1
            if left[0] <= 0:
                raise Killed
            return original(path, *arguments, **options)

        patch.setattr(Path, name, counted)


def test_neighbours_become_one_file(tmp_path):
    pieces = SumPieces(tmp_path, REPLICATION)
    for start in (20, *range(JOINED - 1)):
        pieces.keep(range(start, start + 1), sums_of(range(start, start + 1)))
    assert len(list(tmp_path.iterdir())) == JOINED
    pieces.keep(range(JOINED - 1, JOINED), sums_of(range(JOINED - 1, JOINED)))
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"0-{JOINED}.npz", "20-21.npz"]
    check_done(SumPieces(tmp_path, REPLICATION), {*range(JOINED), 20})


@pytest.mark.parametrize("change", [{"replicates": 41}, {"epochs": 2}, {"pairing": "independent"}, {"batches": 5}])
def test_pieces_of_another_experiment_are_refused(tmp_path, change):
    other = replication(**change)
    SumPieces(tmp_path, REPLICATION).keep(range(4), sums_of(range(4)))
    said = rf"^{tmp_path}/0-4.npz must hold a piece of this training; it holds one of another\. Delete {tmp_path}, or"
    with pytest.raises(InputError, match=said):
        SumPieces(tmp_path, other).sums()


def network(hidden: int = 4, activation: type[nn.Module] = nn.ReLU, factor: float = 1.0) -> type[nn.Module]:
    """Return a factory whose name does not tell what it makes."""

    def net() -> nn.Module:
        made = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), activation(), nn.Linear(hidden, 10))
        made[1].weight.data *= factor
        return made

    return net


@pytest.mark.parametrize("change", [{"hidden": 5}, {"activation": nn.Tanh}, {"factor": 1.01}])
def test_pieces_of_other_code_behind_the_same_name_are_refused(tmp_path, change):
    one, same, other = (replication(model=made) for made in (network(), network(), network(**change)))
    assert one.to_json() == other.to_json()
    SumPieces(tmp_path, one).keep(range(4), sums_of(range(4)))
    check_done(SumPieces(tmp_path, same), set(range(4)))
    with pytest.raises(InputError, match=r"must hold a piece of this training; it holds one of another\. Delete"):
        SumPieces(tmp_path, other).sums()


@pytest.mark.parametrize("changed", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_pieces_of_data_that_changed_are_refused(tmp_path, changed):
    files, folder = tmp_path / "files", tmp_path / "pieces"
    write_mnist(files)
    asked = replication(MNIST(files), CNN(1, 6, 7))
    SumPieces(folder, asked).keep(range(4), sums_of(range(4)))
    content = (files / changed).read_bytes()
    (files / changed).write_bytes(content[:-1] + bytes([(content[-1] + 1) % 10]))
    with pytest.raises(InputError, match=rf"{folder}/0-4.npz must be of the samples as they are now; the data have"):
        SumPieces(folder, asked).sums()
    write_mnist(files)
    check_done(SumPieces(folder, asked), set(range(4)))


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16384", "lrscope", str(path)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_one_sentence_and_what_was_kept_stays(small_disk):
    pieces = SumPieces(small_disk / "pieces", REPLICATION)
    kept = []
    said = r"-\d+\.npz could not be written: No space left on device\. Check the folder and its disk, and run again"

    def keep_all() -> None:
        for one in range(COUNT):
            pieces.keep(range(one, one + 1), sums_of(range(one, one + 1)))
            kept.append(one)

    with pytest.raises(StoreError, match=said):
        keep_all()
    assert kept
    check_done(SumPieces(small_disk / "pieces", REPLICATION), set(kept))
    assert not list((small_disk / "pieces").glob(".*"))
