"""The paper's autoencoders in JAX: vmap over networks, scan over steps, one compiled program."""

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

WIDTHS = (2, 64, 32, 1, 32, 64, 2)
LINEAR = (2, 5)
"""Layers without ReLU: the code and the output."""

Layers = list[tuple[jax.Array, jax.Array]]


def run(points: Sequence[np.ndarray], lrs: Sequence[float], steps: int) -> np.ndarray:
    """Train every combination at once and return the losses (network, step)."""
    data = jnp.repeat(jnp.asarray(np.stack(points), jnp.float32), len(lrs), axis=0)
    rates = jnp.tile(jnp.asarray(lrs, jnp.float32), len(points))
    keys = jax.random.split(jax.random.key(0), len(rates))
    train = jax.jit(jax.vmap(lambda key, lr, x: _train(_initial(key), lr, x, steps)))
    return np.asarray(train(keys, rates, data))


def _initial(key: jax.Array) -> Layers:
    layers = []
    for number, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
        weight, bias = jax.random.split(jax.random.fold_in(key, number))
        bound = inputs**-0.5
        layers.append(
            (
                jax.random.uniform(weight, (inputs, outputs), minval=-bound, maxval=bound),
                jax.random.uniform(bias, (outputs,), minval=-bound, maxval=bound),
            )
        )
    return layers


def _loss(layers: Layers, x: jax.Array) -> jax.Array:
    hidden = x
    for number, (weight, bias) in enumerate(layers):
        hidden = hidden @ weight + bias
        hidden = hidden if number in LINEAR else jax.nn.relu(hidden)
    return jnp.mean((hidden - x) ** 2)


def _train(layers: Layers, lr: jax.Array, x: jax.Array, steps: int) -> jax.Array:
    zero = jax.tree.map(jnp.zeros_like, layers)

    def step(carry: tuple[Layers, Layers, Layers], t: jax.Array) -> tuple[tuple[Layers, Layers, Layers], jax.Array]:
        parameters, mean, square = carry
        loss, gradient = jax.value_and_grad(_loss)(parameters, x)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradient)
        rate = lr / (1 - 0.9**t)
        parameters = jax.tree.map(
            lambda p, m, s: p - rate * m / (jnp.sqrt(s / (1 - 0.999**t)) + 1e-8), parameters, mean, square
        )
        return (parameters, mean, square), loss

    _, losses = jax.lax.scan(step, (layers, zero, zero), jnp.arange(1, steps + 1, dtype=jnp.float32))
    return losses
