"""What a Recorder holds on to: mistakes are found when it is made, and numbers come in many kinds."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrscope.analysis import by_neuron, fluctuation, layer_norms, participation
from lrscope.errors import InputError
from lrscope.probes import Activations, Biases, Gradients, Loss, Oscillation, Weights, every, structure_of
from lrscope.recorder import Recorder
from lrscope.recorder._attaching import Settings, Warnings, unwrapped
from lrscope.recorder._numbers import number, scalar
from lrscope.recorder._optimizers import Optimizers
from lrscope.recorder._probes import chosen, observed, possible
from lrscope.records import on_grid
from lrscope.store import open_records
from lrscope.studies import write_report


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1, bias=False))


# the model


class Complex(nn.Module):
    def __init__(self, trained: bool) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.ones(2, dtype=torch.complex64), requires_grad=trained)
        self.linear = nn.Linear(3, 2)


def test_complex_parameters_are_refused_unless_they_are_frozen():
    with pytest.raises(
        InputError, match=r"^the model's parameters must be real numbers; got 'phase of torch.complex64'"
    ):
        unwrapped(Complex(trained=True))
    assert isinstance(unwrapped(Complex(trained=False)), Complex)


@pytest.mark.parametrize(("updates", "reason"), [(0, "nothing was recorded"), (2, "after model.to_empty")])
def test_of_parameters_without_numbers_nothing_is_recorded(updates, reason, path, shown):
    with torch.device("meta"):
        model, inputs = nn.Linear(3, 2), torch.ones(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer) as recorder:
        for _ in range(updates):
            loss = model(inputs).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    assert reason in recorder.warnings.messages[-1]
    assert not path.exists()
    shown.clear()


def test_an_optimiser_without_rates_is_refused():
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(InputError, match="optimizer must have a learning rate"):
        Optimizers(optimizer, model, Warnings())


# patterns


def fitted(*patterns, probes=None, model=None):
    settings = Settings(include=patterns)
    found = possible(chosen(probes, Loss().when, settings), model or small())
    return {type(probe).__name__: probe.include for probe in found if hasattr(probe, "include")}


def test_a_pattern_chooses_of_each_kind_what_it_matches():
    assert fitted("1") == {"Activations": ("1",)}
    assert fitted("0", "1") == {"Weights": ("0",), "Biases": ("0",), "Gradients": ("0",), "Activations": ("0", "1")}
    assert fitted("2") == {"Weights": ("2",), "Gradients": ("2",), "Activations": ("2",)}  # it has no bias
    assert fitted("1:2", "[12]") == {"Weights": ("[12]",), "Gradients": ("[12]",), "Activations": ("1:2", "[12]")}
    assert set(fitted()) == {"Weights", "Biases", "Gradients", "Activations"}


def test_a_pattern_of_a_frozen_layer_chooses_its_outputs():
    model = small()
    model[0].requires_grad_(requires_grad=False)
    assert fitted("0", "2", model=model) == {"Weights": ("2",), "Gradients": ("2",), "Activations": ("0", "2")}


def test_a_pattern_that_matches_nothing_is_refused_with_what_there_is():
    with pytest.raises(InputError, match=r"^include must be one of 0, 2, 1; got 'encoder.\*'"):
        fitted("0", "encoder.*")
    with pytest.raises(InputError, match=r"^include must be one of 0; got '2'"):
        fitted("0", probes=[Weights(), Biases(include=("2",))])
    with pytest.raises(InputError, match=r"^include must be one of 0, 1, 2; got '3'"):
        fitted(probes=[Activations(include=("3",))])


def test_a_pattern_of_gradients_may_choose_outputs():
    of_outputs = Gradients(of=("activations",), when=every())
    assert fitted("1", probes=[of_outputs]) == {"Gradients": ("1",)}
    assert fitted("0", "1", probes=[Weights(), of_outputs]) == {"Weights": ("0",), "Gradients": ("0", "1")}
    both = Gradients(of=("weights", "activations"), include=("1", "2"))
    assert fitted(probes=[both]) == {"Gradients": ("1", "2")}
    with pytest.raises(InputError, match=r"^include must be one of 0, 2; got '1'"):
        fitted(probes=[Gradients(include=("1",))])


class Uncalled(nn.Module):
    """One layer is called twice, and one never."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.relu = nn.ReLU()
        self.never = nn.ReLU()

    def forward(self, inputs):
        return self.relu(self.first(self.relu(self.first(inputs))))


