"""What all tests share: quiet threads, no display, and hypothesis without deadlines (machines are noisy)."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

import hypothesis

hypothesis.settings.register_profile("lrscope", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "lrscope")
