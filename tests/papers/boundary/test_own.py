"""Maps of a network of one's own are those of plain loops with torch.optim."""

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import own_things
from lrscope.errors import InputError, UnknownNameError
from lrscope.papers.boundary import STUDY, Map, MapTraining, Options, experiments, further, maps
from lrscope.papers.boundary._members import losses
from lrscope.records import concatenate
from lrscope.training import batch_order, stream

STEPS = 25


OWN = {"model": "own_things:Parts", "data": "own_things:squares", "steps": STEPS, "resolution": 3}


def asked(axes=("lr", "init_scale"), **fields) -> Map:
    """Return the first map of options."""
    return experiments(Options(axes=axes, dtype="float64", **OWN | fields))["map"]


def plain(asked: Map, pixel: int) -> np.ndarray:
    """Return the losses of the steps of one pixel."""
    own, x, y = asked.own, *asked.axes
    row, column = divmod(pixel, 3)
    at = {x.name: float(x.values(3)[column]), y.name: float(y.values(3)[row])}
    lr = at.get("lr", own.lr)
    torch.manual_seed(0)
    network = own_things.Parts().double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= at.get("init_scale", 1.0)
    groups = [{"params": part.parameters(), "lr": at.get(f"lr_{name}", lr)} for name, part in network.named_children()]
    decay = at.get("weight_decay", 0.0)
    if own.optimizer == "adam":
        optimizer = torch.optim.Adam(groups, weight_decay=decay)
    else:
        default = 0.9 if own.optimizer == "momentum" else 0.0
        optimizer = torch.optim.SGD(groups, momentum=at.get("momentum", default), weight_decay=decay)
    inputs, targets = map(torch.from_numpy, own_things.squares()[0])
    size = round(at["batch_size"]) if "batch_size" in at else own.batch_size or len(inputs)
    orders = (batch_order(0, epoch, len(inputs)).split(size) for epoch in range(STEPS))
    batches = [batch for order in orders for batch in order] if size < len(inputs) else [slice(None)] * STEPS
    found = []
    for batch in batches[:STEPS]:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(inputs[batch]), targets[batch])
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


@pytest.mark.parametrize(
    ("axes", "fields"),
    [
        (("lr_backbone", "lr_head"), {"span": ("1e-3:0.1", "1e-2:0.3")}),
        (("lr", "lr_head"), {"optimizer": "adam", "span": ("1e-3:0.1",)}),
        (("momentum", "lr"), {"span": ("0:0.9", "1e-3:0.1"), "batch_size": 8}),
        (("init_scale", "weight_decay"), {"optimizer": "momentum"}),
        (("batch_size", "lr"), {"span": ("1:20", "1e-3:0.1")}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_losses_are_those_of_a_plain_loop(axes, fields):
    one = asked(axes, **fields)
    pixels = np.array([1, 3, 8])
    trained = losses(one, pixels)
    for column, pixel in enumerate(pixels.tolist()):
        assert np.allclose(trained[:, column], plain(one, pixel), rtol=1e-10)


def test_a_map_has_the_axes_that_were_asked_for():
    one = asked(("momentum", "lr"), span=("0:0.9", "1e-3:1e3"))
    records = concatenate(MapTraining(one, device="cpu"))
    (node,) = maps({"map": records}).values()
    assert np.allclose(node["x"], [0, 0.45, 0.9])
    assert node["x"].attrs["scale"] == "linear"
    assert node.attrs["x_name"] == "momentum"
    assert node["converged"].isel(seed=0, y=0).all()
    assert not node["converged"].isel(seed=0, y=2).any()
    results = xr.DataTree.from_dict({"frames/0": node})
    assert STUDY.judged(results) == []  # the source says nothing of it


def test_a_point_whose_neighbours_have_other_batch_sizes_is_recorded():
    options = Options(axes=("batch_size", "lr"), span=("1:20", "1e-3:1e3"), at="1,1", **OWN)
    records = {"map": concatenate(MapTraining(experiments(options)["map"], device="cpu"))}
    points = {name: one for name, one in further(records, options).items() if name.startswith("point")}
    assert len({one.batch_size for one in points.values()}) > 1
    records |= {name: concatenate(stream(one, device="cpu")) for name, one in points.items()}
    node = STUDY.results(records, options)["point"].to_dataset()
    assert node["converged"].values.tolist() == node["mapped"].values.tolist()
    assert len(set(node["mapped"].values.tolist())) == 2


WRONG = [
    ({"axes": ("lr", "momentun")}, UnknownNameError, "momentum"),
    ({"axes": ("lr", "lr")}, InputError, "two different names"),
    ({"axes": ("lr", "momentum"), "optimizer": "adam"}, InputError, "optimizer"),
    ({"axes": ("lr", "momentum"), "span": ("1e-3:1", "-1:0.5")}, InputError, "LOW:HIGH"),
    ({"axes": ("lr", "lr_haed")}, UnknownNameError, "head"),
    ({"axes": ("lr", "momentum"), "span": ("1e-3:1", "0:1.5")}, InputError, "momentum"),
    ({"axes": ("lr", "batch_size"), "span": ("1e-3:1", "1:50")}, InputError, "at most the 20 samples"),
    ({"condition": "relu"}, InputError, "condition"),
    ({"data": "digit"}, UnknownNameError, "digits"),
]


@pytest.mark.parametrize(("fields", "kind", "named"), WRONG, ids=lambda value: str(value)[:40])
def test_what_cannot_be_mapped_is_said_before_anything_is_trained(fields, kind, named):
    with pytest.raises(kind, match=named):
        asked(**fields)
