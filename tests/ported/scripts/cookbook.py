"""Gradients, Hessians, Jacobians and per-example gradients of a logistic regression, JAX's way."""

import jax
import jax.numpy as jnp
from jax import grad, jacfwd, jacrev, jit, jvp, random, value_and_grad, vjp, vmap

key = random.PRNGKey(0)


def sigmoid(x):
    return 0.5 * (jnp.tanh(x / 2) + 1)


def predict(W, b, inputs):
    return sigmoid(jnp.dot(inputs, W) + b)


inputs = jnp.array(
    [[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]]
)
targets = jnp.array([True, True, False, True])


def loss(W, b):
    preds = predict(W, b, inputs)
    label_probs = preds * targets + (1 - preds) * (1 - targets)
    return -jnp.sum(jnp.log(label_probs))


key, W_key, b_key = random.split(key, 3)
W = random.normal(W_key, (3,))
b = random.normal(b_key, ())

W_grad, b_grad = grad(loss, (0, 1))(W, b)
loss_value, Wb_grad = value_and_grad(loss, (0, 1))(W, b)


def loss2(params_dict):
    return loss(params_dict["W"], params_dict["b"])


as_dict = grad(loss2)({"W": W, "b": b})


def f(W):
    return predict(W, b, inputs)


def hvp(f, primals, tangents):
    return jvp(grad(f), primals, tangents)[1]


def hessian(f):
    return jit(jacfwd(jacrev(f)))


def vmap_mjp(f, x, M):
    y, vjp_fun = vjp(f, x)
    (outs,) = vmap(vjp_fun)(M)
    return outs


def example_loss(W, x, y):
    return (sigmoid(jnp.dot(x, W)) - y) ** 2


per_example = jit(vmap(grad(example_loss), in_axes=(None, 0, 0)))(W, inputs, targets * 1.0)
key, subkey = random.split(key)
M = random.normal(subkey, (5, 4))
H = hessian(lambda W: loss(W, b))(W)

assert jnp.allclose(jacfwd(f)(W), jacrev(f)(W))
assert jnp.allclose(as_dict["W"], W_grad) and jnp.allclose(Wb_grad[0], W_grad)
assert jnp.allclose(hvp(lambda W: loss(W, b), (W,), (jnp.ones(3),)), H.sum(1))
RESULT = [
    *W, b, loss_value, *W_grad, b_grad, *jnp.ravel(H), *jnp.ravel(jacfwd(f)(W)),
    *jnp.ravel(vmap_mjp(f, W, M)), *jnp.ravel(per_example), jax.grad(jnp.tanh)(2.0),
]  # fmt: skip
