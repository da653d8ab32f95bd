"""Event files hold what the records hold: read back with TensorBoard's own reader."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorboard.backend.event_processing.event_accumulator import STORE_EVERYTHING_SIZE_GUIDANCE, EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginAccumulator
from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import lrscope
from lrscope.data import Shape
from lrscope.errors import InputError, StoreError
from lrscope.models import Autoencoder
from lrscope.optim import SGD
from lrscope.probes import Activations, GradientNorm, Gradients, Outputs, Weights, every
from lrscope.recorder import _tensorboard, export_tensorboard
from lrscope.records import Variable, new_block
from lrscope.store import open_records, write
from lrscope.sweep import Sweep
from lrscope.training import Experiment, stream

STEPS = 60
RUNS = [f"lr={lr},seed={seed}" for lr in (0.01, 3000.0) for seed in (0, 1)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Return a folder with the records of four small networks; two of them diverge."""
    folder = tmp_path_factory.mktemp("run")
    experiment = Experiment(
        Shape("circle", samples=12),
        Autoencoder(hidden=(6, 4)),
        Sweep(lr=[0.01, 3000.0], seed=range(2)),
        optimizer=SGD(),
        steps=STEPS,
        probes=[
            Weights(),
            Gradients(when=every(7)),
            Activations(when=every(5)),
            GradientNorm(when=every(3)),
            Outputs(when=every(20)),
        ],
    )
    write(folder / "records.root", stream(experiment))
    return folder


@pytest.fixture(scope="module")
def records(run) -> xr.Dataset:
    return open_records(run).load()


@pytest.fixture(scope="module")
def exported(run) -> Path:
    return export_tensorboard(run, histograms=9)


def read(folder: Path) -> EventAccumulator:
    """Return everything in an event file."""
    return EventAccumulator(str(folder), STORE_EVERYTHING_SIZE_GUIDANCE).Reload()


def test_each_member_has_a_folder_named_by_its_place_in_the_sweep(run, exported):
    assert exported == run / "tensorboard"
    assert sorted(path.name for path in exported.iterdir()) == sorted(RUNS)
    assert {len(list(folder.iterdir())) for folder in exported.iterdir()} == {1}


def test_scalars_are_those_of_the_records_at_their_steps(records, exported):
    scalars = {name for name, array in records.data_vars.items() if array.ndim == 2}
    assert scalars == {"loss", "gradient_norm", "diverged_at"}
    assert np.isnan(records.loss.isel(member=2)[-1]), "it has diverged"
    for number, name in enumerate(RUNS):
        events = read(exported / name)
        assert set(events.Tags()["scalars"]) == scalars
        for tag in scalars:
            array = records[tag].isel(member=number)
            found = events.Scalars(tag)
            assert [event.step for event in found] == array[array.dims[0]].values.tolist()
            assert np.array_equal([event.value for event in found], array.values.astype(np.float32), equal_nan=True)


def test_histograms_count_the_elements_of_the_records(records, exported):
    layers = {name: array for name, array in records.data_vars.items() if array.ndim > 2 and array.attrs["layer"]}
    tags = {name: _tensorboard._tag(array) for name, array in layers.items()}
    assert {"weights/encoder.0", "weight_gradients/decoder.4", "activations_active/encoder.1"} <= set(tags.values())
    for number, run in enumerate(RUNS):
        events = read(exported / run)
        assert set(events.Tags()["histograms"]) == set(tags.values())
        for name, array in layers.items():
            member = array.isel(member=number)
            finite = np.isfinite(member.values.reshape(member.shape[0], -1)).any(1)
            steps = member[member.dims[0]].values
            chosen = steps[np.unique(np.linspace(0, len(steps) - 1, min(9, len(steps))).round().astype(int))]
            found = events.Histograms(tags[name])
            assert [event.step for event in found] == [step for step in chosen if finite[steps == step].all()]
            for event in found:
                check(event.histogram_value, member.sel({member.dims[0]: event.step}).values)


def check(histogram, array):
    """Compare a histogram with the elements it counts."""
    values = np.sort(array[np.isfinite(array)].astype(float))
    assert (histogram.min, histogram.max, histogram.num) == (values[0], values[-1], len(values))
    assert histogram.sum == pytest.approx(values.sum(), rel=1e-6, abs=1e-12)
    assert histogram.sum_squares == pytest.approx((values**2).sum(), rel=1e-6)
    below = [np.searchsorted(values, edge, side="left") for edge in histogram.bucket_limit[:-1]] + [len(values)]
    assert np.cumsum(histogram.bucket).tolist() == below
    assert histogram.bucket_limit[-1] == values[-1]


def test_axes_are_hyperparameters(exported):
    for name, (lr, seed) in zip(RUNS, [(0.01, 0), (0.01, 1), (3000.0, 0), (3000.0, 1)], strict=True):
        events = PluginAccumulator(str(exported / name)).Reload()
        content = events.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
        about = HParamsPluginData.FromString(content).session_start_info
        assert {key: value.number_value for key, value in about.hparams.items()} == {"lr": lr, "seed": seed}
        assert about.group_name == name


