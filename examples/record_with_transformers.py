"""The same with the Trainer of Hugging Face's transformers: one callback.

Run it with `python examples/record_with_transformers.py`. It takes some seconds and writes `transformers.root`. The
model is a small GPT-2 with random weights; nothing is downloaded.
"""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from lrscope import open_records
from lrscope.recorder import TransformersRecorder

if __name__ == "__main__":
    torch.manual_seed(0)
    rows = torch.arange(16) + torch.randint(0, 16, (80, 1))  # each counts on from its first number
    data = [{"input_ids": row, "labels": row} for row in rows]
    config = GPT2Config(
        vocab_size=32, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0, use_cache=False
    )
    arguments = TrainingArguments(
        "transformers",
        num_train_epochs=4,
        per_device_train_batch_size=8,
        learning_rate=1e-2,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
    )
    callback = TransformersRecorder("transformers.root", time_budget=None)
    Trainer(GPT2LMHeadModel(config), arguments, train_dataset=data, callbacks=[callback]).train()
    print(callback.cost)
    print("loss at the recorded steps", open_records("transformers.root")["loss"].values[0].round(3))
