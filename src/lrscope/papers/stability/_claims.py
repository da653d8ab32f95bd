"""The statements of the source that can be checked, each with the test that decides it.

The source's figures are of one network, seed 0, and so are the claims; those about controllers are of the whole bench.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._analysis import DUPLICATES, similarity
from lrscope.papers.stability._configurations import Configuration, label
from lrscope.papers.stability._results import network, onsets_of, pair_of
from lrscope.studies import Claim, array_of
from lrscope.studies._words import DASH, percent, short

SOURCE = "Peeters 2025, experiment 1B"
IDEA = "section 2.1, an idea"
ONSET = 0.03
"""Onsets may differ by this share of the published step."""
SLOWER = 0.25
"""The gradient-driven rate may be slower than the fastest other controller by this share."""
ALIGNED = 10.0
"""Degrees: updates with smaller angles count as almost aligned."""
SAME = 0.25
"""Curves that differ by at most this share are the same plot."""


def claims(results: xr.DataTree) -> list[Claim]:
    """Return every claim of the source; none unless its configurations were trained."""
    if not results.attrs["options"].published:
        return []
    third, fourth = "section 2.2, figure 3", "section 3.1, figure 4"
    return [
        _onset("onset-f1", "section 2.1, figure 1", grids.FIGURE_1, 1.0, 750),
        _aligned(),
        _order("order-f1", "section 2.1, figure 1", grids.FIGURE_1, 1.0, (730, 760)),
        _growth(),
        _order("order-f2", "section 2.1", grids.FIGURE_1_OF_F2, 0.1, None),
        _onset("onset-0.4", third, grids.FIGURE_3, 0.4, 9000),
        _onset("onset-0.3", third, grids.FIGURE_3, 0.3, 34000),
        _stable("stable-2-0.2", third, grids.FIGURE_3, 0.2),
        _final("final-2-0.2", "section 3.1, figure 3", grids.FIGURE_3, 0.2, 2.22e-4, 1e-6),
        _delay(),
        _tenth(grids.FIGURE_1, grids.TENTH_OF_F1),
        _tenth(grids.FIGURE_1_OF_F2, grids.TENTH_OF_F2),
        _final("final-3-0.2", fourth, grids.FIGURE_4, 0.2, 1.17e-4, 1e-6),
        _still_falling(fourth),
        _stable("stable-3-0.2", fourth, grids.FIGURE_4, 0.2),
        _stable("stable-3-0.4", fourth, grids.FIGURE_4, 0.4),
        _better(fourth),
        *_duplicates(fourth),
        _final("final-0.1", "section 3.3, figure 6", grids.FIGURE_6, 0.1, 0.0068, 1e-4),
        _final("final-scaled", "section 3.3, figure 6", grids.FIGURE_6_SCALED, 0.1, 0.0066, 1e-4),
        _guided(grids.FIGURE_1),
        _guided(grids.FIGURE_1_OF_F2),
        *_controllers(),
    ]


def _number(value: float, digits: int = 4) -> float | str:
    """Return a number with so many significant digits, for display; what stands for one where there is none."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else DASH


def _onset(id: str, place: str, chosen: Configuration, lr: float, published: int) -> Claim:
    return Claim(
        id,
        f"{SOURCE}, {place}",
        f"{label(chosen, lr)}: the error suddenly rises near iteration {published}",
        of=lambda results: int(network(results, chosen, lr)["risen"]),
        holds=lambda risen: abs(risen - published) <= ONSET * published,
        measured=lambda risen: risen if risen >= 0 else "never",
        published=published,
        tolerance=f"{ONSET:.0%}",
        note="First step with a test error of 1.5 times its lowest.",
    )


def _aligned() -> Claim:
    def largest_angle_and_rises(results: xr.DataTree) -> tuple[float, int]:
        run = network(results, grids.FIGURE_1, 1.0, "records").sel(step=slice(30, 710))
        return float(run["gradient_angle"].max()), int((run["gradient_norm"].diff("step") > 0).sum())

    return Claim(
        "aligned",
        f"{SOURCE}, section 2.1",
        "from iteration 30 to 710 consecutive updates are almost perfectly aligned while the gradient norm falls",
        of=largest_angle_and_rises,
        holds=lambda value: value[0] < ALIGNED and value[1] == 0,
        measured=lambda value: f"largest angle {short(value[0])} degrees; the norm rises at {value[1]} steps",
        published="almost perfectly aligned",
        tolerance=f"angle below {ALIGNED:g} degrees, norm never rises",
    )


