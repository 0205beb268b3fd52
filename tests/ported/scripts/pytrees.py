"""An MLP as a list of dicts, trained by tree maps: the idiom of JAX's tutorials."""

import jax
import jax.numpy as jnp
from jax import random


def init_mlp_params(layer_widths, key):
    params = []
    for n_in, n_out in zip(layer_widths[:-1], layer_widths[1:]):
        key, subkey = random.split(key)
        weights = random.normal(subkey, shape=(n_in, n_out)) * jnp.sqrt(2 / n_in)
        params.append(dict(weights=weights, biases=jnp.ones(shape=(n_out,))))
    return params


def forward(params, x):
    *hidden, last = params
    for layer in hidden:
        x = jax.nn.relu(x @ layer["weights"] + layer["biases"])
    return x @ last["weights"] + last["biases"]


def loss_fn(params, x, y):
    return jnp.mean((forward(params, x) - y) ** 2)


LEARNING_RATE = 0.005


@jax.jit
def update(params, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, grads), loss


xs = jnp.linspace(-1.0, 1.0, 32)[:, None]
ys = xs**2
params = init_mlp_params([1, 16, 16, 1], random.PRNGKey(0))
shapes = jax.tree.map(lambda x: x.shape, params)
losses = []
for _ in range(100):
    params, loss = update(params, xs, ys)
    losses.append(loss)

leaves, treedef = jax.tree_util.tree_flatten(params)
again = jax.tree_util.tree_unflatten(treedef, leaves)
count = sum(x.size for x in jax.tree_util.tree_leaves(again))

assert losses[-1] < 0.3 * losses[0] and shapes[0]["weights"] == (1, 16)
assert count == 16 + 16 + 256 + 16 + 16 + 1
RESULT = [*losses[::10], jax.tree_util.tree_reduce(lambda a, x: a + jnp.sum(x), params, 0.0)]
