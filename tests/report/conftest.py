"""A report with one of everything, hostile texts among it."""

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import pytest

from lrscope.report import Claim, Interactive, Picture, Report, Section, Table

HOSTILE = "</script><script>document.title = 'taken over'</script>"


def drawn():
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([0, 1, 2], [3.0, 1.0, 0.5])
    axes.set(xlabel="step (updates)", ylabel="loss")
    plt.close(figure)
    return figure


@pytest.fixture
def figure():
    return drawn()


def curve(name):
    steps = np.arange(200)
    figure = go.Figure(go.Scatter(x=steps, y=np.exp(-steps / 50), name=name))
    return figure.update_layout(template="plotly_white", width=3000, height=420, title=name)


@pytest.fixture
def report():
    claims = [
        Claim("counts", "section 3", "Counts of neurons.", [97, 98, 96], [97, 98, 96], "exact", True),
        Claim("order", "figure 3", "0.01 is best.", "0.01", "0.001", "order", False, agree="1 of 4 seeds"),
        Claim("heptagon", "appendix", "As the hexagon.", 0.5, None, 0.1, None, note=f"Not run. {HOSTILE}"),
    ]
    short = Table(
        "Fractions", ["Part", "Learning rate", "below 0.3"], [["encoder", 0.01, 0.75], ["decoder", 0.01, 0.5]]
    )
    long = Table("Errors", ["Network", "Error"], [[HOSTILE, float(n)] for n in range(40)], note=HOSTILE)
    shown = [
        Picture.of(drawn(), f"Loss {HOSTILE}", "It falls."),
        short,
        long,
        *(Interactive(f"Curve {n}", HOSTILE, curve(HOSTILE)) for n in range(3)),
    ]
    return Report(
        title=f"Fluctuation {HOSTILE}",
        question="Which neurons take part?",
        summary=["Nearly all of them.", HOSTILE],
        claims=claims,
        sections=[
            Section("What was found", f"First.\n\nSecond. {HOSTILE}", shown),
            Section("Appendix", "", [Interactive("Hidden", "", curve("late"))], collapsed=True),
        ],
        experiment={"shape": HOSTILE, "lr": [0.01, float("nan")]},
        command=f"lrscope run fluctuation --shapes '{HOSTILE}'",
        metadata={"torch": "2.13.0", HOSTILE: HOSTILE},
    )
