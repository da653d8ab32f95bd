"""A report with one of everything, hostile texts among it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from lrscope.report import Animation, ClaimResult, Figure, Report, Section, Table, write

HOSTILE = "</script><script>document.title = 'taken over'</script>"


def drawn(points=3):
    figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
    axes.plot(np.arange(points), 1 / (1 + np.arange(points)))
    axes.set(xlabel="step (updates)", ylabel="loss")
    plt.close(figure)
    return figure


@pytest.fixture
def results():
    share = xr.DataArray(
        [[0.75, np.nan], [0.5, np.nan]], coords={"part": ["encoder", "decoder"], "lr": [0.01, 0.1]}, name="share"
    )
    error = xr.DataArray(np.arange(40.0), coords={"network": [f"{n} {HOSTILE}" for n in range(40)]}, name="error")
    return xr.DataTree.from_dict({"fractions": share.to_dataset(), "networks": error.to_dataset()})


@pytest.fixture
def report(results):
    claims = [
        ClaimResult("counts", "section 3", "Counts of neurons.", [97, 98, 96], [97, 98, 96], "exact", True),
        ClaimResult("order", "figure 3", "0.01 is best.", "0.01", "0.001", "order", False, agree="1 of 4 seeds"),
        ClaimResult("heptagon", "appendix", "As the hexagon.", 0.5, None, 0.1, None, note=f"Not run. {HOSTILE}"),
    ]
    shown = [
        Figure("loss", f"Loss {HOSTILE}", "It falls.", lambda _results: drawn()),
        Table("fractions", "Fractions", "fractions", ("part", "lr"), {"share": "below 0.3"}),
        Table("networks", "Errors", "networks", note=HOSTILE),
    ]
    hidden = [
        Figure("late", "Late", HOSTILE, lambda _results: drawn(), appendix=True),
        Animation("film", "Film", "It moves.", lambda _results: None),
    ]
    return Report(
        title=f"Fluctuation {HOSTILE}",
        question="Which neurons take part?",
        summary=["Nearly all of them.", HOSTILE],
        claims=claims,
        sections=[Section("What was found", f"First.\n\nSecond. {HOSTILE}", shown), Section("Hidden", "", hidden)],
        results=results,
        experiment={"shape": HOSTILE, "lr": [0.01, float("nan")]},
        command=f"lrscope run fluctuation --shapes '{HOSTILE}'",
        metadata={"torch": "2.13.0", HOSTILE: HOSTILE},
    )


@pytest.fixture
def page(report, tmp_path):
    """Return the text of the written page."""
    return write(report, tmp_path / "out").read_text(encoding="utf-8")
