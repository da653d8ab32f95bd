"""What a tape hears of a network."""

import torch
from torch import nn

from lrscope.training._tape import Tape

INPUTS = torch.linspace(-1, 1, 6).view(2, 3)


def test_it_hears_every_module_without_children_in_the_order_of_the_calls():
    module = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 1))
    with Tape(module) as tape:
        outputs = module(INPUTS)
    assert list(tape.outputs) == ["0.0", "0.1", "1"]
    assert torch.equal(tape.outputs["1"], outputs)
    assert torch.equal(tape.outputs["0.1"], module[0](INPUTS))


def test_it_stops_when_it_ends_also_after_an_error():
    module = nn.Sequential(nn.Linear(3, 3))
    try:
        with Tape(module) as tape:
            module(INPUTS)
            raise KeyError
    except KeyError:
        heard = dict(tape.outputs)
    module(INPUTS + 1)
    assert torch.equal(tape.outputs["0"], heard["0"])
    assert not module[0]._forward_hooks


def test_it_hears_nothing_unless_active():
    module = nn.Sequential(nn.Linear(3, 3))
    with Tape(module, active=False) as tape:
        module(INPUTS)
    assert tape.outputs == {}


def test_the_second_call_has_a_name_of_its_own():
    relu = nn.ReLU()
    module = nn.Sequential(relu, nn.Linear(3, 3), relu)
    with Tape(module) as tape:
        module(INPUTS)
    assert list(tape.outputs) == ["0", "1", "0:2"]
    assert torch.equal(tape.outputs["0"], INPUTS.relu())


def test_what_is_written_over_is_remembered_as_it_was():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    with torch.no_grad(), Tape(module) as tape:
        module(INPUTS)
    assert torch.equal(tape.outputs["0"], module[0](INPUTS))
    assert (tape.outputs["0"] < 0).any()


def test_nudges_are_added_to_what_goes_on():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    with torch.no_grad(), Tape(module, {"0": torch.ones(2, 3)}) as tape:
        outputs = module(INPUTS)
        assert torch.allclose(outputs, module[1](tape.outputs["0"]))
    assert torch.allclose(tape.outputs["0"], module[0](INPUTS) + 1)


def test_a_module_that_is_the_network_is_called_network():
    with Tape(nn.Linear(3, 1)) as tape:
        tape.module(INPUTS)
    assert list(tape.outputs) == ["network"]


def test_outputs_that_are_no_tensor_with_samples_pass_by():
    module = nn.Sequential(nn.Flatten(0), nn.Identity())
    with Tape(module) as tape:
        module(INPUTS)
    assert tape.outputs == {}


def test_of_several_tensors_the_first_is_heard_and_nudged():
    layer = nn.GRU(3, 2)
    wanted, state = layer(INPUTS)
    with Tape(layer, {"network": torch.ones_like(wanted)}) as tape:
        output, returned = layer(INPUTS)
    assert torch.equal(output, wanted + 1)
    assert torch.equal(tape.outputs["network"], wanted + 1)
    assert torch.equal(returned, state)
