"""The statements of the source that can be checked, checked. Nothing here is decided in advance."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._duplicates import pairs_of
from lrscope.papers.stability._figures import faster, label
from lrscope.papers.stability._results import Results, Trained
from lrscope.papers.stability._ways import GUIDED
from lrscope.report._old import Claim
from lrscope.studies._words import DASH, percent, short

SOURCE = "Peeters 2025, experiment 1B"
ONSET = 0.03
"""Onsets may differ by this share of the published step."""
SLOWER = 0.25
"""By how much the rate driven by the angle may be slower than the fastest other way."""
ALIGNED = 10.0
"""Degrees: updates with smaller angles count as almost aligned."""
SIGNS = ("angle", "gradient_norm", "error")


def claims(found: Results) -> list[Claim]:
    """Return every claim of the source; none unless its configurations were trained."""
    if not found.options.published:
        return []
    by_name = found.trained
    first, second = by_name[grids.FIGURE_1.name], by_name[grids.FIGURE_1_OF_F2.name]
    third, fourth, fifth = (by_name[each.name] for each in (grids.FIGURE_3, grids.FIGURE_4, grids.FIGURE_5))
    slow, scaled = (by_name[each.name] for each in (grids.FIGURE_6, grids.FIGURE_6_SCALED))
    return [
        *_sudden(first),
        _order("order-f1", "section 2.1, figure 1", first, 1.0, (730, 760)),
        _growth(first),
        _order("order-f2", "section 2.1", second, 0.1, None),
        _onset("onset-0.4", "section 2.2, figure 3", third, 0.4, 9000),
        _onset("onset-0.3", "section 2.2, figure 3", third, 0.3, 34000),
        _stable("stable-2-0.2", "section 2.2, figure 3", third, 0.2),
        _final("final-2-0.2", "section 3.1, figure 3", third, 0.2, 2.22e-4, 1e-6),
        _delay(third),
        *(_tenth(by_name, *pair) for pair in ((first, grids.TENTH_OF_F1), (second, grids.TENTH_OF_F2))),
        *_figure_4(fourth),
        *_figure_5(fifth),
        _final("final-0.1", "section 3.3, figure 6", slow, 0.1, 0.0068, 1e-4),
        _final("final-scaled", "section 3.3, figure 6", scaled, 0.1, 0.0066, 1e-4),
        _differ(slow, scaled),
        *(_guided(each) for each in (first, second)),
        *_compared(found),
    ]


def _claim(id: str, place: str, statement: str, **fields: object) -> Claim:
    values: dict[str, object] = {"tolerance": "stated in words", "note": "", **fields}
    return Claim(id, f"{SOURCE}, {place}", statement, **values)  # type: ignore[arg-type]


def _rounded(value: float, digits: int = 4) -> float | str:
    """Return a number with so many significant digits; what stands for one where there is none."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else DASH


def _sudden(trained: Trained) -> Iterator[Claim]:
    """The run of figure 1: aligned and falling for hundreds of steps, then a sudden rise."""
    run = trained.run(1.0).sel(step=slice(30, 710))
    turned = float(run["gradient_angle"].max())
    rising = int((run["gradient_norm"].diff("step") > 0).sum())
    yield _onset("onset-f1", "section 2.1, figure 1", trained, 1.0, 750)
    yield _claim(
        "aligned",
        "section 2.1",
        "from iteration 30 to 710 consecutive updates are almost perfectly aligned while the gradient's norm falls",
        published="almost perfectly aligned",
        measured=f"largest angle {short(turned)} degrees; the norm rises at {rising} steps",
        tolerance=f"angle below {ALIGNED:g} degrees, norm never rises",
        holds=turned < ALIGNED and rising == 0,
    )


def _onset(id: str, place: str, trained: Trained, lr: float, published: int) -> Claim:
    risen, turning = trained.risen(lr), trained.onset("error", lr)
    return _claim(
        id,
        place,
        f"{label(trained, lr)}: the error suddenly rises near iteration {published}",
        published=published,
        measured=risen if risen >= 0 else "never",
        tolerance=f"{ONSET:.0%}",
        holds=abs(risen - published) <= ONSET * published,
        note=f"First step with a test error of 1.5 times its lowest; the training error turns at step {turning}.",
    )


def _stable(id: str, place: str, trained: Trained, lr: float) -> Claim:
    onset = trained.onset("error", lr)
    measured = "no onset" if onset < 0 else f"onset at step {onset}"
    statement = f"{label(trained, lr)}: no instability is seen"
    return _claim(id, place, statement, published="none", measured=measured, holds=onset < 0)


def _final(id: str, place: str, trained: Trained, lr: float, published: float, unit: float) -> Claim:
    measured = trained.final("val_loss", lr)
    rounded = abs(measured - published) <= unit / 2 or not np.isfinite(measured)
    note = "" if rounded else f"Rounded to the digits printed it would be {round(measured / unit) * unit:g}."
    return _claim(
        id,
        place,
        f"{label(trained, lr)}: final test error {published:g}",
        published=published,
        measured=_rounded(measured),
        tolerance="the digits printed, rounded or cut off",
        holds=rounded or 0 <= measured - published < unit,
        note=note,
    )


