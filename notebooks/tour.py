# %% [markdown]
# # A tour of funcgrad
#
# funcgrad differentiates, batches and compiles ordinary NumPy code. This notebook shows every
# public tool once, on a small example, and checks each claim with an `assert`. It can be read
# from top to bottom in half an hour. `how_it_works` opens the machine; `optimisation` uses it
# on data.

# %%
import numpy as np

import funcgrad
import funcgrad.numpy as fnp
from funcgrad import (
    all_gather,
    checkpoint,
    cond,
    custom_jvp,
    custom_vjp,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linear_transpose,
    linearize,
    pmap,
    pmean,
    ppermute,
    psum,
    scan,
    stop_gradient,
    switch,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)
from funcgrad.testing import check_grads

np.set_printoptions(precision=6, suppress=True)

# %% [markdown]
# ## Gradients
#
# `grad(f)` is a function of the same arguments as `f` and returns the gradient of a scalar
# result. The function stays what it was: plain NumPy, without a new array class or a new
# namespace.


# %%
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


x = np.array([-1.2, 1.0])
print("value   ", rosenbrock(x))
print("gradient", grad(rosenbrock)(x))
assert np.allclose(grad(rosenbrock)(x), [-215.6, -88.0])
assert type(grad(rosenbrock)(x)) is np.ndarray

# %% [markdown]
# An optimiser wants the value too. `value_and_grad` computes both in one sweep.

# %%
value, slope = value_and_grad(rosenbrock)(x)
assert value == rosenbrock(x)
assert np.array_equal(slope, grad(rosenbrock)(x))

# %% [markdown]
# ### Which argument?
#
# `argnums` chooses by position, `argnames` by keyword. Several positions give a tuple.


# %%
def line_loss(slope, intercept, x, y, *, weight=1.0):
    return weight * np.mean((slope * x + intercept - y) ** 2)


xs, ys = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
first = grad(line_loss)(1.0, 0.0, xs, ys)
both = grad(line_loss, argnums=(0, 1))(1.0, 0.0, xs, ys)
named = grad(line_loss, argnums=None, argnames="weight")(1.0, 0.0, xs, ys, weight=2.0)
print("d/dslope          ", first)
print("d/d(slope, offset)", both)
print("d/dweight         ", named)
assert both[0] == first
assert np.isclose(named, line_loss(1.0, 0.0, xs, ys))  # the loss is linear in its weight

# %% [markdown]
# ### Pytrees
#
# An argument may be a list, tuple, dict or named tuple of arrays, nested as you like: a
# *pytree*. The gradient has the same structure.


# %%
def network(params, x):
    hidden = np.tanh(params["first"]["w"] @ x + params["first"]["b"])
    return params["second"] @ hidden


rng = np.random.default_rng(0)
params = {
    "first": {"w": rng.normal(size=(4, 3)), "b": np.zeros(4)},
    "second": rng.normal(size=4),
}
example = np.array([0.5, -1.0, 2.0])
slopes = grad(network)(params, example)
print({"first": {k: v.shape for k, v in slopes["first"].items()}, "second": slopes["second"].shape})
moved = funcgrad.tree.map(lambda p, g: p + 1e-4 * g, params, slopes)
gained = network(moved, example) - network(params, example)
expected = 1e-4 * sum(np.sum(g**2) for g in funcgrad.tree.flatten(slopes)[0])
assert np.isclose(gained, expected, rtol=1e-2)  # a step along the gradient gains its squared norm

# %% [markdown]
# ### Passing more along
#
# With `has_aux=True` the function returns `(value, anything else)`, and the rest comes out
# beside the gradient, as ordinary arrays.


# %%
def loss_and_residuals(slope, x, y):
    residuals = slope * x - y
    return np.sum(residuals**2), {"residuals": residuals, "worst": np.max(np.abs(residuals))}


slope, aux = grad(loss_and_residuals, has_aux=True)(2.0, xs, ys)
print("gradient", slope, " aux", aux)
assert np.isclose(slope, 2 * np.sum(aux["residuals"] * xs))
assert aux["worst"] == 1.0

# %% [markdown]
# ## Plain Python control flow
#
# While a function is being differentiated its inputs are concrete, so a value can be printed,
# compared and branched on. Only the path that is taken is differentiated.


# %%
def newton_root(a):
    """The square root of a, by Heron's method, with a loop that depends on the values."""
    guess = a if a > 1 else 1.0
    steps = 0
    while abs(guess * guess - a) > 1e-13 * a:
        guess = 0.5 * (guess + a / guess)
        steps += 1
    print(f"    {steps} steps to {guess}")
    return guess


