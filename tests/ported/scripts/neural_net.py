"""A multi-layer perceptron on two spirals, as autograd's examples are written."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import grad
from autograd.misc import flatten
from autograd.misc.optimizers import adam


def init_random_params(scale, layer_sizes, rs):
    return [
        (scale * rs.randn(m, n), scale * rs.randn(n))
        for m, n in zip(layer_sizes[:-1], layer_sizes[1:])
    ]


def predict(params, inputs):
    for W, b in params:
        outputs = np.dot(inputs, W) + b
        inputs = np.tanh(outputs)
    return outputs - np.log(np.sum(np.exp(outputs), axis=1, keepdims=True))


def spirals(n, rs):
    t = np.linspace(0.5, 3.0, n)
    arms = [np.stack([t * np.cos(2 * t + k), t * np.sin(2 * t + k)], axis=1) for k in (0, np.pi)]
    points = np.concatenate(arms) + 0.05 * rs.randn(2 * n, 2)
    return points, np.eye(2)[np.repeat([0, 1], n)]


rs = npr.RandomState(0)
inputs, targets = spirals(40, rs)
params = init_random_params(0.5, [2, 16, 16, 2], rs)


def objective(params, iter):
    log_prior = -np.dot(flatten(params)[0], flatten(params)[0])
    return -np.sum(predict(params, inputs) * targets) - 1e-4 * log_prior


history = []


def callback(params, iter, gradient):
    if iter % 50 == 0:
        history.append(objective(params, iter))


params = adam(grad(objective), params, step_size=0.03, num_iters=200, callback=callback)
accuracy = np.mean(np.argmax(predict(params, inputs), axis=1) == np.argmax(targets, axis=1))

assert accuracy > 0.9
RESULT = [*history, accuracy]
