"""The outputs of a network's layers, as its modules return them."""

import torch
from torch import nn

from lrscope.training._activations import ActivationCapture

INPUTS = torch.linspace(-1, 1, 6).view(2, 3)


def test_it_captures_every_module_without_children_in_the_order_of_the_calls():
    module = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 1))
    with ActivationCapture(module) as capture:
        outputs = module(INPUTS)
    assert list(capture.outputs) == ["0.0", "0.1", "1"]
    assert torch.equal(capture.outputs["1"], outputs)
    assert torch.equal(capture.outputs["0.1"], module[0](INPUTS))


def test_it_stops_when_it_ends_also_after_an_error():
    module = nn.Sequential(nn.Linear(3, 3))
    try:
        with ActivationCapture(module) as capture:
            module(INPUTS)
            raise KeyError
    except KeyError:
        captured = dict(capture.outputs)
    module(INPUTS + 1)
    assert torch.equal(capture.outputs["0"], captured["0"])
    assert not module[0]._forward_hooks


def test_it_captures_nothing_unless_enabled():
    module = nn.Sequential(nn.Linear(3, 3))
    with ActivationCapture(module, enabled=False) as capture:
        module(INPUTS)
    assert capture.outputs == {}


def test_the_second_call_has_a_name_of_its_own():
    relu = nn.ReLU()
    module = nn.Sequential(relu, nn.Linear(3, 3), relu)
    with ActivationCapture(module) as capture:
        module(INPUTS)
    assert list(capture.outputs) == ["0", "1", "0:2"]
    assert torch.equal(capture.outputs["0"], INPUTS.relu())


def test_what_is_written_over_is_remembered_as_it_was():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    with torch.no_grad(), ActivationCapture(module) as capture:
        module(INPUTS)
    assert torch.equal(capture.outputs["0"], module[0](INPUTS))
    assert (capture.outputs["0"] < 0).any()


def test_offsets_are_added_to_what_goes_on():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    with torch.no_grad(), ActivationCapture(module, {"0": torch.ones(2, 3)}) as capture:
        outputs = module(INPUTS)
        assert torch.allclose(outputs, module[1](capture.outputs["0"]))
    assert torch.allclose(capture.outputs["0"], module[0](INPUTS) + 1)


def test_a_module_that_is_the_network_is_called_network():
    with ActivationCapture(nn.Linear(3, 1)) as capture:
        capture.module(INPUTS)
    assert list(capture.outputs) == ["network"]


def test_outputs_that_are_no_tensor_with_samples_pass_by():
    module = nn.Sequential(nn.Flatten(0), nn.Identity())
    with ActivationCapture(module) as capture:
        module(INPUTS)
    assert capture.outputs == {}


def test_of_several_tensors_the_first_is_captured_and_offset():
    layer = nn.GRU(3, 2)
    wanted, state = layer(INPUTS)
    with ActivationCapture(layer, {"network": torch.ones_like(wanted)}) as capture:
        output, returned = layer(INPUTS)
    assert torch.equal(output, wanted + 1)
    assert torch.equal(capture.outputs["network"], wanted + 1)
    assert torch.equal(returned, state)
