"""The claims decide only what the trainings decide."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.linearity import Options
from lrscope.papers.linearity._claims import claims, each_once, relative_size
from lrscope.papers.linearity._lacking import LR
from lrscope.papers.linearity._results import Results, results

CLASSES, EACH = 10, 1250
"""Enough samples of each class for 240 of middling confidence."""


@pytest.fixture
def judged(simulated):
    """Return the function that gives claims by their names, of records made by a path and options."""

    def made(*path, change=lambda records: records, **options):
        records, chosen = simulated(*path, **options)
        found = claims(results({"perceptron": change(records["perceptron"])}, chosen))
        return {one.id: one for one in found}

    return made


@pytest.mark.parametrize(("noise", "holds"), [(0.02, False), (5.0, None)])
def test_noise_hides_no_relation(judged, simulated, noise, holds):
    base = simulated("still", noise=0.0)[0]["perceptron"]["outputs_sum"]

    def follows(records):
        return records.assign(outputs_sum=records["outputs_sum"] + 0.5 * (base["lr"] - 0.2) * base)

    found = judged("still", noise=noise, pairing="independent", change=follows)["no-function"]
    assert found.holds is holds
    assert "share of the variance that the logit explains without noise: " in (found.measured or found.note)


def test_noise_alone_is_no_lack_of_a_relation(judged):
    assert judged("still", noise=1.0, pairing="independent")["no-function"].holds is None


@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_laws_that_are_straight_are_not_judged_by_chance(judged, noise):
    found = judged(noise=noise, grid=True, pairing="independent")
    assert found["near"].holds is not False
    assert found["far"].holds is not True
    assert found["smaller"].holds is None


def test_where_there_is_hardly_noise_the_counts_are_certain(judged):
    found = judged(noise=0.001, grid=True)
    assert (found["near"].holds, found["far"].holds) == (True, False)
    assert "27 laws 27 have 0.99 or more, 0 have less" in found["near"].measured


@pytest.mark.parametrize(("unknown", "holds"), [(0, True), (13, True), (14, None), (27, None)])
def test_laws_that_are_not_known_can_turn_the_verdict(simulated, unknown, holds):
    records, options = simulated(noise=0.001, grid=True)
    [network] = results(records, options).networks
    laws = each_once(network.laws)
    laws = laws.isel(law=np.argsort(relative_size(laws), kind="stable"))
    some = laws[["r2_corrected", "r2_corrected_low", "r2_corrected_high"]].where(
        xr.DataArray(np.arange(laws.sizes["law"]) >= unknown, dims="law")
    )
    found = Results(options, [replace(network, laws=laws.assign(some))])
    assert next(one for one in claims(found) if one.id == "near").holds is holds


def test_each_law_is_counted_once(simulated):
    records, options = simulated(grid=True)
    [network] = results(records, options).networks
    once = each_once(network.laws)
    assert 2 * once.sizes["law"] == network.laws.sizes["law"]
    changes = np.round(np.stack([once["eta"], once["a"] + once["b"], once["a"] * once["b"]]), 9)
    assert np.unique(changes, axis=1).shape[1] == once.sizes["law"]
    assert (abs(once["a"]) <= abs(once["b"]) + 1e-9).all()


def many(confidence, dog=0.5):
    """Return the function that gives records 12 500 learned samples: those that gain most begin as told."""

    def changed(records):
        draw = np.random.default_rng(0)
        learned = np.repeat(np.arange(CLASSES), EACH)
        gain = draw.permuted(np.tile(np.linspace(-1, 1, EACH), (CLASSES, 1)), axis=1).ravel()
        base = 5 + draw.normal(0, 1, CLASSES * EACH) if confidence == 0 else 5 + confidence * gain
        lrs, each = records[LR].values, records["replicates"].values
        own = base + np.multiply.outer((lrs - lrs[0]) / (lrs[-1] - lrs[0]), dog + 0.3 * gain)
        sums = each[..., None] * own[:, None, :]
        targets = np.tile(learned, (*each.shape, 1))
        kept = records.drop_vars(["class_output_sum", "learned_targets"])
        dims = (*records["replicates"].dims, "learned_sample")
        return kept.assign(class_output_sum=(dims, sums), learned_targets=(dims, targets))

    return changed


def test_a_band_of_few_samples_has_no_extremes(judged):
    found = judged()
    for name in ("confident-before", "confident-after"):
        assert found[name].holds is None
        assert found[name].note == (
            "Needs 240 samples of middling confidence in each class, 10 times those of a side; here 27 to 30."
        )


@pytest.mark.parametrize(
    ("confidence", "before", "after"), [(-1.0, True, False), (1.0, False, True), (0.0, False, True)]
)
def test_a_band_of_many_samples_is_judged(judged, confidence, before, after):
    found = judged(change=many(confidence))
    assert (found["confident-before"].holds, found["confident-after"].holds) == (before, after)


def dogs(simulated, change, **options):
    chosen = Options(data="cifar10", root="/nowhere", model=("perceptron",), replicates=32, **options)
    records, _ = simulated(**options)
    return next(
        one for one in claims(results({"perceptron": change(records["perceptron"])}, chosen)) if one.id == "dogs"
    )


@pytest.mark.parametrize(("dog", "holds"), [(0.5, True), (1.5, False)])
def test_the_dogs_of_cifar10_are_the_sources(simulated, dog, holds):
    found = dogs(simulated, many(0.0, dog), eta=0.4, b=0.2)
    assert found.published == [0.8, 0.2]
    assert found.holds is holds


def test_dogs_at_other_rates_or_too_few_are_not_judged(simulated):
    assert dogs(simulated, many(0.0)).note == "Needs the source's rates: --eta 0.4 --b 0.2."
    few = dogs(simulated, lambda records: records, eta=0.4, b=0.2)
    assert few.holds is None
    assert few.note.startswith("Needs 240 samples of middling confidence")
