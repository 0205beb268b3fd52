"""``funcgrad.scipy.linalg``: SciPy's values, true derivatives, batches, programs, errors."""

import inspect

import numpy as np
import pytest
import scipy.linalg

from funcgrad import config, grad, hessian, jit, jvp, vmap
from funcgrad.errors import DegenerateError, NotTraceableError
from funcgrad.scipy import linalg
from tests import laws

RNG = np.random.default_rng(12)
A = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
B = RNG.normal(size=(3, 3)) + 2 * np.eye(3)
C = A + 1j * RNG.normal(size=(3, 3))
SPD = A @ A.T + np.eye(3)
HER = C @ C.conj().T
TALL = RNG.normal(size=(5, 3))
X = RNG.normal(size=(3, 2))
V = RNG.normal(size=3)
W = RNG.normal(size=4)
BANDS = RNG.uniform(1, 2, size=(4, 5))
SPLIT = np.linalg.eigvalsh(SPD)[:2].mean()
TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def phases_gone(*vectors):
    return tuple(np.abs(v) ** 2 for v in vectors)


def eigh_general(a, b, type):
    w, v = linalg.eigh(a, b, type=type)
    return (w, *phases_gone(v))


CASES = {
    "solve": (lambda a, b: linalg.solve(a, b), [A, X]),
    "solve vector": (lambda a, b: linalg.solve(a, b), [C, V]),
    "solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), [A, V]),
    "solve symmetric": (lambda a, b: linalg.solve(a, b, assume_a="sym"), [SPD, X]),
    "solve hermitian": (lambda a, b: linalg.solve(a, b, assume_a="her", lower=True), [HER, X]),
    "solve positive": (lambda a, b: linalg.solve(a, b, assume_a="pos"), [SPD, V]),
    "solve positive c": (lambda a, b: linalg.solve(a, b, assume_a="pos", lower=True), [HER, X]),
    "solve upper": (lambda a, b: linalg.solve(a, b, assume_a="upper triangular"), [A, X]),
    "solve lower t": (
        lambda a, b: linalg.solve(a, b, assume_a="lower triangular", transposed=True),
        [A, X],
    ),
    "solve diagonal": (lambda a, b: linalg.solve(a, b, assume_a="diagonal"), [A, X]),
    "solve tridiagonal": (lambda a, b: linalg.solve(a, b, assume_a="tridiagonal"), [A, X]),
    "solve_triangular": (lambda a, b: linalg.solve_triangular(a, b), [A, X]),
    "solve_triangular C": (
        lambda a, b: linalg.solve_triangular(a, b, trans="C", lower=True),
        [C, V],
    ),
    "solve_triangular unit": (
        lambda a, b: linalg.solve_triangular(a, b, trans=1, unit_diagonal=True),
        [A, V],
    ),
    "solve_banded": (lambda ab, b: linalg.solve_banded((1, 2), ab, b), [BANDS, RNG.normal(size=5)]),
    "solveh_banded": (
        lambda ab, b: linalg.solveh_banded(ab, b),
        [BANDS[:2] + [[0], [4]], RNG.normal(size=(5, 2))],
    ),
    "solveh_banded lower": (
        lambda ab, b: linalg.solveh_banded(ab, b, lower=True),
        [BANDS[:3] + [[9], [0.5j], [0]], RNG.normal(size=5)],
    ),
    "solve_toeplitz": (lambda c, b: linalg.solve_toeplitz(c, b), [V + [4, 0, 0], X]),
    "solve_toeplitz two": (
        lambda c, r, b: linalg.solve_toeplitz((c, r), b),
        [V + [4, 0, 0], V[::-1] + 0, V],
    ),
    "solve_circulant": (lambda c, b: linalg.solve_circulant(c, b), [V + [4, 0, 0], V]),
    "solve_circulant many": (lambda c, b: linalg.solve_circulant(c, b), [V + [4, 0, 1j], X]),
    "solve_circulant cut": (
        lambda c, b: linalg.solve_circulant(c, b, singular="lstsq", tol=3.5),
        [V + [4, 0, 1j], V],
    ),
    "solve_sylvester": (lambda a, b, q: linalg.solve_sylvester(a, b, q), [A, B[:2, :2], X]),
    "continuous lyapunov": (lambda a, q: linalg.solve_continuous_lyapunov(a, q), [C, SPD]),
    "solve_lyapunov": (lambda a, q: linalg.solve_lyapunov(a, q), [A, SPD]),
    "discrete lyapunov": (lambda a, q: linalg.solve_discrete_lyapunov(a / 9, q), [C, SPD]),
    "discrete bilinear": (
        lambda a, q: linalg.solve_discrete_lyapunov(a / 9, q, method="bilinear"),
        [A, SPD],
    ),
    "inv": (lambda a: linalg.inv(a), [C]),
    "inv pos": (lambda a: linalg.inv(a, assume_a="pos"), [SPD]),
    "det": (lambda a: linalg.det(a), [C]),
    "norm": (lambda a: linalg.norm(a, "fro"), [TALL]),
    "pinv": (lambda a: linalg.pinv(a), [TALL]),
    "pinv cut": (lambda a: linalg.pinv(a, atol=1e-3, rtol=1e-5), [TALL.T]),
    "pinvh": (lambda a: linalg.pinvh(a), [SPD]),
    "lstsq": (lambda a, b: linalg.lstsq(a, b)[0], [TALL, RNG.normal(size=(5, 2))]),
    "lstsq vector": (lambda a, b: linalg.lstsq(a, b)[:2], [TALL, RNG.normal(size=5)]),
    "lu": (lambda a: linalg.lu(a), [TALL]),
    "lu wide": (lambda a: linalg.lu(a, permute_l=True), [TALL.T + 1j]),
    "lu indices": (lambda a: linalg.lu(a, p_indices=True)[1:], [A[::-1]]),
    "lu_factor": (lambda a: linalg.lu_factor(a)[0], [A[::-1]]),
    "lu_solve": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), [A[::-1], X]),
    "lu_solve T": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=1), [A[::-1], V]),
    "lu_solve C": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=2), [C[::-1], X]),
    "cholesky": (lambda a: linalg.cholesky(a), [SPD]),
    "cholesky lower": (lambda a: linalg.cholesky(a, lower=True), [HER]),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), [SPD, V]),
    "cho_solve lower": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a, True), b), [HER, X]),
    "qr": (lambda a: linalg.qr(a, mode="economic"), [TALL]),
    "qr full": (lambda a: linalg.qr(a), [TALL.T]),
    "qr full tall": (lambda a: linalg.qr(a), [TALL[:4]]),
    "qr full pivoting": (lambda a: linalg.qr(a, pivoting=True)[:2], [TALL[:4]]),
    "qr r": (lambda a: linalg.qr(a, mode="r")[0], [TALL]),
    "qr pivoting": (lambda a: linalg.qr(a, mode="economic", pivoting=True)[:2], [TALL]),
    "rq": (lambda a: linalg.rq(a, mode="economic"), [TALL.T + 0.3j]),
    "rq full": (lambda a: linalg.rq(a), [TALL]),
    "rq wide": (lambda a: linalg.rq(a), [TALL[:4].T]),
    "rq r": (lambda a: linalg.rq(a, mode="r"), [TALL.T]),
    "svd": (lambda a: linalg.svd(a, full_matrices=False)[1:2], [TALL]),
    "svd vectors": (lambda a: phases_gone(*linalg.svd(a, full_matrices=False)), [TALL]),
    "svd values": (lambda a: linalg.svd(a, compute_uv=False), [C]),
    "svdvals": (lambda a: linalg.svdvals(a), [TALL]),
    "eigh": (lambda a: (linalg.eigh(a)[0], *phases_gone(linalg.eigh(a)[1])), [SPD]),
    "eigh upper": (lambda a: linalg.eigvalsh(a, lower=False), [HER]),
    "eigh some": (lambda a: linalg.eigh(a, subset_by_index=[1, 2])[0], [SPD]),
    "eigh values": (
        lambda a: linalg.eigh(a, subset_by_value=[SPLIT, np.inf], eigvals_only=True),
        [SPD],
    ),
    "eigh b": (lambda a, b: eigh_general(a, b, 1), [A + A.T, SPD]),
    "eigh b 2": (lambda a, b: eigh_general(a, b, 2), [A + A.T, SPD]),
    "eigh b 3": (lambda a, b: eigh_general(a, b, 3), [A + A.T, SPD]),
    "eigvalsh b": (lambda a, b: linalg.eigvalsh(a, b), [HER, SPD]),
    "eigh_tridiagonal": (lambda d, e: linalg.eigh_tridiagonal(d, e)[0], [W, V]),
    "eigvalsh_tridiagonal": (
        lambda d, e: linalg.eigvalsh_tridiagonal(d, e, select="i", select_range=(0, 1)),
        [W, V],
    ),
    "eigvalsh_tridiagonal v": (
        lambda d, e: linalg.eigvalsh_tridiagonal(d, e, select="v", select_range=(-0.3, 3)),
        [W, V],
    ),
    "eig_banded": (
        lambda ab: (linalg.eig_banded(ab)[0], *phases_gone(linalg.eig_banded(ab)[1])),
        [BANDS[:3]],
    ),
    "eigvals_banded": (
        lambda ab: linalg.eigvals_banded(ab, True, select="i", select_range=(1, 3)),
        [BANDS[:2] + [[0], [0.5j]]],
    ),
    "eig": (lambda a: linalg.eig(a)[0], [C]),
    "eig left": (lambda a: linalg.eig(a, left=True)[1], [C]),
    "eig both": (lambda a: phases_gone(*linalg.eig(a, left=True)[1:]), [A]),
    "eig left b": (lambda a, b: phases_gone(linalg.eig(a, b, left=True)[1]), [C, B]),
    "eig homogeneous": (lambda a: linalg.eigvals(a, homogeneous_eigvals=True), [C]),
    "eig b": (lambda a, b: linalg.eigvals(a, b), [C, B]),
    "schur": (lambda a: linalg.schur(a), [SPD + A / 9]),
    "schur complex": (lambda a: np.abs(linalg.schur(a, output="complex")[0]), [A]),
    "schur sorted": (lambda a: linalg.schur(a, sort=lambda x, _: x > SPLIT), [SPD + A / 9]),
    "schur lhp": (lambda a: np.abs(linalg.schur(a, output="complex", sort="lhp")[0]), [A - 3j * B]),
    "funm": (lambda a: linalg.funm(a, lambda w: w / (1 + w**2)), [A]),
    "funm complex": (lambda a: linalg.funm(a, np.exp), [C]),
    "expm": (lambda a: linalg.expm(a), [C]),
    "expm_frechet": (lambda a, e: linalg.expm_frechet(a, e), [A, B]),
    "expm_frechet alone": (lambda a, e: linalg.expm_frechet(a, e, compute_expm=False), [A, B]),
    "logm": (lambda a: linalg.logm(a), [SPD]),
    "logm complex": (lambda a: linalg.logm(a), [C]),
    "sqrtm": (lambda a: linalg.sqrtm(a), [SPD]),
    "power": (lambda a: linalg.fractional_matrix_power(a, 0.3), [SPD]),
    "power whole": (lambda a: linalg.fractional_matrix_power(a, -2), [A]),
    "cosm": (lambda a: linalg.cosm(a), [B]),
    "sinm": (lambda a: linalg.sinm(a), [B]),
    "cosm complex": (lambda a: linalg.cosm(a), [C / 3]),
    "sinm complex": (lambda a: linalg.sinm(a), [C / 3]),
    "tanm": (lambda a: linalg.tanm(a), [B / 4]),
    "coshm": (lambda a: linalg.coshm(a), [B]),
    "sinhm": (lambda a: linalg.sinhm(a), [B]),
    "tanhm": (lambda a: linalg.tanhm(a), [B]),
    "signm": (lambda a: linalg.signm(a), [A - 3 * np.eye(3)]),
    "polar": (lambda a: linalg.polar(a), [TALL]),
    "polar left": (lambda a: linalg.polar(a, side="left"), [TALL.T]),
    "polar wide": (lambda a: linalg.polar(a), [TALL.T]),
    "procrustes": (lambda a, b: linalg.orthogonal_procrustes(a, b), [TALL, TALL**2 + 1]),
    "null_space": (lambda a: phases_gone(linalg.null_space(a)), [TALL[:2]]),
    "orth": (lambda a: phases_gone(linalg.orth(a)), [TALL]),
    "subspace_angles": (lambda a, b: linalg.subspace_angles(a, b), [TALL, RNG.normal(size=(5, 2))]),
    "toeplitz": (lambda c: linalg.toeplitz(c), [V + 1j * V**2]),
    "toeplitz two": (lambda c, r: linalg.toeplitz(c, r), [V, W]),
    "circulant": (lambda c: linalg.circulant(c), [V]),
    "hankel": (lambda c: linalg.hankel(c), [V]),
    "hankel two": (lambda c, r: linalg.hankel(c, r), [V, W]),
    "companion": (lambda c: linalg.companion(c), [W]),
    "leslie": (lambda f, s: linalg.leslie(f, s), [W, V]),
    "fiedler": (lambda a: linalg.fiedler(a), [W]),
    "convolution full": (lambda a: linalg.convolution_matrix(a, 5), [V]),
    "convolution valid": (lambda a: linalg.convolution_matrix(a, 5, "valid"), [V]),
    "convolution same": (lambda a: linalg.convolution_matrix(a, 2, "same"), [W]),
    "matmul_toeplitz": (lambda c, x: linalg.matmul_toeplitz(c, x), [V, X]),
    "khatri_rao": (lambda a, b: linalg.khatri_rao(a, b), [A, TALL]),
    "block_diag": (lambda a, b, c: linalg.block_diag(a, b, c), [A, V, TALL]),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    """The traced function has SciPy's numbers; first and second derivatives agree."""
    f, args = CASES[name]
    wanted = f(*args)  # plain arrays: SciPy itself
    jaxpr, given = laws.captured(f, args)
    found = laws.run(jaxpr, given, 1e-11)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    assert len(found) == len(wanted)
    for z, x in zip(found, wanted, strict=True):
        assert np.shape(z) == np.shape(x)
        assert np.asarray(z).dtype == np.asarray(x).dtype or name == "eigvals"
        np.testing.assert_allclose(z, x, rtol=1e-9, atol=1e-10)
    rng = np.random.default_rng(1)
    laws.jvp_is_derivative(jaxpr, given, rng, 2, 1e-6, rtol=1e-9, only=laws.inexact(given))
    laws.transpose_is_adjoint(jaxpr, given, rng, rtol=1e-9)


