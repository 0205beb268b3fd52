"""The laws for operations that hold programs: loops, branches, calls, custom rules, collectives.

Each function is named after the primitives that it records: call, cond, scan, while_loop,
checkpoint, custom_jvp_call, custom_vjp_call, linear_call, stop_gradient; psum, pmax, pmin,
all_gather, all_to_all, ppermute and axis_index inside a vmap that names its axis.
"""

import numpy as np
import pytest

import funcgrad as fg
from tests import laws

RNG = np.random.default_rng(11)
V = RNG.normal(size=3)
M = RNG.normal(size=(3, 3))
S = np.float64(0.7)


def cond(x, y):
    return fg.cond(y > 0, lambda x, y: np.sin(x) * y, lambda x, y: x + y, x, y)


def cond_untaken(x, y):
    return fg.cond(y < 0, lambda x, y: np.sin(x) * y, lambda x, y: x + np.sum(x) * y, x, y)


def switch(x, y):
    branches = [lambda x: x * 2.0, lambda x: np.cos(x), lambda x: x * x * V]
    return fg.switch(1, branches, x) + fg.switch(np.argmax(x) % 3, branches, x * y)


def scan(x, y):
    def body(carry, row):
        new = np.sin(carry) * row + y
        return new, new * carry

    return fg.scan(body, x, M)


def scan_consts(x, y):
    def body(carry, row):
        return carry * 0.5 + np.sum(row * x) * y, row * y

    return fg.scan(body, y, M)


def scan_counts(x, y):
    carry, ys = fg.scan(lambda c, _: (c * np.cos(c) + x, np.sum(c)), x * y, None, length=4)
    return carry, ys


def while_loop(x, y):
    return fg.while_loop(lambda c: np.sum(c[0] ** 2) < 40.0, lambda c: (c[0] * 1.5 + y, c[1] + 1.0),
                         (x, y))  # fmt: skip


def while_never(x, y):
    return fg.while_loop(lambda c: np.sum(c) > 1e9, lambda c: c * y, x)


def fori_loop(x, y):
    return fg.fori_loop(0, 3, lambda i, c: np.sin(c) * y + i, x)


def mapped(x, y):
    return fg.map(lambda v: np.sum(v * np.tanh(x)) * y, M)


def checkpoint(x, y):
    return fg.checkpoint(lambda x, y: np.sin(np.exp(np.sin(x)) * y))(x, y)


def checkpoint_loops(x, y):
    def long(x, y):
        rows = fg.scan(lambda c, r: (np.sin(c) * r + y, c * y), x, M)[1]
        return fg.while_loop(lambda c: np.sum(c * c) < 40.0, lambda c: c * 1.5 + y, x + rows[1])

    return fg.checkpoint(long)(x, y)


def call(x, y):
    return fg.jit(lambda x, y: np.sin(x) * np.exp(x) * y)(x, y)


@fg.custom_jvp
def _softplus(x, y):
    return np.log1p(np.exp(x)) * y


@_softplus.defjvp
def _softplus_rule(primals, tangents):
    (x, y), (tx, ty) = primals, tangents
    return _softplus(x, y), tx * y / (1 + np.exp(-x)) + np.log1p(np.exp(x)) * ty


def custom_jvp_call(x, y):
    return _softplus(x * y, y)


@fg.custom_vjp
def _scaled(x, y):
    return np.sin(x) * y


def _scaled_fwd(x, y):
    return _scaled(x, y), (x, y)


def _scaled_bwd(res, ct):
    x, y = res
    return ct * np.cos(x) * y, np.sum(ct * np.sin(x))


_scaled.defvjp(_scaled_fwd, _scaled_bwd)


def custom_vjp_call(x, y):  # its forward mode is a linear_call
    return _scaled(x * 2.0, y) * y


def nested(x, y):
    def body(carry, row):
        turned = fg.cond(np.sum(carry) > 0, lambda c: c * y, lambda c: np.cos(c), carry)
        grown = fg.while_loop(lambda c: np.sum(c * c) < 2.0, lambda c: c * 2.0 + 0.1, turned)
        return grown * 0.7, _scaled(row, y)

    return fg.scan(body, x, M)


def inner_gradient(x, y):
    return fg.grad(lambda v: np.sum(fg.scan(lambda c, r: (np.sin(c) * r, c), v, M)[0] * x))(x * y)


def collectives(x, y):
    def member(row):
        total = fg.psum(row * y, "i")
        largest = fg.pmax(row, "i") - fg.pmin(row * row, "i")
        shifted = fg.ppermute(row, "i", [(0, 1), (1, 2)])
        gathered = np.sum(fg.all_gather(np.sin(row), "i") * M)
        swapped = fg.all_to_all(row, "i", 0, 0)
        weight = fg.axis_index("i") + 1.0
        return total * row + largest * weight, shifted * gathered, swapped * fg.pmean(row, "i")

    return fg.vmap(member, axis_name="i")(np.sin(M + x) * y)


FUNCTIONS = [
    cond, cond_untaken, switch, scan, scan_consts, scan_counts, while_loop, while_never, fori_loop,
    mapped, checkpoint, checkpoint_loops, call, custom_jvp_call, custom_vjp_call, nested,
    inner_gradient, collectives,
]  # fmt: skip

every = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


def program(f):
    return laws.captured(lambda *xs: f(*xs), [V, S])


@every
def test_program_is_evaluation(f):
    jaxpr, args = program(f)
    laws.run(jaxpr, args)


@every
def test_jvp_is_derivative(f):
    jaxpr, args = program(f)
    order = 2 if f is not nested else 1
    laws.jvp_is_derivative(jaxpr, args, np.random.default_rng(0), order, fd=1e-7, rtol=1e-12)


@every
def test_transpose_is_adjoint(f):
    jaxpr, args = program(f)
    laws.transpose_is_adjoint(jaxpr, args, np.random.default_rng(0), rtol=1e-12)


@every
def test_gradient_is_differentiable(f):
    jaxpr, args = program(f)
    laws.gradient_is_differentiable(jaxpr, args, np.random.default_rng(0), fd=1e-7, rtol=1e-12)


@every
def test_batch_is_loop(f):
    jaxpr, args = program(f)
    rng = np.random.default_rng(2)

    def sample():
        return [rng.normal(size=3), np.float64(rng.uniform(-1, 1)), *args[2:]]

    laws.batch_is_loop(jaxpr, sample, 2, (0, 1, 3), rtol=1e-12, fixed=len(args) - 2)


@every
def test_derivative_of_the_batch(f):
    """The jvp and the vjp of a batched program: batching comes first as well as last."""
    jaxpr, args = program(f)
    flags = (True, False, *[False] * (len(args) - 2))
    batched, _ = laws.batch_jaxpr(jaxpr, 2, flags, force=True)
    given = [np.stack([V, V[::-1]]), *args[1:]]
    rng = np.random.default_rng(0)
    laws.jvp_is_derivative(batched, given, rng, 1, fd=1e-7, rtol=1e-12)
    laws.transpose_is_adjoint(batched, given, rng, rtol=1e-12)


def test_stop_gradient_is_a_constant():
    jaxpr, args = laws.captured(lambda x: fg.stop_gradient(x) * x, [V])
    rng = np.random.default_rng(0)
    step = laws.tangent(V, rng)
    derived, _ = laws.jvp_jaxpr(jaxpr, (True,))
    np.testing.assert_array_equal(laws.run(derived, [*args, step])[-1], V * step)
    laws.transpose_is_adjoint(jaxpr, args, rng)
    laws.batch_is_loop(jaxpr, lambda: [rng.normal(size=3)], 1)
