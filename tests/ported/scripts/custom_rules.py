"""Rules of one's own, loops and fixed points, as JAX's notebook on custom derivatives does it."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import custom_jvp, custom_vjp, grad, lax, vjp, vmap


@custom_jvp
def log1pexp(x):
    return jnp.log(1.0 + jnp.exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * x_dot


@partial(custom_vjp, nondiff_argnums=(0,))
def fixed_point(f, a, x_guess):
    def cond_fun(carry):
        x_prev, x = carry
        return jnp.abs(x_prev - x) > 1e-12

    def body_fun(carry):
        _, x = carry
        return x, f(a, x)

    _, x_star = lax.while_loop(cond_fun, body_fun, (x_guess, f(a, x_guess)))
    return x_star


def fixed_point_fwd(f, a, x_init):
    x_star = fixed_point(f, a, x_init)
    return x_star, (a, x_star)


def fixed_point_rev(f, res, x_star_bar):
    a, x_star = res
    _, vjp_a = vjp(lambda a: f(a, x_star), a)
    (a_bar,) = vjp_a(fixed_point(partial(rev_iter, f), (a, x_star, x_star_bar), x_star_bar))
    return a_bar, jnp.zeros_like(x_star)


def rev_iter(f, packed, u):
    a, x_star, x_star_bar = packed
    _, vjp_x = vjp(lambda x: f(a, x), x_star)
    return x_star_bar + vjp_x(u)[0]


fixed_point.defvjp(fixed_point_fwd, fixed_point_rev)


def newton_sqrt(a):
    return fixed_point(lambda a, x: 0.5 * (x + a / x), a, a)


@custom_vjp
def clip_gradient(lo, hi, x):
    return x


clip_gradient.defvjp(
    lambda lo, hi, x: (x, (lo, hi)), lambda res, g: (None, None, jnp.clip(g, res[0], res[1]))
)

steps = lax.fori_loop(0, 10, lambda i, c: c * 0.5 + i, 1.0)
branch = lax.cond(steps > 3, lambda x: x * 2, lambda x: x, steps)
switched = [lax.switch(k, [jnp.sin, jnp.cos, jnp.exp], 0.5) for k in range(3)]

assert grad(log1pexp)(100.0) == 1.0
assert abs(grad(newton_sqrt)(2.0) - 0.5 / jnp.sqrt(2.0)) < 1e-10
assert grad(lambda x: clip_gradient(-0.25, 0.25, x) * 3.0)(1.0) == 0.25
RESULT = [
    newton_sqrt(2.0), grad(newton_sqrt)(2.0), *vmap(grad(log1pexp))(jnp.arange(3.0)), steps, branch,
    *switched, jax.jit(grad(log1pexp))(0.3),
]  # fmt: skip