for a in (2.0, 81.0):
    print("d sqrt at", a)
    assert np.isclose(grad(newton_root)(a), 0.5 / np.sqrt(a), rtol=1e-6)

# %% [markdown]
# ### Arrays filled in place, and views
#
# Assignment into an array differentiates. Views write through to their base, as they do in
# NumPy, and an argument that is changed inside never changes the caller's array. Arrays that
# begin empty come from `np.zeros_like(x)` or from `funcgrad.numpy`, whose `zeros` returns an
# array that can hold traced values.


# %%
def heat(rod, steps=20):
    """Explicit heat flow on a rod with fixed ends."""
    for _ in range(steps):
        inner = rod[1:-1]  # a view: the assignment below changes rod
        inner += 0.25 * (rod[2:] - 2.0 * inner + rod[:-2])
    return rod[len(rod) // 2]


def powers(x):
    table = fnp.zeros(5)
    for k in range(5):
        table[k] = x**k
    return np.sum(table)


rod = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0])
before = rod.copy()
influence = grad(heat)(rod)
print("influence of each starting value on the middle:", influence)
assert np.array_equal(rod, before)
assert np.isclose(influence @ rod, heat(rod.copy()))  # heat flow is linear
assert np.isclose(np.sum(influence), 1.0)  # and keeps constants
assert grad(powers)(2.0) == 1 + 4 + 12 + 32

# %% [markdown]
# ## Directions: jvp, vjp, linearize
#
# Let $J$ be the Jacobian of `f` at `x`. Forward mode computes $J t$ for a direction $t$,
# reverse mode computes $J^T c$ for weights $c$ of the outputs. Neither forms $J$.


# %%
def polar(p):
    r, angle = p
    return np.stack([r * np.cos(angle), r * np.sin(angle)])


p, t, c = np.array([2.0, 0.3]), np.array([1.0, -1.0]), np.array([0.5, 2.0])
y, dy = jvp(polar, (p,), (t,))
y_again, pullback = vjp(polar, p)
(back,) = pullback(c)
print("J t  ", dy)
print("J^T c", back)
assert np.allclose(y, y_again)
assert np.isclose(c @ dy, back @ t)  # <c, J t> = <J^T c, t>: one number, computed by both modes

# %% [markdown]
# `linearize` keeps the linear map for later: the nonlinear work is done once, then each
# direction costs linear work only. `linear_transpose` turns a function that is linear already.

# %%
y, push = linearize(polar, p)
assert np.allclose(push(t), dy)
assert np.allclose(push(3 * t), 3 * push(t))

second_difference = lambda v: v[2:] - 2 * v[1:-1] + v[:-2]
(spread,) = linear_transpose(second_difference, np.zeros(4))(np.array([1.0, 0.0]))
print("transpose of a second difference:", spread)
assert np.array_equal(spread, [1.0, -2.0, 1.0, 0.0])

# %% [markdown]
# ## Matrices: jacobian, hessian, hvp
#
# `jacfwd` builds the Jacobian by columns, `jacrev` by rows, and `jacobian` counts which needs
# fewer sweeps. All columns (or rows) run as one batched program.

# %%
J = jacobian(polar)(p)
print(J)
assert np.allclose(jacfwd(polar)(p), J)
assert np.allclose(jacrev(polar)(p), J)
assert np.allclose(J @ t, dy)
assert np.isclose(np.linalg.det(J), p[0])  # r dr dangle

# %% [markdown]
# Second derivatives: `hessian` returns the matrix, `hvp` its product with a vector for about
# the price of two gradients, whatever the size.

# %%
H = hessian(rosenbrock)(x)
v = np.array([0.3, -0.7])
print(H)
assert np.allclose(H, H.T)
assert np.allclose(hvp(rosenbrock)(x, v), H @ v)

# %% [markdown]
# Transforms nest to any depth and in any order, closures included. The derivative of $\sin$,
# five times, is $\cos$; a third derivative tensor comes from a Jacobian of a Hessian.

# %%
f = np.sin
for _ in range(5):
    f = grad(f)
assert np.isclose(f(0.4), np.cos(0.4))

third = jacfwd(hessian(rosenbrock))(x)
print("third derivatives have shape", third.shape)
assert np.isclose(third[0, 0, 0], 2400 * x[0])

outer = grad(lambda a: a * grad(lambda b: a * b**2)(3.0))(2.0)  # d/da of a * 6a
assert np.isclose(outer, 12 * 2.0)

# %% [markdown]
# ## Batches: vmap
#
# Write the function for one example; `vmap` makes it a function of a batch, as one program and
# not as a loop. `in_axes` says which arguments have a batch axis: one number, a tuple, or a
# dict by parameter name.

