"""The study `stability`: its longest run against NumPy, and a grid of learning rates against one run for each."""

import importlib.util
import os
import statistics
import tempfile
import time
from functools import partial

import numpy as np
import torch

from benchmarks import numpy_perceptron
from benchmarks.rounds import Case, Figures, Measured, measure
from lrscope import records
from lrscope.data import Function
from lrscope.models import Perceptron
from lrscope.optim import SGD
from lrscope.probes import GradientAngle, GradientNorm, ValidationLoss
from lrscope.training import Experiment, Sweep, stream

HAS_JAX = importlib.util.find_spec("jax") is not None
if HAS_JAX:
    from benchmarks import jax_perceptron

ROUNDS = 3
LR = 0.2
GRID = np.linspace(0.05, 0.4, 16).tolist()
LONG, SHORT, CHECKED = 50_000, 20_000, 1000
"""Iterations of the source's longest runs; of runs too short to be compiled; and where all must have the same loss."""
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
PROCESSOR, WALL, BEFORE, LOSS = "us of processor", "us", "seconds before", "loss"
SILENT, MEASURING, JAX = "NumPy, nothing measured", "NumPy", "JAX, one compiled scan"
TRACED, COMPILED = "lrscope, traced (runs of fewer iterations)", "lrscope, compiled"
ONE, AT_ONCE = "one learning rate", "16 at once"


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as cache:
        measured = measure(_cases(), ROUNDS, {**ONE_CORE, "TORCHINDUCTOR_CACHE_DIR": cache})
    _refuse_different(measured)
    busy, cores = os.getloadavg()[1], os.cpu_count()
    return f"""## The study `stability`: f1, learning rate {LR}, 1000 points in full batches, float64

Training error, test error, gradient norm and angle at every iteration, unless it says otherwise. Processor time of
an iteration with one thread, after the first iterations; ratios within a round, medians of {ROUNDS} rounds.
While this was measured, {busy:.1f} processes wanted the machine's {cores} cores (load average of 5 minutes): above the
number of cores, only processor times mean something.

{_single(measured)}

lrscope must take at most 0.50 of NumPy with the same measurements. The seconds before the first iteration are those
of building, tracing and compiling, on the clock: first with an empty cache of the compiler (which h = 2, measured
before h = 3, also pays to fill with what all programs share), then with the cache of the round before.
lrscope compiles runs of {LONG} iterations, as here, and traces those of {SHORT}.

### A grid of 16 learning rates, h = 3, {LONG} iterations

{_grid(measured)}

The grid must take less than 0.25 of 16 runs one after the other. A compiled run is bound by the sigmoids of its 1000
points; 16 networks need 16 times as many.
Whole runs: the first of the 16 as in the first round, the others as in later rounds; the grid as in the first.
"""


def _cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for hidden in (2, 3):
        cases |= {_name(hidden, MEASURING): partial(in_numpy, hidden, True)}
        cases |= {_name(hidden, SILENT): partial(in_numpy, hidden, False)}
        if HAS_JAX:
            cases |= {_name(hidden, JAX): partial(in_jax, hidden)}
        cases |= {_name(hidden, TRACED): partial(in_lrscope, hidden, [LR], SHORT)}
        cases |= {_name(hidden, COMPILED): partial(in_lrscope, hidden, [LR], LONG)}
    cases |= {AT_ONCE: partial(in_lrscope, 3, GRID, LONG)}
    return cases


def _name(hidden: int, what: str) -> str:
    return f"h = {hidden}: {what}"


def _single(measured: Measured) -> str:
    lines = ["| case | us an iteration | to NumPy | to NumPy without measuring | seconds before: first, later |"]
    lines += ["|---|---:|---:|---:|---:|"]
    for case in measured.figures:
        if case == AT_ONCE:
            continue
        hidden = int(case[4])
        ratios = [measured.ratio(case, _name(hidden, other), PROCESSOR) for other in (MEASURING, SILENT)]
        before = measured.values(case, BEFORE) if BEFORE in measured.figures[case][0] else []
        apart = f"{before[0]:.1f}, {statistics.median(before[1:]):.1f}" if before else ""
        microseconds = measured.median(case, PROCESSOR)
        lines += [f"| {case} | {microseconds:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {apart} |"]
    return "\n".join(lines)


