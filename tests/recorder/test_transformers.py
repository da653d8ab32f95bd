"""The callback with Hugging Face's own Trainer: the records are an independent copy of what it trained."""

import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.errors import InputError
from lrscope.probes import Weights, every
from lrscope.recorder import TransformersRecorder
from lrscope.store import open_records

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers', of every kind

SAMPLES = torch.randint(1, 40, (22, 6), generator=torch.Generator().manual_seed(0)).tolist()
LAYER, VARIABLE = "transformer.h.0.mlp.c_fc", "transformer_h_0_mlp_c_fc"


def gpt2() -> nn.Module:
    config = transformers.GPT2Config(
        vocab_size=40, n_positions=8, n_embd=8, n_layer=2, n_head=2, use_cache=False, bos_token_id=0, eos_token_id=0
    )
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(config)


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return len(SAMPLES)

    def __getitem__(self, row):
        return {"input_ids": SAMPLES[row], "labels": SAMPLES[row]}


class Copies(transformers.TrainerCallback):
    """An independent copy of what belongs to each update, taken by the Trainer's own events."""

    def __init__(self) -> None:
        self.weights, self.gradients, self.rates, self.logged = [], [], [], []

    def on_pre_optimizer_step(self, args, state, control, model=None, optimizer=None, **kwargs):
        weight = model.get_parameter(f"{LAYER}.weight")
        self.weights.append(weight.detach().clone())
        self.gradients.append(weight.grad.clone())
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.logged.append(logs["loss"])


class Doubled(transformers.Trainer):
    """Trains another loss than the model's own."""

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        outputs = model(**inputs)
        loss = 2 * outputs.loss + outputs.logits.square().mean()
        return (loss, outputs) if return_outputs else loss


def fit(folder, *callbacks, model=None, kind=transformers.Trainer, resume=None, evaluated=False, **options):
    """Train for two epochs and return the Trainer."""
    given = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "lr_scheduler_type": "linear",
        "warmup_steps": 2,
        **options,
    }
    trainer = kind(
        model=model or gpt2(),
        args=transformers.TrainingArguments(str(folder), **given),
        train_dataset=Rows(),
        eval_dataset=Rows() if evaluated else None,
        callbacks=list(callbacks),
        data_collator=transformers.default_data_collator,
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


SETTINGS = {
    "plain": {},
    "accumulated": {"gradient_accumulation_steps": 3},
    "clipped": {"max_grad_norm": 0.01},
    "bf16": {"bf16": True},
    "checkpointed": {"gradient_checkpointing": True},
    "compiled": {"torch_compile": True, "torch_compile_backend": "eager"},
    "adafactor": {"optim": "adafactor"},
    "another loss": {"kind": Doubled, "gradient_accumulation_steps": 2},
}


@pytest.mark.parametrize(
    "setting", [pytest.param(name, marks=[pytest.mark.long] * (name == "compiled")) for name in SETTINGS]
)
def test_the_records_are_an_independent_copy_and_the_training_is_the_same_to_the_bit(setting, tmp_path, path):
    if setting == "compiled":
        torch._dynamo.reset()
    options, copies = SETTINGS[setting], Copies()
    recorder = TransformersRecorder(path, time_budget=None)
    trainer = fit(tmp_path, recorder, copies, **options)
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(len(copies.weights)))
    for name, wanted in (("weights", copies.weights), ("weight_gradients", copies.gradients)):
        found = records[f"{name}_{VARIABLE}"].values[0]
        np.testing.assert_array_equal(found.reshape(len(wanted), *wanted[0].shape), torch.stack(wanted).numpy())
    np.testing.assert_allclose(records["loss"].values[0], copies.logged, rtol=1e-6)
    np.testing.assert_array_equal(records["learning_rate"].values[0], copies.rates)
    assert np.isfinite(records["gradient_norm"].values).all()
    alone = fit(tmp_path, **options)
    after = trainer.model.state_dict()
    assert [name for name, value in alone.model.state_dict().items() if not torch.equal(value, after[name])] == []
    assert "training_step" not in vars(trainer)
    hooks = [
        sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in each.model.modules())
        for each in (trainer, alone)
    ]
    assert hooks[0] == hooks[1]


