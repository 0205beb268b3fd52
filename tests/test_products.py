"""NumPy's products on traced values: NumPy's numbers, and the laws of derivatives."""

import numpy as np
import pytest

from funcgrad import grad
from funcgrad.backends.program import Program
from funcgrad.errors import ShapeError
from tests import laws

SIZES = {"i": 2, "j": 3, "k": 4, "l": 2, "b": 3, "a": 2}


def arrays(*shapes, dtype=float):
    rng = np.random.default_rng(len(shapes))
    found = [rng.normal(size=s)[()] for s in shapes]
    return [x + 1j * rng.normal(size=np.shape(x)) for x in found] if dtype is complex else found


def agrees(f, args, order=1):
    """The traced function has NumPy's value, shape and dtype, and its derivatives are right."""
    wanted = f(*args)
    jaxpr, args = laws.captured(f, args)
    found = laws.run(jaxpr, args, 1e-13)
    for x, y in zip(found, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        laws.close(x, y, 1e-13)
    rng = np.random.default_rng(1)
    laws.jvp_is_derivative(jaxpr, args, rng, order, fd=1e-7, rtol=1e-12)
    laws.transpose_is_adjoint(jaxpr, args, rng, rtol=1e-12)


MATMUL = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 3), (5, 3, 2)),
    ((5, 2, 3), (5, 3, 2)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (4, 3, 2)),
    ((0, 2, 3), (3, 2)),
]


@pytest.mark.parametrize("shapes", MATMUL, ids=str)
@pytest.mark.parametrize("dtype", [float, complex])
def test_matmul(shapes, dtype):
    agrees(lambda x, y: x @ y, arrays(*shapes, dtype=dtype))


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2, 3), (3,)), ((4, 2, 3), (2, 3)), ((), (3,))])
@pytest.mark.parametrize(
    "function", [np.dot, np.inner, np.outer, np.kron], ids=lambda f: f.__name__
)
def test_old_products(function, shapes):
    x, y = arrays(*shapes)
    if function is np.dot and x.ndim > 2:
        y = y.T
    agrees(lambda x, y: function(x, y), [x, y])


@pytest.mark.parametrize("dtype", [float, complex])
def test_conjugating_products(dtype):
    x, y = arrays((2, 3), (2, 3), dtype=dtype)
    agrees(lambda x, y: (np.vdot(x, y), np.vecdot(x, y), np.vecdot(x, y[0])), [x, y])
    if hasattr(np, "matvec"):
        agrees(lambda x, y: (np.matvec(x, y), np.vecmat(y[:, :2], x)), [x, y])


@pytest.mark.parametrize("axes", [0, 1, ([0], [1]), ([1, 0], [0, 1]), (0, 1)], ids=str)
def test_tensordot(axes):
    agrees(lambda x, y: np.tensordot(x, y, axes), arrays((3, 3), (3, 3)))


@pytest.mark.parametrize("shapes", [((4, 3), (4, 3)), ((3,), (5, 3)), ((4, 1, 3), (2, 3))], ids=str)
def test_cross(shapes):
    agrees(lambda x, y: np.cross(x, y), arrays(*shapes))


def test_cross_along_another_axis():
    agrees(lambda x, y: np.cross(x, y, axis=0), arrays((3, 4), (3, 4)))


EINSUM = [
    "ij,jk->ik", "ij,jk", "ij,ij->", "ij,ij", "ij->ji", "ij->", "ij->j", "i,j->ij", "i,i->i",
    "ij,jk,kl->il", "ij,jk,kl,li->", "bij,bjk->bik", "b...i,b...i->b...", "...i->...", "i...->...",
    "...ij,...jk->...ik", "ii->i", "ii->", "ii", "iij->j", "bii->b", "iji,j->i", "ij,kj,lj->ikl",
    "i,i,i->i", "ba", "i,ij,j->", "ij,->ij", ",->", "ij , jk -> ki", "bij,kj->bki",
]  # fmt: skip


