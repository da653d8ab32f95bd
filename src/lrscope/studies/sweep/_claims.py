"""The source's statements that can be checked, checked. Nothing here is decided in advance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.data import DATA_SETS
from lrscope.report import Claim
from lrscope.studies._words import at_rates, counted, percent, rate, short
from lrscope.studies.sweep._options import PUBLISHED
from lrscope.studies.sweep._results import LR, SEED, STEP, Results

BLOG = "Santos, blog post"
MAJORITY = "more than half of the seeds"
WORDS = "stated in words"
SLOW, GOOD, LARGE = PUBLISHED
RISES, ROUGHER, QUARTER = 0.1, 2.0, 0.25
"""Share of the epochs in which a smooth loss may rise; how many times rougher is unstable; what part is early."""


def claims(found: Results) -> list[Claim]:
    """Return every claim: with the published value, the measured one, and whether it holds here.

    A run of another network, on other data than images, or with one of the source's rates at most, has nothing to say
    about them: no claims.
    """
    lacking = [f"lr {rate(lr)}" for lr in PUBLISHED if lr not in found.scores[LR]]
    if len(lacking) > 1 or found.options.model != "cnn" or found.options.data not in DATA_SETS:
        return []
    judged = [_judged(found, statement, lacking) for statement in STATEMENTS]
    return [*judged, _diverges(found), _accuracy(found)]


@dataclass(frozen=True)
class Statement:
    """A statement about the source's rates, judged seed by seed.

    Attributes
    ----------
    id, section, words : of the claim
    tolerance : what counts as agreement, in words
    holds : the results -> (seed) 1, 0, or NaN where it cannot be told
    measured : the results -> what was measured, in words
    classes : whether it needs accuracies
    """

    id: str
    section: str
    words: str
    tolerance: str
    holds: Callable[[Results], xr.DataArray]
    measured: Callable[[Results], str]
    classes: bool = False


def _judged(found: Results, statement: Statement, lacking: list[str]) -> Claim:
    source = f"{BLOG}, {statement.section}"
    tolerance = f"{statement.tolerance}, in {MAJORITY}"
    if statement.classes and found.accuracy is None:
        lacking = [*lacking, "classes"]
    if lacking:
        note = f"Needs {', '.join(lacking)}."
        return Claim(statement.id, source, statement.words, WORDS, None, tolerance, None, note)
    counts = analysis.agreement(statement.holds(found), SEED)
    agree, count = int(counts["agree"]), int(counts["count"])
    if not count:
        note = f"It cannot be told from these networks, of {counted(found.options.epochs, 'epoch')}."
        return Claim(statement.id, source, statement.words, WORDS, None, tolerance, None, note)
    agreeing = f"{agree} of {counted(count, 'seed')}"
    measured = statement.measured(found)
    holds = agree * 2 > count
    return Claim(statement.id, source, statement.words, WORDS, measured, tolerance, holds, _setting(found), agreeing)


def _setting(found: Results) -> str:
    updates = found.options.epochs * found.per_epoch
    here = f"{found.options.data}, {counted(found.options.epochs, 'epoch')} ({updates} updates)"
    return f"The source: mnist, 5 epochs (4690 updates), Adam, batches of 64. Here: {here}."


def _of_source(found: Results, array: xr.DataArray) -> xr.DataArray:
    """Return an array at the source's rates, of the seeds that were trained at all of them."""
    trained = found.scores.sel({LR: list(PUBLISHED)}).notnull().all(LR)
    return array.sel({LR: list(PUBLISHED), SEED: found.scores[SEED].values[trained.values]})


def _best(found: Results) -> xr.DataArray:
    scores = _of_source(found, found.scores)
    others = scores.drop_sel({LR: GOOD}).min(LR)
    good = scores.sel({LR: GOOD}, drop=True)
    return (good < others).where(np.isfinite(good) | np.isfinite(others))


def _best_measured(found: Results) -> str:
    told = f"validation loss {at_rates(_finite_mean(_of_source(found, found.scores)), short)}"
    if found.accuracy is None:
        return told
    return f"accuracy {at_rates(_finite_mean(_of_source(found, found.accuracy)), partial(percent, digits=1))}; {told}"


def _rising(found: Results) -> xr.DataArray:
    """Return the share of the epochs in which the training loss rises (lr, seed)."""
    loss = _of_source(found, found.curves["training loss"])
    changes = loss.diff(STEP)
    known = changes.notnull().sum(STEP)
    return (changes > 0).sum(STEP) / known.where(known > 0)


def _smooth(found: Results) -> xr.DataArray:
    rising = _rising(found).sel({LR: GOOD}, drop=True)
    ended = np.isfinite(_of_source(found, found.scores).sel({LR: GOOD}, drop=True))
    return ((rising <= RISES) & ended).where(rising.notnull() | ~ended)