def _stable(id: str, place: str, chosen: Configuration, lr: float) -> Claim:
    return Claim(
        id,
        f"{SOURCE}, {place}",
        f"{label(chosen, lr)}: no instability is seen",
        of=lambda results: onsets_of(results, chosen, lr)["error"],
        holds=lambda onset: onset < 0,
        measured=_onset_words,
        published="none",
    )


def _onset_words(onset: int) -> str:
    return "no onset" if onset < 0 else f"onset at step {onset}"


def _final(id: str, place: str, chosen: Configuration, lr: float, published: float, unit: float) -> Claim:
    return Claim(
        id,
        f"{SOURCE}, {place}",
        f"{label(chosen, lr)}: final test error {published:g}",
        of=lambda results: float(network(results, chosen, lr)["final_test_error"]),
        holds=lambda measured: abs(measured - published) <= unit / 2 or 0 <= measured - published < unit,
        measured=_number,
        published=published,
        tolerance="the digits printed, rounded or cut off",
    )


def _order(id: str, place: str, chosen: Configuration, lr: float, within: tuple[int, int] | None) -> Claim:
    first, last = within or (0, np.inf)
    between = f", between iterations {within[0]} and {within[1]}" if within else ""
    return Claim(
        id,
        f"{SOURCE}, {place}",
        f"{label(chosen, lr)}: first the angle grows, then the gradient norm, last the error{between}",
        of=lambda results: [onsets_of(results, chosen, lr)[name] for name in ("angle", "gradient_norm", "error")],
        holds=lambda steps: 0 <= steps[0] < steps[1] < steps[2] and first <= steps[0] and steps[2] <= last,
        measured=lambda steps: "angle {}, gradient norm {}, error {}".format(*steps),
        published="angle, norm, error",
        tolerance="the order" + (", and the range" if within else ""),
    )


def _growth() -> Claim:
    def growth(results: xr.DataTree) -> float:
        valley = int(network(results, grids.FIGURE_1, 1.0)["valley"])
        if valley < 0:
            return float("nan")
        norm = network(results, grids.FIGURE_1, 1.0, "records")["gradient_norm"].sel(step=slice(valley, None))
        return float(norm.max() / norm[0])

    return Claim(
        "growth",
        f"{SOURCE}, section 2.1",
        f"{label(grids.FIGURE_1, 1.0)}: the gradient norm gets about 600 times bigger",
        of=growth,
        holds=lambda factor: abs(factor - 600) <= 60,
        measured=partial(_number, digits=3),
        published=600,
        tolerance=60,
        note="Its largest value after its lowest one, over that.",
    )


def _delay() -> Claim:
    def slowing_and_delay(results: xr.DataTree) -> tuple[float, float]:
        later, sooner = (int(network(results, grids.FIGURE_3, lr)["risen"]) for lr in (0.3, 0.4))
        half_way = sooner // 2
        if min(later, half_way) <= 0:
            return float("nan"), float("nan")
        fast, slow = (network(results, grids.FIGURE_3, lr, "records")["loss"] for lr in (0.4, 0.3))
        reached = np.flatnonzero(slow.values <= float(fast.sel(step=half_way)))
        return float(reached[0]) / half_way if len(reached) else float("nan"), later / sooner

    return Claim(
        "delay",
        f"{SOURCE}, section 2.2",
        "a rate smaller by a factor of 1.33 slows learning by 1.33, but lets it be stable 3.77 times as long",
        of=slowing_and_delay,
        holds=lambda value: value[1] > value[0],
        measured=lambda value: [_number(value[0]), _number(value[1], 3)],
        published=[1.33, 3.77],
        tolerance="the delay is larger than the slowing",
        note="Slowing: steps to the training error that the faster has half way to its onset.",
    )


