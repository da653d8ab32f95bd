"""What a training may use of this machine: its own GPU, its share of the cores."""

import os
import shutil
import subprocess

VISIBLE, THREADS = "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"


def gpus() -> list[str]:
    """Return the GPUs of this machine, or those that the environment leaves; found without PyTorch."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False).stdout
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def environment(place: int, jobs: int, devices: list[str]) -> dict[str, str]:
    """Return the environment of the training in one of the places of those that run at the same time."""
    own = dict(os.environ)
    if devices:
        own[VISIBLE] = devices[place % len(devices)]
    if jobs > 1:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        own.setdefault(THREADS, str(max(1, cores // jobs)))
    return own
