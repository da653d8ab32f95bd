"""Records larger than memory: blocks go to a file while the networks train, and an interrupted run goes on.

Run it with `python examples/stop_and_go_on.py`. It takes a few seconds and writes the folder `interrupted`.
"""

from pathlib import Path

import numpy as np

from lrscope import Experiment, Sweep, stream, train
from lrscope.data import Shape
from lrscope.models import Autoencoder
from lrscope.probes import Biases, Gradients, Weights
from lrscope.store import Writer, last_recorded, load_state, open_records

FOLDER = Path("interrupted")


def main() -> None:
    experiment = Experiment(
        data=Shape("hexagon", samples=60),
        model=Autoencoder(),
        sweep=Sweep(lr=[1e-3, 1e-2], seed=range(2)),
        epochs=60,
        probes=[Weights(), Biases(), Gradients()],
    )

    first = stream(experiment, device="cpu", progress=lambda done, total: first.stop() if done >= total / 2 else None)
    with Writer(FOLDER / "records.root") as writer:
        for block in first:
            writer.extend(block, first.state)  # the state of the training stands beside the block
    print(f"stopped after step {int(open_records(FOLDER)['step'][-1])}")

    after = last_recorded(FOLDER)
    second = stream(experiment, device="cpu", checkpoint=load_state(FOLDER))
    with Writer(FOLDER / "records-1.root", after=after) as writer:
        for block in second:
            writer.extend(block, second.state)

    both, whole = open_records(FOLDER), train(experiment, device="cpu")
    last = both["loss"].isel(step=-1).values.reshape(2, 2)
    print(f"went on to step {int(both['step'][-1])}; as if never stopped: {np.array_equal(last, whole.loss[..., -1])}")


if __name__ == "__main__":
    main()
