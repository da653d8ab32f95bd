"""A Recorder beside a plain loop has the records of the ensemble, and changes nothing."""

import threading
import warnings
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.probes import (
    Activations,
    Biases,
    Every,
    GradientAngle,
    GradientNorm,
    GradientPath,
    Gradients,
    LearningRate,
    Oscillation,
    Outputs,
    Probe,
    Sharpness,
    UpdateSize,
    ValidationLoss,
    Weights,
    at,
    every,
)
from lrscope.recorder import Recorder, _buffer
from lrscope.records import Variable, on_grid, outcomes
from lrscope.specification import specification
from lrscope.store import open_records
from lrscope.training import Experiment, Sweep, train

DRAW = np.random.default_rng(0)
POINTS, TARGETS = DRAW.normal(size=(40, 3)), DRAW.normal(size=(40, 2))
IMAGES = DRAW.normal(size=(12, 1, 6, 6))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(75, 2)
    )


EVERYTHING = (
    LearningRate(),
    GradientNorm(),
    GradientAngle(),
    UpdateSize(),
    Weights(when=every()),
    Biases(when=every()),
    Gradients(when=every()),
    Activations(when=every()),
)
SLOW = (
    Weights(detail="std", when=every()),
    Gradients(of=("activations",), when=every()),
    Activations(full=True, when=every()),
    Oscillation(),
    GradientPath(),
)


def recorded(path, make, inputs, targets, *, steps=12, lr=1e-2, **options):
    """Train with Adam in float64 beside a Recorder and return the records of its file (member, step, ...)."""
    torch.manual_seed(3)
    model = make().double()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    given, wanted = torch.from_numpy(inputs), torch.from_numpy(targets)
    with Recorder(model, path, optimizer, labels={"seed": 3}, **{"time_budget": None, **options}) as recorder:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(given), wanted)
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    return open_records(path)


def trained(make, inputs, targets, probes, *, steps=12, lr=1e-2):
    experiment = Experiment(
        data=Samples(inputs, targets, "points"),
        model=make,
        sweep=Sweep(lr=[lr], seed=[3]),
        steps=steps,
        probes=probes,
        dtype="float64",
    )
    return train(experiment, device="cpu")


@pytest.mark.parametrize("probes", [EVERYTHING, SLOW])
@pytest.mark.parametrize(("make", "inputs"), [(perceptron, POINTS), (convolutional, IMAGES)])
def test_records_are_those_of_the_ensemble(tmp_path, make, inputs, probes):
    targets = TARGETS[: len(inputs)]
    mine = recorded(tmp_path / "mine.root", make, inputs, targets, probes=probes)
    theirs = trained(make, inputs, targets, probes)
    assert set(theirs.data_vars) == set(mine.data_vars) - {"recording_seconds", "training_seconds"}
    for name, array in theirs.data_vars.items():
        ours = mine[name].values[0]
        assert mine[name].attrs == array.attrs
        assert mine[name].dims[1:] == array.dims[2:]
        np.testing.assert_allclose(ours, array.values[0, 0], rtol=1e-10, atol=1e-12, err_msg=name)


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


def train_for(recorder, model, optimizer, steps, inputs=None, **metrics):
    """Take steps of the plainest loop there is; return parameters, gradients and loss of each."""
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(torch.ones(8, 3) if inputs is None else inputs).square().mean()
        loss.backward()
        before = {name: (one.detach().clone(), one.grad.clone()) for name, one in model.named_parameters()}
        seen.append((before, loss.detach().clone()))
        optimizer.step()
        recorder.step(loss=loss, **metrics)
    return seen


def with_recorder(path, steps=5, optimizer=None, **options):
    model = small()
    optimizer = optimizer(model) if optimizer else torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer, **{"time_budget": None, **options}) as recorder:
        seen = train_for(recorder, model, optimizer, steps)
    return open_records(path), seen, recorder


