"""funcgrad.compat.autograd: autograd's own kind of code, beside autograd."""

import functools
import importlib

import numpy as onp
import pytest

OURS = "funcgrad.compat.autograd"
X = onp.array([0.3, 1.2, -0.7])


class Library:
    """autograd's modules, of either make."""

    def __init__(self, root):
        self.root = root
        self.ag, self.np = self.module(""), self.module("numpy")

    def module(self, name):
        return importlib.import_module(f"{self.root}.{name}".rstrip("."))


def tanh(lib, x):
    y = lib.np.exp(-2.0 * x)
    return (1.0 - y) / (1.0 + y)


def net(lib, params, x):
    for w, b in params:
        x = lib.np.tanh(lib.np.dot(x, w) + b)
    return lib.np.sum(x**2)


def weights():
    rng = onp.random.default_rng(0)
    return [(rng.normal(size=s), rng.normal(size=s[1])) for s in ((3, 4), (4, 2))]


CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


@case
def scalar_orders(lib):
    f, out = functools.partial(tanh, lib), []
    for _ in range(4):
        out.append(f(0.7))
        f = lib.ag.grad(f)
    return out


@case
def elementwise(lib):
    return lib.ag.elementwise_grad(lib.ag.elementwise_grad(functools.partial(tanh, lib)))(X)


@case
def derivative(lib):
    return lib.ag.deriv(functools.partial(tanh, lib))(0.7)


@case
def gradients_of_containers(lib):
    return lib.ag.grad(lambda p: net(lib, p, X))(weights())


@case
def argnums(lib):
    f = lambda x, y, z: lib.np.sum(x * y**2) * z
    both = lib.ag.grad(f, (0, 2))(X, 2 * X, 3.0)
    return [lib.ag.grad(f, 1)(X, 2 * X, 3.0), *both]


@case
def of_size_one(lib):
    return lib.ag.grad(lambda x: lib.np.sum(x**2, keepdims=True))(X)


@case
def values_too(lib):
    return lib.ag.value_and_grad(lambda x, k=2: lib.np.sum(x**k))(X, k=3)


@case
def jacobians(lib):
    f = lambda x: lib.np.outer(x, lib.np.sin(x))
    return [lib.ag.jacobian(f)(X), lib.ag.jacobian(lib.np.sum)(X), lib.ag.jacobian(lib.np.sin)(0.4)]


@case
def hessians(lib):
    f = lambda x: lib.np.sum(x**3) * x[0]
    g = lambda x: x**2 * x[0]
    return [lib.ag.hessian(f)(X), lib.ag.hessian(g)(X)]


@case
def products(lib):
    f = lambda x: lib.np.sum(x**3) * x[0]
    g = lambda x: lib.np.outer(x, x)
    return [
        lib.ag.hessian_vector_product(f)(X, X + 1),
        lib.ag.vector_jacobian_product(g)(X, onp.arange(9.0).reshape(3, 3)),
        lib.ag.tensor_jacobian_product(g)(X, X),
        lib.ag.make_hvp(f)(X)[0](X + 1),
        lib.ag.make_hvp(f)(X)[1],
        lib.ag.make_ggnvp(lambda x: lib.np.sin(x) * x[0])(X)(X + 1),
    ]


@case
def pulls_and_pushes(lib):
    pull, value = lib.ag.make_vjp(lambda a, x: lib.np.sin(x) * a, 1)(2.0, X)
    push = lib.ag.make_jvp(lambda x: lib.np.sin(x))(X)
    reverse = lib.module("differential_operators").make_jvp_reversemode(lambda x: lib.np.sin(x))(X)
    return [value, pull(X), *push(X), reverse(X)]


@case
def auxiliary(lib):
    return lib.ag.grad_and_aux(lambda x: (lib.np.sum(x**2), lib.np.sin(x)))(X)


@case
def named(lib):
    def f(x, scale):
        return lib.np.sum(x) * scale**2

    return lib.ag.grad_named(f, "scale")(X, 3.0)


@case
def holomorphic(lib):
    return lib.ag.holomorphic_grad(lambda z: z**2 * lib.np.exp(z))(0.3 + 0.2j)


