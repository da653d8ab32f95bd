from functools import partial

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.training._images import channels_last

MEMBERS, SAMPLES = 3, 5
ATEN = torch.ops.aten


def lifted(*layers: nn.Module):
    """Return the gradients of members, as a function of their parameters and images, and an example of both."""
    torch.manual_seed(0)
    module = nn.Sequential(*layers)
    draw = partial(torch.randn, dtype=torch.float64)
    parameters = {name: draw(MEMBERS, *one.shape) for name, one in module.named_parameters()}
    images = draw(MEMBERS, SAMPLES, 2, 8, 8)

    def loss(parameters, images):
        return functional_call(module, parameters, (images,)).square().sum()

    return vmap(grad(loss)), (parameters, images)


LAYERS = {
    "max pooling": [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3), nn.ReLU()],
    "overlapping": [nn.Conv2d(2, 4, 3), nn.Tanh(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 3, 2)],
    "mean pooling": [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 3, 3), nn.MaxPool2d(2)],
    "pooling first": [nn.MaxPool2d(2), nn.Conv2d(2, 4, 3), nn.ReLU()],
    "groups": [nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2, dilation=2, bias=False)],
    "in place": [nn.Conv2d(2, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_changes_but_the_order_in_memory(name):
    function, arguments = lifted(*LAYERS[name])
    plain = make_fx(function)(*arguments)
    laid = channels_last(plain, arguments)
    for one, other in zip(plain(*arguments).values(), laid(*arguments).values(), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-9)


def images_of(graph, targets) -> list[torch.Size]:
    """Return shapes of the images that operations take, where these lie channels last."""
    found = [node.args[0].meta["tensor_meta"] for node in graph.nodes if node.target in targets]
    return [one.shape for one in found if one.memory_format is torch.channels_last]


@pytest.mark.parametrize("relu", [nn.ReLU(), nn.ReLU(inplace=True)])
def test_convolutions_and_poolings_take_the_channels_of_all_members_last(relu):
    conv, _, pool, *others = LAYERS["max pooling"]
    function, arguments = lifted(conv, relu, pool, *others)
    graph = channels_last(make_fx(function)(*arguments), arguments).graph
    assert images_of(graph, {ATEN.convolution.default}) == [(SAMPLES, MEMBERS * 2, 8, 8), (SAMPLES, MEMBERS * 4, 4, 4)]
    assert images_of(graph, {ATEN.max_pool2d_with_indices.default}) == [(SAMPLES, MEMBERS * 4, 8, 8)]
    assert images_of(graph, {ATEN.max_pool2d_with_indices_backward.default}) == [(SAMPLES, MEMBERS * 4, 4, 4)]


def test_a_graph_without_images_is_left_alone():
    function, arguments = lifted(nn.Flatten(), nn.Linear(128, 3))
    plain = make_fx(function)(*arguments)
    assert channels_last(plain, arguments) is plain