@pytest.mark.parametrize("spec", EINSUM)
def test_einsum(spec):
    left = spec.replace(" ", "").split("->")[0]
    sizes = SIZES | {".": 2}
    parts = left.replace("...", "..").split(",")  # an ellipsis stands for two axes
    shapes = [tuple(sizes[c] for c in part) for part in parts]
    agrees(lambda *xs: np.einsum(spec, *xs), arrays(*shapes))


def test_a_contraction_of_many_axes_is_one_product_of_matrices():
    """No batch axes: NumPy's matmul gets two matrices, not thousands of tiny ones."""
    jaxpr, _ = laws.captured(
        lambda x, w: np.einsum("bxycpq,cdqr->bxydpr", x, w),
        arrays((2, 3, 2, 4, 2, 3), (4, 5, 3, 2)),
    )
    (dot,) = [eqn for eqn in jaxpr.eqns if eqn.prim.name == "dot_general"]
    assert dot.params["dims"] == (((3, 5), (0, 2)), ((), ()))


def test_einsum_broadcasts_ones_and_takes_lists():
    agrees(lambda x, y: np.einsum("ij,ij->ij", x, y), arrays((2, 1), (2, 3)))
    agrees(lambda x, y: np.einsum("...j,j", x, y), arrays((2, 1, 3), (1,)))
    agrees(lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), arrays((2, 3), (3, 4)))
    agrees(lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), arrays((2, 3), (3, 4)))


@pytest.mark.parametrize("spec", ["ij,jk->il", "ij->ijj", "i1->i", "ij", "i,j"])
def test_einsum_refuses(spec):
    with pytest.raises(ValueError):
        grad(lambda x: np.sum(np.einsum(spec, x)))(np.ones(3))


DIAGONALS = {
    "diagonal": lambda x: np.diagonal(x, 1),
    "below": lambda x: np.diagonal(x, -2),
    "axes": lambda x: np.diagonal(x, 0, 2, 1),
    "outside": lambda x: np.diagonal(x, 9),
    "trace": lambda x: np.trace(x, -1),
    "matrices": lambda x: (np.linalg.trace(x), np.linalg.diagonal(x, offset=1)),
    "diag": lambda x: (np.diag(x[0]), np.diag(x[0], -1), np.diag(x[0, 0], 2), np.diag(x[0, 0])),
    "flat": lambda x: np.diagflat(x[0, :2], 1),
    "method": lambda x: x.diagonal(),
}


@pytest.mark.parametrize("name", DIAGONALS)
def test_diagonals(name):
    agrees(DIAGONALS[name], arrays((3, 4, 4)))


def test_chains_and_powers():
    v, x, y, z = arrays((3,), (3, 4), (4, 2), (2, 3))
    agrees(lambda x, y, z: np.linalg.multi_dot([x, y, z]), [x, y, z])
    agrees(lambda v, x, y, z: np.linalg.multi_dot([v, x, y, z, v]), [v, x, y, z])
    (square,) = arrays((2, 3, 3))
    for n in (0, 1, 2, 5):
        agrees(lambda x, n=n: np.linalg.matrix_power(x, n), [square])
    agrees(lambda x: np.linalg.matrix_power(x, -2), [square + 3 * np.eye(3)])


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((5, 2, 3), (4, 3, 2)), ((2, 2, 3), (2, 2))])
def test_what_does_not_fit_is_named(shapes):
    x, y = arrays(*shapes)
    with pytest.raises(ShapeError, match=r"matmul: shapes \(.*\) and \(.*\) do not fit"):
        grad(lambda x: np.sum(x @ y))(x)
    with pytest.raises(ValueError):  # as NumPy's own
        x @ y


def test_products_with_plain_arrays_on_either_side():
    (x,) = arrays((3, 3))
    w = np.arange(9.0).reshape(3, 3)
    agrees(lambda x: (x @ w, w @ x, np.matmul(w, x), x.dot(w), np.dot(w, x)), [x])
    agrees(lambda x: x @ [1.0, 2.0, 3.0], [x])


def test_a_plain_product_is_one_expression():
    """Small matrices must not pay for generality."""
    x, y = arrays((3, 3), (3, 3))
    source = Program(laws.build(lambda x, y: x @ y, [x, y]), np).source
    assert "= a @ b" in source and source.count("=") == 1