def left(*patterns, probes=None, lost=None):
    """Return the patterns of each probe after the first pass, in which all but `never` were called."""
    model = Uncalled()
    outputs = dict.fromkeys(("first", "relu", "first:2", "relu:2"), torch.zeros(5, 3))
    settings = Settings(include=patterns)
    fitted = possible(chosen(probes, Loss().when, settings), model)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = observed(fitted, structure_of(model, outputs), Warnings())
    assert [str(one.message).partition(":")[0].partition("patterns ")[2] for one in told] == ([lost] if lost else [])
    for probe in found:
        probe.labels(structure_of(model, outputs))
    return {type(probe).__name__: probe.include for probe in found if hasattr(probe, "include")}


def test_patterns_that_the_first_pass_cannot_fill_are_named_and_left_out():
    parameters = {"Weights": ("first",), "Biases": ("first",), "Gradients": ("first",)}
    assert left("never", "first", lost="never (Activations)") == parameters | {"Activations": ("first",)}
    assert left("never", lost="never (Activations)") == {}
    assert left("first", "relu:2") == parameters | {"Activations": ("first", "relu:2")}
    assert left("first:2") == {"Activations": ("first:2",)}
    gradients = Gradients(of=("weights", "activations"), include=("never", "first"))
    assert left(probes=[gradients], lost="never (Gradients)") == {"Gradients": ("first",)}
    assert set(left()) == {"Weights", "Biases", "Gradients", "Activations"}


def test_where_nothing_was_heard_the_patterns_of_outputs_are_left_out():
    model = small()
    with pytest.warns(RuntimeWarning, match="no layer was observed"):
        found = observed([Loss(), Activations(include=("1",))], structure_of(model, {}), Warnings())
    assert found == (Loss(),)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_of_a_model_that_the_first_pass_completed_patterns_are_checked_then():
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU())
    assert unwrapped(model) is model
    settings = Settings(include=("0", "1"))
    probes = possible(chosen(None, Loss().when, settings), model)
    structure = structure_of(model, {"0": model(torch.ones(5, 3)), "1": torch.ones(5, 4)})
    found = {
        type(one).__name__: one.include for one in observed(probes, structure, Warnings()) if hasattr(one, "include")
    }
    assert found == {"Weights": ("0",), "Biases": ("0",), "Gradients": ("0",), "Activations": ("0", "1")}
    with pytest.warns(RuntimeWarning, match=r"nothing for the patterns 2 \(Weights\)"):
        assert observed([Weights(include=("2",))], structure, Warnings()) == ()


def test_computed_weights_have_no_layer_of_their_own():
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    assert fitted("0", probes=[Activations()], model=model) == {"Activations": ("0",)}
    with pytest.raises(InputError, match=r"^include must be one of .*; got '\*.weight'"):
        fitted("*.weight", probes=[Activations()], model=model)


# numbers


@given(st.floats(width=32))
def test_numbers_come_in_many_kinds(value):
    kinds = [value, np.float32(value), np.float64(value), np.array(value), torch.tensor(value), torch.tensor([value])]
    np.testing.assert_array_equal([number("accuracy", one) for one in kinds], np.full(len(kinds), value))
    np.testing.assert_array_equal([float(scalar(one)) for one in kinds], np.full(len(kinds), value))
    of_a_graph = torch.tensor(value, requires_grad=True)
    np.testing.assert_equal(number("accuracy", of_a_graph), value)
    assert scalar(of_a_graph) is of_a_graph  # it is not waited for


