"""What is kept of a training: the source's score. Needs no PyTorch."""

import numpy as np

LARGEST = 1e6
"""What a loss that is not finite counts, and the largest ratio of a loss to the first."""
LAST_LOSSES = 20
"""Over so many of the last losses oscillations are averaged."""
Scores = dict[str, np.ndarray]
VALUE, CONVERGED, STEPS_USED, FINAL_LOSS = "value", "converged", "steps_used", "final_loss"


def scores(losses: np.ndarray) -> Scores:
    """Return what is kept of trainings.

    Parameters
    ----------
    losses : (step, pixel) before each update; what is not finite is so to the end

    Returns
    -------
    value : (pixel) with v the ratio of loss and first loss, at most 1e6, of losses that are not finite 1e6 to the first
        loss: minus the sum of v over the steps if the training converged, else the sum of 1 / v
    converged : (pixel) whether the mean of the last 20 v is below 1
    steps_used : (pixel) steps with a finite loss
    final_loss : (pixel) the last; NaN if it is not finite

    References
    ----------
    Sohl-Dickstein: The boundary of neural network trainability is fractal (arXiv 2402.06184), section 2.
    """
    finite = np.isfinite(losses)
    ratio = np.minimum(np.where(finite, losses, LARGEST) / losses[0], LARGEST)
    converged = ratio[-LAST_LOSSES:].mean(0) < 1
    with np.errstate(divide="ignore"):  # a loss of zero converged, and its other sum is not used
        value = np.where(converged, -ratio.sum(0), (1 / ratio).sum(0))
    final = np.where(finite[-1], losses[-1], np.nan)
    return {
        VALUE: value,
        CONVERGED: converged.astype(np.int64),
        STEPS_USED: finite.sum(0).astype(np.int64),
        FINAL_LOSS: final,
    }
