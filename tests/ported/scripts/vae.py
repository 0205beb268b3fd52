"""A variational autoencoder on bars, in the style of autograd's examples."""

import autograd.numpy as np
import autograd.numpy.random as npr
import autograd.scipy.stats.norm as norm
from autograd import value_and_grad
from autograd.misc import flatten
from autograd.scipy.special import expit as sigmoid


def diag_gaussian_log_density(x, mu, log_std):
    return np.sum(norm.logpdf(x, mu, np.exp(log_std)), axis=-1)


def bernoulli_log_density(targets, unnormalized_logprobs):
    label_probabilities = -np.logaddexp(0, -unnormalized_logprobs * targets)
    return np.sum(label_probabilities, axis=-1)


def relu(x):
    return np.maximum(0, x)


def init_net_params(scale, layer_sizes, rs):
    return [
        (scale * rs.randn(m, n), scale * rs.randn(n))
        for m, n in zip(layer_sizes[:-1], layer_sizes[1:])
    ]


def neural_net_predict(params, inputs):
    for W, b in params[:-1]:
        inputs = relu(np.dot(inputs, W) + b)
    outW, outb = params[-1]
    return np.dot(inputs, outW) + outb


def encode(params, images):
    outputs = neural_net_predict(params, images)
    return outputs[:, :2], outputs[:, 2:]


def elbo(params, images, noise):
    gen_params, rec_params = params
    mu, log_std = encode(rec_params, images)
    latents = mu + np.exp(log_std) * noise
    log_prior = diag_gaussian_log_density(latents, 0, np.zeros(2))
    log_q = diag_gaussian_log_density(latents, mu, log_std)
    log_p = bernoulli_log_density(2 * images - 1, neural_net_predict(gen_params, latents))
    return np.mean(log_prior - log_q + log_p)


rs = npr.RandomState(1)
images = np.zeros((12, 16))
for k in range(12):
    images[k].reshape(4, 4)[k % 4] = 1.0
params = (init_net_params(0.3, [2, 12, 16], rs), init_net_params(0.3, [16, 12, 4], rs))
flat, unflatten = flatten(params)
objective = value_and_grad(lambda flat, noise: -elbo(unflatten(flat), images, noise))

history = []
for step in range(60):
    value, gradient = objective(flat, rs.randn(12, 2))
    flat = flat - 0.02 * gradient
    history.append(value)

probabilities = sigmoid(neural_net_predict(unflatten(flat)[0], np.zeros((1, 2))))
assert history[-1] < 0.9 * history[0]
RESULT = [*history, np.sum(probabilities)]