def _order(id: str, place: str, trained: Trained, lr: float, within: tuple[int, int] | None) -> Claim:
    steps = [trained.onset(sign, lr) for sign in SIGNS]
    ordered = 0 <= steps[0] < steps[1] < steps[2]
    inside = within is None or all(within[0] <= step <= within[1] for step in steps)
    between = f", between iterations {within[0]} and {within[1]}" if within else ""
    return _claim(
        id,
        place,
        f"{label(trained, lr)}: first the angle grows, then the gradient's norm, last the error{between}",
        published="angle, norm, error",
        measured=", ".join(f"{sign.replace('_', ' ')} {step}" for sign, step in zip(SIGNS, steps, strict=True)),
        tolerance="the order" + (" and the range" if within else ""),
        holds=ordered and inside,
        note=f"The sharpness crosses 2 / lr at step {trained.onset('sharpness', lr)}; oscillation with period two from "
        f"step {trained.onset('oscillation', lr)}.",
    )


def _growth(trained: Trained) -> Claim:
    growth = float(trained.growth[trained.member(1.0)])
    return _claim(
        "growth",
        "section 2.1",
        "the gradient's norm gets about 600 times bigger",
        published=600,
        measured=_rounded(growth, 3),
        tolerance="10%",
        holds=abs(growth - 600) <= 60,
        note="Largest norm behind the lowest one, over the lowest.",
    )


def _delay(trained: Trained) -> Claim:
    """From 0.4 to 0.3: the rate shrinks by a quarter, or grows by a third the other way."""
    later, sooner = trained.risen(0.3), trained.risen(0.4)
    delay = later / sooner if min(later, sooner) > 0 else float("nan")
    slower = _slower(trained, 0.3, 0.4)
    return _claim(
        "delay",
        "section 2.2",
        "a rate smaller by a factor of 1.33 slows learning by 1.33, but lets it be stable 3.77 times as long",
        published=[1.33, 3.77],
        measured=[_rounded(slower), _rounded(delay, 3)],
        tolerance="the delay is larger than the slowing",
        holds=delay > slower,
        note="Slowing: steps to the training error that the faster has half way to its onset.",
    )


def _slower(trained: Trained, slow: float, fast: float) -> float:
    half_way = trained.risen(fast) // 2
    if half_way <= 0:
        return float("nan")
    level = float(trained.run(fast)["loss"].sel(step=half_way))
    reached = np.flatnonzero(trained.run(slow)["loss"].values <= level)
    return float(reached[0]) / half_way if len(reached) else float("nan")