BATCHED = ["solve", "solve positive", "solve_triangular C", "solve_banded", "lu", "lu_solve T",
           "cho_solve", "qr pivoting", "eigh b", "expm", "sqrtm", "solve_sylvester", "polar",
           "toeplitz two", "block_diag", "solve_circulant", "null_space", "qr full tall", "funm",
           "eig left", "schur sorted", "rq full"]  # fmt: skip


@pytest.mark.parametrize("name", BATCHED)
def test_batches_and_programs(name):
    f, args = CASES[name]
    batch = [np.stack([x, 1.1 * x, x + 0.01 * x**2]) for x in args]
    rows = [f(*[b[i] for b in batch]) for i in range(3)]
    several = isinstance(rows[0], tuple)
    columns = zip(*rows, strict=True) if several else [rows]
    wanted = [np.stack(c) for c in columns]
    compiled = jit(f)
    found = vmap(f)(*batch)
    for z, w in zip(found if several else (found,), wanted, strict=True):
        np.testing.assert_allclose(z, w, rtol=1e-9, atol=1e-10)
    for i in range(3):
        z = compiled(*[b[i] for b in batch])
        for one, w in zip(z if several else (z,), wanted, strict=True):
            np.testing.assert_allclose(one, w[i], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["expm", "sqrtm", "logm", "polar"])
