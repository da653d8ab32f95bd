"""What people do in their loops beside training: none of it may cost them records, or the training."""

import copy
import pickle
import re
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lrscope.errors import InputError
from lrscope.probes import Activations, at, every
from lrscope.recorder import Recorder
from lrscope.records import outcomes
from lrscope.store import Writer, open_records


def test_numbers_of_a_block_survive_a_disk_that_is_slower_than_the_loop(model, optimizer, path, monkeypatch, update):
    monkeypatch.setattr("lrscope.recorder._buffer.BLOCK_BYTES", 1000)
    write = Writer._append
    monkeypatch.setattr(Writer, "_append", lambda *given: (time.sleep(0.05), write(*given)))
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(20):
            recorder.step(loss=update(model, optimizer), accuracy=step)
            recorder.note(val_loss=step)
    records = open_records(path)
    assert records["accuracy"].values[0].tolist() == list(range(20))
    assert records["val_loss"].values[0].tolist() == list(range(20))
    assert np.isfinite(records["learning_rate"].values).all()


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, AveragedModel, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "averaged", "pickle"],
)
def test_a_copy_of_the_model_is_a_model_of_its_own(model, optimizer, path, copied, update, inputs):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        recorder.step(loss=update(model, optimizer))
        other = copied(model)
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        wanted = model[1](model[0](inputs)).mean(0).detach().numpy()
        loss.backward()
        assert other(100 * inputs).requires_grad
        optimizer.step()
        recorder.step(loss=loss)
    np.testing.assert_allclose(open_records(path)["activations_mean_1"].values[0, 1], wanted, rtol=1e-5)
    pickle.dumps(other)


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_are_unscaled_and_an_update_that_a_scaler_leaves_out_is_no_divergence(fused, model, inputs, path):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    scaler, wanted = torch.amp.GradScaler("cpu", init_scale=2.0**10), []
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(6):
            optimizer.zero_grad()
            loss = model(inputs).square().mean()
            (unscaled,) = torch.autograd.grad(loss, [model[0].bias], retain_graph=True)
            scaler.scale(loss).backward()
            if step in (0, 3):
                model[0].weight.grad[0, 0] = torch.inf
            else:
                wanted.append(unscaled.numpy())
            scaler.step(optimizer)
            scaler.update()
            recorder.step(loss=loss)
    records = open_records(path)
    assert recorder.cost.skipped == 2
    assert records["step"].values.tolist() == [0, 1, 2, 3]
    assert (records["diverged_at"].values == -1).all()
    assert np.isfinite(records["gradient_norm"].values).all()
    np.testing.assert_allclose(records["bias_gradients_0"].values[0], wanted, rtol=1e-6)


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 1))


def means(model, inputs):
    """Return the means of the two activation functions, (neuron) each."""
    with torch.no_grad():
        image = model[1](model[0](inputs))
        return image.mean((0, 2, 3)).numpy(), model[4](model[3](model[2](image))).mean(0).numpy()


IMAGES = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(2))


