"""How often a verdict is wrong where nothing differs, and how many seeds it takes where something does.

Run it alone with `python -m benchmarks.verdict`; it simulates, and trains nothing.
"""

from collections.abc import Callable

import numpy as np

from lrscope.analysis import winner
from lrscope.analysis._difference import anytime, uneven

PAIRS, LEAST, MOST, LONG = 10_000, 3, 40, 200
CONFIDENCE = 0.95
FIXED = 10
"""Seeds with which Student's test at 5 % sees a difference of one deviation in 80 % of the cases."""
BOUND, DEVIATION = 0.004, 0.0025
"""Of the first leaderboard: (target - mean) * sqrt(n) must reach the bound; deviation of runs of AdamW there."""
CHANGES = 100
"""Changes that do nothing, tried one after the other."""
SHARES = (0.0, 0.02, 0.1, 0.2, 0.5)
"""Of runs with a change that diverge."""
Draw = Callable[[np.random.Generator], np.ndarray]


def normal(random: np.random.Generator) -> np.ndarray:
    return np.subtract(*random.normal(size=(2, MOST)))


def lognormal(random: np.random.Generator) -> np.ndarray:
    return np.subtract(*random.lognormal(size=(2, MOST)))


def diverging(share: float, other: float, better: float = 0.0) -> Draw:
    """Return the draw of normal runs of which these shares diverge on the two sides; the first lie lower."""

    def draw(random: np.random.Generator) -> np.ndarray:
        runs = random.normal(size=(2, MOST)) - np.array([[better], [0.0]])
        return np.where(random.random((2, MOST)) < np.array([[share], [other]]), np.inf, runs)

    return draw


def decided(runs: np.ndarray) -> int:
    """Return which side looking after every seed finds better; -1 for none."""
    finite = np.isfinite(runs)
    alone = np.cumsum(~finite & finite[::-1], axis=1)
    for count in range(LEAST, runs.shape[1] + 1):
        both = finite[:, :count].all(axis=0)
        gaps = runs[0, :count][both] - runs[1, :count][both]
        counts = alone[:, count - 1]
        result = anytime(gaps, CONFIDENCE) | {"alone": counts, "e_diverged": uneven(*map(int, counts))}
        side = winner(result | {"difference": gaps.mean() if both.any() else np.nan}, False, CONFIDENCE)
        if side >= 0:
            return side
    return -1


def one_deviation(random: np.random.Generator) -> np.ndarray:
    return random.normal(1, 1, LONG)


def decided_at(gaps: np.ndarray) -> float:
    """Return the number of seeds at which looking after every seed decides; infinite if it never does."""
    for count in range(LEAST, len(gaps) + 1):
        result = anytime(gaps[:count], CONFIDENCE)
        if result["anytime_low"] > 0 or result["anytime_high"] < 0:
            return count
    return np.inf


def below_bound(runs: np.ndarray) -> bool:
    """Tell whether runs whose mean is the target pass the first leaderboard's rule at some number of runs."""
    counts = np.arange(1, len(runs) + 1)
    return bool((-np.cumsum(runs) / np.sqrt(counts) >= BOUND).any())


def page() -> str:
    """Simulate, and return the section of docs/verdict.md."""
    random = np.random.default_rng(0)
    kinds: dict[str, Draw] = {"normal": normal, "lognormal": lognormal}
    wrong = {name: np.mean([decided_at(draw(random)) < np.inf for _ in range(PAIRS)]) for name, draw in kinds.items()}
    for share in SHARES[1:]:
        draw = diverging(share, share)
        wrong[f"normal, {100 * share:g} % diverge"] = np.mean([decided(draw(random)) >= 0 for _ in range(PAIRS)])
    said = [[decided(diverging(share, 0, 1)(random)) for _ in range(PAIRS // 10)] for share in SHARES]
    lower = "\n".join(
        f"| {100 * share:g} % | {np.mean(np.equal(row, 0)):.1%} | {np.mean(np.equal(row, 1)):.1%} |"
        for share, row in zip(SHARES, said, strict=True)
    )
    taken = np.array([decided_at(one_deviation(random)) for _ in range(PAIRS)])
    runs = random.normal(0, DEVIATION, (PAIRS, MOST))
    once = np.mean(-runs.mean(axis=1) * np.sqrt(MOST) >= BOUND)
    often = np.mean([below_bound(row) for row in runs])
    ours = np.mean([decided_at(row) < np.inf for row in runs])
    numbers = random.normal(size=(PAIRS, CHANGES + 1))
    kept = (numbers[:, 1:] < np.minimum.accumulate(numbers, axis=1)[:, :-1]).sum(axis=1)
    rows = "\n".join(f"| {name} | {share:.1%} |" for name, share in wrong.items())
    return f"""Equal runs, {PAIRS} pairs of sets, looked at after every seed from {LEAST} to {MOST}:

| runs | decided although nothing differs |
|---|---:|
{rows}

A difference of one standard deviation is decided after {taken.mean():.1f} seeds on average, {np.median(taken):.0f} at
the median and {np.quantile(taken, 0.8):.0f} in 80 % of the cases. Student's test needs {FIXED} for 80 %, if that is
chosen before: on average {taken.mean() / FIXED:.2f} times as many.

A change whose finished runs are better by one standard deviation of a run, but of which a share diverges, while none
does without it; {PAIRS // 10} pairs of sets, looked at after every seed from {LEAST} to {MOST} until it was decided:

| diverge | better | worse |
|---|---:|---:|
{lower}

| rule | a change that does nothing |
|---|---|
| (target - mean) √n ≥ {BOUND}, deviation {DEVIATION}, one look at {MOST} runs | kept in {once:.1%} |
| the same, looked at after every run | kept in {often:.1%} |
| interval at any number of seeds, looked at after every run | kept in {ours / 2:.1%} |
| the lower number of one run wins, {CHANGES} changes in a row | {kept.mean():.1f} of them kept |
"""


if __name__ == "__main__":
    print(page())