@pytest.mark.parametrize("a", [4 * np.eye(3), np.diag([1.0, 1.0, 5.0])], ids=["unit", "pair"])
def test_functions_of_matrices_at_multiple_eigenvalues(name, a):
    """Where eigenvectors have no derivative, these have all of them."""
    first = lambda a: linalg.polar(a)[0] if name == "polar" else getattr(linalg, name)(a)
    jaxpr, given = laws.captured(first, [a])
    rng = np.random.default_rng(2)
    laws.jvp_is_derivative(jaxpr, given, rng, 2, fd=1e-6, rtol=1e-9)
    laws.transpose_is_adjoint(jaxpr, given, rng, rtol=1e-9)
    laws.gradient_is_differentiable(jaxpr, given, rng, fd=1e-6, rtol=1e-9)


def test_third_derivative_of_expm():
    """expm(x E) of a nilpotent plus unit matrix, whose powers are known."""
    e = np.array([[1.0, 1.0], [0.0, 1.0]])
    f = lambda x: linalg.expm(x * e)[0, 1]  # x exp(x)
    third = grad(grad(grad(f)))(0.7)
    np.testing.assert_allclose(third, (0.7 + 3) * np.exp(0.7), rtol=1e-12)


def test_float32_stays():
    a = SPD.astype(np.float32)
    for f in (linalg.expm, linalg.sqrtm, linalg.logm, linalg.cholesky, linalg.pinv):
        z, t = jvp(f, (a,), (np.ones_like(a),))
        assert z.dtype == t.dtype == np.float32
        np.testing.assert_allclose(z, f(a.astype(np.float64)), rtol=2e-3)


