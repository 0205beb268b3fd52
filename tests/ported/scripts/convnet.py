"""A small convolutional network on generated digits' strokes, JAX's way."""

import jax
import jax.numpy as jnp
from jax import lax, nn, random
from jax.flatten_util import ravel_pytree

LAYOUT = ("NHWC", "HWIO", "NHWC")


def images(key, n):
    rows = random.randint(key, (n,), 0, 8)
    horizontal = jnp.arange(n) % 2
    grid = jnp.arange(8)
    lines = (grid[None] == rows[:, None]).astype(float)
    x = jnp.where(horizontal[:, None, None] == 1, lines[:, :, None], lines[:, None, :])
    return jnp.broadcast_to(x, (n, 8, 8))[..., None], horizontal


def init(key):
    k1, k2 = random.split(key)
    return {
        "kernel": random.normal(k1, (3, 3, 1, 4)) * 0.3,
        "dense": random.normal(k2, (4 * 16, 2)) * 0.1,
        "bias": jnp.zeros(2),
    }


def predict(params, x):
    x = lax.conv_general_dilated(x, params["kernel"], (1, 1), "SAME", dimension_numbers=LAYOUT)
    x = nn.relu(x)
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape((x.shape[0], -1))
    return nn.log_softmax(x @ params["dense"] + params["bias"])


def loss(params, x, labels):
    return -jnp.mean(jnp.sum(predict(params, x) * nn.one_hot(labels, 2), axis=1))


@jax.jit
def step(params, x, labels):
    value, grads = jax.value_and_grad(loss)(params, x, labels)
    return jax.tree.map(lambda p, g: p - 0.5 * g, params, grads), value


x, labels = images(random.PRNGKey(1), 32)
params = init(random.PRNGKey(2))
values = []
for _ in range(40):
    params, value = step(params, x, labels)
    values.append(value)
flat, unravel = ravel_pytree(params)
accuracy = jnp.mean(jnp.argmax(predict(unravel(flat), x), axis=1) == labels)

assert accuracy > 0.9 and flat.shape == (36 + 128 + 2,)
RESULT = [accuracy]  # draws of integers are not JAX's
