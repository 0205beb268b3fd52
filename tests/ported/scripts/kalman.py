"""A Kalman filter by scan, and its noise fitted by gradients, JAX's way."""

import jax
import jax.numpy as jnp
from jax import lax, random

A = jnp.array([[1.0, 0.1], [0.0, 1.0]])
C = jnp.array([[1.0, 0.0]])


def simulate(key, steps):
    def step(x, key):
        k1, k2 = random.split(key)
        x = A @ x + 0.1 * random.normal(k1, (2,))
        return x, C @ x + 0.3 * random.normal(k2, (1,))

    return lax.scan(step, jnp.zeros(2), random.split(key, steps))[1]


def log_likelihood(log_noise, observations):
    Q, R = jnp.exp(log_noise[0]) * jnp.eye(2), jnp.exp(log_noise[1]) * jnp.eye(1)

    def step(carry, y):
        mean, cov = carry
        mean, cov = A @ mean, A @ cov @ A.T + Q
        S = C @ cov @ C.T + R
        K = jnp.linalg.solve(S, C @ cov).T
        r = y - C @ mean
        ll = -0.5 * (r @ jnp.linalg.solve(S, r) + jnp.linalg.slogdet(2 * jnp.pi * S)[1])
        return (mean + K @ r, cov - K @ C @ cov), ll

    _, lls = lax.scan(step, (jnp.zeros(2), jnp.eye(2)), observations)
    return jnp.sum(lls)


observations = simulate(random.PRNGKey(1), 40)
value_and_grad = jax.jit(jax.value_and_grad(log_likelihood))
log_noise = jnp.array([-2.0, -1.0])
for _ in range(20):
    value, gradient = value_and_grad(log_noise, observations)
    log_noise = log_noise + 0.02 * gradient
curvature = jax.hessian(log_likelihood)(log_noise, observations)

assert value > log_likelihood(jnp.array([-2.0, -1.0]), observations)
RESULT = [value, *log_noise, *jnp.ravel(curvature), *jnp.ravel(observations)[:5]]
