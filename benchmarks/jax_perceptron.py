"""The perceptron of experiment 1 in JAX, measured at every iteration: one compiled scan."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Weights = tuple[jax.Array, jax.Array]


def run(arrays: list[np.ndarray], lr: float, iterations: int) -> tuple[np.ndarray, float, float]:
    """Train; return what was measured (4, iteration), seconds until it is compiled, microseconds an iteration.

    Parameters
    ----------
    arrays : first and second as in `benchmarks.numpy_perceptron`; points, targets, validation points, targets
    """
    jax.config.update("jax_enable_x64", True)
    weights, points = (jnp.asarray(arrays[0]), jnp.asarray(arrays[1])), [jnp.asarray(array) for array in arrays[2:]]
    start = time.perf_counter()
    train = jax.jit(_training(points, lr, iterations)).lower(weights).compile()
    compiled = time.perf_counter() - start
    start = time.process_time()
    measured = np.asarray(train(weights))
    return measured, compiled, (time.process_time() - start) / iterations * 1e6


def _training(points: list[jax.Array], lr: float, iterations: int) -> Callable[[Weights], jax.Array]:
    x, y, x_test, y_test = points

    def loss(weights: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
        first, second = weights
        errors = second[0, :-1] @ jax.nn.sigmoid(first[:, :1] * x + first[:, 1:]) + second[0, -1] - y
        return errors @ errors / (2 * y.size)

    def step(carry: tuple[Weights, jax.Array], _: None) -> tuple[tuple[Weights, jax.Array], jax.Array]:
        weights, before = carry
        error, gradients = jax.value_and_grad(loss)(weights, x, y)
        gradient = jnp.concatenate([one.ravel() for one in gradients])
        norm = jnp.linalg.norm(gradient)
        unit = gradient / norm
        turn = 2 * jnp.arctan2(jnp.linalg.norm(unit - before), jnp.linalg.norm(unit + before))
        measured = jnp.stack([error, loss(weights, x_test, y_test), norm, jnp.degrees(turn)])
        updated = weights[0] - lr * gradients[0], weights[1] - lr * gradients[1]
        return (updated, unit), measured

    def train(weights: Weights) -> jax.Array:
        before = jnp.full(weights[0].size + weights[1].size, jnp.nan)
        return jax.lax.scan(step, (weights, before), None, iterations)[1].T

    return train
