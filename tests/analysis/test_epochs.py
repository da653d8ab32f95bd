import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import epochs_needed, final_scores, recommendation
from lrscope.errors import InputError

DIM = "step_every_1_epoch"
EPOCHS, PER_EPOCH = 30, 10


def records(exponents, levels, seeds=8, noise=0.01):
    """Return validation losses: powers of the step up to levels at its end; seeds lie above or below in turn."""
    steps = np.arange(1, EPOCHS + 1) * PER_EPOCH - 1
    course = (np.arange(1, EPOCHS + 1) / EPOCHS) ** np.asarray(exponents)[:, None, None]
    signs = (-1.0) ** np.add.outer(np.arange(len(levels)), np.arange(seeds))
    of_seed = np.exp(noise * signs)[..., None]
    values = np.asarray(levels, dtype=float)[:, None, None] * course * of_seed
    attrs = {"long_name": "loss of validation samples", "units": "1", "quantity": "val_loss", "statistic": "values"}
    coords = {"lr": np.geomspace(0.01, 1, len(levels)), "seed": np.arange(seeds), DIM: steps}
    return xr.Dataset({"val_loss": (("lr", "seed", DIM), values, attrs)}, coords=coords)


def needed(made):
    return int(epochs_needed(made, recommendation(final_scores(made))))


@pytest.mark.parametrize(
    ("exponents", "sign", "speed"),
    [((-0.1, -0.5), 1, 0.4), ((-0.5, -0.2), -1, 0.3)],
    ids=["the other rate overtakes", "the other rate falls behind"],
)
def test_rates_part_where_their_lines_say(exponents, sign, speed):
    made = records(exponents, [1.0, 1.03], noise=0.1)
    recommended = recommendation(final_scores(made))
    assert recommended.plausible.all()
    assert float(recommended.best) == 0.01
    gap, margin = np.log(1.03), float(recommended.difference_high[1] - recommended.difference[1])
    assert needed(made) == np.ceil(EPOCHS * np.exp((margin + sign * gap) / speed))


def test_rates_with_the_same_trend_are_not_distinguished_by_more_epochs():
    assert needed(records([-0.3, -0.3], [1, 1], noise=0.1)) == -1


def test_what_is_decided_needs_no_more_epochs():
    assert needed(records([-0.3, -0.5], [1, 2])) == EPOCHS


def test_where_all_diverge_nothing_is_foreseen():
    made = records([-0.3, -0.5], [1, 2])
    made["val_loss"][:, :, 3:] = np.nan
    assert int(epochs_needed(made, recommendation(final_scores(made) * np.inf))) == -1


def test_the_quantity_must_be_recorded():
    made = records([-0.3], [1])
    with pytest.raises(InputError, match="records must be records with loss; got"):
        epochs_needed(made, recommendation(final_scores(made)), "loss")
