"""What all tests share: quiet threads, no display, and hypothesis without deadlines (machines are noisy)."""

import os
import secrets

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