def test_passes_between_update_and_step_are_not_those_of_the_step(update, path):
    model, wanted = convolutional(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            wanted.append(means(model, IMAGES))
            loss = update(model, optimizer, IMAGES)
            model(5 * IMAGES)
            recorder.step(loss=loss)
    records = open_records(path)
    for name, own in zip(("1", "4"), zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(records[f"activations_mean_{name}"].values[0], own, rtol=1e-4, atol=1e-6)


def test_of_a_closure_that_is_called_again_the_first_call_is_recorded(path):
    model, wanted = convolutional(), []
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = model(IMAGES).square().mean()
        loss.backward()
        return loss

    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            wanted.append(means(model, IMAGES))
            recorder.step(loss=optimizer.step(closure))
    records = open_records(path)
    for name, own in zip(("1", "4"), zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(records[f"activations_mean_{name}"].values[0], own, rtol=1e-4, atol=1e-6)


def test_one_wrong_loss_takes_nothing_of_the_steps_behind_it(model, optimizer, path, update):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(6):
            loss = update(model, optimizer)
            recorder.step(loss=torch.inf if step == 2 else loss, accuracy=step)
            recorder.note(val_loss=step)
            if step == 2:
                recorder._file.write(final=False)  # as after five seconds
    records = open_records(path)
    assert np.flatnonzero(~np.isfinite(records["loss"].values[0])).tolist() == [2]
    assert records["accuracy"].values[0].tolist() == list(range(6))
    assert records["val_loss"].values[0].tolist() == list(range(6))
    assert np.isfinite(records["weights_0"].values).all()
    assert (records["diverged_at"].values == -1).all()


def test_a_training_that_ends_with_a_wrong_step_has_diverged_there(model, optimizer, path, update, inputs):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(3):
            recorder.step(loss=update(model, optimizer, inputs * (torch.inf if step == 2 else 1)))
    assert outcomes(open_records(path))["diverged_at"].values.tolist() == [2]


@pytest.mark.parametrize("flushed", [(), (3,), (4,)])
def test_a_training_that_does_not_come_back_has_diverged_at_the_first_wrong_step(
    model, optimizer, path, flushed, update, inputs
):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(6):
            recorder.step(loss=update(model, optimizer, inputs * (torch.inf if step == 3 else 1)), accuracy=step)
            if step in flushed:
                recorder._file.write(final=False)
    records = open_records(path)
    assert records["diverged_at"].values.max() == 3
    assert outcomes(records)["outcome"].values.tolist() == ["diverged"]
    assert outcomes(records)["diverged_at"].values.tolist() == [3]
    assert np.isnan(records["loss"].values[0, 4:]).all()
    assert np.isfinite(records["weights_0"].values[0]).all((1, 2)).tolist() == [True] * 4 + [False] * 2


@pytest.mark.filterwarnings("ignore:parameters that (the optimizer does not update|were added or unfrozen)")
def test_groups_that_are_added_later_have_their_rates_and_the_loop_goes_on(model, update, path):
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for step in range(6):
            if step == 3:
                recorder._file.write(final=False)
                optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 0.01})
            recorder.step(loss=update(model, optimizer))
    records = open_records(path)
    assert records["learning_rate"].values[0].tolist() == [0.1] * 6
    assert records["learning_rate_1"].values[0].tolist() == [0.01] * 3
    assert records["step_learning_rate_1"].values.tolist() == [3, 4, 5]


def test_a_number_of_the_first_step_may_be_left_out_of_a_whole_block(model, optimizer, path, update):
    with Recorder(model, path, optimizer, when=at(1, 3), time_budget=None) as recorder:
        for step in range(4):
            recorder.step(loss=update(model, optimizer), **({} if step == 1 else {"accuracy": step}))
            recorder._file.write(final=False)
    np.testing.assert_array_equal(open_records(path)["accuracy"].values[0], [np.nan, 3])


class Language(nn.Module):
    """Positions come first, without a sample dimension, and the head takes positions as samples."""

    def __init__(self) -> None:
        super().__init__()
        self.positions, self.words = nn.Embedding(9, 6), nn.Embedding(20, 6)
        self.relu, self.head = nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(6, 20))
        self.gelu = nn.GELU()

    def forward(self, text):
        together = self.words(text) + self.positions(torch.arange(text.shape[1]))
        return self.head(self.gelu(self.relu(together).reshape(-1, 6)))


