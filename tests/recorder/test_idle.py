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

KINDS = st.sampled_from(["plain", "closure", "number", "no update", "left out"])


class Loop:
    """A step of a loop, in the ways in which people write it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
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
        elif kind != "no update":
            self.optimizer.step()
        if kind == "left out":
            recorder.leave_out()
            return
        recorder.step(loss=loss, **({"val_loss": 1.0} if kind == "number" else {}))
        if kind != "no update":
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
        assert recorder.cost.skipped == len(kinds) - updates


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
