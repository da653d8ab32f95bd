"""The perceptron of experiment 1 in NumPy, vectorised over the points, as a careful user would write it.

Weights: first (h - 1, 2) of the sigmoid neurons, for x and the bias unit; second (1, h) of the output, the bias last.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Gradient = tuple[np.ndarray, np.ndarray]


@dataclass
class Network:
    """Weights, the points to learn from and those for validation, and memory for the hidden layer on both."""

    first: np.ndarray
    second: np.ndarray
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self) -> None:
        self.x, self.x_test = (np.stack([x, np.ones_like(x)]) for x in (self.x, self.x_test))
        self.minus_x, self.minus_x_test = -self.x, -self.x_test
        self.x_of_samples = self.x.T.copy() / len(self.y)
        self.hidden, self.hidden_test = (np.ones((self.second.shape[1], len(y))) for y in (self.y, self.y_test))

    def gradient(self) -> tuple[np.ndarray, Gradient]:
        """Return the errors (1, point) of the training points and the gradient of half their mean square."""
        errors = _outputs(self.first, self.second, self.minus_x, self.hidden) - self.y
        active = self.hidden[:-1]
        of_hidden = active - active * active
        of_hidden *= self.second[:, :-1].T
        of_hidden *= errors
        return errors, (of_hidden @ self.x_of_samples, errors @ self.hidden.T / len(self.y))

    def test_errors(self) -> np.ndarray:
        """Return the errors (1, point) of the validation points."""
        return _outputs(self.first, self.second, self.minus_x_test, self.hidden_test) - self.y_test


def _outputs(first: np.ndarray, second: np.ndarray, minus_x: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the outputs (1, point); all but the last row of `hidden`, which is 1, are written over."""
    active = hidden[:-1]
    np.exp(first @ minus_x, out=active)
    active += 1
    np.divide(1, active, out=active)
    outputs: np.ndarray = second @ hidden
    return outputs


def half_mean_square(errors: np.ndarray) -> float:
    return float(errors[0] @ errors[0]) / (2 * errors.size)


def silent(network: Network, lr: float, iterations: int) -> None:
    """Train, and keep nothing."""
    for _ in range(iterations):
        _, (of_first, of_second) = network.gradient()
        network.first -= lr * of_first
        network.second -= lr * of_second


def measuring(network: Network, lr: float, iterations: int) -> np.ndarray:
    """Train, and return training error, test error, gradient norm and angle in degrees: (4, iteration)."""
    measured = np.empty((4, iterations))
    before = np.full(network.first.size + network.second.size, math.nan)
    for iteration in range(iterations):
        errors, (of_first, of_second) = network.gradient()
        gradient = np.concatenate([of_first.ravel(), of_second.ravel()])
        norm = math.sqrt(gradient @ gradient)
        unit = gradient / norm
        measured[:, iteration] = (
            half_mean_square(errors),
            half_mean_square(network.test_errors()),
            norm,
            _angle(unit, before),
        )
        before = unit
        network.first -= lr * of_first
        network.second -= lr * of_second
    return measured


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    """Return the angle between unit vectors, exact also where it is small, degrees."""
    apart, together = one - other, one + other
    return math.degrees(2 * math.atan2(math.sqrt(apart @ apart), math.sqrt(together @ together)))


def microseconds(train: Callable[[Network, float, int], object], network: Network, lr: float, iterations: int) -> float:
    """Return the processor time of an iteration."""
    start = time.process_time()
    train(network, lr, iterations)
    return (time.process_time() - start) / iterations * 1e6
