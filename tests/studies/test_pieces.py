"""Pieces of a training: each is there as a whole or not at all, and of this training, this code and these samples."""

import shutil
import subprocess

import numpy as np
import pytest
from torch import nn

from image_files import write_mnist
from lrscope.data import MNIST, Digits
from lrscope.errors import InputError, StoreError
from lrscope.models import CNN
from lrscope.studies._pieces import Pieces
from lrscope.sweep import Sweep
from lrscope.training import Experiment

PIECE = {"sums": np.arange(1024.0)}


def check_there(pieces: Pieces, name: str = "one") -> None:
    np.testing.assert_equal(pieces.read(name), PIECE)


def test_pieces_of_another_training_are_refused(tmp_path):
    Pieces(tmp_path, {"steps": 2}).write("one", PIECE)
    check_there(Pieces(tmp_path, {"steps": 2}))
    assert Pieces(tmp_path, {"steps": 2}).read("two") is None
    said = rf"^{tmp_path}/one.npz must hold a piece of this training; it holds one of another\. Delete {tmp_path}, or"
    with pytest.raises(InputError, match=said):
        Pieces(tmp_path, {"steps": 3}).read("one")


def network(hidden: int = 4, activation: type[nn.Module] = nn.ReLU, factor: float = 1.0) -> type[nn.Module]:
    """Return a factory whose name does not tell what it makes."""

    def net() -> nn.Module:
        made = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), activation(), nn.Linear(hidden, 10))
        made[1].weight.data *= factor
        return made

    return net


@pytest.mark.parametrize("change", [{"hidden": 5}, {"activation": nn.Tanh}, {"factor": 1.01}])
def test_pieces_of_other_code_behind_the_same_name_are_refused(tmp_path, change):
    data = Digits(samples=64, val_samples=20)
    one, same, other = (
        Pieces(tmp_path, {}, Experiment(data=data, model=made, sweep=Sweep(lr=[0.1]), epochs=1))
        for made in (network(), network(), network(**change))
    )
    one.write("one", PIECE)
    check_there(same)
    with pytest.raises(InputError, match=r"must hold a piece of this training; it holds one of another\. Delete"):
        other.read("one")


@pytest.mark.parametrize("changed", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
def test_pieces_of_data_that_changed_are_refused(tmp_path, changed):
    files, folder = tmp_path / "files", tmp_path / "pieces"
    write_mnist(files)
    asked = Experiment(data=MNIST(files), model=CNN(1, 6, 7), sweep=Sweep(lr=[0.1]), epochs=1)
    Pieces(folder, {}, asked).write("one", PIECE)
    content = (files / changed).read_bytes()
    (files / changed).write_bytes(content[:-1] + bytes([(content[-1] + 1) % 10]))
    with pytest.raises(InputError, match=rf"{folder}/one.npz must be of the samples as they are now; the data have"):
        Pieces(folder, {}, asked).read("one")
    write_mnist(files)
    check_there(Pieces(folder, {}, asked))


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32768", "lrscope", str(path)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_one_sentence_and_what_was_kept_stays(small_disk):
    pieces, names = Pieces(small_disk / "pieces", {}), [f"{number}" for number in range(8)]
    kept = []
    said = r"\d\.npz could not be written: No space left on device\. Check the folder and its disk, and run again"

    def keep_all() -> None:
        for name in names:
            pieces.write(name, PIECE)
            kept.append(name)

    with pytest.raises(StoreError, match=said):
        keep_all()
    assert kept
    for name in kept:
        check_there(pieces, name)
    assert {file.stem for file in (small_disk / "pieces").iterdir()} == set(kept)