@pytest.mark.parametrize(
    "value", [3, np.int8(3), np.array(3, np.uint16), np.mean([2, 4]), Fraction(3), torch.tensor(3)]
)
def test_integers_and_fractions_are_numbers(value):
    assert number("accuracy", value) == 3
    assert type(number("accuracy", value)) is float


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "3",
        True,
        np.bool_(False),
        1j,
        torch.tensor(1j),
        [3.0],
        np.array("3"),
        np.ones(1),
        torch.ones(2),
        torch.ones(0),
        torch.empty((), device="meta"),
        10**400,
    ],
)
def test_what_is_not_a_number_is_refused(wrong):
    with pytest.raises(InputError, match=r"^accuracy must be one number; got"):
        number("accuracy", wrong)
    with pytest.raises(InputError, match=r"^loss must be one number; got .* Give the mean over the batch"):
        scalar(wrong)


# the learning rate


def axes(*rates, labels=None, scheduled=None):
    parameters = nn.ParameterList(torch.ones(1) for _ in rates)
    groups = [{"params": [one], "lr": rate} for one, rate in zip(parameters, rates, strict=True)]
    optimizer = torch.optim.SGD(groups, lr=7.0)
    if scheduled is not None:
        torch.optim.lr_scheduler.LambdaLR(optimizer, scheduled)
    return Optimizers(optimizer, parameters, Warnings()).sweep(Settings(labels=labels or {})).axes


def test_the_rate_is_that_of_the_first_group_that_has_one():
    assert axes(0.1, 0.2) == {"lr": (0.1,)}
    assert axes(0.0, 0.2) == {"lr": (0.2,)}
    assert axes(0.1, labels={"lr": 0.3, "seed": 1}) == {"lr": (0.3,), "seed": (1,)}
    assert axes(0.0, labels={"lr": 0.3}) == {"lr": (0.3,)}
    assert axes(0.1, scheduled=lambda step: step / 10) == {"lr": (0.1,)}, "a schedule from zero"


def test_a_rate_below_zero_is_refused():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = -0.1
    with pytest.raises(InputError, match=r"^lr must be a positive finite number; got -0.1"):
        Optimizers(optimizer, model, Warnings()).sweep(Settings())


def warmed_up(path, update, **options):
    """Return the records of a loop that raises the rate from zero by hand."""
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with Recorder(model, path, optimizer, **{"time_budget": None, **options}) as recorder:
        for step in range(5):
            optimizer.param_groups[0]["lr"] = 0.1 * step / 4
            recorder.step(loss=update(model, optimizer))
    return open_records(path)


def test_a_warm_up_by_hand_from_zero_is_recorded_and_the_remedy_said(tmp_path, path, update):
    with pytest.warns(RuntimeWarning, match=r"learning rate is 0 when .*: labels=\{'lr': 0.1\}") as told:
        records = warmed_up(path, update)
    assert told[0].filename == __file__
    assert on_grid(records.load())["learning_rate"].dims == ("initial_lr", "step")
    np.testing.assert_allclose(records["learning_rate"].values[0], [0, 0.025, 0.05, 0.075, 0.1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warmed_up(tmp_path / "b.root", update, labels={"lr": 0.1})["lr"].values.tolist() == [0.1]


# options


@pytest.mark.parametrize(
    ("text", "size"),
    [("200 MB", 200_000_000), ("200MB", 200_000_000), ("1.5 GiB", 1_610_612_736), ("3kb", 3000), (17, 17), ("9 B", 9)],
)
def test_sizes_are_read(text, size):
    assert Settings(size_budget=text).size_budget == size


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("size_budget", wrong) for wrong in ("-5 MB", "0 MB", 0, -1, "many", "5 parsecs", "MB", "", float("inf"))),
        *(("time_budget", wrong) for wrong in (-0.05, 0, 1, 5, "5 %", True)),
        *(("include", wrong) for wrong in (None, 5, "encoder.*", [1], (None,))),
        *(("exclude", [1]), ("steps_per_epoch", 0), ("first_step", -1), ("labels", 3)),
    ],
)
def test_a_wrong_option_is_named(name, wrong):
    with pytest.raises(InputError, match=rf"^{name} must be .*; got"):
        Settings(**{name: wrong})


