"""What all tests share: quiet threads, no display, and hypothesis without deadlines (machines are noisy)."""

import os
import secrets
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
# Ray reads these when it is imported, which the doctests of the package do before any test of it.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

import hypothesis
import pytest

hypothesis.settings.register_profile("lrscope", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "lrscope")


pytest_plugins = ["study_runs"]


@pytest.fixture(scope="session")
def simple_cnn():
    """Return the class of the blog post as it stands there, but for the size of the images."""
    from torch import nn

    class SimpleCNN(nn.Module):
        def __init__(self, size=28):
            super().__init__()
            self.conv = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(16, 32, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
            self.fc = nn.Sequential(
                nn.Flatten(),
                nn.Linear(32 * (size // 4) ** 2, 128),
                nn.ReLU(),
                nn.Linear(128, 10),
            )

        def forward(self, x):
            return self.fc(self.conv(x))

    return SimpleCNN


@pytest.fixture
def refused(capsys, tmp_path, monkeypatch):
    """Return a function that runs a command line which is refused, and returns the one sentence it says."""
    from lrscope.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        before = everything_in(tmp_path)
        assert main([str(word) for word in arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("lrscope: ")
        assert printed.err.count("\n") == 1, printed.err
        assert everything_in(tmp_path) == before
        return printed.err.removeprefix("lrscope: ").rstrip("\n")

    return run


def everything_in(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
