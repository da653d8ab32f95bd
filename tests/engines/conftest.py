"""Every engine, each started once."""

from collections.abc import Iterator

import pytest

from lrscope.engines import Engine, InProcess, Processes


@pytest.fixture(scope="session")
def processes() -> Iterator[Engine]:
    with Processes(2, startup_seconds=0) as engine:
        yield engine


@pytest.fixture(scope="session")
def on_ray() -> Iterator[Engine]:
    pytest.importorskip("ray")
    from lrscope.engines import Ray

    with Ray(workers=2) as engine:
        yield engine


@pytest.fixture(scope="session", params=["InProcess", "Processes", "Ray"])
def engine(request) -> Engine:
    names = {"Processes": "processes", "Ray": "on_ray"}
    return request.getfixturevalue(names[request.param]) if request.param in names else InProcess()