@case
def complex_gradient(lib):
    return lib.ag.grad(lambda z: lib.np.abs(z) ** 2 + lib.np.real(z) ** 3)(0.3 + 0.2j)


@case
def checkpointed(lib):
    return lib.ag.grad(lib.ag.checkpoint(lambda x: lib.np.sum(lib.np.sin(x) ** 2)))(X)


@case
def own_primitives(lib):
    extend = lib.module("extend")

    @extend.primitive
    def logsumexp(x):
        peak = onp.max(x)
        return peak + onp.log(onp.sum(onp.exp(x - peak)))

    def maker(ans, x):
        shape = x.shape
        return lambda g: lib.np.full(shape, g) * lib.np.exp(x - lib.np.full(shape, ans))

    extend.defvjp(logsumexp, maker)
    example = lambda y: logsumexp(lib.np.array([z**2 for z in y]))
    return [lib.ag.grad(example)(X), lib.ag.hessian(logsumexp)(X)]


@case
def primitives_by_argument(lib):
    extend = lib.module("extend")

    @extend.primitive
    def f(x, y, scale=1.0):
        return x * y * scale

    extend.defvjp(f, lambda ans, x, y, scale=1.0: lambda g: g * x * scale, argnums=[1])

    @extend.primitive
    def g(x, y):
        return x * y

    extend.defvjp_argnum(g, lambda i, ans, args, kwargs: lambda ct: ct * args[1 - i])

    @extend.primitive
    def h(x, y):
        return x * y

    extend.defjvp(h, lambda t, ans, x, y: t * y, lambda t, ans, x, y: x * t)
    return [
        lib.ag.grad(f, 1)(2.0, 3.0), lib.ag.grad(lambda y: f(2.0, y, scale=5.0))(3.0),
        lib.ag.grad(g)(2.0, 3.0), lib.ag.grad(g, 1)(2.0, 3.0), lib.ag.deriv(h, 1)(2.0, 3.0),
    ]  # fmt: skip


@case
def flattened(lib):
    flat = lib.module("misc.flatten")
    tree = {"b": [X, 2.0], "a": (onp.eye(2),)}
    vector, unflatten = flat.flatten(tree)
    func, _, _ = flat.flatten_func(lambda p: {"a": p["a"][0] * p["b"][1]}, tree)
    back = unflatten(2 * vector)
    return [vector, back["b"][0], back["a"][0], func(vector), lib.ag.jacobian(func)(vector)]


@case
def optimized(lib):
    optimizers = lib.module("misc.optimizers")
    slope = lib.ag.grad(lambda p, i: lib.np.sum((p["x"] - 1.0) ** 4) + p["y"] ** 2)
    start, seen, out = {"x": X, "y": 2.0}, [], []
    for name in ("sgd", "rmsprop", "adam"):
        found = getattr(optimizers, name)(
            slope, start, lambda x, i, g: seen.append(g["y"]), num_iters=7, step_size=0.05
        )
        out += [found["x"], found["y"]]
    return [*out, *seen]


@case
def fixed_points(lib):
    fixed_point = lib.module("misc.fixed_points").fixed_point

    def newton(a):
        return lambda x: 0.5 * (x + a / x)

    apart = lambda x, y: lib.np.abs(x - y)
    root = lambda a: fixed_point(newton, a, 1.0, apart, 1e-10)
    return [root(2.0), lib.ag.grad(root)(2.0), lib.ag.grad(lib.ag.grad(root))(2.0)]


@case
def containers(lib):
    kinds = lib.module("builtins")

    def f(x):
        assert kinds.isinstance(x, onp.ndarray) and kinds.type(x) is onp.ndarray
        pair = kinds.tuple((x, x**2))
        named = kinds.dict(a=pair[0], b=kinds.list([pair[1]]))
        return lib.np.sum(named["a"] * named["b"][0])

    return lib.ag.grad(f)(X)


@case
def values_of_boxes(lib):
    tracer = lib.module("tracer")
    return [
        lib.ag.grad(lambda x: x * tracer.getval(x))(3.0),
        lib.ag.grad(lambda x: x * float(tracer.isbox(x)) + float(tracer.isbox(1.0)))(3.0),
    ]


