"""Train a tiny GPT-2 to count with Hugging Face's Trainer; it writes trainer_state.json.

lrscope run sweep --lrs 1e-4:1e-1:7 --seeds 4 --metric eval_loss -- \
    python with_huggingface.py --lr {lr} --seed {seed} --out {out}
"""

import argparse

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

WORDS, LENGTH = 16, 12

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.001)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--out", default=".")
given = parser.parse_args()


def counting(samples, seed):
    """Return sequences that count up from a random number, modulo the number of words."""
    starts = torch.randint(0, WORDS, (samples, 1), generator=torch.Generator().manual_seed(seed))
    sequences = (starts + torch.arange(LENGTH)) % WORDS
    return [{"input_ids": row, "labels": row} for row in sequences]


set_seed(given.seed)
size = {"n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
config = GPT2Config(vocab_size=WORDS, n_positions=LENGTH, **size)
arguments = TrainingArguments(
    output_dir=given.out,
    learning_rate=given.lr,
    seed=given.seed,
    max_steps=given.steps,
    per_device_train_batch_size=16,
    eval_strategy="steps",
    eval_steps=given.steps // 4,
    logging_steps=given.steps // 4,
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
)
trainer = Trainer(GPT2LMHeadModel(config), arguments, train_dataset=counting(500, 1), eval_dataset=counting(100, 2))
trainer.train()
trainer.save_state()
