"""The answer of the study in plain words, from the numbers of the results."""

import math
from typing import Any

import numpy as np

from lrscope.papers.boundary._options import LARGEST_NULL
from lrscope.papers.boundary._results import (
    DIMENSION,
    EDGE,
    FIRST,
    LINE,
    MEAN,
    NULL,
    NULL_MAP,
    Results,
    frames_of,
)
from lrscope.studies._estimates import ends, estimate_text
from lrscope.studies._words import counted, percent, short

OVER = {
    "frame": "interval over {} of the zoom",
    "seed": "interval over {}",
    "tile": "interval over {} of what was mapped, not over further frames",
}
"""What was resampled -> in words."""
NOUNS = {"frame": "frame", "seed": "seed", "tile": "part"}


def summary(results: Results, _options: Any) -> list[str]:
    """Return the answer, one text a paragraph."""
    texts = [edge_text(results), roughness(results), mean_text(results), trained(results)]
    return [text for text in texts if text]


def edge_text(results: Results) -> str:
    """Say up to which rate networks train, and above which none does."""
    line, edge = results[LINE], results[EDGE]
    last, seeds = short(float(line["rate"][-1])), int(edge["seeds"])
    lower, upper, level = (float(edge[name]) for name in ("lower", "upper", "level"))
    crossings, label = line["crossings"], str(line["rate"].attrs["long_name"])
    what = "rate" if "learning rate" in label else label
    if math.isinf(lower):
        text = f"every {what} up to {last} trains"
    elif upper == 0:
        text = f"no {what} trains"
    else:
        sure = f"every {what} below {short(lower)} trains"
        below = sure if lower > 0 else f"the smallest {what} is not sure to train"
        above = f"{last} may still train" if math.isinf(upper) else f"none above {short(upper)} does"
        text = f"{below}, and {above}"
    if seeds == 1:
        changes = int(crossings[0])
        mixed = f" In between the verdict changes {changes} times." if changes > 1 else ""
        return f"{_where(results)}, {text}.{mixed} This is one seed: --seeds 19 shows where the edge of others lies."
    mixed = (
        f" In {counted(int((crossings > 1).sum()), 'seed')} both alternate in between." if (crossings > 1).any() else ""
    )
    holds = f"Each holds for a further seed with a probability of {percent(level)}, predicted from {seeds} seeds."
    example = f" A {what} of {short(lower / 3)} is a factor of 3 below the edge." if 0 < lower < math.inf else ""
    return f"{_where(results)}, {text}. {holds}{mixed}{example}"


def _where(results: Results) -> str:
    line, first = results[LINE], frames_of(results)[0]
    label = str(line["rate"].attrs["long_name"])
    if is_diagonal(line):
        return "With both learning rates equal"
    other = first["y"] if label == first["x"].attrs["long_name"] else first["x"]
    return f"Along the {label}, at a {other.attrs['long_name']} of {short(float(line['other'][0]))}"


def is_diagonal(line: Any) -> bool:
    """Tell whether both coordinates of a line are equal."""
    return bool(np.allclose(line["rate"], line["other"]))


def roughness(results: Results) -> str:
    """Say how rough the boundary is, and whether noise would be as rough."""
    if DIMENSION not in results.children:
        return ""
    result = results[DIMENSION]
    if math.isnan(float(result["median"])):
        return "There is no boundary in the map: all its points train, or none does."
    over = str(result.attrs["over"])
    of = OVER[over].format(counted(int(result["units"]), NOUNS[over]))
    text = f"The box dimension of the boundary is {estimate_text(result, 'median')} ({of}); a smooth curve has 1."
    if NULL not in results.children:
        return f"{text} --null {LARGEST_NULL} shows what noise alone gives."
    first, null = results[FIRST], results[NULL]
    if not math.isfinite(float(null["median"])):
        return f"{text} With an independent seed in every pixel there is no boundary."
    (_, low, high), (_, null_low, null_high) = (ends(each, "median") for each in (first, null))
    if low > null_high:
        verdict = "the boundary is rougher than noise"
    elif high < null_low:
        verdict = "the boundary is not as rough as noise"
    else:
        verdict = "whether it is rougher or smoother than noise is not decided there"
    size = results[NULL_MAP].sizes["x"]
    here = f" In the first frame, at {size} by {size} points, it is {estimate_text(first, 'median')},"
    noise = f"with an independent seed in every pixel {estimate_text(null, 'median')}: {verdict}."
    return f"{text}{here} {noise}"


def mean_text(results: Results) -> str:
    """Say whether the boundary of most seeds is smoother than that of one."""
    if MEAN not in results.children:
        return ""
    mean = results[MEAN]
    _, low, high = ends(mean, "difference")
    verdict = "smoother" if low > 0 else "rougher" if high < 0 else "not certainly smoother"
    return (
        f"The boundary of what most seeds train is {verdict} than that of a single seed: dimension "
        f"{short(float(mean['mean']))} and {short(float(mean['single']))} in the first frame, a difference of "
        f"{estimate_text(mean, 'difference')}."
    )


def trained(results: Results) -> str:
    """Say what was trained."""
    first, frames = frames_of(results)[0], len(frames_of(results))
    share = float(first["trained"].mean())
    size = f"{first.sizes['x']} by {first.sizes['y']}"
    seeds = f"{'; the first' if frames > 1 else ''} with {counted(first.sizes['seed'], 'seed')}"
    text = f"{counted(frames, 'frame')} of {size} points{seeds}."
    if first.attrs["condition"] == "init-offset":
        where = (
            "to the initial weights" if first.attrs["offset"] == "initial" else "at every step, as in the source's code"
        )
        text += f" The constant is added {where}."
    if share < 1:
        text += (
            f" In the first frame {percent(share, 1)} of the points were trained; the others lie in regions whose "
            "corners agree, and are interpolated."
        )
    return text
