"""The source's statements that can be checked. Nothing here is decided in advance."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import xarray as xr

from lrscope.analysis import over_seeds
from lrscope.data import DATA_SETS
from lrscope.report import array_of
from lrscope.studies._study import Claim, missing
from lrscope.studies._words import at_rates, counted, percent
from lrscope.studies.sweep._options import PUBLISHED
from lrscope.studies.sweep._results import STEP
from lrscope.studies.sweep._scores import LR, SEED

RESULTS = "Santos, blog post, results"
SLOW, GOOD, LARGE = PUBLISHED
RISES, ROUGHER, QUARTER = 0.1, 2.0, 0.25
"""Share of the epochs in which a smooth loss may rise; how many times rougher is unstable; what part is early."""
ACCURACY, TOLERANCE = 0.98, 0.01
"""Of the source, on MNIST at `GOOD`."""


def claims(results: xr.DataTree) -> Sequence[Claim]:
    """Return the claims, if they are about the source's network, images, and two of the source's rates or more."""
    options = results.attrs["options"]
    if len(missing(array_of(results, "networks/score"), lr=PUBLISHED)) > 1:
        return ()
    return CLAIMS if options.model == "cnn" and options.data in DATA_SETS and not options.grid else ()


def _needs(*rates: float, classes: bool = False) -> Callable[[xr.DataTree], list[str]]:
    """Return what says which of some rates were not trained, and whether there are no classes."""

    def lacking(results: xr.DataTree) -> list[str]:
        without = ["classes"] if classes and "accuracy" not in results["networks"].data_vars else []
        return missing(array_of(results, "networks/score"), lr=rates) + without

    return lacking


def _setting(results: xr.DataTree) -> str:
    """Return what differs from the source, which concerns all claims; it is said at the first one."""
    options = results.attrs["options"]
    updates = options.epochs * results.attrs["per_epoch"]
    here = f"{options.data}, {counted(options.epochs, 'epoch')} ({updates} updates)"
    return f"The source: mnist, 5 epochs (4690 updates), Adam, batches of 64. Here: {here}."


def _of_source(results: xr.DataTree, path: str) -> xr.DataArray:
    """Return an array at the source's rates, of the seeds that were trained at all of them."""
    trained = array_of(results, "networks/score").sel({LR: list(PUBLISHED)}).notnull().all(LR)
    return array_of(results, path).sel({LR: list(PUBLISHED), SEED: trained[SEED].values[trained.values]})


def _at(lr: float, array: xr.DataArray) -> xr.DataArray:
    return array.sel({LR: lr}, drop=True)


def _ended(results: xr.DataTree, lr: float) -> xr.DataArray:
    return _at(lr, _of_source(results, "networks/score")) < np.inf


def _best(results: xr.DataTree) -> xr.DataArray:
    scores = _of_source(results, "networks/score")
    others, good = scores.drop_sel({LR: GOOD}).min(LR), _at(GOOD, scores)
    return (good < others).where(np.isfinite(good) | np.isfinite(others))


def _best_measured(results: xr.DataTree) -> str:
    scores = _of_source(results, "networks/score")
    mean = over_seeds(scores.where(np.isfinite(scores)), log=True)["mean"]
    loss = f"validation loss (geometric mean) {at_rates(mean)}"
    if "accuracy" not in results["networks"].data_vars:
        return loss
    accuracy = _of_source(results, "networks/accuracy").mean(SEED)
    return f"accuracy {at_rates(accuracy, partial(percent, digits=1))}; {loss}"


def _rising(results: xr.DataTree) -> xr.DataArray:
    """Return the share of the epochs in which the training loss rises (lr, seed)."""
    changes = _of_source(results, "curves/training loss").diff(STEP)
    known = changes.notnull().sum(STEP)
    return (changes > 0).sum(STEP) / known.where(known > 0)


def _smooth(results: xr.DataTree) -> xr.DataArray:
    rising, ended = _at(GOOD, _rising(results)), _ended(results, GOOD)
    return ((rising <= RISES) & ended).where(rising.notnull() | ~ended)


def _early(results: xr.DataTree) -> xr.DataArray:
    """Return after which part of the training 0.001 has the validation loss that 0.0001 ends with (seed)."""
    curves = _of_source(results, "curves/validation loss")
    slow, good = _at(SLOW, curves), _at(GOOD, curves)
    target = slow.isel({STEP: -1}, drop=True)
    first = (good <= target).argmax(STEP)
    reached = (good <= target).any(STEP)
    return ((first + 1) / good.sizes[STEP]).where(reached, np.inf).where(target.notnull())


def _earlier_than(part: float, results: xr.DataTree) -> xr.DataArray:
    early = _early(results)
    return (early <= part).where(early.notnull())


