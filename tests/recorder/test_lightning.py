"""The callback with Lightning's own Trainer: the records are those of a plain loop."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrscope.errors import InputError
from lrscope.probes import Biases, Every, Weights, every
from lrscope.recorder import LightningRecorder, Recorder
from lrscope.store import open_records, summary

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    lightning = pytest.importorskip("lightning.pytorch")

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's, of every kind

DRAW = torch.Generator().manual_seed(0)
INPUTS, TARGETS = torch.randn(24, 3, generator=DRAW), torch.randn(24, 2, generator=DRAW)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


class Module(lightning.LightningModule):
    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.net = network()
        self.fails_at = fails_at

    def training_step(self, batch, number):
        if self.global_step == self.fails_at:
            raise ZeroDivisionError
        inputs, targets = batch
        return nn.functional.mse_loss(self.net(inputs), targets)

    def validation_step(self, batch, number):
        inputs, targets = batch
        self.log("val_loss", nn.functional.mse_loss(self.net(inputs), targets))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Manual(Module):
    """Makes its updates itself, and returns nothing."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.optimizers().zero_grad()
        self.manual_backward(loss)
        self.optimizers().step()


def loader() -> DataLoader:
    return DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=6)


def fit(folder, callbacks, module=None, *, validated=False, checkpoint=None, **options):
    """Fit, and return the trainer."""
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=callbacks,
        **{"max_epochs": 3, **options},
    )
    trainer.fit(module or Module(), loader(), loader() if validated else None, ckpt_path=checkpoint)
    return trainer


def plain(path, accumulate=1, clip=None, epochs=3):
    module = Module()
    optimizer = module.configure_optimizers()
    with Recorder(module, path, optimizer, time_budget=None) as recorder:
        for _ in range(epochs):
            for number, (inputs, targets) in enumerate(loader()):
                recorder.begin_pass()
                loss = nn.functional.mse_loss(module.net(inputs), targets)
                (loss / accumulate).backward()
                if (number + 1) % accumulate == 0:
                    if clip:
                        nn.utils.clip_grad_norm_(module.parameters(), clip)
                    optimizer.step()
                    optimizer.zero_grad()
                    recorder.step(loss=loss)
    return open_records(path)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {}),
        ({"accumulate_grad_batches": 2}, {"accumulate": 2}),
        ({"gradient_clip_val": 0.1}, {"clip": 0.1}),
    ],
)
def test_the_records_are_those_of_a_plain_loop(tmp_path, options, same):
    fit(tmp_path, LightningRecorder(tmp_path / "lightning.root", time_budget=None), **options)
    theirs, mine = open_records(tmp_path / "lightning.root"), plain(tmp_path / "plain.root", **same)
    assert set(theirs.data_vars) == set(mine.data_vars)
    for name, array in mine.data_vars.items():
        if not str(name).endswith("_seconds"):
            assert theirs[name].dims == array.dims
            np.testing.assert_allclose(theirs[name].values, array.values, rtol=1e-6, atol=1e-7, err_msg=str(name))
    assert len(mine["step"]) == 12 // same.get("accumulate", 1)


def test_the_training_is_the_same_to_the_bit(tmp_path, path):
    with_it, without = Module(), Module()
    fit(tmp_path, LightningRecorder(path, time_budget=None), with_it)
    fit(tmp_path, lightning.Callback(), without)
    assert all(torch.equal(value, without.state_dict()[name]) for name, value in with_it.state_dict().items())


def test_epochs_are_known_and_validations_are_recorded(tmp_path, path):
    callback = LightningRecorder(
        path, probes=[Weights(when=every(2)), Biases()], when=every(1, "epoch"), time_budget=None
    )
    fit(tmp_path, callback, validated=True)
    records = open_records(path)
    assert records["biases_net_0"][records["biases_net_0"].dims[1]].values.tolist() == [3, 7, 11]
    assert records["step_val_loss"].values.tolist() == [4, 8, 12]
    assert np.isfinite(records["val_loss"].values).all()
    assert callback.cost.recorded == 9


def test_an_exception_keeps_what_was_recorded(tmp_path, path):
    with pytest.raises(ZeroDivisionError):
        fit(tmp_path, LightningRecorder(path, time_budget=None), Module(fails_at=5))
    assert open_records(path)["step"].values.tolist() == [0, 1, 2, 3, 4]