def test_losses_are_exact_however_seldom_the_trainer_logs(tmp_path, path):
    copies = Copies()
    fit(tmp_path, TransformersRecorder(path, probes=[], time_budget=None), logging_steps=4)
    fit(tmp_path, copies)
    np.testing.assert_allclose(open_records(path)["loss"].values[0], copies.logged, rtol=1e-6)


def test_evaluations_are_recorded_with_the_parameters_as_they_are_then(tmp_path, path):
    recorder = TransformersRecorder(path, probes=[Weights(when=every(4))], when=every(1, "epoch"), time_budget=None)
    trainer = fit(tmp_path, recorder, evaluated=True, eval_strategy="steps", eval_steps=4)
    records = open_records(path)
    wanted = [one["eval_loss"] for one in trainer.state.log_history if "eval_loss" in one]
    assert records["step_val_loss"].values.tolist() == [4, 8, 12]
    np.testing.assert_allclose(records["val_loss"].values[0], wanted)
    assert records["step"].values.tolist() == [5, 11]  # the Trainer knows the updates in an epoch
    trainer.evaluate()


def test_a_training_that_is_resumed_and_its_first_part_are_one(tmp_path, path):
    first = tmp_path / "first"
    fit(first, TransformersRecorder(path, time_budget=None), save_strategy="steps", save_steps=5, max_steps=7)
    assert json.loads((first / "checkpoint-5/trainer_state.json").read_text())["stateful_callbacks"]["lrscope"]
    whole, copies = tmp_path / "whole.root", Copies()
    second = TransformersRecorder(tmp_path / "b.root", time_budget=None)
    resume = {"resume": str(first / "checkpoint-5"), "restore_callback_states_from_checkpoint": True}
    fit(first, second, max_steps=7, **resume)
    fit(tmp_path / "whole", TransformersRecorder(whole, time_budget=None), copies, max_steps=7)
    joined = open_records([path, tmp_path / "b.root"])
    assert open_records(tmp_path / "b.root")["step"].values.tolist() == [5, 6]
    assert joined["step"].values.tolist() == list(range(7))
    found = joined[f"weights_{VARIABLE}"].values[0].reshape(7, *copies.weights[0].shape)
    np.testing.assert_array_equal(found, torch.stack(copies.weights).numpy())


class Failing(Doubled):
    def training_step(self, *args, **kwargs):
        if self.state.global_step == 4:
            raise ZeroDivisionError
        return super().training_step(*args, **kwargs)


def test_an_exception_keeps_what_was_recorded(tmp_path, path):
    with pytest.raises(ZeroDivisionError):
        fit(tmp_path, TransformersRecorder(path, time_budget=None), kind=Failing)
    assert open_records(path)["step"].values.tolist() == [0, 1, 2, 3]


def test_two_callbacks_record_one_training_and_leave_the_trainer_usable(tmp_path, path):
    other = tmp_path / "seldom.root"
    trainer = fit(
        tmp_path,
        TransformersRecorder(path, time_budget=None),
        TransformersRecorder(other, when=every(2), time_budget=None),
        max_steps=4,
    )
    often, seldom = open_records(path), open_records(other)
    assert often["step"].values.tolist() == [0, 1, 2, 3]
    assert seldom["step"].values.tolist() == [0, 2]
    np.testing.assert_array_equal(seldom["loss"].values, often["loss"].sel(step=[0, 2]).values)
    assert often.attrs["metadata"]["run_id"] == seldom.attrs["metadata"]["run_id"]
    trainer.callback_handler.callbacks = trainer.callback_handler.callbacks[:1]
    assert trainer.train().global_step == 4


def test_a_second_training_needs_a_callback_of_its_own(tmp_path, path):
    callback = TransformersRecorder(path, time_budget=None)
    trainer = fit(tmp_path, callback)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"^a TransformersRecorder must be used for one training; got .*a.root'"):
        trainer.train()
    assert path.read_bytes() == before


def test_wrong_options_are_refused_at_once(path):
    with pytest.raises(InputError, match=r"^time_budget must be greater than 0; got -1"):
        TransformersRecorder(path, time_budget=-1)
