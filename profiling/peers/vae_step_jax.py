"""The training step of profiling/bench_step.cpp in JAX: VAE 784-400-20-400-784, batch 128, Adam, float32.

    vae_step_jax.py [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps

A chunk is one jitted lax.scan over steps, with the data resident and the state donated: JAX's strongest form.
"""
import argparse
import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp

BATCH, PIXELS, HIDDEN, LATENTS, IMAGES = 128, 784, 400, 20, 60000
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
jax.config.update("jax_default_matmul_precision", "float32")


def initialise(key):
    sizes = {"encoder": (PIXELS, HIDDEN), "heads": (HIDDEN, 2 * LATENTS), "decoder0": (LATENTS, HIDDEN), "decoder2": (HIDDEN, PIXELS)}
    parameters = {}
    for k, (name, (inputs, outputs)) in zip(jax.random.split(key, len(sizes)), sizes.items()):
        bound = inputs**-0.5
        kw, kb = jax.random.split(k)
        parameters[name] = (
            jax.random.uniform(kw, (inputs, outputs), jnp.float32, -bound, bound),
            jax.random.uniform(kb, (outputs,), jnp.float32, -bound, bound),
        )
    return parameters


def loss(parameters, x, noise):
    dense = lambda name, v: v @ parameters[name][0] + parameters[name][1]
    mu, logvar = jnp.split(dense("heads", jax.nn.relu(dense("encoder", x))), 2, axis=1)
    z = mu + jnp.exp(0.5 * logvar) * noise
    logits = dense("decoder2", jax.nn.relu(dense("decoder0", z)))
    reconstruction = jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    return (reconstruction + 0.5 * jnp.sum(mu * mu + jnp.exp(logvar) - 1 - logvar)) / x.shape[0]


@partial(jax.jit, static_argnums=3, donate_argnums=0)
def train(state, images, order, steps):
    def step(state, _):
        parameters, m, v, t, key, total = state
        key, drawn = jax.random.split(key)
        which = jax.lax.dynamic_slice(order, ((t * BATCH) % (IMAGES - BATCH + 1),), (BATCH,))
        x = images[which].astype(jnp.float32) / 255
        value, g = jax.value_and_grad(loss)(parameters, x, jax.random.normal(drawn, (BATCH, LATENTS)))
        t = t + 1
        m = jax.tree.map(lambda a, b: BETA1 * a + (1 - BETA1) * b, m, g)
        v = jax.tree.map(lambda a, b: BETA2 * a + (1 - BETA2) * b * b, v, g)
        c1, c2 = 1 - BETA1**t, 1 - BETA2**t
        parameters = jax.tree.map(lambda p, a, b: p - RATE * (a / c1) / (jnp.sqrt(b / c2) + EPSILON), parameters, m, v)
        return (parameters, m, v, t, key, total + value), None

    return jax.lax.scan(step, state, None, length=steps)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    chunk = max(1, parser.parse_args().steps // 10)
    key = jax.random.key(1)
    images = jax.random.randint(key, (IMAGES, PIXELS), 0, 256).astype(jnp.uint8)
    order = jax.random.permutation(key, IMAGES)
    parameters = initialise(key)
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros(), zeros(), jnp.int32(0), key, jnp.float32(0))
    for _ in range(2):
        state = jax.block_until_ready(train(state, images, order, chunk))
    samples = []
    for _ in range(10):
        start = time.perf_counter()
        state = jax.block_until_ready(train(state, images, order, chunk))
        samples.append((time.perf_counter() - start) / chunk * 1e6)
    print(f"{statistics.median(samples):.1f} {min(samples):.1f} {max(samples):.1f}")


if __name__ == "__main__":
    main()
