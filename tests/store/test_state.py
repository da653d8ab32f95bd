"""The state beside the records: replaced as a whole, never unpickled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lrscope.errors import InputError
from lrscope.store import load_state, save_state

ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, "U3"]),
    hnp.array_shapes(min_dims=0, min_side=0),
)
NAMES = st.sampled_from(["file", "weights/encoder.0", "a b", "args", "step"])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "records.root"
    path.touch()
    return path


@given(st.dictionaries(NAMES, ARRAYS))
def test_what_was_saved_is_loaded(path, state):
    save_state(path, state)
    loaded = load_state(path)
    assert set(loaded) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_objects_are_not_saved_and_the_old_state_stays(path):
    save_state(path, {"step": np.array(1)})
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_state(path, {"step": np.array({})})
    assert load_state(path)["step"] == 1
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".part"] == []


def test_pickles_are_not_loaded(path):
    np.savez(path.with_name("records.state.npz"), evil=np.array({}, dtype=object))
    with pytest.raises(InputError, match=r"records\.state\.npz must be the state of a training; got a damaged file"):
        load_state(path)


def test_the_newest_state_of_a_folder_counts(tmp_path):
    for number, name in enumerate(["records.root", "records-1.root", "records-2.root"]):
        (tmp_path / name).touch()
        if number < 2:
            save_state(tmp_path / name, {"number": np.array(number)})
    assert load_state(tmp_path)["number"] == 1
    for state in tmp_path.glob("*.npz"):
        state.unlink()
    with pytest.raises(InputError, match=r"records-2\.root must have a state beside it to resume; got none"):
        load_state(tmp_path)


@pytest.mark.parametrize("kind", ["npy", "another npz", "zip", "empty"])
def test_another_kind_of_file_is_no_state(kind, written):
    target = written.with_name("records.state.npz")
    with target.open("wb") as file:
        if kind == "npy":
            np.save(file, np.zeros(3))
        elif kind == "another npz":
            np.savez(file, weights=np.zeros(3))
        elif kind == "zip":
            file.write(b"PK\5\6" + bytes(18))
    with pytest.raises(InputError, match="must be the state of a training; got a damaged file"):
        load_state(written)
