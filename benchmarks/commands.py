"""What a training by command costs beyond the process itself: seconds each, for a command that does nothing.

Run it alone with `python -m benchmarks.commands`.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lrscope.commands import Running, Trainings
from lrscope.sweep import Sweep

NUMBER = 50


def main() -> None:
    """Print the seconds of a bare process, and of a training by command of the same."""
    words = (sys.executable, "-c", "print('val_loss 1')")
    began = time.perf_counter()
    for _ in range(NUMBER):
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    bare = (time.perf_counter() - began) / NUMBER
    trainings = Trainings(
        command=(*words, "{lr}", "{seed}"),
        sweep=Sweep(lr=[0.1], seed=range(NUMBER)),
        metric="val_loss",
        read="stdout:val_loss ([0-9.]+)",
    )
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        list(Running(trainings, Path(folder)))
        each = (time.perf_counter() - began) / NUMBER
    print(f"process alone {bare:.3f} s, training by command {each:.3f} s: {each - bare:.3f} s more")


if __name__ == "__main__":
    main()
