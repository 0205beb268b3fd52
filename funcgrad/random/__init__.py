"""Random numbers by keys: the same draw from the same key, in plain code and in any transform.

A key is a plain uint32 array of shape (2,), made of a seed; it is never changed. Each draw uses a
key up: split it first, and give every draw a part of its own. The bits are the same on every
backend, under ``jit``, ``vmap``, ``pmap`` and in ``scan``, and are those of JAX's partitionable
Threefry generator. Draws are differentiable in their parameters (location, scale, the shape of a
gamma distribution …); integers carry no derivative.

>>> import numpy as np
>>> from funcgrad import grad, random
>>> key = random.key(0)
>>> key, sub = random.split(key)
>>> x = random.normal(sub, (2, 3))
>>> x.shape, x.dtype
((2, 3), dtype('float64'))
>>> bool(grad(lambda scale: scale * random.normal(key))(2.0) == random.normal(key))
True
"""

from funcgrad.random.arrays import (
    ball,
    choice,
    multivariate_normal,
    orthogonal,
    permutation,
    shuffle,
)
from funcgrad.random.continuous import (
    cauchy,
    double_sided_maxwell,
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    maxwell,
    normal,
    pareto,
    rayleigh,
    triangular,
    truncated_normal,
    uniform,
    wald,
    weibull_min,
)
from funcgrad.random.counts import binomial, poisson
from funcgrad.random.discrete import (
    bernoulli,
    bits,
    categorical,
    geometric,
    rademacher,
    randint,
)
from funcgrad.random.gammas import (
    beta,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    loggamma,
    t,
)
from funcgrad.random.keys import PRNGKey, fold_in, key, split

__all__ = [
    "PRNGKey", "ball", "bernoulli", "beta", "binomial", "bits", "categorical", "cauchy",
    "chisquare", "choice", "dirichlet", "double_sided_maxwell", "exponential", "f", "fold_in",
    "gamma", "generalized_normal", "geometric", "gumbel", "key", "laplace", "loggamma",
    "logistic", "lognormal", "maxwell", "multivariate_normal", "normal", "orthogonal", "pareto",
    "permutation", "poisson", "rademacher", "randint", "rayleigh", "shuffle", "split", "t",
    "triangular", "truncated_normal", "uniform", "wald", "weibull_min",
]  # fmt: skip
