"""``np.linalg`` on traced values: NumPy's numbers, derivatives at regular and singular points."""

import numpy as np
import pytest

from funcgrad import config, grad, jit, vmap
from funcgrad.errors import DegenerateError, NotTraceableError, ShapeError
from funcgrad.ops.families import ops
from funcgrad.test_util import check_grads
from funcgrad.trace.dispatch import functions
from tests import laws
from tests.test_products import agrees

RNG = np.random.default_rng(5)
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
STACK = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
SPD = SQUARE @ SQUARE.T + np.eye(3)
VECTOR = RNG.normal(size=3)
TALL = RNG.normal(size=(4, 3))
CUBE = RNG.normal(size=(2, 3, 4))


def spd(x):
    return x @ np.conj(np.swapaxes(x, -1, -2)) if isinstance(x, np.ndarray) else x @ adjoint(x)


def adjoint(x):
    return np.conj(ops.transpose(x, perm=(1, 0)))


FUNCTIONS = {
    "solve vector": (lambda a, b: np.linalg.solve(a, b), [SQUARE, VECTOR]),
    "solve matrix": (lambda a, b: np.linalg.solve(a, b), [SQUARE, TALL.T]),
    "solve stack": (lambda a, b: np.linalg.solve(a, b), [STACK, TALL.T]),
    "solve plain": (lambda b: np.linalg.solve(SQUARE, b), [VECTOR]),
    "inv": (lambda a: np.linalg.inv(a), [STACK]),
    "det": (lambda a: np.linalg.det(a), [STACK]),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, [STACK]),
    "slogdet negative": (lambda a: tuple(np.linalg.slogdet(-a)), [SQUARE]),
    "cholesky": (lambda a: np.linalg.cholesky(a), [SPD]),
    "cholesky upper": (lambda a: np.linalg.cholesky(a, upper=True), [SPD]),
    "cholesky complex": (lambda a: np.linalg.cholesky(a), [SPD + 0.3j * (SQUARE - SQUARE.T)]),
    "eigh": (lambda a: tuple(np.linalg.eigh(a)), [SPD]),
    "eigh upper": (lambda a: tuple(np.linalg.eigh(a, UPLO="U")), [SPD + np.tril(SQUARE, -1)]),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a), [SPD + 0.3j * (SQUARE - SQUARE.T)]),
    "product": (lambda a: np.linalg.cholesky(spd(a)), [SQUARE]),
    "svdvals": (lambda a: np.linalg.svdvals(a), [CUBE]),
    "svd": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), [TALL]),
    "svd wide": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), [TALL.T]),
    "svd full": (lambda a: tuple(np.linalg.svd(a)), [TALL]),
    "svd values": (lambda a: np.linalg.svd(a, compute_uv=False), [TALL + 1j * TALL[::-1]]),
    "svd hermitian": (lambda a: tuple(np.linalg.svd(a, hermitian=True)), [SPD - 3 * np.eye(3)]),
    "svd hermitian values": (
        lambda a: np.linalg.svd(a, compute_uv=False, hermitian=True),
        [SPD - 3 * np.eye(3)],
    ),
    "qr": (lambda a: tuple(np.linalg.qr(a)), [TALL]),
    "qr wide": (lambda a: tuple(np.linalg.qr(a, mode="complete")), [TALL.T]),
    "qr complete": (lambda a: tuple(np.linalg.qr(a, mode="complete")), [TALL]),
    "qr complex": (lambda a: tuple(np.linalg.qr(a)), [TALL + 1j * TALL[::-1]]),
    "qr r": (lambda a: np.linalg.qr(a, mode="r"), [STACK]),
    "eig complex": (lambda a: tuple(np.linalg.eig(a)), [SQUARE + 1j * SQUARE.T]),
    "eigvals": (lambda a: np.linalg.eigvals(a), [SQUARE - 3 * SQUARE.T]),
    "cond": (lambda a: np.linalg.cond(a), [STACK]),
    "cond smallest": (lambda a: np.linalg.cond(a, -2), [TALL]),
    "cond one": (lambda a: np.linalg.cond(a, 1), [SQUARE]),
    "cond fro": (lambda a: np.linalg.cond(a, "fro"), [STACK]),
    "pinv": (lambda a: np.linalg.pinv(a), [CUBE]),
    "pinv wide": (lambda a: np.linalg.pinv(a, rtol=None), [TALL.T + 1j * TALL.T**2]),
    "pinv hermitian": (lambda a: np.linalg.pinv(a, hermitian=True), [SPD]),
    "pinv cuts": (lambda a: np.linalg.pinv(a, rcond=np.array([1e-10, 1e-9])), [CUBE]),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b, rcond=None), [TALL, RNG.normal(size=(4, 2))]),
    "lstsq vector": (lambda a, b: np.linalg.lstsq(a, b), [TALL, RNG.normal(size=4)]),
    "lstsq wide": (lambda a, b: np.linalg.lstsq(a, b), [TALL.T, VECTOR]),
    "tensorinv": (lambda a: np.linalg.tensorinv(a, ind=1), [RNG.normal(size=(4, 2, 2))]),
    "tensorsolve": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(1,)),
        [RNG.normal(size=(2, 3, 2, 3)).transpose(0, 3, 1, 2), RNG.normal(size=(2, 3))[:, :]],
    ),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -3), [STACK]),
    "multi_dot": (lambda a, b: np.linalg.multi_dot([a, b, a]), [TALL, TALL.T]),
    "trace": (lambda a: np.linalg.trace(a, offset=1), [STACK]),
    "diagonal": (lambda a: np.linalg.diagonal(a, offset=-1), [STACK]),
    "matrix_transpose": (lambda a: np.linalg.matrix_transpose(a), [STACK]),
    "outer": (lambda a, b: np.linalg.outer(a, b), [VECTOR, VECTOR[:2]]),
    "cross": (lambda a, b: np.linalg.cross(a, b), [SQUARE, STACK]),
    "matmul": (lambda a, b: np.linalg.matmul(a, b), [STACK, SQUARE]),
    "vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=0), [SQUARE, SQUARE[::-1]]),
    "tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), [SQUARE, SQUARE]),
}