@case
def names_of_modules(lib):
    npr, npla = lib.module("numpy.random"), lib.module("numpy.linalg")
    fft = lib.module("numpy.fft")
    draws = npr.RandomState(0).randn(3, 3)
    f = lambda a: npla.slogdet(a)[1] + lib.np.sum(lib.np.abs(fft.fft(a)) ** 2)
    return lib.ag.grad(f)(draws)


@pytest.fixture
def ours():
    return Library(OURS)


def leaves_of(x):
    if isinstance(x, dict):
        return [leaf for k in sorted(x) for leaf in leaves_of(x[k])]
    return [leaf for y in x for leaf in leaves_of(y)] if isinstance(x, (list, tuple)) else [x]


@pytest.mark.oracle
@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_as_autograd_does(f, ours):
    pytest.importorskip("autograd")
    found, expected = leaves_of(f(ours)), leaves_of(f(Library("autograd")))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert onp.shape(a) == onp.shape(b)
        onp.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_runs(f, ours):
    assert all(onp.isfinite(leaf).all() for leaf in leaves_of(f(ours)))


def test_grad_refuses_what_autograd_refuses(ours):
    for name in ("grad", "value_and_grad"):
        with pytest.raises(TypeError, match="one real number"):
            getattr(ours.ag, name)(lambda x: x)(X)
        with pytest.raises(TypeError, match="one real number"):
            getattr(ours.ag, name)(lambda x: x * 1j)(1.0)
    with pytest.raises(TypeError, match="elementwise_grad"):
        ours.ag.elementwise_grad(lambda x: x * 1j)(X)


def test_all_arguments_at_once(ours):
    def f(x, y=2.0, *rest, scale=3.0):
        return ours.np.sum(x) * y * scale + sum(rest)

    found = ours.ag.multigrad_dict(f)(X, 4.0, scale=5.0)
    onp.testing.assert_allclose(found["x"], onp.full(3, 20.0))
    assert found["y"] == pytest.approx(5 * X.sum()) and found["scale"] == pytest.approx(4 * X.sum())


def test_names_that_numpy_dropped(ours):
    assert ours.np.row_stack([X, X]).shape == (2, 3)
    assert ours.ag.grad(lambda x: ours.np.sum(ours.np.row_stack([x, x])))(X).tolist() == [2.0] * 3
    with pytest.raises(AttributeError):
        ours.np.no_such_name


def test_checks_of_derivatives(ours):
    util = ours.module("test_util")
    util.check_grads(ours.np.sin)(X)
    util.check_grads(lambda x, y: x * ours.np.sum(y), modes="rev", order=1)(2.0, X)
    util.combo_check(ours.np.sum, order=1)([X, onp.ones((2, 3))], axis=[None, 0])
    util.check_equivalent({"a": 1.0}, {"a": 1.0 + 1e-9})
    assert util.scalar_close(1.0, 1.0 + 1e-9) and not util.scalar_close(1.0, 1.1)
    with pytest.raises(AssertionError):
        util.check_equivalent([1.0], [1.1])
    with pytest.raises(AssertionError):
        util.check_equivalent([1.0], (1.0,))


def test_const_graph(ours):
    traced = ours.module("misc.tracers").const_graph(lambda x: ours.np.sin(x))
    assert ours.ag.grad(traced)(0.0) == 1.0


def test_a_maker_of_several_arguments(ours):
    extend = ours.module("extend")

    @extend.primitive
    def f(x, y):
        return x * y

    extend.defvjp_argnums(
        f, lambda nums, ans, args, kwargs: lambda g: tuple(g * args[1 - i] for i in nums)
    )
    assert ours.ag.grad(f, (0, 1))(2.0, 3.0) == (3.0, 2.0)


def test_linear_primitives(ours):
    extend = ours.module("extend")

    @extend.primitive
    def double(x):
        return 2 * x

    extend.defjvp(double, "same")
    assert ours.ag.deriv(double)(3.0) == 2.0
