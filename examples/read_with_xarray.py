"""Read a file of records with xarray: curves, the last values, any quantity by learning rate and seed.

Run it with `python examples/read_with_xarray.py rates.root`, a file that `choose_a_rate.py` writes. It writes nothing.
"""

import sys

from lrscope import open_records, records


def main() -> None:
    lazy = open_records(sys.argv[1])  # an xarray.Dataset (member, step); a variable is read when it is used
    print(dict(lazy.sizes), list(lazy.data_vars))
    print(lazy["val_loss"].attrs)

    grid = records.on_grid(lazy[["val_loss", "loss"]])  # (lr, seed, step) instead of (member, step)
    validation = grid["val_loss"].rename(step_every_1_epoch="step")  # measured at steps of its own
    print(validation.median("seed").sel(lr=0.01).to_pandas().round(3).tail(3))
    print(validation.isel(step=-1).quantile([0.25, 0.5, 0.75], "seed").to_pandas().round(3))

    best = validation.isel(step=-1).mean("seed").idxmin("lr").item()
    print(f"lowest at lr {best}, earliest below 0.5 at step", end=" ")
    print(validation["step"].where(validation.sel(lr=best) < 0.5).min().item())
    print(records.on_grid(records.outcomes(lazy))["outcome"].isel(seed=0).to_pandas())


if __name__ == "__main__":
    main()
