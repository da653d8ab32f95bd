"""Training scripts for the tests of trainings by command: a valley over the rate, without PyTorch."""

import sys
from pathlib import Path

SCRIPT = """
import csv, math, os, pathlib, random, sys, time
given = dict(word.split("=", 1) for word in sys.argv[1:])
lr, seed, out = float(given["lr"]), int(given.get("seed", 0)), pathlib.Path(given["out"])
if given.get("crash") == f"{seed}":
    print("about to fail"); raise RuntimeError("broken on purpose")
if given.get("once") and not pathlib.Path(given["once"]).exists():
    pathlib.Path(given["once"]).write_text(""); sys.exit(3)
if given.get("sleep"):
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (out / "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(float(given["sleep"]))
wd = float(given.get("wd", 0))
noise = random.Random(f"{seed} {lr}").gauss(0, 0.02)
end = 0.1 * math.exp(abs(math.log10(lr / 0.01)) + 3 * wd + noise)
with open(out / "metrics.csv", "w") as file:
    rows = csv.writer(file)
    rows.writerow(["step", "val_loss", "accuracy"])
    for step in range(5):
        value = end * (5 - step) if lr < 1 or step < 2 else math.nan
        rows.writerow([step, value, 1 / (1 + value)])
print("val", end if lr < 1 else "nan")
"""
"""Best at 0.01; diverges at step 2 where the rate is 1 or more; arguments are ``name=value``."""


def command(folder: Path, *more: str) -> tuple[str, ...]:
    """Return a command with placeholders that runs the script."""
    file = folder / "train.py"
    file.write_text(SCRIPT)
    return (sys.executable, str(file), "lr={lr}", "seed={seed}", "out={out}", *more)