class Gan(lightning.LightningModule):
    """Two networks that take turns, each with its own optimiser; it returns no loss, as most of them."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        torch.manual_seed(0)
        self.generator, self.critic = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        self.seen = []

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        before = [each.weight.detach().clone() for each in (self.critic[0], self.generator)]
        critic_loss = self.critic(self.generator(batch[0]).detach()).mean() - self.critic(batch[1]).mean()
        gradients = []
        self.toggle_optimizer(first)
        first.zero_grad()
        self.manual_backward(critic_loss)
        gradients.append(self.critic[0].weight.grad.clone())
        first.step()
        self.untoggle_optimizer(first)
        self.toggle_optimizer(second)
        second.zero_grad()
        self.manual_backward(-self.critic(self.generator(batch[0])).mean())
        gradients.append(self.generator.weight.grad.clone())
        second.step()
        self.untoggle_optimizer(second)
        self.seen.append((*before, *gradients))

    def configure_optimizers(self):
        return [torch.optim.SGD(self.critic.parameters(), lr=0.1), torch.optim.Adam(self.generator.parameters(), 0.02)]


def test_of_several_optimisers_each_parameter_is_that_of_its_own(tmp_path, path):
    with_it, without = Gan(), Gan()
    fit(tmp_path, LightningRecorder(path, time_budget=None), with_it)
    fit(tmp_path, lightning.Callback(), without)
    assert all(torch.equal(value, without.state_dict()[name]) for name, value in with_it.state_dict().items())
    records = open_records(path)
    names = ("weights_critic_0", "weights_generator", "weight_gradients_critic_0", "weight_gradients_generator")
    for name, values in zip(names, zip(*with_it.seen, strict=True), strict=True):
        np.testing.assert_array_equal(records[name].values[0], torch.stack(values).numpy())
    assert np.isnan(records["loss"].values).all()
    assert (records["diverged_at"].values == -1).all()
    assert np.unique(records["learning_rate_1"].values).tolist() == [0.02]


def test_a_second_fit_needs_a_callback_of_its_own(tmp_path, path):
    callback = LightningRecorder(path, time_budget=None)
    fit(tmp_path, callback, max_epochs=1)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"^a LightningRecorder must be used for one fit; got .*a.root'. Make a new"):
        fit(tmp_path, callback, max_epochs=1)
    assert path.read_bytes() == before
    assert callback.cost.steps == 4


def test_the_steps_of_a_resumed_training_go_on_and_its_files_are_one_training(tmp_path, path):
    first = fit(tmp_path, LightningRecorder(path, time_budget=None), max_epochs=1)
    first.save_checkpoint(tmp_path / "a.ckpt")
    fit(tmp_path, LightningRecorder(tmp_path / "b.root", time_budget=None), checkpoint=tmp_path / "a.ckpt")
    fit(tmp_path, LightningRecorder(tmp_path / "whole.root", time_budget=None))
    whole, joined = open_records(tmp_path / "whole.root"), open_records([path, tmp_path / "b.root"])
    assert open_records(tmp_path / "b.root")["step"].values.tolist() == list(range(4, 12))
    assert joined["step"].values.tolist() == whole["step"].values.tolist()
    for name, array in whole.data_vars.items():
        if name not in ("gradient_angle", "recording_seconds", "training_seconds"):
            np.testing.assert_allclose(joined[name].values, array.values, rtol=1e-6, atol=1e-7, err_msg=str(name))
    assert np.isnan(joined["gradient_angle"].values[0]).nonzero()[0].tolist() == [0, 4]


def test_several_callbacks_record_one_training_and_its_resumption(tmp_path):
    names = ("often", "seldom")

    def pair(part):
        paths = [tmp_path / f"{name}{part}.root" for name in names]
        return [LightningRecorder(path, when=every(count), time_budget=None) for count, path in enumerate(paths, 1)]

    first = fit(tmp_path, pair(1), max_epochs=1)
    first.save_checkpoint(tmp_path / "a.ckpt")
    fit(tmp_path, pair(2)[::-1], checkpoint=tmp_path / "a.ckpt")
    for name, steps in zip(names, (range(12), range(0, 12, 2)), strict=True):
        both = open_records([tmp_path / f"{name}{part}.root" for part in (1, 2)])
        assert both["step"].values.tolist() == list(steps)
        assert np.isfinite(both["loss"].values).all()
    ids = {summary(file).metadata["run_id"] for file in tmp_path.glob("*.root")}
    assert len(ids) == 1


def test_wrong_options_are_refused_at_once(path):
    with pytest.raises(InputError, match=r"^time_budget must be greater than 0; got -1"):
        LightningRecorder(path, when=Every(2), time_budget=-1)


class Skips(Module):
    """Leaves out each third batch."""

    def training_step(self, batch, batch_idx):
        return None if batch_idx % 3 == 2 else super().training_step(batch, batch_idx)


def test_batches_that_are_left_out_are_counted_and_not_recorded(tmp_path, path):
    callback = LightningRecorder(path, time_budget=None)
    fit(tmp_path, callback, Skips())
    assert callback.cost.skipped == 3
    assert open_records(path)["step"].values.tolist() == list(range(9))


def test_an_update_without_its_loss_is_recorded_without_it(tmp_path, path):
    fit(tmp_path, LightningRecorder(path, time_budget=None), Manual())
    records, mine = open_records(path), plain(tmp_path / "plain.root")
    assert np.isnan(records["loss"].values).all()
    np.testing.assert_array_equal(records["weights_net_0"].values, mine["weights_net_0"].values)