def test_a_rank_is_a_number():
    pinv, rank = jit(lambda a: linalg.pinv(a, return_rank=True))(TALL)
    assert rank == 3
    np.testing.assert_allclose(pinv, np.linalg.pinv(TALL), atol=1e-13)


ERRORS = [
    (lambda a: linalg.solve(0 * a, V), np.linalg.LinAlgError, "ingular"),
    (lambda a: linalg.solve(a, V, assume_a="odd"), ValueError, "assume_a='odd'"),
    (lambda a: linalg.solve(-a, V, assume_a="pos"), np.linalg.LinAlgError, "definite"),
    (lambda a: linalg.sqrtm(-a), np.linalg.LinAlgError, "pass the matrix as complex"),
    (lambda a: linalg.logm(-a), np.linalg.LinAlgError, "pass the matrix as complex"),
    (lambda a: linalg.logm(0 * a), np.linalg.LinAlgError, "singular, where logm has no value"),
    (lambda a: linalg.solve_sylvester(a, -a, a), np.linalg.LinAlgError, "common eigenvalue"),
    (lambda a: linalg.qr(a, mode="raw"), NotTraceableError, "economic"),
    (lambda a: linalg.schur(a, sort="odd"), ValueError, "sort"),
    (lambda a: linalg.schur(a @ TURN), DegenerateError, 'output="complex"'),
    (lambda a: linalg.eigvals(a, a, homogeneous_eigvals=True), NotTraceableError, "scale"),
    (lambda a: linalg.funm(a, np.exp, disp=False), NotTraceableError, "disp"),
    (lambda a: linalg.eigh_tridiagonal(a[0], a[0, 1:], select="x"), ValueError, "select"),
    (
        lambda a: linalg.eigh(a, subset_by_index=[0, 1], subset_by_value=[0, 1]),
        ValueError,
        "subset",
    ),
    (lambda a: linalg.eigh(a, a, type=4), ValueError, "type=4"),
    (lambda a: linalg.eigh(a, subset_by_index=[0, 3]), ValueError, "subset_by_index"),
    (lambda a: linalg.polar(a, side="up"), ValueError, "side"),
    (lambda a: linalg.solve_triangular(a, V, trans="X"), ValueError, "trans='X'"),
    (lambda a: linalg.solve_banded((1, 1), a, np.ones(4)), ValueError, "do not fit"),
    (lambda a: linalg.toeplitz(a), ValueError, "toeplitz"),
    (lambda a: linalg.convolution_matrix(a[0], 3, "odd"), ValueError, "mode='odd'"),
    (lambda a: linalg.khatri_rao(a, a[:, :2]), ValueError, "columns"),
]