# neurons


def recorded(path, model, shape, probes=None, **options):
    """Return the path of the records of six steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer, probes, **{"time_budget": None, **options}) as recorder:
        for _ in range(6):
            optimizer.zero_grad()
            loss = (model(torch.rand(shape)) - 1).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    return path


def test_one_slope_for_several_neurons_is_recorded_analysed_and_reported(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Linear(4, 1))
    path = recorded(tmp_path / "a.root", model, (8, 3))
    records = open_records(path).load()
    assert records["weights_1"].sizes == {"member": 1, "step": 6, "neuron_1_weights": 1, "input_1": 1}
    assert records["weights_1"].values[0, 0].item() == 0.25
    assert records["activations_mean_1"].sizes == {"member": 1, "step": 6, "neuron_1": 4}
    counts = participation(fluctuation(records, "weights"), by="layer")
    assert counts["neurons"].isel(member=0).values.tolist() == [4, 1, 1]
    norms, whole = layer_norms(records), records["gradient_norm"]
    np.testing.assert_allclose((norms**2).sum("layer") ** 0.5, whole, rtol=1e-5)
    slope = records["weight_gradients_1"].values[:, :, 0, 0]
    np.testing.assert_allclose(norms.sel(layer="1"), np.abs(slope))
    assert "The layers" in write_report(path).read_text()


def test_parameters_with_other_neurons_than_their_output_are_recorded(path):
    model = nn.Sequential(nn.LayerNorm((5, 3)), nn.PReLU())
    probes = [Weights(when=every()), Biases(when=every()), Activations(include=("*",), when=every()), Oscillation()]
    records = open_records(recorded(path, model, (8, 5, 3), probes)).load()
    sizes = {name: length for name, length in records.sizes.items() if name.startswith("neuron")}
    assert sizes == {
        "neuron_0_weights": 5,
        "neuron_0_biases": 15,
        "neuron_0": 3,
        "neuron_1_weights": 1,
        "neuron_1": 3,
    }
    shares = by_neuron(records, "oscillation_share", "values")
    np.testing.assert_allclose(shares.isel(step=slice(1, None)).sum("neuron"), 1, rtol=1e-5)
    assert dict.fromkeys(shares["layer"].values.tolist()) == dict.fromkeys(["0.weight", "0.bias", "1.weight"])


class Padded(nn.Module):
    """A linear layer, and a parameter without elements as some libraries keep them."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.rest = nn.Parameter(torch.zeros(shape))

    def forward(self, inputs):
        return self.linear(inputs) + self.rest.sum()


@pytest.mark.parametrize(("shape", "rows"), [((0, 5), (0, 5)), ((0, 5, 2), (0, 10)), ((0,), (0, 1)), ((5, 0), (5, 0))])
def test_empty_parameters_are_recorded_beside_others(shape, rows, path):
    model = Padded(*shape)
    first = model.linear.weight.detach().numpy().copy()
    records = open_records(recorded(path, model, (8, 3))).load()
    assert records["weights_rest"].shape == records["weight_gradients_rest"].shape == (1, 6, *rows)
    np.testing.assert_array_equal(records["weights_linear"].values[0, 0], first)


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_layer_without_neurons_is_left_out(path):
    model = nn.Sequential(nn.Linear(3, 0), nn.ReLU(), nn.Linear(0, 2))
    probes = [Weights(when=every()), Activations(include=("*",), when=every())]
    records = open_records(recorded(path, model, (8, 3), probes)).load()
    assert {array.attrs["layer"] for array in records.values() if array.attrs["quantity"] == "activations"} == {"2"}
    assert records["weights_0"].shape == (1, 6, 0, 3)
    assert records["weights_2"].shape == (1, 6, 2, 0)