def _grid(measured: Measured) -> str:
    single = _name(3, COMPILED)
    lines = ["| case | us an iteration, of processor | us an iteration | seconds in all, first round |"]
    lines += ["|---|---:|---:|---:|"]
    runs = {"16 runs": (single, len(GRID)), AT_ONCE: (AT_ONCE, 1)}
    for name, (case, times) in runs.items():
        processor, wall = (times * measured.median(case, figure) for figure in (PROCESSOR, WALL))
        lines += [f"| {name} | {processor:.0f} | {wall:.0f} | {_whole(measured, case, times):.0f} |"]
    ratios = [measured.ratio(AT_ONCE, single, figure) / len(GRID) for figure in (PROCESSOR, WALL)]
    whole = _whole(measured, AT_ONCE, 1) / _whole(measured, single, len(GRID))
    lines += [f"| ratio of {AT_ONCE} to 16 runs | {ratios[0]:.2f} | {ratios[1]:.2f} | {whole:.2f} |"]
    return "\n".join(lines)


def _whole(measured: Measured, case: str, runs: int) -> float:
    """Return the seconds of a first run, which compiles, and of more runs after it."""
    first, *later = measured.values(case)
    return first + (runs - 1) * statistics.median(later)


def _refuse_different(measured: Measured) -> None:
    """Raise an error where programs that are compared do not train the same."""
    for hidden in (2, 3):
        of_one = {case: of[0][LOSS] for case, of in measured.figures.items() if case.startswith(f"h = {hidden}")}
        if not np.allclose(list(of_one.values()), of_one[_name(hidden, MEASURING)], rtol=1e-9, atol=0):
            raise RuntimeError(f"programs compared must have the same loss at iteration {CHECKED}; got {of_one}.")


def in_numpy(hidden: int, measuring: bool) -> Figures:
    """Train after a start that is not counted."""
    network = numpy_perceptron.Network(*_arrays(hidden))
    numpy_perceptron.silent(network, LR, CHECKED)
    loss = numpy_perceptron.half_mean_square(network.gradient()[0])
    train = numpy_perceptron.measuring if measuring else numpy_perceptron.silent
    return {PROCESSOR: numpy_perceptron.microseconds(train, network, LR, SHORT), LOSS: loss}


def in_jax(hidden: int) -> Figures:
    measured, compiled, microseconds = jax_perceptron.run(_arrays(hidden), LR, LONG)
    return {PROCESSOR: microseconds, BEFORE: compiled, LOSS: float(measured[0, CHECKED])}


def in_lrscope(hidden: int, lrs: list[float], iterations: int) -> Figures:
    """Train and measure; what happens until the first iterations are done, tracing and compiling, is apart."""
    torch.set_num_threads(1)
    experiment = _experiment(hidden, lrs, iterations)
    marks: list[tuple[int, float, float]] = []
    begun = time.perf_counter()

    def mark(done: int, _total: int) -> None:
        if not marks:
            marks.append((done, time.perf_counter(), time.process_time()))

    blocks = list(stream(experiment, device="cpu", progress=mark))
    done, wall, processor = marks[-1]
    left = (iterations * len(lrs) - done) / len(lrs) / 1e6
    figures = {PROCESSOR: (time.process_time() - processor) / left, WALL: (time.perf_counter() - wall) / left}
    loss = float(records.concatenate(blocks).loss.sel(member=0, step=CHECKED))
    return {**figures, BEFORE: wall - begun, LOSS: loss}


def _experiment(hidden: int, lrs: list[float], iterations: int) -> Experiment:
    return Experiment(
        data=Function("f1"),
        model=Perceptron(hidden),
        sweep=Sweep(lr=lrs),
        loss="half_mse",
        optimizer=SGD(),
        steps=iterations,
        probes=[ValidationLoss(), GradientNorm(), GradientAngle()],
        dtype="float64",
    )


def _arrays(hidden: int) -> list[np.ndarray]:
    """Return first and second weights, the points, their targets, the validation points, and their targets."""
    torch.manual_seed(0)
    first, bias, second, last = (one.detach().numpy() for one in Perceptron(hidden)().parameters())
    weights = [np.column_stack([first, bias]), np.column_stack([second, last])]
    both = Function("f1").arrays(), Function("f1").validation()
    return weights + [array[:, 0] for arrays in both for array in (arrays.inputs, arrays.targets)]
