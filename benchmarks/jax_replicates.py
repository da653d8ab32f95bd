"""Digits perceptrons in JAX: vmap over networks, scan over steps, one compiled program; one thread calls it, or two."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

WIDTHS = (64, 32, 10)
MOMENTUM = 0.9

Layers = list[tuple[jax.Array, jax.Array]]
Carry = tuple[Layers, Layers]
Program = Callable[[jax.Array], Layers]


def compiled(x: np.ndarray, y: np.ndarray, lr: float, plan: tuple[int, int], members: int) -> tuple[Program, float]:
    """Return the program that trains networks from their keys (member), and the seconds that compiling it took.

    Parameters
    ----------
    x, y : what is learned from, (sample, pixel) and classes (sample)
    plan : epochs, and samples of a batch
    """
    keys = jax.random.split(jax.random.key(0), members)
    train = jax.jit(jax.vmap(_training(jnp.asarray(x), jnp.asarray(y), lr, *plan)))
    start = time.perf_counter()
    program = train.lower(keys).compile()
    return program, time.perf_counter() - start


def timed(program: Program, members: int, threads: int, calls: int) -> tuple[float, Layers]:
    """Return seconds a network of a program that `threads` call at the same time, and the networks of one call."""
    keys = [jax.random.split(jax.random.key(seed), members) for seed in range(1 + calls)]
    jax.block_until_ready(program(keys[0]))
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        found = list(pool.map(lambda key: jax.block_until_ready(program(key)), keys[1:]))
        seconds = time.perf_counter() - start
    return seconds / (members * calls), found[0]


def accuracy(layers: Layers, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of the samples that networks (member) get right, their mean."""
    outputs = jax.vmap(lambda one: _outputs(one, jnp.asarray(x)))(layers)
    return float((outputs.argmax(-1) == jnp.asarray(y)).mean())


def _training(x: jax.Array, y: jax.Array, lr: float, epochs: int, size: int) -> Callable[[jax.Array], Layers]:
    """Return the training of one network from its key; the last batch of an epoch is smaller, as in PyTorch."""
    full = len(x) // size
    per_epoch = full + (full * size < len(x))
    steps = epochs * per_epoch

    def update(carry: Carry, step: jax.Array, rows: jax.Array) -> Carry:
        layers, velocity = carry
        gradient = jax.grad(_loss)(layers, x[rows], y[rows])
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
        rate = lr * (1 - step / steps)
        return jax.tree.map(lambda p, v: p - rate * v, layers, velocity), velocity

    def epoch(carry: Carry, given: tuple[jax.Array, jax.Array]) -> tuple[Carry, None]:
        first, key = given[0] * per_epoch, given[1]
        order = jax.random.permutation(key, len(x))
        batches = jnp.arange(full), order[: full * size].reshape(full, size)
        carry, _ = jax.lax.scan(lambda held, each: (update(held, first + each[0], each[1]), None), carry, batches)
        return (update(carry, first + full, order[full * size :]) if per_epoch > full else carry), None

    def train(key: jax.Array) -> Layers:
        initial, orders = jax.random.split(key)
        layers = _initial(initial)
        given = jnp.arange(epochs), jax.random.split(orders, epochs)
        return jax.lax.scan(epoch, (layers, jax.tree.map(jnp.zeros_like, layers)), given)[0][0]

    return train


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


def _outputs(layers: Layers, x: jax.Array) -> jax.Array:
    (first, first_bias), (second, second_bias) = layers
    return jax.nn.relu(x @ first + first_bias) @ second + second_bias


def _loss(layers: Layers, x: jax.Array, y: jax.Array) -> jax.Array:
    logarithms = jax.nn.log_softmax(_outputs(layers, x))
    return -jnp.mean(jnp.take_along_axis(logarithms, y[:, None], 1))