def _early(found: Results) -> xr.DataArray:
    """Return after which part of the training 0.001 has the validation loss that 0.0001 ends with (seed)."""
    curves = _of_source(found, found.curves["validation loss"])
    slow, good = (curves.sel({LR: lr}, drop=True) for lr in (SLOW, GOOD))
    target = slow.isel({STEP: -1}, drop=True)
    there = (good <= target).any(STEP)
    first = (good <= target).argmax(STEP)
    return ((first + 1) / good.sizes[STEP]).where(there, np.inf).where(target.notnull())


def _after(found: Results) -> str:
    early = float(_early(found).median(SEED))
    return f"after {percent(early)} of the epochs" if np.isfinite(early) else "never"


def _is_slow(found: Results) -> xr.DataArray:
    early = _early(found)
    return (early <= 0.5).where(early.notnull())


def _not_made_up(found: Results) -> xr.DataArray:
    early = _early(found)
    return (early <= QUARTER).where(early.notnull())


def _falls(found: Results) -> xr.DataArray:
    """Return by how much the validation accuracy falls an epoch, on average over the second half (lr, seed).

    Only falls are counted: an accuracy that still rises changes, too.
    """
    accuracy = _of_source(found, found.curves["validation accuracy"])
    changes = accuracy.isel({STEP: slice(accuracy.sizes[STEP] // 2, None)}).diff(STEP)
    return (-changes).clip(min=0).mean(STEP)


def _unstable(found: Results) -> xr.DataArray:
    falls = _falls(found)
    large, good = (falls.sel({LR: lr}, drop=True) for lr in (LARGE, GOOD))
    ended = np.isfinite(_of_source(found, found.scores).sel({LR: LARGE}, drop=True))
    return ((large > ROUGHER * good) | ~ended).where(good.notnull())


STATEMENTS = (
    Statement(
        "best", "results", "0.001 ends best", "the lowest validation loss of the three rates", _best, _best_measured
    ),
    Statement(
        "smooth",
        "results",
        "at 0.001 the training curve is stable and smooth",
        f"the mean training loss rises in at most {percent(RISES)} of the epochs",
        _smooth,
        lambda found: f"it rises in {at_rates(_rising(found).mean(SEED), percent)} of the epochs",
    ),
    Statement(
        "slow",
        "results",
        "0.0001 is slow: the loss falls gradually",
        "0.001 has the validation loss that 0.0001 ends with in the first half",
        _is_slow,
        lambda found: f"0.001 has it {_after(found)}",
    ),
    Statement(
        "not-made-up",
        "reflections",
        "a poorly chosen rate cannot be compensated by simply training longer",
        f"0.001 after {percent(QUARTER)} of the epochs is as good as 0.0001 after all",
        _not_made_up,
        lambda found: f"it is {_after(found)}",
    ),
    Statement(
        "unstable",
        "results",
        "at 0.01 training is highly unstable: the accuracy oscillates",
        f"the validation accuracy falls more than {ROUGHER:g} times as much in the second half as at 0.001",
        _unstable,
        lambda found: f"falls of {at_rates(_falls(found).mean(SEED), partial(percent, digits=2))} an epoch",
        classes=True,
    ),
)


def _diverges(found: Results) -> Claim:
    """Whether any network at 0.01 diverged or ended no better than it began."""
    words, source = "at 0.01 training sometimes diverges entirely", f"{BLOG}, results"
    tolerance = "at least one network diverged, or had no lower training loss in the last epoch than in the first"
    if LARGE not in found.scores[LR]:
        return Claim("diverges", source, words, WORDS, None, tolerance, None, f"Needs lr {rate(LARGE)}.")
    outcome = found.outcome["outcome"].sel({LR: LARGE})
    trained = outcome.notnull()
    loss = found.curves["training loss"].sel({LR: LARGE})
    diverged = (outcome == "diverged") & trained
    no_better = ~diverged & trained & (loss.isel({STEP: -1}) >= loss.isel({STEP: 0}))
    counts = [int(some.sum()) for some in (diverged, no_better)]
    measured = f"{counts[0]} diverged, {counts[1]} ended no better, of {counted(int(trained.sum()), 'network')}"
    return Claim("diverges", source, words, WORDS, measured, tolerance, sum(counts) > 0, _setting(found))


def _accuracy(found: Results) -> Claim:
    """The accuracy on MNIST; other data have others."""
    words, source, published, tolerance = "the accuracy at 0.001 is about 98 %", f"{BLOG}, results", 0.98, 0.01
    if found.options.data != "mnist" or found.accuracy is None or GOOD not in found.accuracy[LR]:
        note = "Needs MNIST and lr 0.001: --data mnist --root DIR."
        return Claim("accuracy", source, words, published, None, tolerance, None, note)
    measured = float(found.accuracy.sel({LR: GOOD}).mean())
    if not np.isfinite(measured):
        note = "No network came to its end at this rate."
        return Claim("accuracy", source, words, published, None, tolerance, None, note)
    return Claim(
        "accuracy", source, words, published, round(measured, 4), tolerance, abs(measured - published) <= tolerance
    )


def _finite_mean(array: xr.DataArray) -> xr.DataArray:
    return array.where(np.isfinite(array)).mean(SEED)