def test_every_function_of_numpy_is_covered():
    """Each name of ``np.linalg`` and ``np.fft`` that takes arrays has a handler."""
    for module, plain in ((np.linalg, {"test"}), (np.fft, {"fftfreq", "rfftfreq", "test"})):
        public = {n: getattr(module, n) for n in dir(module) if not n.startswith("_")}
        missing = {
            name for name, value in public.items()
            if callable(value) and not isinstance(value, type) and value not in functions
        }  # fmt: skip
        assert missing == plain


@pytest.mark.parametrize("name", ["eig", "eigvals"])
def test_eigenvalues_are_complex_in_any_case(name):
    found = jit(lambda a: getattr(np.linalg, name)(a))(SPD)
    found = found if name == "eigvals" else found[0]
    assert found.dtype == np.complex128
    np.testing.assert_allclose(found, np.linalg.eigvals(SPD), rtol=1e-13)


def test_ranks_are_numbers():
    low = np.outer(VECTOR, VECTOR)
    for a in (SQUARE, low, STACK, VECTOR, 0 * VECTOR):
        found = jit(lambda a: np.linalg.matrix_rank(a))(a)
        np.testing.assert_array_equal(found, np.linalg.matrix_rank(a))
    ranks = vmap(lambda a: np.linalg.matrix_rank(a, rtol=1e-3))(np.stack([SQUARE, low]))
    assert ranks.tolist() == [3, 1]


def test_pinv_without_full_rank():
    """Small singular values stay cut when the matrix moves a little: the derivative is right."""
    low = TALL[:, :2] @ RNG.normal(size=(2, 3))
    agrees(lambda a: np.linalg.pinv(a, rcond=0.1), [low], order=2)


def test_modes_of_qr_that_are_refused():
    with pytest.raises(NotTraceableError, match="reduced"):
        grad(lambda a: np.sum(np.linalg.qr(a, mode="raw")[1]))(TALL)
    with pytest.raises(ValueError, match="mode"):
        grad(lambda a: np.sum(np.linalg.qr(a, mode="economy")[1]))(TALL)


def test_what_completes_q_has_a_derivative_if_it_is_a_line(monkeypatch):
    """Of more columns the sum depends on the basis; what leaves them out does not."""
    q_of, two = lambda a: np.linalg.qr(a, mode="complete")[0], TALL[:, :2]
    agrees(q_of, [TALL], order=2)
    np.testing.assert_allclose(
        grad(lambda a: np.sum(q_of(a)[:, :2] ** 3))(two),
        grad(lambda a: np.sum(np.linalg.qr(a)[0] ** 3))(two),
        atol=1e-13,
    )
    with pytest.raises(DegenerateError, match="qr"):
        grad(lambda a: np.sum(q_of(a) ** 3))(two)
    monkeypatch.setattr(config, "degenerate", "nan")
    assert np.isnan(grad(lambda a: np.sum(q_of(a) ** 3))(two)).all()


BATCHED = ["svd", "qr wide", "qr complete", "eigvals", "pinv", "lstsq", "cond", "svd hermitian",
           "tensorinv"]  # fmt: skip