# %%
batch = rng.normal(size=(6, 3))
outputs = vmap(network, in_axes={"params": None, "x": 0})(params, batch)
assert outputs.shape == (6,)
assert np.allclose(outputs, [network(params, row) for row in batch])

# per-example gradients: usually hard to get, here one more composition
each = vmap(grad(network), in_axes=(None, 0))(params, batch)
print("first layer, one gradient per example:", each["first"]["w"].shape)
assert np.allclose(each["first"]["w"][2], grad(network)(params, batch[2])["first"]["w"])

# %% [markdown]
# ### When the examples disagree
#
# Python's `if` has one outcome, a batch may have several. `vmap` then splits the batch, runs
# each branch on its own examples and puts the results back in order. With `branches="error"` it
# says where the decision stands instead.


# %%
def collatz_like(x):
    steps = 0.0
    while x > 1.0:
        x = x / 2.0 if x > 3.0 else x - 1.0
        steps += 1.0
    return steps + x


starts = np.array([0.5, 2.5, 9.0, 5.0, 2.0])
together = vmap(collatz_like)(starts)
print(together)
assert np.allclose(together, [collatz_like(s) for s in starts])
assert np.allclose(vmap(grad(collatz_like))(starts), [1.0, 1.0, 0.25, 0.5, 1.0])

# %% [markdown]
# ## Compiled functions: jit
#
# `jit` runs Python once, keeps the program, and skips Python from then on. A Python decision on
# a value becomes a branch of the compiled tree: a new outcome runs Python once more.


# %%
@jit
def huber(residual):
    size = np.abs(residual)
    if size < 1.0:
        return 0.5 * residual**2
    return size - 0.5


assert [float(huber(r)) for r in (0.5, 3.0, -0.5, -4.0)] == [0.125, 2.5, 0.125, 3.5]
print(huber.cache_info())
print(huber.explain())
assert huber.cache_info().calls == 4
assert huber.cache_info().traces == 2  # one per outcome

# %% [markdown]
# A global or a closed-over value that the function reads is *guarded*: when it changes, the
# function is traced again. A stale constant cannot stay behind.

# %%
gain = 2.0


@jit
def amplified(x):
    return gain * x


assert amplified(3.0) == 6.0
gain = 10.0
assert amplified(3.0) == 30.0
print(amplified.explain().splitlines()[-1])

# %% [markdown]
# The compiled and the derived compose: `jit(grad(f))`, `grad` of a function that calls a jitted
# one, `jit(vmap(hvp(f)))`.

# %%
assert np.allclose(jit(grad(rosenbrock))(x), grad(rosenbrock)(x))
assert np.isclose(grad(lambda r: 3.0 * huber(r))(0.5), 1.5)
many = np.stack([x, x + 1.0, x - 0.5])
assert np.allclose(
    jit(vmap(hvp(rosenbrock)))(many, many), [hessian(rosenbrock)(m) @ m for m in many]
)

# %% [markdown]
# ## Loops as one equation
#
# A Python loop is recorded step by step. That is right for ten steps and slow for ten thousand.
# `scan`, `fori_loop`, `while_loop` and `cond` record one equation, whose body is traced once.


# %%
def pendulum(length, steps=200, dt=0.02):
    """Swing from rest at one radian; the angle at every step."""

    def step(state, _):
        angle, speed = state
        speed = speed - dt * 9.81 / length * np.sin(angle)
        angle = angle + dt * speed
        return (angle, speed), angle

    _, angles = scan(step, (1.0, 0.0), length=steps)
    return angles


angles = pendulum(1.0)
sensitivity = jacfwd(pendulum)(1.0)
h = 1e-6
differences = (pendulum(1.0 + h) - pendulum(1.0 - h)) / (2 * h)
print("last angle", angles[-1], " its sensitivity to the length", sensitivity[-1])
assert np.allclose(sensitivity, differences, atol=1e-5)
assert np.isclose(grad(lambda length: pendulum(length)[-1])(1.0), sensitivity[-1])

# %% [markdown]
# `while_loop` works in reverse mode too, though nobody knows beforehand how many steps there
# will be: each step saves what its derivative needs. Under `vmap` it runs until every example
# is done.


# %%
def kepler(mean_anomaly, eccentricity):
    """Solve E - e sin E = M by Newton's method."""

    def error(e_anomaly):
        return e_anomaly - eccentricity * np.sin(e_anomaly) - mean_anomaly

    def improve(e_anomaly):
        return e_anomaly - error(e_anomaly) / (1.0 - eccentricity * np.cos(e_anomaly))

    return while_loop(lambda e: np.abs(error(e)) > 1e-13, improve, mean_anomaly)


