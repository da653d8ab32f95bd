"""The law on digits, at the numbers of trainings that were measured when the study was planned."""

import pytest
import xarray as xr

from lrscope.papers.linearity import Options, analysis, experiments, replicate

pytestmark = pytest.mark.long


def law(**chosen) -> xr.Dataset:
    options = Options(model=("perceptron",), **chosen)
    rates = options.rates("perceptron")
    records = replicate(experiments(options)["perceptron"])
    return analysis.law(analysis.summed(records), rates.eta, rates.a, rates.b)


def test_the_law_of_common_and_of_independent_trainings_agree():
    independent, common = law(replicates=2048, pairing="independent"), law(replicates=256)
    assert float(independent["r2"]) == pytest.approx(0.988, abs=0.01)
    assert float(common["r2"]) >= 0.985
    for name, low, high in (
        ("r2_corrected", "r2_corrected_low", "r2_corrected_high"),
        ("slope_corrected", "slope_corrected_low", "slope_corrected_high"),
    ):
        assert float(common[low]) <= float(independent[name]) <= float(common[high])
        assert float(independent[low]) <= float(common[name]) <= float(independent[high])