@pytest.mark.parametrize("name", BATCHED)
def test_batches_and_programs(name):
    f, args = FUNCTIONS[name]
    f = f if name != "lstsq" else lambda a, b: np.linalg.lstsq(a, b)[0]
    g = lambda *xs: tuple(f(*xs)) if isinstance(f(*xs), tuple) else (f(*xs),)
    stacks = [np.stack([x, 1.1 * x, x + 0.01 * x**2]) for x in args]
    rows = [g(*[s[i] for s in stacks]) for i in range(3)]
    compiled = jit(g)
    for found in (vmap(g)(*stacks), [np.stack(c) for c in zip(*[
        compiled(*[s[i] for s in stacks]) for i in range(3)])]):  # fmt: skip
        for z, wanted in zip(found, zip(*rows, strict=True), strict=True):
            np.testing.assert_allclose(z, np.stack(wanted), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, args = FUNCTIONS[name]
    agrees(f, args, order=2)


NORMS = [
    *[(VECTOR, {"ord": p}) for p in (None, 2, 1, 3, 2.5, np.inf, -np.inf, 0, -1)],
    *[(TALL, {"ord": p}) for p in (None, "fro", 1, -1, np.inf, -np.inf, 2)],
    *[(TALL.T, {"ord": p, "keepdims": True}) for p in (None, "fro", 2)],
    *[(CUBE, {"ord": p, "axis": 1}) for p in (None, 1, 3, np.inf)],
    *[(CUBE, {"ord": p, "axis": (0, 2)}) for p in (None, "fro", 1, -np.inf, 2)],
    *[(CUBE, {"ord": p, "axis": (2, 0), "keepdims": True}) for p in (None, 1, np.inf)],
    (CUBE, {}),
    (CUBE, {"keepdims": True}),
    (CUBE, {"axis": -1, "keepdims": True}),
    (VECTOR + 1j * VECTOR[::-1], {}),
    (VECTOR + 1j * VECTOR[::-1], {"ord": 3}),
]


@pytest.mark.parametrize(
    "x, options", NORMS, ids=lambda v: str(v) if isinstance(v, dict) else str(v.shape)
)
def test_norm(x, options):
    agrees(lambda x: np.linalg.norm(x, **options), [x])


def test_the_new_norms():
    agrees(lambda x: np.linalg.vector_norm(x, axis=(0, 2)), [CUBE])
    agrees(lambda x: np.linalg.vector_norm(x, ord=1, keepdims=True), [CUBE])
    agrees(lambda x: np.linalg.matrix_norm(x), [CUBE])


@pytest.mark.parametrize("options", [{}, {"ord": 3}, {"axis": 0}, {"ord": 2, "axis": 1}], ids=str)
def test_norms_at_zero_have_gradient_zero(options):
    x = np.zeros((2, 2) if "axis" in options else 3)
    slope = grad(lambda x: np.sum(np.linalg.norm(x, **options)))(x)
    np.testing.assert_array_equal(slope, np.zeros_like(x))


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
def test_norms_of_singular_values(ord):
    agrees(lambda x: np.linalg.norm(x, ord), [TALL], order=2)
    agrees(lambda x: np.linalg.norm(x, ord, axis=(2, 0), keepdims=True), [CUBE])
    agrees(lambda x: np.linalg.matrix_norm(x, ord=ord, keepdims=True), [CUBE + 1j * CUBE**2])
    slope = grad(lambda x: np.linalg.norm(x, ord))(np.zeros((2, 3)))
    np.testing.assert_array_equal(slope, np.zeros((2, 3)))


def test_nuclear_norm_of_a_matrix_without_full_rank():
    """Its shortest subgradient is U V^T over the singular values that are not 0."""
    a = np.outer(TALL[:, 0], VECTOR)
    u, _, vh = np.linalg.svd(a)
    slope = grad(lambda x: np.linalg.norm(x, "nuc"))(a)
    np.testing.assert_allclose(slope, np.outer(u[:, 0], vh[0]), atol=1e-13)


def cofactors(a):
    n = len(a)
    minors = [
        [np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)
    ]
    return np.array(minors) * (-1) ** np.add.outer(range(n), range(n))


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_det_of_a_singular_matrix(rank):
    """The gradient is the matrix of cofactors, whatever the rank; second derivatives too."""
    a = RNG.normal(size=(4, rank)) @ RNG.normal(size=(rank, 4))
    np.testing.assert_allclose(grad(np.linalg.det)(a), cofactors(a), atol=1e-13)
    agrees(lambda a: np.linalg.det(a), [a], order=2)


def test_det_of_larger_matrices():
    a = RNG.normal(size=(8, 8))
    agrees(lambda a: np.linalg.det(a), [a], order=2)
    singular = a @ np.diag([1.0] * 7 + [0.0])
    np.testing.assert_allclose(grad(np.linalg.det)(singular), cofactors(singular), atol=1e-11)
    for n in (0, 1, 2):
        agrees(lambda a: np.linalg.det(a), [RNG.normal(size=(n, n))])


def test_second_derivative_of_det_at_a_large_singular_matrix_raises():
    """Above the size of the minors there is no formula without an inverse: no number is better."""
    a = np.zeros((8, 8))
    with pytest.raises(np.linalg.LinAlgError):
        grad(lambda x: np.sum(grad(np.linalg.det)(x)))(a)


def test_failures_come_when_the_line_runs():
    """A try around a factorization works under grad as it does without."""

    def f(x):
        try:
            return np.sum(np.linalg.cholesky(x))
        except np.linalg.LinAlgError:
            return np.sum(x)

    np.testing.assert_array_equal(grad(f)(-np.eye(2)), np.ones((2, 2)))
    for function in (np.linalg.inv, lambda x: np.linalg.solve(x, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError):
            grad(lambda x, function=function: np.sum(function(x)))(np.zeros((2, 2)))


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "slogdet"])
def test_what_is_not_square_is_named(name):
    with pytest.raises(ShapeError, match=rf"{name}: .* not shape \(4, 3\)"):
        grad(lambda x: np.sum(getattr(np.linalg, name)(x)))(TALL)


