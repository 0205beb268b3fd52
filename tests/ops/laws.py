"""What every traced expression owes: NumPy's value, shape and dtype, and a true derivative."""

import warnings

import numpy as np

from funcgrad import grad, jit, jvp, vmap


def arguments(shapes, seed=0, low=-2.0, high=2.0):
    """Distinct numbers, none of them close to a kink of |x|, floor or max."""
    rng = np.random.default_rng(seed)
    found = []
    for i, shape in enumerate(shapes):
        size = int(np.prod(shape))
        grid = np.linspace(low, high, size + 3)[1 : size + 1] + 0.01 + 0.037 * i
        found.append(rng.permutation(grid).reshape(shape))
    return found


def leaves(out):
    return (
        [leaf for part in out for leaf in leaves(part)] if isinstance(out, (tuple, list)) else [out]
    )


def is_float(v):
    return np.asarray(v).dtype.kind == "f"


def check_value(f, args):
    """The traced result is NumPy's in shape, dtype and numbers; returns both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [np.asarray(v) for v in leaves(f(*[a.copy() for a in args]))]
    before = [a.copy() for a in args]
    tangents = tuple(np.zeros_like(a) for a in args)
    found, _ = jvp(lambda *xs: tuple(leaves(f(*xs))), tuple(args), tangents)
    found = [np.asarray(v) for v in found]
    assert [v.shape for v in found] == [v.shape for v in expected]
    assert [v.dtype for v in found] == [v.dtype for v in expected]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg="an argument was changed")
    return expected


def weighted(f, args, seed=1):
    """A scalar that hears every float element of the result."""
    rng = np.random.default_rng(seed)
    outs = [np.asarray(v) for v in leaves(f(*[a.copy() for a in args]))]
    weights = [rng.normal(size=v.shape) for v in outs]

    def total(*xs):
        found = zip(weights, leaves(f(*xs)), outs, strict=True)
        return sum((np.sum(w * v) for w, v, out in found if is_float(out)), 0.0 * np.sum(xs[0]))

    return total


def five_point(f, args, direction, h=1e-3):
    """The slope of a scalar function along a direction, to fourth order."""

    def at(k):
        return f(*[a + k * h * d for a, d in zip(args, direction, strict=True)])

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def check_gradient(f, args, tol=1e-6):
    """grad of a weighted sum agrees with differences of plain NumPy, argument by argument."""
    total = weighted(f, args)
    rng = np.random.default_rng(2)
    found = grad(total, argnums=tuple(range(len(args))))(*args)
    for i, (g, a) in enumerate(zip(found, args, strict=True)):
        assert g.shape == a.shape and g.dtype == a.dtype
        direction = [np.zeros_like(b) for b in args]
        direction[i] = rng.normal(size=a.shape)
        expected = five_point(total, args, direction)
        np.testing.assert_allclose(np.sum(g * direction[i]), expected, rtol=tol, atol=tol)


def check(f, args):
    outs = check_value(f, args)
    if any(is_float(v) for v in outs):
        check_gradient(f, args)


def check_second_order(f, args, tol=1e-6):
    """Forward over reverse and reverse over reverse are the slope of the gradient."""
    rng = np.random.default_rng(5)
    direction = [rng.normal(size=a.shape) for a in args]
    every = tuple(range(len(args)))
    total = weighted(f, args)

    def squared(*xs):
        return total(*xs) ** 2  # bends, even where f does not

    def along(*xs):
        found = grad(squared, every)(*xs)
        return sum(np.sum(g * d) for g, d in zip(found, direction, strict=True))

    expected = five_point(along, args, direction)
    forward = jvp(along, tuple(args), tuple(direction))[1]
    reverse = sum(np.sum(g * d) for g, d in zip(grad(along, every)(*args), direction, strict=True))
    scale = max(1.0, abs(expected))
    np.testing.assert_allclose([forward, reverse], expected, rtol=tol, atol=tol * scale)


def compiled(code, names="x y"):
    """An expression as a function of its variables."""
    return eval(f"lambda {', '.join(names.split())}: {code}", {"np": np})


def check_batched(f, args):
    """vmap is a loop, and jit changes nothing."""
    batch = [np.stack([a, a * 0.93 + 0.011, a * 1.07 - 0.013]) for a in args]
    rows = [leaves(f(*[b[i].copy() for b in batch])) for i in range(3)]
    expected = [np.stack(row) for row in zip(*rows, strict=True)]
    found = vmap(lambda *xs: tuple(leaves(f(*xs))))(*batch)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    compiled_f = jit(lambda *xs: tuple(leaves(f(*xs))))
    for i in (0, 1, 0):
        for a, b in zip(compiled_f(*[v[i] for v in batch]), rows[i], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def check_float32(f, args):
    """Single precision goes in and comes out wherever NumPy keeps it."""
    small = [a.astype(np.float32) for a in args]
    expected = [np.asarray(v) for v in leaves(f(*[a.copy() for a in small]))]
    zeros = tuple(np.zeros_like(a) for a in small)
    found, tangents = jvp(lambda *xs: tuple(leaves(f(*xs))), tuple(small), zeros)
    for a, t, b in zip(found, tangents, expected, strict=True):
        assert np.asarray(a).dtype == b.dtype, (np.asarray(a).dtype, b.dtype)
        assert b.dtype.kind != "f" or np.asarray(t).dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
