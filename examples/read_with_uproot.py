"""Read a file of records with uproot and NumPy alone, where lrscope is not installed.

Run it with `python examples/read_with_uproot.py rates.root`, a file that `choose_a_rate.py` writes. It writes nothing.
"""

import json
import sys

import numpy as np
import uproot


def main() -> None:
    with uproot.open(sys.argv[1]) as file:
        print(file.keys(recursive=False, filter_classname="TTree", cycle=False))
        print(json.loads(str(file["lrscope"]))["format"], json.loads(str(file["complete"])))
        tree = file["records_every_1_epoch"]  # one entry is one network at one step
        labels = json.loads(str(file["labels_records_every_1_epoch"]))
        print(labels["variables"]["val_loss"]["attrs"]["long_name"])
        entries = tree.arrays(["lr", "seed", "step", "val_loss"], library="np")

    last = entries["step"] == entries["step"].max()
    for lr in np.unique(entries["lr"]):
        losses = entries["val_loss"][last & (entries["lr"] == lr)]  # of all seeds; NaN where one diverged
        print(f"lr {lr:<6} {losses.mean():.3f} over {len(losses)} seeds")


if __name__ == "__main__":
    main()
