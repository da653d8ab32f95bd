"""Steps at which a Recorder has nothing to do but to count."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lrscope.probes import At, GradientAngle, Loss, Weights, every
from lrscope.recorder import Recorder
from lrscope.store import open_records

INFINITE = ("infinite", "infinite number", "infinite, left out")
KINDS = st.sampled_from(["plain", "closure", "number", "no update", "left out", "scaled", *INFINITE])


class Flag(torch.Tensor):
    """A tensor that counts how often it, or what follows from it, is read."""

    reads = 0

    @classmethod
    def of(cls, value: object) -> "Flag":
        return torch.tensor(float(bool(value))).as_subclass(cls)

    def __bool__(self) -> bool:
        Flag.reads += 1
        return bool(self.as_subclass(torch.Tensor))

    def __int__(self) -> int:
        Flag.reads += 1
        return int(self.as_subclass(torch.Tensor))


class Loop:
    """A step of a loop, in the ways in which people write it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, fused=True)
        self.weights: list[np.ndarray] = []

    def loss(self) -> torch.Tensor:
        self.optimizer.zero_grad()
        loss = self.model(torch.tensor([[1.0, 2.0], [3.0, -1.0]])).square().mean()
        loss.backward()
        return loss

    def step(self, recorder: Recorder, kind: str = "plain") -> None:
        before = self.model[0].weight.detach().clone().numpy()
        loss = self.loss()
        if kind == "closure":
            self.optimizer.step(self.loss)
        elif kind in ("scaled", *INFINITE):  # as a GradScaler does with an optimiser that is fused
            self.optimizer.found_inf = Flag.of(kind != "scaled")
            self.optimizer.step()
            del self.optimizer.found_inf
        elif kind != "no update":
            self.optimizer.step()
        if kind.endswith("left out"):
            recorder.leave_out()
            return
        recorder.step(loss=loss, **({"val_loss": 1.0} if kind.endswith("number") else {}))
        if kind not in ("no update", *INFINITE):
            self.weights.append(before)


@settings(max_examples=20)
@given(kinds=st.lists(KINDS, min_size=1, max_size=60), often=st.integers(1, 9), at=st.sets(st.integers(0, 50)))
def test_what_is_due_is_recorded_however_the_loop_goes_on(kinds: list[str], often: int, at: set[int]) -> None:
    loop, kinds = Loop(), ["plain", *kinds, "plain"]
    probes = [Loss(when=every(often)), Weights(when=At(at=tuple(sorted(at | {0}))))]
    with TemporaryDirectory() as folder:
        with Recorder(loop.model, f"{folder}/one.root", loop.optimizer, probes=probes, time_budget=None) as recorder:
            for kind in kinds:
                loop.step(recorder, kind)
        records = open_records(f"{folder}/one.root")
        updates = len(loop.weights)
        (dim,) = {str(one) for one in records["weights_0"].dims if str(one).startswith("step")}
        assert records["step"].values.tolist() == list(range(0, updates, often))
        expected = sorted(step for step in at | {0} if step < updates)
        assert records[dim].values.tolist() == expected
        np.testing.assert_array_equal(records["weights_0"].values[0], [loop.weights[step] for step in expected])
        assert recorder.cost.steps == updates
        if "infinite, left out" not in kinds:
            assert recorder.cost.skipped == len(kinds) - updates


def test_a_scalers_flag_is_not_read_at_steps_that_are_only_counted(tmp_path: Path) -> None:
    loop, reads = Loop(), []
    with Recorder(loop.model, tmp_path / "one.root", loop.optimizer, when=every(20), time_budget=None) as recorder:
        for step in range(41):
            before = Flag.reads
            loop.step(recorder, "infinite" if step in (5, 19) else "scaled")
            reads.append(Flag.reads - before)
    assert not any(reads[2:18])
    assert not any(reads[25:38])
    assert recorder.cost.skipped == 2
    weights = open_records(tmp_path / "one.root")["weights_0"].values[0]
    np.testing.assert_array_equal(weights, [loop.weights[0], loop.weights[20]])


@pytest.mark.parametrize("value", [2, np.zeros(2)], ids=["number", "array"])
def test_what_else_an_optimizer_calls_found_inf_is_no_flag(tmp_path: Path, value: object) -> None:
    class Own(torch.optim.Optimizer):
        def step(self, closure=None):
            """Update nothing."""

    model = nn.Linear(2, 1)
    optimizer = Own(model.parameters(), {"lr": 0.1})
    optimizer.found_inf = value
    with Recorder(model, tmp_path / "one.root", optimizer, when=every(5), time_budget=None) as recorder:
        for _ in range(11):
            loss = model(torch.ones(1, 2)).sum()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    assert (recorder.cost.recorded, recorder.cost.skipped) == (3, 0)


def test_an_angle_amid_idle_steps_is_that_of_every_step(tmp_path: Path) -> None:
    angles = {}
    for often in (1, 10):
        loop, path = Loop(), tmp_path / f"{often}.root"
        with Recorder(
            loop.model, path, loop.optimizer, probes=[Loss(), GradientAngle()], when=every(often), time_budget=None
        ) as one:
            for _ in range(35):
                loop.step(one)
        angles[often] = open_records(path)["gradient_angle"].values[0]
    np.testing.assert_array_equal(angles[10], angles[1][::10])
    assert np.isfinite(angles[10][1:]).all()


def test_a_second_update_in_an_idle_step_is_noticed(tmp_path: Path) -> None:
    loop = Loop()
    with Recorder(loop.model, tmp_path / "one.root", loop.optimizer, when=every(100), time_budget=None) as recorder:
        for _ in range(5):
            loop.step(recorder)
        loop.optimizer.step()
        with pytest.warns(RuntimeWarning, match="^an update was left out"):
            loop.optimizer.step()


def test_idle_steps_belong_to_the_loops_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    loop = Loop()
    with Recorder(loop.model, tmp_path / "one.root", loop.optimizer, when=every(100), time_budget=None) as recorder:
        loop.step(recorder)
        loop.step(recorder)
        before = recorder.cost.loop_seconds
        for _ in range(50):
            loop.step(recorder)
        assert recorder.cost.loop_seconds == before + 50


def test_between_records_no_module_is_heard_and_those_of_others_stay(tmp_path: Path) -> None:
    loop, calls = Loop(), []
    loop.model[0].register_forward_hook(lambda *_: calls.append(0))
    with Recorder(loop.model, tmp_path / "one.root", loop.optimizer, when=every(4), time_budget=None) as recorder:
        seen = []
        for _ in range(9):
            loop.step(recorder)
            seen.append([len(one._forward_hooks) for one in loop.model])
    assert seen == [[1, 1, 0] if step % 4 == 3 else [1, 0, 0] for step in range(9)]
    assert [len(one._forward_hooks) for one in loop.model] == [1, 0, 0]
    assert not any(one._forward_pre_hooks for one in loop.model.modules())
    assert not loop.optimizer._optimizer_step_pre_hooks
    assert len(calls) == 9