M, ecc = 1.0, 0.6
E = kepler(M, ecc)
exact = np.array([1.0, np.sin(E)]) / (1.0 - ecc * np.cos(E))  # by the implicit function theorem
found = np.array(grad(kepler, argnums=(0, 1))(M, ecc))
print("dE/dM, dE/de:", found)
assert np.allclose(found, exact, rtol=1e-6)
orbits = np.linspace(0.1, 3.0, 5)
assert np.allclose(
    vmap(kepler, in_axes=(0, None))(orbits, ecc), [kepler(m, ecc) for m in orbits], atol=1e-10
)

# %%
assert fori_loop(0, 5, lambda i, total: total + i, 0) == 10
assert np.isclose(grad(lambda x: fori_loop(0, 3, lambda i, c: c * x, 1.0))(2.0), 12.0)
assert grad(lambda x: cond(x > 1, lambda x: x**2, lambda x: 3 * x, x))(2.0) == 4.0
pieces = [lambda x: x, lambda x: x**2, lambda x: x**3]
assert np.isclose(grad(lambda x: switch(2, pieces, x))(3.0), 27.0)
assert np.array_equal(funcgrad.map(lambda x: x**2, np.array([1.0, 2.0])), [1.0, 4.0])

# %% [markdown]
# ## Your own rules
#
# `custom_jvp` gives a function its derivative by a formula. This cube root is found by an
# iteration. The derivative of the result is known, $1 / 3y^2$, and there is no need to
# differentiate the steps. Reverse mode, higher orders and batches follow from this one rule.


# %%
@custom_jvp
def cube_root(a):
    y = a
    for _ in range(60):
        y = y - (y**3 - a) / (3.0 * y**2)
    return y


@cube_root.defjvp
def cube_root_rule(primals, tangents):
    (a,), (t,) = primals, tangents
    y = cube_root(a)
    return y, t / (3.0 * y**2)


cubes = np.array([1.0, 8.0, 27.0])
assert np.allclose(vmap(grad(cube_root))(cubes), [1 / 3, 1 / 12, 1 / 27])
assert np.isclose(grad(grad(cube_root))(8.0), -2 / 9 * 8.0 ** (-5 / 3))
steps = funcgrad.make_jaxpr(grad(cube_root.__wrapped__))(8.0).eqns
rule = funcgrad.make_jaxpr(grad(cube_root))(8.0).eqns
print("equations: by the rule", len(rule), " through the steps", len(steps))
assert len(rule) < len(steps)

# %% [markdown]
# `custom_vjp` states the reverse rule as two functions: `fwd` returns the output and what to
# keep, `bwd` turns a cotangent round. Forward mode is derived by transposing `bwd`.


# %%
@custom_vjp
def bounded_slope(x):
    return x


bounded_slope.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
assert grad(lambda x: 5.0 * bounded_slope(x))(2.0) == 1.0
assert grad(lambda x: 0.5 * bounded_slope(x))(2.0) == 0.5

# %% [markdown]
# ### stop_gradient and checkpoint
#
# `stop_gradient(x)` is `x` with no derivative. `checkpoint(f)` is `f`, but keeps no
# intermediate values for the way back and computes them again: less memory, more time, the same
# numbers.

# %%
assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0


def block(x):
    return np.sin(np.exp(-(x**2)))


def deep(x, layer):
    for _ in range(4):
        x = layer(x)
    return np.sum(x)


points = np.linspace(-1, 1, 5)
kept, again = grad(deep)(points, block), grad(deep)(points, checkpoint(block))
assert np.allclose(kept, again)

# %% [markdown]
# ## Several workers: collectives
#
# Give a mapped axis a name, and the examples can speak to each other: `psum`, `pmean`, `pmax`,
# `all_gather`, `ppermute` and others. They mean the same under `vmap` and under `pmap`, and they
# differentiate. `pmap` takes an `engine=` that decides where the rows run; the one that comes with
# it runs them in this process as one batched program.

# %%
scores = np.array([1.0, 3.0, 2.0, 0.5])
softmax = lambda s: np.exp(s) / psum(np.exp(s), "i")
shares = vmap(softmax, axis_name="i")(scores)
print(shares)
assert np.isclose(np.sum(shares), 1.0)
assert np.allclose(pmap(softmax, axis_name="i")(scores), shares)
neighbours = vmap(lambda s: ppermute(s, "i", [(k, (k + 1) % 4) for k in range(4)]), axis_name="i")
assert np.array_equal(neighbours(scores), np.roll(scores, 1))
assert vmap(lambda s: all_gather(s, "i"), axis_name="i")(scores).shape == (4, 4)

