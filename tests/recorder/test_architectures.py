"""What is recorded by default of architectures that people train: something of every block, neuron by neuron."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import relu

from lrscope.probes import Activations, every
from lrscope.recorder import Recorder
from lrscope.store import open_records

PAGE = Path(__file__).parents[2] / "docs" / "recorder.md"
TOKENS = torch.randint(0, 50, (4, 9), generator=torch.Generator().manual_seed(0))
IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def bert(library):
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    return library.BertForSequenceClassification(library.BertConfig(vocab_size=50, **small)), TOKENS


def gpt2(library):
    special = {"bos_token_id": 0, "eos_token_id": 0}
    config = library.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_inner=24, **special)
    return library.GPT2LMHeadModel(config), TOKENS


def t5(library):
    small = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
    config = library.T5Config(vocab_size=50, decoder_start_token_id=0, **small)
    return library.T5ForConditionalGeneration(config), {"input_ids": TOKENS, "labels": TOKENS}


def vit(library):
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    config = library.ViTConfig(image_size=32, patch_size=16, **small)
    return library.ViTForImageClassification(config), IMAGES


def resnet(library):
    config = library.ResNetConfig(embedding_size=8, hidden_sizes=[24, 24], depths=[2, 2], layer_type="basic")
    return library.ResNetForImageClassification(config), IMAGES


class Recurrent(nn.Module):
    def __init__(self, library):
        super().__init__()
        self.words, self.memory = nn.Embedding(50, 16), nn.LSTM(16, 24, num_layers=2, batch_first=True)
        self.head = nn.Linear(24, 50)

    def forward(self, text):
        return self.head(self.memory(self.words(text))[0])


class Convolutions(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self, library):
        super().__init__()
        self.down = nn.ModuleList([Convolutions(3, 24), Convolutions(24, 24)])
        self.middle, self.pool = Convolutions(24, 24), nn.MaxPool2d(2)
        self.enlarge = nn.ConvTranspose2d(24, 24, 2, 2)
        self.up = nn.ModuleList([Convolutions(48, 24), Convolutions(48, 24)])
        self.head = nn.Conv2d(24, 2, 1)

    def forward(self, images):
        skipped = []
        for block in self.down:
            skipped.append(block(images))
            images = self.pool(skipped[-1])
        images = self.middle(images)
        for block in self.up:
            images = block(torch.cat([self.enlarge(images), skipped.pop()], 1))
        return self.head(images)


class GraphConvolution(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, nodes, edges):
        return edges @ self.linear(nodes)


class GraphNetwork(nn.Module):
    """Functions instead of modules, as is usual there."""

    def __init__(self, library):
        super().__init__()
        self.convolutions = nn.ModuleList([GraphConvolution(3, 24), GraphConvolution(24, 24)])
        self.head = nn.Linear(24, 2)

    def forward(self, nodes):
        edges = torch.eye(len(nodes)) / 2 + 0.5 / len(nodes)
        for convolution in self.convolutions:
            nodes = relu(convolution(nodes, edges))
        return self.head(nodes)


class Transformer(nn.Module):
    def __init__(self, library):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True)
        self.words, self.encoder = nn.Embedding(50, 16), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 50))

    def forward(self, text):
        return self.head(self.encoder(self.words(text)))


ARCHITECTURES = {
    "BERT (transformers)": (bert, {24, 16}),
    "GPT-2 (transformers)": (gpt2, {24}),
    "T5 (transformers)": (t5, {24}),
    "ViT (transformers)": (vit, {24}),
    "ResNet (transformers)": (resnet, {8, 24, 2}),
    "LSTM": (lambda library: (Recurrent(library), TOKENS), {24}),
    "U-Net": (lambda library: (UNet(library), IMAGES), {24}),
    "graph network with functions for its activations": (
        lambda library: (GraphNetwork(library), IMAGES[0, :, 0].T),
        {24, 2},
    ),
    "`nn.TransformerEncoder`, a head with `nn.ReLU`": (lambda library: (Transformer(library), TOKENS), {16, 24}),
}


def recorded(model, inputs, path):
    """Return layer -> number of neurons, of the activations that are recorded by default."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    with Recorder(model, path, optimizer, probes=[Activations(when=every())], time_budget=None) as recorder:
        output = model(**inputs) if isinstance(inputs, dict) else model(inputs)
        loss = (output if isinstance(output, torch.Tensor) else output.logits).square().mean()
        loss.backward()
        optimizer.step()
        recorder.step(loss=loss)
    records = open_records(path)
    means = [array for array in records.data_vars.values() if array.attrs["statistic"] == "mean"]
    return {array.attrs["layer"]: array.shape[-1] for array in means}


def listed():
    """Return architecture -> patterns of layers, as the page has them."""
    rows = [line.strip("| \n").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return {row[0]: re.findall("`([^`]*)`", row[1]) for row in rows if row[0] in ARCHITECTURES}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_page_lists_what_is_recorded_by_default(name, tmp_path):
    make, widths = ARCHITECTURES[name]
    library = pytest.importorskip("transformers") if "transformers" in name else None
    torch.manual_seed(0)
    layers = recorded(*make(library), tmp_path / "one.root")
    patterns = dict.fromkeys(re.sub(r"(^|\.|:)\d+(?=\.|$)", r"\1*", layer) for layer in layers)
    assert listed()[name] == list(patterns)
    assert set(layers.values()) == widths