def test_another_export_replaces_the_one_before(run, exported, tmp_path):
    out = tmp_path / "events"
    for histograms in (9, 0, 9):
        assert export_tensorboard(run / "records.root", out=out, histograms=histograms) == out
        assert bool(read(out / RUNS[0]).Tags()["histograms"]) == bool(histograms)
    for path in exported.rglob("events*"):
        assert path.read_bytes() == (out / path.relative_to(exported)).read_bytes()


def test_members_that_are_no_longer_there_go_and_what_others_wrote_stays(run, exported, tmp_path):
    for name in ("lr=7,seed=7", "lr=8,seed=8"):
        (tmp_path / name).mkdir()
        (tmp_path / name / _tensorboard._NAME).write_bytes(b"")
    theirs = tmp_path / "lr=8,seed=8" / "events.out.tfevents.1.theirs"
    theirs.write_bytes(b"")
    export_tensorboard(run, out=tmp_path, histograms=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*RUNS, "lr=8,seed=8"])
    assert list(theirs.parent.iterdir()) == [theirs]


def labelled(texts, first=0, step=0) -> xr.Dataset:
    """Return records of a step of networks that differ in a label; the loss is the number of the network."""
    numbers = np.arange(first, first + len(texts))
    label = {"loss": Variable("loss", "loss", "loss")}
    coords = {"member": numbers, "run": np.array(texts)}
    losses = {"loss": numbers.astype(np.float32)[:, None]}
    return new_block(losses, label, {"step": np.array([step])}, coords, {"run": {"long_name": "run"}}, {"loss": "step"})


def test_labels_that_differ_only_in_refused_characters_have_folders_of_their_own(tmp_path):
    labels = {"a/b": "a_b", "a_b": "a_b,2", "a b": "a_b,3", "a_b,2": "a_b,2,2", "A/B": "A_B,4"}
    write(tmp_path / "records.root", [labelled(list(labels))])
    folder = export_tensorboard(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"run={name}" for name in labels.values())
    for number, name in enumerate(labels.values()):
        assert [event.value for event in read(folder / f"run={name}").Scalars("loss")] == [number]


def test_files_that_continue_each_other_are_one_run_and_further_records_stand_beside_it(tmp_path):
    begun, continued, further = (tmp_path / f"{name}.root" for name in ("grid", "grid-1", "round2"))
    write(begun, [labelled(["a", "b"])])
    write(continued, [labelled(["a", "b"], step=1)])
    write(further, [labelled(["b", "c"], first=7)])
    folder = export_tensorboard([begun, continued], further)
    assert folder == tmp_path / "tensorboard"
    told = {path.name: [(event.step, event.value) for event in read(path).Scalars("loss")] for path in folder.iterdir()}
    assert told == {
        "run=a": [(0, 0), (1, 0)],
        "run=b": [(0, 1), (1, 1)],
        "run=b,2": [(0, 7)],
        "run=c": [(0, 8)],
    }


def test_small_slabs_hold_the_same(run, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(_tensorboard, "_SLAB_BYTES", 500)
    export_tensorboard(run, out=tmp_path, histograms=9)
    for name in RUNS:
        ours, theirs = read(tmp_path / name), read(exported / name)
        for tag in theirs.Tags()["scalars"]:
            pairs = ([(event.step, event.value) for event in events.Scalars(tag)] for events in (ours, theirs))
            assert np.array_equal(*pairs, equal_nan=True)
        for tag in theirs.Tags()["histograms"]:
            assert ours.Histograms(tag) == theirs.Histograms(tag)


FLOATS = st.floats(width=64) | st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0])


@given(arrays.arrays(np.float64, st.integers(1, 40), elements=FLOATS))
def test_any_array_has_a_histogram_of_what_is_finite(array):
    found = _tensorboard._histogram_value("tag", array)
    finite = array[np.isfinite(array)]
    assert bool(found) == bool(len(finite))
    if found:
        histogram = found[0].histo
        assert sum(histogram.bucket) == histogram.num == len(finite)
        assert (histogram.min, histogram.max) == (finite.min(), finite.max())
        assert len(histogram.bucket) == len(histogram.bucket_limit)
        assert histogram.bucket_limit[-1] == finite.max()
        assert list(histogram.bucket_limit) == sorted(histogram.bucket_limit)


def test_an_interrupted_export_leaves_no_event_file(run, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_tensorboard, "_histogram_value", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_tensorboard(run, out=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_cannot_be_exported_is_said(run, tmp_path):
    with pytest.raises(InputError, match=r"^histograms must be 0 or a positive integer; got -1\.$"):
        export_tensorboard(run, out=tmp_path, histograms=-1)
    with pytest.raises(InputError, match=r"nowhere does not exist\. Give a file of records or the folder"):
        export_tensorboard(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"^paths must name at least one file of records; got none\.$"):
        export_tensorboard()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=rf"^{tmp_path / 'file'} cannot be written \(Not a directory\)\. Give another"):
        export_tensorboard(run, out=tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "library"), [("export_tensorboard", "tensorboard"), ("LightningRecorder", "lightning")]
)
def test_without_its_library_the_extra_is_named(name, library):
    code = f"""
import sys
sys.modules["{library}"] = None
import lrscope.recorder
from lrscope.errors import InputError
try:
    lrscope.recorder.{name}
except InputError as error:
    print(error)
"""
    here = {"PYTHONPATH": str(Path(lrscope.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=here)
    assert done.stdout.endswith(f'{library}. Install it: pip install "lrscope[{library}]"\n')