def _tenth(whole: Configuration, tenth: Configuration) -> Claim:
    (fast,), (slow,) = whole.lrs, tenth.lrs

    def difference_and_onset(results: xr.DataTree) -> tuple[float, int]:
        until = onsets_of(results, whole, fast)["angle"]
        before = network(results, whole, fast, "records")["loss"].sel(step=slice(until // 10, until))
        others = network(results, tenth, slow, "records")["loss"].reindex(step=10 * before["step"].values).values
        difference = float(np.max(abs(others / before.values - 1))) if len(others) else float("nan")
        return difference, onsets_of(results, tenth, slow)["error"]

    def measured(value: tuple[float, int]) -> str:
        return f"training errors differ by at most {percent(value[0])}; {'stable' if value[1] < 0 else 'unstable'}"

    return Claim(
        f"tenth-{tenth.target}",
        f"{SOURCE}, section 2.2",
        f"{label(tenth, slow)} has the same plots as {label(whole, fast)}, without the instability",
        of=difference_and_onset,
        holds=lambda value: value[0] <= SAME and value[1] < 0,
        measured=measured,
        published="the same, stable",
        tolerance=f"{SAME:.0%}, and no onset",
        note="Compared from a tenth of the step at which the angle grows up to that step.",
    )


def _still_falling(place: str) -> Claim:
    return Claim(
        "still-falling",
        f"{SOURCE}, {place}",
        f"{label(grids.FIGURE_4, 0.2)}: the error is still falling at the end",
        of=lambda results: (
            network(results, grids.FIGURE_4, 0.2, "records")["val_loss"].values[-1001:][[0, -1]].tolist()
        ),
        holds=lambda errors: errors[1] < errors[0],
        measured=lambda errors: f"{percent((errors[0] - errors[1]) / errors[0], 2)} in the last 1000 steps",
        published="falling",
        tolerance="falls",
    )


def _better(place: str) -> Claim:
    return Claim(
        "better-0.4",
        f"{SOURCE}, {place}",
        "a rate of 0.4 leads to much better performance than 0.2",
        of=lambda results: [float(network(results, grids.FIGURE_4, lr)["final_test_error"]) for lr in (0.4, 0.2)],
        holds=lambda errors: errors[0] <= errors[1] / 2,
        measured=lambda errors: f"test error {short(errors[0])} against {short(errors[1])}",
        published="much better",
        tolerance="at most half the error",
    )


def _duplicates(place: str) -> Iterator[Claim]:
    """Yield the claims about two neurons: whether they part, remain duplicates, or differ more than others."""
    fifth = "section 3.2, figure 5"

    def last_similarities(results: xr.DataTree) -> list[float]:
        runs = [network(results, chosen, 0.1, "records") for chosen in (grids.FIGURE_6_SCALED, grids.FIGURE_6)]
        return [float(similarity(run).sel(pair="0 and 1")[-1]) for run in runs]

    def parting(pair: dict[str, float] | None) -> str:
        return f"duplicates from step {pair['merged']:g}, parted at {pair['parted']:g}" if pair else "never duplicates"

    yield Claim(
        "parting",
        f"{SOURCE}, {place}",
        f"{label(grids.FIGURE_4, 0.4)}: the two hidden neurons, duplicates at first, diverge",
        of=lambda results: pair_of(results, grids.FIGURE_4, 0.4, "0 and 1"),
        holds=lambda pair: pair is not None and pair["parted"] >= 0,
        measured=parting,
        published="diverge",
        tolerance=f"similarity {DUPLICATES:g}",
    )
    yield Claim(
        "faster",
        f"{SOURCE}, {fifth}",
        f"{label(grids.FIGURE_5, 0.05)}: the error falls faster from about iteration 15 000",
        of=lambda results: [
            int(network(results, grids.FIGURE_5, 0.05)[name]) for name in ("fastest_at", "faster_from")
        ],
        holds=lambda steps: abs(steps[0] - 15000) <= ONSET * 15000,
        measured=lambda steps: f"falls fastest at {steps[0]}; begins to fall faster at {steps[1]}",
        published=15000,
        tolerance=f"{ONSET:.0%}, of where the logarithm of the test error falls fastest",
    )
    yield Claim(
        "remain",
        f"{SOURCE}, {fifth}",
        f"{label(grids.FIGURE_5, 0.05)}: neurons 0 and 1 remain duplicates",
        of=lambda results: pair_of(results, grids.FIGURE_5, 0.05, "0 and 1"),
        holds=lambda pair: pair is not None and pair["parted"] < 0,
        measured=lambda pair: f"similarity {short(pair['last'], 4)} at the end" if pair else "never duplicates",
        published="duplicates",
        tolerance=f"similarity {DUPLICATES:g} to the end",
    )
    yield Claim(
        "differ",
        f"{SOURCE}, section 3.3, figure 6",
        "with initial weights times 10 the neurons differ more",
        of=last_similarities,
        holds=lambda similar: similar[0] < similar[1],
        measured=lambda similar: f"similarity {short(similar[0], 4)} against {short(similar[1], 4)} at the end",
        published="more",
        tolerance="smaller",
    )


def _guided(chosen: Configuration) -> Claim:
    (lr,) = chosen.lrs

    def errors_and_onset(results: xr.DataTree) -> tuple[list[float], list[float], int]:
        driven, constant = network(results, chosen, lr, "guided_networks"), network(results, chosen, lr)
        final = [float(driven[f"final_{name}_error"]) for name in ("train", "test")]
        lowest = [float(constant[f"lowest_{name}_error"]) for name in ("train", "test")]
        return final, lowest, int(driven["onset_error"])

    def measured(value: tuple[list[float], list[float], int]) -> str:
        compared = [f"{short(ours, 4)} against {short(best, 4)}" for ours, best in zip(*value[:2], strict=True)]
        return f"training {compared[0]}; test {compared[1]}; {_onset_words(value[2])}"

    return Claim(
        f"guided-{chosen.target}",
        f"{SOURCE}, {IDEA}",
        f"{label(chosen, lr)}: a gradient-driven learning rate removes the oscillation and ends below the best error "
        "of the constant rate",
        of=errors_and_onset,
        holds=lambda value: value[2] < 0 and all(ours < best for ours, best in zip(*value[:2], strict=True)),
        measured=measured,
        published="not tried",
        tolerance="both errors smaller, no onset",
        note="Error at the end with the gradient-driven rate, against the lowest that the constant rate ever reached.",
    )


def _controllers() -> Iterator[Claim]:
    def compared(values: xr.DataArray) -> tuple[float, xr.DataArray]:
        return float(values.sel(controller=grids.GUIDED)), values.drop_sel(controller=grids.GUIDED)

    def diverged(results: xr.DataTree) -> tuple[float, xr.DataArray]:
        return compared(array_of(results, "bench/diverged").mean(["target", "lr"]))

    def steps(results: xr.DataTree, target: str) -> tuple[float, xr.DataArray]:
        return compared(array_of(results, "bench/steps_to_target").sel(target=target).min("lr"))

    def shares(value: tuple[float, xr.DataArray]) -> str:
        return f"{percent(value[0])} against {percent(float(value[1].min()))} to {percent(float(value[1].max()))}"

    yield Claim(
        "bench-diverged",
        f"{SOURCE}, {IDEA}",
        "over all starting rates, no other controller diverges in fewer networks than a gradient-driven rate",
        of=diverged,
        holds=lambda value: value[0] <= float(value[1].min()),
        measured=shares,
        published="not tried",
        tolerance="none in fewer; as many is allowed",
    )
    for target in grids.SIZES:
        yield Claim(
            f"bench-steps-{target}",
            f"{SOURCE}, {IDEA}",
            f"on {target} it is at most a quarter slower to the target than any other, each from its best start",
            of=partial(steps, target=target),
            holds=lambda value: value[0] <= (1 + SLOWER) * float(value[1].min()),
            measured=lambda value: f"{short(value[0])} against {short(float(value[1].min()))} steps",
            published="not tried",
            tolerance=f"{SLOWER:.0%}",
            note="Mean over the seeds; networks that miss the target count with all steps.",
        )
