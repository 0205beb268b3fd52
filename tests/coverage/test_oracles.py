"""The same expressions over the peers: value, jvp, vjp, second order, vmap."""

import numpy as np
import pytest

import funcgrad
from tests.coverage.expressions import EXPRESSIONS, arguments
from tests.coverage.table import function_of

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

_ZERO = "JAX gives the elements that it picks out no slope"
EXPLAINED = {
    "frexp": "JAX gives its mantissa no slope",
    **dict.fromkeys(["unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
                     "union1d", "setdiff1d", "setxor1d", "intersect1d"], _ZERO),
    "polydiv": "JAX keeps the remainder's leading zeros, so its shape is another",
}  # fmt: skip
"""Function -> why its derivatives differ from JAX's, on purpose."""


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


class Summed:
    """The weighted sum of an expression's float results, over one library."""

    def __init__(self, text, weights, **scope):
        self.f, self.weights = function_of(text, **scope), weights

    def __call__(self, moving, fixed):
        given = {**fixed, **moving}
        outs = self.f(*[given[n] for n in self.f.names])
        pairs = zip(self.weights, outs, strict=True)
        return sum(((w * v).sum() for w, v in pairs if w is not None), 0.0 * sum_of(moving))


def sum_of(moving):
    return next(iter(moving.values())).sum()


class Case:
    def __init__(self, name):
        text = EXPRESSIONS[name]
        self.f = function_of(text)
        given = arguments()
        self.given = {n: given[n] for n in self.f.names}
        self.moving = {n: a for n, a in self.given.items() if a.dtype.kind == "f"}
        self.fixed = {n: a for n, a in self.given.items() if n not in self.moving}
        self.outs = [np.asarray(v) for v in self.f(*self.given.values())]
        rng = np.random.default_rng(4)
        self.weights = [
            rng.normal(size=v.shape) if v.dtype.kind == "f" else None for v in self.outs
        ]
        self.ours = Summed(text, self.weights)
        self.directions = {n: rng.normal(size=a.shape) for n, a in self.moving.items()}
        self.smooth = self.moving and any(w is not None for w in self.weights)


def theirs(jax, name, case):
    """The expression over jax.numpy, and its values; skips what JAX has not."""
    jnp = jax.numpy

    def parts(z):
        return jnp.real(z), jnp.imag(z)

    scope = {"np": jnp, "parts": parts}
    try:
        f = function_of(EXPRESSIONS[name], **scope)
        outs = f(*[jnp.asarray(a) for a in case.given.values()])
    except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
        pytest.skip(f"JAX: {error!s:.80}")
    if "in_place" in EXPRESSIONS[name]:
        pytest.skip("JAX has no assignment")
    return Summed(EXPRESSIONS[name], case.weights, **scope), f, outs


def close(a, b, name):
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_jax(jax, name):
    case = Case(name)
    total, f, outs = theirs(jax, name, case)
    for a, b in zip(case.outs, outs, strict=True):
        if a.dtype.kind in "fc" and np.shape(b) == a.shape:
            close(a, b, name)
    if name in EXPLAINED:
        return
    if case.smooth:
        try:
            derivatives(jax, name, case, total)
        except NotImplementedError as error:
            pytest.skip(f"JAX: {error!s:.80}")
    batched(jax, name, case, f)


def derivatives(jax, name, case, total):
    def ours(moving):
        return case.ours(moving, case.fixed)

    def peers(moving):
        return total(moving, case.fixed)

    mine, yours = funcgrad.grad(ours)(case.moving), jax.grad(peers)(case.moving)
    for n in case.moving:
        close(mine[n], yours[n], f"{name}: vjp by {n}")
    args = ((case.moving,), (case.directions,))
    close(funcgrad.jvp(ours, *args)[1], jax.jvp(peers, *args)[1], f"{name}: jvp")
    mine, yours = (g(h) for g, h in ((funcgrad.grad, ours), (jax.grad, peers)))
    mine, yours = funcgrad.jvp(mine, *args)[1], jax.jvp(yours, *args)[1]
    for n in case.moving:
        close(mine[n], yours[n], f"{name}: second order by {n}")


def batched(jax, name, case, f):
    rows = [np.stack([a, a * 1.01]) if a.dtype.kind == "f" else np.stack([a, a])
            for a in case.given.values()]  # fmt: skip
    try:
        expected = jax.vmap(lambda *xs: tuple(f(*xs)))(*rows)
    except Exception:
        return  # shapes that depend on values, mostly
    found = funcgrad.vmap(lambda *xs: tuple(case.f(*xs)))(*rows)
    for a, b in zip(found, expected, strict=True):
        if np.asarray(a).dtype.kind in "fc":
            close(a, b, f"{name}: vmap")


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_autograd(name):
    """autograd's common set: values and gradients."""
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    case = Case(name)
    if not case.smooth or "in_place" in EXPRESSIONS[name]:
        pytest.skip("nothing to differentiate, or assignment")

    def parts(z):
        return anp.real(z), anp.imag(z)

    total = Summed(EXPRESSIONS[name], case.weights, np=anp, parts=parts)
    try:
        yours = autograd.grad(lambda moving: total(moving, case.fixed))(case.moving)
    except Exception as error:
        pytest.skip(f"autograd: {error!s:.80}")
    mine = funcgrad.grad(lambda moving: case.ours(moving, case.fixed))(case.moving)
    for n in case.moving:
        close(mine[n], yours[n], f"{name}: gradient by {n}")