@pytest.mark.parametrize("call, kind, message", ERRORS)
def test_errors(call, kind, message):
    with pytest.raises(kind, match=message):
        jvp(call, (SPD,), (SPD,))


def test_derivative_of_a_root_of_a_singular_matrix_raises():
    a = np.diag([0.0, 1.0])
    with pytest.raises(np.linalg.LinAlgError, match="no derivative"):
        grad(lambda a: np.sum(linalg.sqrtm(a)))(a)


def test_a_basis_of_more_than_a_line_has_no_derivative(monkeypatch):
    f = lambda a: np.sum(linalg.null_space(a))
    with pytest.raises(DegenerateError):
        grad(f)(TALL.T)
    monkeypatch.setattr(config, "degenerate", "nan")
    assert np.isnan(grad(f)(TALL.T)).all()


def test_signatures_are_scipys():
    for name, ours in inspect.getmembers(linalg, inspect.isfunction):
        if name.startswith("_") or name == "missing":
            continue
        theirs = list(inspect.signature(getattr(scipy.linalg, name)).parameters)
        if name == "eigvals" and "overwrite_b" in theirs:
            theirs.remove("overwrite_b")  # SciPy 1.18 has it, 1.17 not
        assert list(inspect.signature(ours).parameters) == theirs, name