def test_of_several_passes_before_an_update_the_last_is_kept(model, optimizer, path):
    expected = model[1](model[0](torch.full((1, 3), 2.0)))[0].detach()
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for number in (1.0, 2.0):
            model(torch.full((4, 3), number)).sum().backward()
        gradient = model[0].bias.grad.clone()
        optimizer.step()
        recorder.step(loss=0.0)
    records = open_records(path)
    np.testing.assert_allclose(records["activations_mean_1"].values[0, 0], expected.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(records["bias_gradients_0"].values[0, 0], gradient.numpy())  # of the sum


def test_a_schedule_is_recorded_as_the_rate_of_the_update_that_follows(model, path):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            train_for(recorder, model, optimizer, 1)
            schedule.step()
    records = open_records(path)
    assert records["learning_rate"].values[0].tolist() == [1.0, 0.5, 0.25]
    assert records["lr"].values.tolist() == [1.0]


def test_files_of_several_trainings_make_a_grid(tmp_path):
    paths = []
    for lr in (0.1, 0.2):
        for seed in (0, 1):
            paths.append(tmp_path / f"{lr}-{seed}.root")
            steps = 3 + seed
            with_recorder(
                paths[-1], steps, lambda model, lr=lr: torch.optim.SGD(model.parameters(), lr=lr), labels={"seed": seed}
            )
    grid = on_grid(open_records(paths))
    assert grid["loss"].sizes == {"lr": 2, "seed": 2, "step": 4}
    assert grid["loss"].attrs["quantity"] == "loss"
    assert np.isfinite(grid["loss"].sel(seed=1).values).all()
    assert np.isnan(grid["loss"].sel(seed=0, step=3).values).all()


def test_two_trainings_with_the_same_labels_are_refused_and_a_resumed_one_is_not(tmp_path, path):
    _, _, first = with_recorder(path, 3)
    with_recorder(tmp_path / "b.root", 3)
    with pytest.raises(
        InputError, match=r'a.root and .*b.root have the same labels \(lr=0.1\).*labels=\{"seed": ...\}'
    ):
        open_records([path, tmp_path / "b.root"])
    with_recorder(tmp_path / "c.root", 2, first_step=3, run_id=first.run_id)
    joined = open_records([path, tmp_path / "c.root"])
    assert joined.sizes["member"] == 1
    assert joined["step"].values.tolist() == list(range(5))
    assert joined.attrs["metadata"]["run_id"] == first.run_id
    with_recorder(tmp_path / "d.root", 3, labels={"lr": 0.2})
    assert open_records([tmp_path / "c.root", tmp_path / "d.root"]).sizes["member"] == 2


@specification
class Slope(Probe):
    """A probe of a user's that needs autograd, of either kind."""

    functional: bool
    when: Every = Every()

    def labels(self, structure):
        return (Variable("slope", "slope", "slope"),)

    def measure(self, state, moment):
        weights = moment.parameters["0.weight"]
        if self.functional:
            return {"slope": torch.func.grad(lambda one: one.square().sum())(weights).sum()}, state
        with torch.enable_grad():
            leaf = weights.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(leaf.square().sum(), leaf)
        return {"slope": gradient.sum()}, state


@pytest.mark.parametrize("functional", [True, False])
def test_a_probe_of_ones_own_may_use_autograd(functional, path):
    records, seen, _ = with_recorder(path, probes=[GradientNorm(), Slope(functional)])
    wanted = [2 * before["0.weight"][0].sum().item() for before, _ in seen]
    np.testing.assert_allclose(records["slope"].values[0], wanted, rtol=1e-5)


class Unhooked(torch.optim.Optimizer):
    """An optimiser by name, which has not called Optimizer.__init__ and has none inside."""

    def __init__(self, optimizer) -> None:
        self.param_groups = optimizer.param_groups


def test_a_recorder_that_cannot_be_made_leaves_no_file_and_no_hooks(tmp_path, model, optimizer, path):
    with pytest.raises(InputError, match="optimizer must be one that takes hooks"):
        Recorder(model, path, [optimizer, Unhooked(optimizer)])
    (tmp_path / "b.root").touch()
    with pytest.raises(InputError, match="path must be a file that does not exist yet"):
        Recorder(model, tmp_path / "b.root", optimizer)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not optimizer._optimizer_step_pre_hooks
    with Recorder(model, path, optimizer) as recorder:
        train_for(recorder, model, optimizer, 1)
    assert open_records(path).sizes["step"] == 1


@pytest.mark.parametrize("whole", [True, False])
def test_of_a_script_module_the_parameters_are_recorded(path, whole):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if whole:
            model = torch.jit.script(model)
        else:
            model[0] = torch.jit.script(model[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.warns(RuntimeWarning, match="layers 0, 1, 2 are not" if whole else "layers 0 are not"):
        recorder = Recorder(model, path, optimizer, time_budget=None)
    with recorder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no layer was observed")
        train_for(recorder, model, optimizer, 3)
    records = open_records(path)
    assert records["weights_0"].sizes["step"] == 3
    assert ("activations_mean_1" in records) != whole


def test_the_cadence_is_that_of_every_probe_without_one_of_its_own(path):
    probes = (Weights(), Biases(when=every(4)), GradientNorm())
    records, _, recorder = with_recorder(path, 10, probes=probes, when=every(3))
    assert records["weights_0"]["step"].values.tolist() == [0, 3, 6, 9]
    assert records["gradient_norm"].dims == ("member", "step")
    assert records["biases_0"]["step_every_4"].values.tolist() == [0, 4, 8]
    assert recorder.cost.recorded == 6


def test_patterns_choose_the_layers(path):
    records, _, _ = with_recorder(path, exclude=("2",))
    assert "weights_0" in records
    assert not [name for name in records.data_vars if str(name).endswith("_2")]


def test_numbers_of_ones_own_are_recorded(model, optimizer, path):
    with Recorder(model, path, optimizer, when=every(2), time_budget=None) as recorder:
        for step in range(6):
            extra = {"val_loss": torch.tensor(float(step))} if step % 3 == 2 else {}
            train_for(recorder, model, optimizer, 1, accuracy=step / 10, **extra)
        recorder.note(val_accuracy=0.75)
    records = open_records(path)
    assert records["accuracy"].values[0].tolist() == [0.0, 0.2, 0.4]
    assert records["val_loss"].values[0].tolist() == [2.0, 5.0]
    assert records["step_val_loss"].values.tolist() == [2, 5]
    assert records["step_val_accuracy"].values.tolist() == [6]
    assert outcomes(records)["outcome"].values.tolist() == ["converged"]


class OnGpu(torch.Tensor):
    """A number that says it is on a GPU."""

    is_cuda = True


def test_a_number_on_a_gpu_is_copied_there_and_recorded_as_it_was(model, optimizer, path):
    accuracy = torch.tensor(0.0).as_subclass(OnGpu)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(5):
            optimizer.zero_grad()
            loss = model(torch.ones(8, 3)).square().mean()
            loss.backward()
            optimizer.step()
            accuracy.fill_(step / 8)
            recorder.step(loss=loss, accuracy=accuracy)
            accuracy.fill_(-1.0)
    assert open_records(path)["accuracy"].values[0].tolist() == [0, 1 / 8, 2 / 8, 3 / 8, 4 / 8]


class Distributed(OnGpu):
    """A number that the processes compute together when it is asked for."""

    asked: ClassVar[list[threading.Thread]] = []

    def full_tensor(self):
        return self

    def __float__(self):
        self.asked.append(threading.current_thread())
        return float(self.as_subclass(torch.Tensor))


def test_a_number_of_several_processes_is_asked_for_in_the_thread_of_the_loop(model, optimizer, path, steps_of):
    """The others ask in theirs; where only one asks, it waits for ever."""
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        steps_of(recorder, model, optimizer, 1)
        recorder.note(val_loss=torch.tensor(0.5).as_subclass(Distributed))
    assert open_records(path)["val_loss"].values.tolist() == [[0.5]]
    assert Distributed.asked == [threading.current_thread()]


def test_the_loop_does_not_wait_for_the_values_of_a_block(model, optimizer, path, monkeypatch, steps_of):
    """On a GPU they are still to be computed when the block is handed over."""
    gone_on, waited = threading.Event(), []
    copied = _buffer.Rows.arrays

    def late(rows, count):
        waited.append(gone_on.wait(30))
        return copied(rows, count)

    monkeypatch.setattr(_buffer.Rows, "arrays", late)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(_buffer, "BLOCK_BYTES", 1)
            steps_of(recorder, model, optimizer, 1)
        steps_of(recorder, model, optimizer, 3)
        gone_on.set()
    assert waited[0]
    assert all(waited)
    assert open_records(path)["step"].values.tolist() == [0, 1, 2, 3]


def test_a_size_budget_is_kept_and_seen_in_the_steps(path):
    records, _, recorder = with_recorder(path, 3000, size_budget="300 kB")
    steps = records["step"].values
    assert path.stat().st_size <= 300_000
    assert steps[:20].tolist() == list(range(20))
    assert steps[-1] > 1500
    assert np.diff(steps)[-1] > 4
    assert recorder.cost.thinned
    assert recorder.cost.bytes == path.stat().st_size
    assert "thinned to 1 in" in str(recorder.cost)


def test_where_few_values_would_fit_statistics_are_recorded(path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 600), nn.ReLU(), nn.Linear(600, 600), nn.ReLU(), nn.Linear(600, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.warns(RuntimeWarning, match="of each neuron are recorded instead"):
        recorder = Recorder(model, path, optimizer, size_budget="3 MB", time_budget=None)
    with recorder:
        seen = train_for(recorder, model, optimizer, 40)
    records = open_records(path)
    assert "weights_2" not in records
    weights = seen[0][0]["2.weight"][0]
    wanted = {"mean": weights.mean(1), "std": weights.std(1, correction=0), "norm": weights.norm(dim=1)}
    for statistic, by_neuron in wanted.items():
        np.testing.assert_allclose(
            records[f"weights_{statistic}_2"].values[0, 0], by_neuron.numpy(), rtol=1e-5, atol=1e-7
        )
    assert {"biases_2", "bias_gradients_2", "weight_gradients_norm_2", "gradient_angle"} <= set(records)
    assert len(records["step"]) > 20
    assert path.stat().st_size <= 3_000_000
    assert recorder.cost.statistics
    probes = records.attrs["metadata"]["recorder"]["probes"]
    assert "statistics" in {probe.get("detail") for probe in probes}


def test_defaults_are_safe_for_a_model_that_is_large(path):
    """Three million parameters: 24 MB a record in full, and 12 MB for each copy."""
    model = nn.Sequential(nn.Linear(3, 1000), nn.ReLU(), nn.Linear(1000, 3000), nn.ReLU(), nn.Linear(3000, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.warns(RuntimeWarning) as told:
        recorder = Recorder(model, path, optimizer)
    assert len(told) == 2
    with recorder:
        train_for(recorder, model, optimizer, 2)
    assert path.stat().st_size < 10**6
    assert recorder.settings.size_budget <= 2 * 10**9
    records = open_records(path)
    assert {"weights_norm_2", "gradient_norm", "activations_mean_1"} <= set(records)
    assert {"gradient_angle", "update_size"}.isdisjoint(records)


def test_what_is_named_is_recorded_of_a_large_model(path):
    model = nn.Sequential(nn.Linear(1500, 2000), nn.ReLU(), nn.Linear(2000, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    probes = [Weights(), UpdateSize()]
    with Recorder(model, path, optimizer, probes=probes, size_budget=None, time_budget=None) as recorder:
        train_for(recorder, model, optimizer, 1, torch.ones(4, 1500))
    assert {"weights_0", "weights_2", "update_size"} <= set(open_records(path))


def test_a_time_budget_is_kept(monkeypatch, model, optimizer, path):
    """On a clock that counts how often it is read, which only the Recorder does; a step of the loop takes 200."""
    ticks = iter(range(10**9))
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks) * 1e-3)
    monkeypatch.setattr("lrscope.recorder._buffer.BLOCK_SECONDS", 1e9)
    shares = []
    with Recorder(model, path, optimizer, time_budget=0.02) as recorder:
        for _ in range(400):
            train_for(recorder, model, optimizer, 1)
            for _ in range(200):
                next(ticks)
            shares.append(recorder.cost.share)
        assert 10 < recorder.cost.recorded < 400
        assert recorder.cost.thinned
    assert max(shares[100:]) <= 0.0205, "the allowance is 2 % of the first 75 steps"


def test_what_the_recorder_took_stands_in_the_file(path):
    records, _, recorder = with_recorder(path, size_budget="1 GB")
    spent, loop = records["recording_seconds"].values[0], records["training_seconds"].values[0]
    assert (np.diff(spent) > 0).all()
    assert (np.diff(loop) > 0).all()
    assert (spent <= loop).all()
    assert records.attrs["metadata"]["recorder"]["size_budget"] == 10**9
    assert recorder.cost.loop_seconds >= loop[-1]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"model": small}, "model must be an nn.Module; got 'function'"),
        ({"optimizer": "SGD"}, "optimizer must be a torch.optim.Optimizer; got 'str'"),
        ({"optimizer": torch.optim.SGD(small().parameters())}, "optimizer must be one that updates the model; got"),
        ({"labels": {"seed": -1}}, "seed must be a non-negative integer; got -1"),
        ({"when": 3}, r"when must be .*; got 3. Give every\(3\)"),
        ({"include": None}, "include must be a valid tuple; got None"),
        ({"include": ("encoder.*",)}, "include must be one of .*; got 'encoder"),
        ({"probes": [ValidationLoss()]}, ".*ValidationLoss: it needs validation samples.*loss=loss, val_loss=value"),
        ({"probes": [Outputs()]}, ".*Outputs: it needs the whole data set"),
        ({"probes": [Sharpness()]}, ".*Sharpness: it needs the second derivative"),
        ({"probes": [Weights(when=at(-1))]}, "when must be every.*How long the training will be is not known"),
        ({"probes": [Weights(when=every(2, "epoch"))]}, "steps_per_epoch must be known for the cadence every_2_epoch"),
        ({"probes": ["weights"]}, "probes must be a list of probes"),
        ({"probes": Weights()}, "probes must be a list of probes"),
        ({"probes": "weights"}, "probes must be a list of probes from lrscope.probes; got 'weights'"),
        ({"when": 0}, "when must be .*; got 0.$"),
        ({"path": 3}, "path must be the name of a new file; got 'int'"),
        ({"labels": {"note": None}}, "note must be a finite number or a text; got None"),
        *(
            ({"labels": {name: 1}}, f"a label must be a name that is free in the records; got '{name}'")
            for name in ("step", "member", "diverged_at", "recording_seconds", "loss")
        ),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, model, optimizer, path, wrong, sentence):
    arguments = {"model": model, "path": path, "optimizer": optimizer}
    with pytest.raises(InputError, match=f"^{sentence}"):
        Recorder(**arguments | wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [torch.ones(2), torch.ones(0), torch.ones((), device="meta"), "0.5", None])
def test_a_loss_that_is_not_one_number_is_missing_and_no_divergence(wrong, model, optimizer, path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with Recorder(model, path, optimizer, time_budget=None) as recorder:
            train_for(recorder, model, optimizer, 1)
            for _ in range(3):
                optimizer.step()
                recorder.step(loss=wrong)
    records = open_records(path)
    assert [str(one.message).startswith("loss must be one number") for one in told] == ([] if wrong is None else [True])
    assert np.isnan(records["loss"].values[0]).tolist() == [False, True, True, True]
    assert np.isfinite(records["weights_0"].values).all()
    assert (records["diverged_at"].values == -1).all()


def test_updates_after_which_step_is_not_called_are_left_out_with_one_warning(model, optimizer, path, shown):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            train_for(recorder, model, optimizer, 2)
            optimizer.step()
            train_for(recorder, model, optimizer, 1)
    (warned,) = shown
    assert str(warned.message).startswith("an update was left out")
    assert warned.filename == __file__
    shown.clear()
    assert open_records(path)["step"].values.tolist() == list(range(9))
    assert recorder.cost.skipped == 3


@pytest.mark.parametrize("options", [{}, {"size_budget": "10 MB"}, {"time_budget": 0.9}])
def test_the_steps_of_a_resumed_loop_go_on_at_the_same_cadence(options, path):
    records, _, recorder = with_recorder(path, 9, when=every(4), first_step=5, **options)
    assert set(records["step"].values.tolist()) <= {8, 12}
    if "time_budget" not in options:
        assert records["step"].values.tolist() == [8, 12]
    assert recorder.cost.steps == 9


def test_calls_without_updates_are_told(model, optimizer, path):
    """As of somebody who has replaced the optimiser."""
    recorder = Recorder(model, path, optimizer, time_budget=None)
    train_for(recorder, model, optimizer, 2)
    for _ in range(3):
        recorder.step(loss=np.array(1.0))
    with pytest.warns(RuntimeWarning, match="^the last 3 calls of step"):
        recorder.close()