def _after(results: xr.DataTree) -> str:
    early = float(_early(results).median(SEED))
    return f"after {percent(early)} of the epochs" if np.isfinite(early) else "never"


def _falls(results: xr.DataTree) -> xr.DataArray:
    """Return by how much the validation accuracy falls an epoch, on average over the second half (lr, seed)."""
    accuracy = _of_source(results, "curves/validation accuracy")
    changes = accuracy.isel({STEP: slice(accuracy.sizes[STEP] // 2, None)}).diff(STEP)
    return (-changes).clip(min=0).mean(STEP)  # falls only: an accuracy that still rises changes, too


def _unstable(results: xr.DataTree) -> xr.DataArray:
    falls = _falls(results)
    return ((_at(LARGE, falls) > ROUGHER * _at(GOOD, falls)) | ~_ended(results, LARGE)).where(
        _at(GOOD, falls).notnull()
    )


def _failures(results: xr.DataTree) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return which networks at 0.01 diverged, ended no better than they began, and were trained (seed)."""
    outcome = _at(LARGE, array_of(results, "networks/outcome"))
    loss = _at(LARGE, array_of(results, "curves/training loss"))
    diverged = outcome == "diverged"
    no_better = ~diverged & (loss.isel({STEP: -1}, drop=True) >= loss.isel({STEP: 0}, drop=True))
    return diverged, no_better, outcome.notnull()


def _failed(failures: tuple[xr.DataArray, xr.DataArray, xr.DataArray]) -> str:
    diverged, no_better, trained = (int(each.sum()) for each in failures)
    return f"{diverged} diverged, {no_better} ended no better, of {counted(trained, 'network')}"


def _without_mnist(results: xr.DataTree) -> list[str]:
    there = results.attrs["options"].data == "mnist" and not _needs(GOOD)(results)
    return [] if there else ["MNIST", "lr 0.001 (--data mnist --root DIR)"]


CLAIMS = (
    Claim(
        "best",
        RESULTS,
        "0.001 ends best",
        holds=_best,
        measured=_best_measured,
        tolerance="the lowest validation loss of the three rates",
        needs=_needs(*PUBLISHED),
        note=_setting,
    ),
    Claim(
        "smooth",
        RESULTS,
        "at 0.001 the training curve is stable and smooth",
        holds=_smooth,
        measured=lambda results: f"it rises in {at_rates(_rising(results).mean(SEED), percent)} of the epochs",
        tolerance=f"the mean training loss rises in at most {percent(RISES)} of the epochs",
        needs=_needs(*PUBLISHED),
    ),
    Claim(
        "slow",
        RESULTS,
        "0.0001 is slow: the loss falls gradually",
        holds=partial(_earlier_than, 0.5),
        measured=lambda results: f"0.001 has it {_after(results)}",
        tolerance="0.001 has the validation loss that 0.0001 ends with in the first half",
        needs=_needs(*PUBLISHED),
    ),
    Claim(
        "not-made-up",
        "Santos, blog post, reflections",
        "a poorly chosen rate cannot be compensated by simply training longer",
        holds=partial(_earlier_than, QUARTER),
        measured=lambda results: f"it is {_after(results)}",
        tolerance=f"0.001 after {percent(QUARTER)} of the epochs is as good as 0.0001 after all",
        needs=_needs(*PUBLISHED),
    ),
    Claim(
        "unstable",
        RESULTS,
        "at 0.01 training is highly unstable: the accuracy oscillates",
        holds=_unstable,
        measured=lambda results: (
            f"falls of {at_rates(_falls(results).mean(SEED), partial(percent, digits=2))} an epoch"
        ),
        tolerance=f"the validation accuracy falls more than {ROUGHER:g} times as much in the second half as at 0.001",
        needs=_needs(*PUBLISHED, classes=True),
    ),
    Claim(
        "diverges",
        RESULTS,
        "at 0.01 training sometimes diverges entirely",
        of=_failures,
        holds=lambda failures: (failures[0] | failures[1]).where(failures[2]),
        measured=_failed,
        tolerance="the network diverged, or had no lower training loss in the last epoch than in the first",
        rule="any",
        needs=_needs(LARGE),
    ),
    Claim(
        "accuracy",
        RESULTS,
        "the accuracy at 0.001 is about 98%",
        of=lambda results: _at(GOOD, array_of(results, "rates/accuracy")),
        holds=lambda mean: (abs(mean - ACCURACY) <= TOLERANCE).where(mean.notnull()),
        measured=float,
        published=ACCURACY,
        tolerance=TOLERANCE,
        needs=_without_mnist,
    ),
)
