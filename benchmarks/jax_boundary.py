"""A map of the source's network in JAX: vmap over pixels, scan over steps, one compiled program."""

import jax
import jax.numpy as jnp
import numpy as np

Weights = tuple[jax.Array, jax.Array]


def run(samples: tuple[np.ndarray, np.ndarray], weights: tuple[np.ndarray, np.ndarray], rates: np.ndarray, steps: int):
    """Train every pixel and return the scores (pixel).

    Parameters
    ----------
    samples : inputs (m, n) and targets (m)
    weights : (n, n) and (n), those of every pixel at the beginning
    rates : (pixel, layer)
    """
    jax.config.update("jax_enable_x64", True)
    x, y = map(jnp.asarray, samples)
    initial = tuple(map(jnp.asarray, weights))
    width = x.shape[1]

    def loss(weights: Weights) -> jax.Array:
        hidden = jnp.tanh(jnp.sqrt(2.0) * (x @ weights[0]) / jnp.sqrt(width))
        return jnp.mean((hidden @ weights[1] / width - y) ** 2)

    def step(weights: Weights, rate: jax.Array) -> tuple[Weights, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(weights)
        return (weights[0] - rate[0] * gradient[0], weights[1] - rate[1] * gradient[1]), value

    def score(rate: jax.Array) -> jax.Array:
        _, losses = jax.lax.scan(lambda held, _: step(held, rate), initial, None, length=steps)
        ratio = jnp.minimum(jnp.where(jnp.isfinite(losses), losses, 1e6) / losses[0], 1e6)
        return jnp.where(ratio[-20:].mean() < 1, -ratio.sum(), (1 / ratio).sum())

    return np.asarray(jax.jit(jax.vmap(score))(jnp.asarray(rates)))