def test_only_one_triangle_is_read():
    """NumPy's cholesky does not look at the upper triangle, so the gradient there is zero."""
    slope = grad(lambda a: np.sum(np.linalg.cholesky(a)))(SPD)
    np.testing.assert_array_equal(np.triu(slope, 1), 0.0)


# -- what is known to be triangular ----------------------------------------------------------------


def prims(f, *args):
    return [eqn.prim.name for eqn in laws.captured(lambda *xs: (f(*xs),), args)[0].eqns]


FACTOR_SOLVES = {
    "lower": lambda a, b: np.linalg.solve(np.linalg.cholesky(a), b),
    "transposed": lambda a, b: np.linalg.solve(np.linalg.cholesky(a).T, b),
    "swapped": lambda a, b: np.linalg.solve(np.swapaxes(np.linalg.cholesky(a), -1, -2), b),
    "upper": lambda a, b: np.linalg.solve(np.linalg.cholesky(a, upper=True), b),
    "twice": lambda a, b: np.linalg.solve(np.linalg.cholesky(a).T.T, b),
}


@pytest.mark.parametrize("name", FACTOR_SOLVES)
@pytest.mark.parametrize("columns", [None, 3])
def test_cholesky_factors_are_solved_as_triangles(name, columns):
    """NumPy has no solver for triangles; a program sees which matrices are such."""
    f = FACTOR_SOLVES[name]
    b = np.random.default_rng(3).normal(size=(len(SPD),) + ((columns,) if columns else ()))
    assert "solve" not in prims(f, SPD, b)
    assert "triangular_solve" in prims(f, SPD, b)
    np.testing.assert_allclose(jit(f)(SPD, b), f(SPD, b), rtol=1e-12)
    check_grads(lambda a, b: f(a @ a.T, b), (SPD, b), order=2)
    batch = np.stack([SPD, 2.0 * SPD])
    found = vmap(f, (0, None))(batch, b)
    np.testing.assert_allclose(found, [f(a, b) for a in batch], rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: np.linalg.solve(a, b),
        lambda a, b: np.linalg.solve(2.0 * np.linalg.cholesky(a), b),
        lambda a, b: np.linalg.solve(np.linalg.cholesky(a)[::-1], b),
    ],
)
def test_other_matrices_are_solved_by_factors(f):
    b = np.ones(len(SPD))
    assert "triangular_solve" not in prims(f, SPD, b)
    np.testing.assert_allclose(jit(f)(SPD, b), f(SPD, b), rtol=1e-12)


def test_a_factor_from_outside_is_any_matrix():
    factor, b = np.linalg.cholesky(SPD), np.ones(len(SPD))
    assert "triangular_solve" not in prims(lambda b: np.linalg.solve(factor, b), b)
    stacked = np.stack([SPD, SPD + np.eye(len(SPD))])
    both = lambda a, b: np.linalg.solve(np.linalg.cholesky(a), b)
    wanted = np.linalg.solve(np.linalg.cholesky(stacked), b[:, None])
    np.testing.assert_allclose(jit(both)(stacked, b[:, None]), wanted, rtol=1e-12)