# Data-parallel training in one line: every worker has its rows, all get the mean gradient.
rows = rng.normal(size=(4, 10, 3))


def mean_slope(x, w):
    return pmean(grad(lambda w: np.mean((x @ w - 1.0) ** 2))(w), "workers")


w = np.zeros(3)
parallel = pmap(mean_slope, axis_name="workers", in_axes=(0, None))(rows, w)
serial = grad(lambda w: np.mean((rows.reshape(40, 3) @ w - 1.0) ** 2))(w)
assert np.allclose(parallel, serial)

# %% [markdown]
# ## Random numbers
#
# A key is made of a seed and used once; `split` makes more of it. The same key gives the same
# numbers in plain code and in every transform, and draws are differentiable in their parameters.

# %%
key, for_gammas = funcgrad.random.split(funcgrad.random.key(0))
keys = funcgrad.random.split(key, 4)
rows = vmap(lambda key: funcgrad.random.normal(key, (3,)))(keys)
assert np.array_equal(rows[2], funcgrad.random.normal(keys[2], (3,)))


def average(shape):
    """The mean of 10,000 gamma variates, which is about the parameter itself."""
    return np.mean(funcgrad.random.gamma(for_gammas, shape, (10_000,)))


assert abs(grad(average)(2.5) - 1.0) < 0.05

# %% [markdown]
# ## Complex numbers
#
# For a real function of $z = x + iy$ the gradient is $\partial f/\partial x - i\,\partial
# f/\partial y$ (JAX's convention; its conjugate points uphill). `holomorphic=True` gives the
# complex derivative.

# %%
z = 1.0 + 2.0j
assert np.isclose(grad(lambda z: np.abs(z) ** 2)(z), 2 * np.conj(z))
assert np.isclose(grad(lambda z: z**3, holomorphic=True)(z), 3 * z**2)


def misfit(phases):
    """How far a sum of unit vectors is from a target; complex inside, real at both ends."""
    return np.abs(np.sum(np.exp(1j * phases)) - (1.0 + 1.0j)) ** 2


phases = np.array([0.1, 0.9, -0.4])
report = check_grads(misfit, (phases,))
assert report.forward < 1e-6

# %% [markdown]
# ## Errors that say what to do
#
# Whatever would silently lose a gradient raises instead, names the place and suggests a remedy.


# %%
def expect(kind, f):
    """Run f, and show the error of this kind that it raises."""
    try:
        f()
    except kind as error:
        print(f"{type(error).__name__}: {error}\n")
    else:
        raise AssertionError(f"no {kind.__name__} was raised")


errors = funcgrad.errors
signs = np.array([1.0, -1.0])

expect(errors.DifferentiationError, lambda: grad(lambda x: x**2)(np.ones(3)))
expect(errors.DifferentiationError, lambda: grad(np.sum)(np.array([1, 2])))
expect(errors.ConcretizationError, lambda: grad(lambda x: float(x) ** 2)(1.0))
expect(errors.ShapeError, lambda: grad(np.dot)(np.ones(3), np.ones(4)))
expect(errors.ImpureCallError, lambda: jit(lambda x: x + np.random.rand())(1.0))
expect(errors.StructureError, lambda: vmap(np.dot)(np.ones((3, 2)), np.ones((4, 2))))
expect(
    errors.BatchedDecisionError,
    lambda: vmap(lambda x: x if x > 0 else -x, branches="error")(signs),
)

# %% [markdown]
# A traced value that is kept in a global outlives its trace. Using it later is an error, not a
# wrong number.

# %%
shelf = []


def keeps_a_value(x):
    shelf.append(x)
    return x**2


grad(keeps_a_value)(2.0)
expect(errors.LeakedTracerError, lambda: shelf[0] + 1.0)

# %% [markdown]
# ## Checking a derivative
#
# `check_grads` compares forward mode with differences, reverse mode with forward mode, and does
# so again for the derivative itself. It finds a wrong rule at once.

# %%
report = check_grads(lambda x: np.sum(np.sin(x) * x), (np.array([0.3, 2.0]),))
print(report)
assert report.forward < 1e-8 and report.reverse < 1e-12
check_grads(cube_root, (5.0,))


@custom_jvp
def careless(x):
    return x**3


careless.defjvp(lambda primals, tangents: (primals[0] ** 3, 2.0 * primals[0] ** 2 * tangents[0]))
expect(AssertionError, lambda: check_grads(careless, (1.5,)))

# %% [markdown]
# That was the tour. `help(grad)` and its like have the details and further examples.
