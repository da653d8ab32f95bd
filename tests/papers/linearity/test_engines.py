"""Replications by the workers of an engine: whatever dies, the sums are those of this process."""

import os
import signal
import threading

import pytest

from lrscope.engines import Processes
from lrscope.errors import InputError
from lrscope.models import Imported
from lrscope.papers.linearity import Replicating, replicate
from study_runs import wait_until


@pytest.fixture(scope="module")
def processes():
    with Processes(2, startup_seconds=0) as engine:
        yield engine


@pytest.fixture(scope="module")
def here(users):
    return replicate(users.replication())


@pytest.fixture
def hold(users):
    users.forget()
    yield users.folder / "hold"
    (users.folder / "hold").unlink(missing_ok=True)


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_sums_are_those_of_this_process(processes, users, check_same, pairing):
    asked, seen = users.replication(pairing=pairing, replicates=23), []
    check_same(replicate(asked, engine=processes, progress=lambda *done: seen.append(done)), replicate(asked))
    assert seen == sorted(seen)
    assert seen[-1] == (69, 69)


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(processes, users, hold, here, check_same):
    done, killed = [], []

    def hold_after_the_first(*counts: int) -> None:
        if not done:
            hold.touch()
        done.append(counts)

    def kill() -> None:
        wait_until(lambda: users.held() - {os.getpid()})
        killed.append((users.held() - {os.getpid()}).pop())
        os.kill(killed[0], signal.SIGKILL)
        hold.unlink()

    killer = threading.Thread(target=kill)
    killer.start()
    check_same(replicate(users.replication(), engine=processes, progress=hold_after_the_first), here)
    killer.join()
    assert killed
    assert users.made_by() - set(killed), "others must have made its pieces"


@pytest.mark.parametrize("begins", ["here", "there"])
def test_what_is_done_stays_and_is_continued_anywhere(
    processes, users, here, check_same, tmp_path, monkeypatch, begins
):
    monkeypatch.setattr("lrscope.papers.linearity._replicate.at_once", lambda *_: 2)
    first, second = (None, processes) if begins == "here" else (processes, None)
    training = Replicating(users.replication(), engine=first, folder=tmp_path, progress=lambda *_: training.stop())
    assert list(training) == []
    assert 0 < training.done < training.total
    assert Replicating(users.replication(), folder=tmp_path).done == training.done
    check_same(replicate(users.replication(), engine=second, folder=tmp_path), here)


def test_what_is_wrong_with_a_replication_is_the_same_error(processes, users):
    asked = users.replication(model=Imported("users_own:narrow"))
    errors = []
    for engine in (None, processes):
        with pytest.raises(InputError) as met:
            replicate(asked, engine=engine)
        errors.append(str(met.value))
    assert errors[0] == errors[1]