def test_layers_are_recorded_whatever_their_number_of_samples_is(update, path):
    torch.manual_seed(0)
    model, wanted = Language(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(
        model, path, optimizer, probes=[Activations(include=("*",), when=every())], time_budget=None
    ) as recorder:
        for length in (7, 9, 5):
            text = torch.randint(0, 20, (4, length))
            wanted.append((model.words(text) + model.positions.weight[:length]).relu().mean((0, 1)).detach().numpy())
            recorder.step(loss=update(model, optimizer, text))
    records = open_records(path)
    means = {name for name in records.data_vars if name.startswith("activations_mean")}
    assert means == {f"activations_mean_{name}" for name in ("words", "positions", "relu", "gelu", "head")}
    np.testing.assert_allclose(records["activations_mean_relu"].values[0], wanted, rtol=1e-5)


def test_outputs_of_another_width_are_missing_and_take_nothing_of_others(update, path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Softmax(-1), nn.ReLU(), nn.AdaptiveAvgPool1d(3), nn.Sigmoid(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for width in (7, 7, 9, 5, 7):
            recorder.step(loss=update(model, optimizer, torch.randn(4, width)))
    records = open_records(path)
    assert np.isfinite(records["activations_mean_0"].values[0]).all(1).tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(records["activations_mean_0"].values[0, [0, 1, 4]].sum(1), 1, rtol=1e-5)
    assert np.isfinite(records["activations_mean_3"].values).all()


def test_a_loop_in_which_nothing_was_due_ends_with_a_warning(model, optimizer, path, update):
    recorder = Recorder(model, path, optimizer, when=at(100), time_budget=None)
    for _ in range(3):
        recorder.step(loss=update(model, optimizer))
    with pytest.warns(RuntimeWarning, match="nothing was recorded, .* no record was due in 3 updates"):
        recorder.close()
    assert not path.exists()


def test_outputs_of_a_smaller_batch_are_missing_at_that_step(model, optimizer, path, update, inputs):
    with Recorder(model, path, optimizer, probes=[Activations(full=True, when=every())], time_budget=None) as recorder:
        for samples in (8, 3, 8):
            recorder.step(loss=update(model, optimizer, inputs[:samples]))
    found = np.isfinite(open_records(path)["activations_1"].values[0]).all((1, 2))
    assert found.tolist() == [True, False, True]


TAKEN = ("member", "step", "lr", "diverged_at", "learning_rate", "gradient_norm", "weights_0", "neuron_0")
NOT_STORED = ("/a", "", "a\nb")


@pytest.mark.parametrize(
    ("in_steps", "noted", "left_out"),
    [
        *(({name: 1}, {"val_loss": 2}, name) for name in (*TAKEN, *NOT_STORED)),
        *(({}, {name: 1, "val_loss": 2}, name) for name in NOT_STORED),
        ({}, {"accuracy": 2, "val_loss": 3}, "accuracy"),
        ({}, {"x": 3, "step_x": 4}, "step_x"),
        ({}, {"step_x": 3, "x": 4}, "x"),
    ],
)
def test_a_number_whose_name_is_taken_or_cannot_be_stored_is_left_out_with_one_warning(
    model, optimizer, path, update, shown, in_steps, noted, left_out
):
    losses = []
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(2):
            losses.append(update(model, optimizer))
            recorder.step(loss=losses[-1], accuracy=1, **in_steps)
            recorder.note(**noted)
    assert [repr(left_out) in str(one.message) for one in shown] == [True]
    shown.clear()
    records = open_records(path)
    np.testing.assert_array_equal(records["loss"].values[0], torch.stack(losses).numpy())
    assert records["accuracy"].values.tolist() == [[1, 1]]
    for name in noted.keys() - {left_out}:
        assert records[name].values.tolist() == [[noted[name]] * 2]
    assert left_out in {*TAKEN, "accuracy"} or left_out not in records.data_vars


@pytest.mark.parametrize("early", [True, False])
def test_a_call_before_the_update_is_noticed(model, optimizer, path, inputs, early, shown):
    """Losses would be recorded with parameters that are not theirs; a scaler may leave out the first update."""
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        if not early:
            recorder.step(loss=1.0)
        for _ in range(3):
            loss = model(inputs).square().mean()
            loss.backward()
            if early:
                recorder.step(loss=loss)
            optimizer.step()
            if not early:
                recorder.step(loss=loss)
    assert len(shown) == early
    shown.clear()


def test_tensors_may_be_made_on_another_device_by_default(model, optimizer, path, update):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            loss = update(model, optimizer)
            with torch.device("meta"):
                recorder.step(loss=float(loss), accuracy=1)
    assert recorder.failed is None
    assert open_records(path).sizes["step"] == 3


def test_a_label_with_the_name_of_a_variable_is_refused(model, optimizer, path):
    with pytest.raises(InputError, match="a label must be a name that is free in the records; got 'loss'"):
        Recorder(model, path, optimizer, labels={"loss": 1}, time_budget=None)
    assert not path.exists()


def test_a_label_with_the_name_of_a_layers_variable_ends_the_recording(model, optimizer, path, update):
    recorder = Recorder(model, path, optimizer, labels={"weights_0": 1}, time_budget=None)
    with pytest.warns(RuntimeWarning, match="a label must be a name that is free in the records; got 'weights_0'"):
        update(model, optimizer)
    assert "a label" in recorder.failed
    assert not path.exists()
    recorder.step(loss=update(model, optimizer))
    recorder.close()


def test_a_size_that_two_records_do_not_fit_is_refused_and_the_least_is_enough(model, optimizer, path, update):
    recorder = Recorder(model, path, optimizer, size_budget="10 kB", time_budget=None)
    with pytest.warns(RuntimeWarning, match=r"size_budget must be at least \d+ kB for this model"):
        update(model, optimizer)
    least = re.search(r"\d+ kB", recorder.failed)[0]
    with Recorder(model, path, optimizer, size_budget=least, time_budget=None) as recorder:
        for _ in range(300):
            recorder.step(loss=update(model, optimizer))
    assert path.stat().st_size <= int(least.split()[0]) * 1000
    assert open_records(path)["step"].values.tolist()[:1] == [0]


def test_a_layer_that_gets_no_samples_in_the_first_pass_is_missing_there(model, optimizer, path, inputs):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for samples in (0, 8, 8):
            optimizer.zero_grad()
            loss = model(inputs[:samples]).square().sum()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    means = open_records(path)["activations_mean_1"].values[0]
    assert np.isfinite(means).all(1).tolist() == [False, True, True]


def test_calls_in_the_manner_of_other_libraries_are_told_and_end_nothing(model, optimizer, path, update, shown):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            loss = update(model, optimizer)
            recorder.step(loss, {"accuracy": 1.0})
            recorder.note({"val_loss": 1.0})
        update(model, optimizer)
        recorder.step()
    assert [str(one.message).split(". ")[0] for one in shown] == [
        "numbers need names: recorder.step(loss=loss, accuracy=value)",
        "numbers need names: recorder.note(val_loss=value)",
    ]
    shown.clear()
    assert np.isfinite(open_records(path)["loss"].values[0]).tolist() == [True, True, True, False]


def test_a_recorder_that_was_closed_too_early_says_so_once(model, optimizer, path, update, shown):
    recorder = Recorder(model, path, optimizer, time_budget=None)
    for _ in range(3):  # epochs
        with recorder:
            recorder.step(loss=update(model, optimizer))
        recorder.note(val_loss=1.0)
    (one,) = shown
    assert str(one.message).startswith("the Recorder was called after it was closed")
    shown.clear()
    assert open_records(path)["step"].values.tolist() == [0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_what_holds_a_recorder_records_nothing(copied, model, optimizer, path, update):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        recorder.step(loss=update(model, optimizer))
        own = copied([recorder])[0]
        with own:
            own.step(loss=1.0, accuracy=1)
            own.note(val_loss=1.0)
        recorder.step(loss=update(model, optimizer))
    assert open_records(path)["step"].values.tolist() == [0, 1]
