"""Hamiltonian Monte Carlo with chains side by side by vmap, JAX's way."""

import jax
import jax.numpy as jnp
from jax import lax, random
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm


def log_density(x):
    parts = jnp.stack([norm.logpdf(x, c, 0.7).sum() for c in (-1.0, 1.5)])
    return logsumexp(parts, b=jnp.array([0.4, 0.6]))


def leapfrog(x, p, step, n):
    slope = jax.grad(log_density)

    def one(carry, _):
        x, p = carry
        p = p + 0.5 * step * slope(x)
        x = x + step * p
        p = p + 0.5 * step * slope(x)
        return (x, p), None

    return lax.scan(one, (x, p), None, length=n)[0]


def hmc_step(x, key):
    k1, k2 = random.split(key)
    p = random.normal(k1, x.shape)
    new_x, new_p = leapfrog(x, p, 0.2, 8)
    gain = log_density(new_x) - log_density(x) + 0.5 * (p @ p - new_p @ new_p)
    accept = jnp.log(random.uniform(k2)) < gain
    x = jnp.where(accept, new_x, x)
    return x, (x, accept)


@jax.jit
def chain(key):
    _, (xs, accepted) = lax.scan(hmc_step, jnp.zeros(2), random.split(key, 60))
    return xs, accepted


xs, accepted = jax.vmap(chain)(random.split(random.PRNGKey(0), 8))

assert xs.shape == (8, 60, 2) and jnp.mean(accepted) > 0.8
assert abs(jnp.mean(xs)) < 2.0
RESULT = [jnp.mean(accepted), jnp.mean(xs), jnp.std(xs)]
TOLERANCE = 1e-6