def test_the_rest_of_the_module():
    np.testing.assert_array_equal(linalg.hilbert(3), scipy.linalg.hilbert(3))
    assert linalg.LinAlgError is np.linalg.LinAlgError
    for name, why in (("ordqz", "custom_jvp"), ("kron", "numpy.kron")):
        with pytest.raises(AttributeError, match=why):
            getattr(linalg, name)


ORACLES = {
    "expm": lambda la, a: la.expm(a),
    "expm_frechet": lambda la, a: la.expm_frechet(a, a @ a, compute_expm=False),
    "det": lambda la, a: la.det(a),
    "inv": lambda la, a: la.inv(a),
    "solve": lambda la, a: la.solve(a, a @ a),
    "cholesky": lambda la, a: la.cholesky(a @ a.T),
    "lu": lambda la, a: la.lu(a, permute_l=True)[1],
    "qr": lambda la, a: la.qr(a[:, :2], mode="economic")[1],
    "svd": lambda la, a: la.svd(a)[0][:, :2] @ la.svd(a)[2][:2],
    "eigh": lambda la, a: la.eigh(a + a.T)[1][:, 1:] ** 2,
    "eigvals": lambda la, a: la.eigh(a + a.T, eigvals_only=True),
    "toeplitz": lambda la, a: la.toeplitz(a[0], a[1]),
    "block_diag": lambda la, a: la.block_diag(a, a[0:1]),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", ORACLES)
def test_jax_agrees(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import jax.scipy.linalg as theirs

    f = ORACLES[name]
    weights = RNG.normal(size=np.shape(f(linalg, A)))
    wanted = jax.grad(lambda x: (weights * f(theirs, x)).sum())(A)
    found = grad(lambda x: np.sum(weights * f(linalg, x)))(A)
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8)
    wanted = jax.hessian(lambda x: (weights * f(theirs, x)).sum())(A)
    found = hessian(lambda x: np.sum(weights * f(linalg, x)))(A)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7)