def _tenth(by_name: dict[str, Trained], whole: Trained, tenth: grids.Configuration) -> Claim:
    """A tenth of the rate for ten times as long: the same curve, but stable."""
    (fast, _), (slow, _) = next(whole.members()), next(by_name[tenth.name].members())
    curve, slow_curve = (each.run(lr)["loss"] for each, lr in ((whole, fast), (by_name[tenth.name], slow)))
    onset = whole.onset("angle", fast)
    before = curve.sel(step=slice(onset // 10, onset))
    apart = _apart(slow_curve.reindex(step=10 * before["step"].values).values, before.values)
    stable = by_name[tenth.name].onset("error", slow) < 0
    return _claim(
        f"tenth-{tenth.target}",
        "section 2.2",
        f"{label(by_name[tenth.name], slow)} has the same plots as {label(whole, fast)}, without the instability",
        published="the same, stable",
        measured=f"training errors differ by at most {percent(apart)}; " + ("stable" if stable else "unstable"),
        tolerance="25%, and no onset",
        holds=apart <= 0.25 and stable,
        note=f"Compared from step {onset // 10} to the onset of the angle.",
    )


def _apart(values: np.ndarray, others: np.ndarray) -> float:
    """Return by which share two curves differ at most; NaN where there is nothing to compare."""
    return float(np.max(abs(values / others - 1))) if len(others) else float("nan")


def _figure_4(trained: Trained) -> Iterator[Claim]:
    place = "section 3.1, figure 4"
    yield _final("final-3-0.2", place, trained, 0.2, 1.17e-4, 1e-6)
    error = trained.run(0.2)["val_loss"]
    before, last = error.values[-1001:][[0, -1]].tolist()
    yield _claim(
        "still-falling",
        place,
        f"{label(trained, 0.2)}: the error is still falling at the end",
        published="falling",
        measured=f"{short((before - last) / before * 100)} percent in the last 1000 steps",
        tolerance="falls",
        holds=last < before,
    )
    yield _stable("stable-3-0.2", place, trained, 0.2)
    yield _stable("stable-3-0.4", place, trained, 0.4)
    slow, fast = (trained.final("val_loss", lr) for lr in (0.2, 0.4))
    yield _claim(
        "better-0.4",
        place,
        "a rate of 0.4 leads to much better performance than 0.2",
        published="much better",
        measured=f"test error {short(fast)} against {short(slow)}",
        tolerance="at most half the error",
        holds=fast <= slow / 2,
    )
    yield _parting(trained)


def _parting(trained: Trained) -> Claim:
    pair = next((each for each in pairs_of(trained) if (each.lr, each.one, each.other) == (0.4, 0, 1)), None)
    parted = pair is not None and pair.parted >= 0
    measured = f"duplicates from step {pair.merged}, parted at {pair.parted}" if pair else "never duplicates"
    return _claim(
        "parting",
        "section 3.1, figure 4",
        f"{label(trained, 0.4)}: the two hidden neurons, duplicates at first, diverge",
        published="diverge",
        measured=measured,
        tolerance="similarity 0.99",
        holds=parted,
    )


def _figure_5(trained: Trained) -> Iterator[Claim]:
    place = "section 3.2, figure 5"
    begins, fastest = faster(trained, 0.05)
    yield _claim(
        "faster",
        place,
        f"{label(trained, 0.05)}: the error falls faster from about iteration 15 000",
        published=15000,
        measured=fastest,
        tolerance=f"{ONSET:.0%}, of where it falls fastest",
        holds=abs(fastest - 15000) <= ONSET * 15000,
        note=f"Where the logarithm of the test error falls fastest; it begins to fall faster at step {begins}.",
    )
    pair = next((each for each in pairs_of(trained) if (each.one, each.other) == (0, 1)), None)
    yield _claim(
        "remain",
        place,
        f"{label(trained, 0.05)}: neurons 0 and 1 remain duplicates",
        published="duplicates",
        measured=f"similarity {short(pair.last, 4)} at the end" if pair else "never duplicates",
        tolerance="similarity 0.99 to the end",
        holds=pair is not None and pair.parted < 0,
    )


def _differ(slow: Trained, scaled: Trained) -> Claim:
    apart, closer = (_similarity(each) for each in (scaled, slow))
    return _claim(
        "differ",
        "section 3.3, figure 6",
        "with initial weights times 10 the neurons differ more",
        published="more",
        measured=f"similarity {short(apart, 4)} against {short(closer, 4)} at the end",
        tolerance="smaller",
        holds=apart < closer,
    )


def _similarity(trained: Trained) -> float:
    alike: xr.DataArray = analysis.similarity(trained.records.isel(member=[trained.member(0.1)]), "hidden")
    return float(alike[0, -1, 0, 1])


def _guided(trained: Trained) -> Claim:
    """The source's idea: raise the rate while the angle stays small, lower it when it grows."""
    assert trained.guided is not None
    lr, seed = next(trained.members())
    guided = trained.guided.isel(member=[trained.member(lr, seed)])
    names = {"loss": "training", "val_loss": "test"}
    final = {error: float(guided[error][0, -1]) for error in names}
    best = {error: trained.lowest(error, lr)[0] for error in names}
    late = int(analysis.onsets(guided)["onset"].sel(criterion="error")[0])
    measured = "; ".join(
        f"{name} {short(final[error], 4)} against {short(best[error], 4)}" for error, name in names.items()
    )
    return _claim(
        f"guided-{trained.configuration.target}",
        "section 2.1, an idea",
        f"{label(trained, lr)}: a rate driven by the gradient's angle removes the oscillation and ends below the best "
        "error of the constant rate",
        published="not tried",
        measured=measured + ("; no onset" if late < 0 else f"; onset at step {late}"),
        tolerance="both errors smaller, no onset",
        holds=late < 0 and all(final[error] < best[error] for error in names),
        note="Error at the end with the driven rate, against the lowest that the constant rate ever reached.",
    )


def _compared(found: Results) -> Iterator[Claim]:
    """The rate driven by the angle against every other way to choose it, over the starting rates of the bench."""
    assert found.bench is not None
    place = "section 2.1, an idea"
    diverged = found.bench["diverged"].mean(["target", "lr"])
    ours, others = float(diverged.sel(controller=GUIDED)), diverged.drop_sel(controller=GUIDED)
    as_good = [str(way) for way in others["controller"].values[others.values <= ours]]
    yield _claim(
        "bench-diverged",
        place,
        "over all starting rates, no other way diverges in fewer networks than a rate driven by the gradient's angle",
        published="not tried",
        measured=f"{percent(ours)} against {percent(float(others.min()))} to {percent(float(others.max()))}",
        tolerance="none in fewer; as many is allowed",
        holds=ours <= float(others.min()),
        note=f"As few: {', '.join(as_good)}." if as_good else "",
    )
    for target in found.bench["target"].values.tolist():
        fastest = found.bench["steps_to_target"].sel(target=target).min("lr")
        ours, others = float(fastest.sel(controller=GUIDED)), fastest.drop_sel(controller=GUIDED)
        best = float(others.min())
        yield _claim(
            f"bench-steps-{target}",
            place,
            f"on {target} it is at most a quarter slower to the target than any other way, each at its best start",
            published="not tried",
            measured=f"{short(ours)} against {short(best)} steps",
            tolerance=f"{SLOWER:.0%}",
            holds=ours <= (1 + SLOWER) * best,
            note="Mean over the seeds; networks that miss the target count with all steps.",
        )
