# %% [markdown]
# # How it works
#
# An automatic differentiation framework in one sitting: what is recorded, what each transform
# does to the record, and how the result runs. Everything shown here is the real thing, printed;
# nothing is a drawing of it. The road is always the same:
#
#     function --trace--> jaxpr --transform--> jaxpr --simplify, compile--> program --run--> arrays
#
# Read `tour` first if the names `grad`, `jvp` and `vmap` are new to you.

# %%
from collections import Counter
from math import prod

import numpy as np

from funcgrad import grad, hvp, jit, jvp, linearize, make_jaxpr, vjp, vmap
from funcgrad.backends.program import program_of
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr, Literal
from funcgrad.ir.primitive import registry
from funcgrad.ir.text import parse_jaxpr, print_jaxpr
from funcgrad.ops.elementwise import absolute, select
from funcgrad.ops.families import elementwise
from funcgrad.testing import check_grads
from funcgrad.trace.tree import roots_of
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jacobian import hvp_jaxpr
from funcgrad.transforms.jvp import jvp_jaxpr
from funcgrad.transforms.linearize import linearized, vjp_jaxpr
from funcgrad.transforms.transpose import transpose_jaxpr

# %% [markdown]
# ## 1. A function becomes a list of equations
#
# `make_jaxpr(f)` runs `f` with *handles* in place of numbers. A handle knows its shape and
# dtype. Whenever NumPy meets one, the operation is written down and a new handle is returned.
# The notes are a **jaxpr**: inputs, equations, outputs. Every variable is assigned once, so
# there is no order to get wrong and nothing to overwrite.


# %%
def f(x, y):
    wave = np.sin(x)
    product = wave * y
    return product + x


x, y = np.float64(0.5), np.float64(3.0)
program = make_jaxpr(f)(x, y)
print(program)
assert [eqn.prim.name for eqn in program.eqns] == ["sin", "multiply", "add"]

# %% [markdown]
# The names are those of the Python code. An equation is a primitive, its operands, its
# parameters and its results, and it remembers the line that it comes from.

# %%
jaxpr = program.jaxpr
for eqn in jaxpr.eqns:
    print(eqn.outvars, "=", eqn.prim, eqn.invars, eqn.params)
assert all(out.aval.shape == () for eqn in jaxpr.eqns for out in eqn.outvars)

# %% [markdown]
# The text is a language of its own and can be read back.

# %%
again = parse_jaxpr(str(program))
assert print_jaxpr(again) == str(program)

# %% [markdown]
# ### An evaluator in fifteen lines
#
# A jaxpr is a program, so one can write an interpreter. Each primitive has a *value rule*,
# which computes it with a given array module.


# %%
def evaluate(jaxpr, *inputs):
    """Run the equations in order, keeping every variable's value in a dict."""
    values = dict(zip(jaxpr.invars, inputs, strict=True))

    def read(atom):
        return atom.value if isinstance(atom, Literal) else values[atom]

    for eqn in jaxpr.eqns:
        outs = eqn.prim.value(np, *[read(v) for v in eqn.invars], **eqn.params)
        outs = outs if eqn.prim.multiple else (outs,)
        values.update(zip(eqn.outvars, outs, strict=True))
    return tuple(read(v) for v in jaxpr.outvars)


assert evaluate(jaxpr, x, y) == (f(x, y),)

# %% [markdown]
# ### And a cost counter
#
# Any question about a program is a loop over its equations. This one counts floating-point
# operations: one per element of a result, except for sums, which visit each element of the
# operand, and for matrix products. Loops and calls carry jaxprs in their parameters, hence the
# recursion.


# %%
def operations(jaxpr, free=("broadcast_to", "reshape", "transpose", "index", "convert", "full")):
    """Arithmetic operations by primitive."""
    counted = Counter()
    for eqn in jaxpr.eqns:
        name, result = eqn.prim.name, eqn.outvars[0].aval
        if name == "scan":
            for inner, n in operations(eqn.params["body"]).items():
                counted[inner] += n * eqn.params["length"]
        elif name == "call":
            counted.update(operations(eqn.params["jaxpr"]))
        elif name == "dot_general":  # a multiplication and an addition along the summed axes
            (summed, _), _ = eqn.params["dims"]
            shape = eqn.invars[0].aval.shape
            counted[name] += 2 * result.size * prod(shape[axis] for axis in summed)
        elif name.startswith("reduce"):
            counted[name] += eqn.invars[0].aval.size
        elif name not in free:
            counted[name] += result.size
    return counted


def layer(w, x):
    return np.sum(np.tanh(w @ x) ** 2)


w, v = np.ones((20, 30)), np.ones(30)
value_cost = operations(make_jaxpr(layer)(w, v).jaxpr)
slope_cost = operations(simplify(make_jaxpr(grad(layer, argnums=(0, 1)))(w, v).jaxpr))
print("value   ", dict(value_cost))
print("gradient", dict(slope_cost))
assert value_cost["dot_general"] == 2 * 20 * 30
assert slope_cost.total() < 4 * value_cost.total()  # the cheap gradient principle

# %% [markdown]
# ## 2. Tracing again is a look-up
#
# A function is traced at every call, so that Python's `if` and `while` always really run. That
# would be slow if each call built its equations anew. The traces are therefore kept in a
# **tree**: every operation walks along an edge labelled with the primitive and its operands. An
# edge that exists costs one dictionary look-up and builds nothing.


# %%
def nodes(root):
    """How many steps hang below a node of the trace tree."""
    return sum(1 + nodes(child) for child in root.edges.values())


def size_of_tree(function):
    return sum(nodes(root) for root in roots_of(function).values())


def clipped(x, rate):
    if x > 0:
        return np.sin(x) * rate
    return np.exp(x)


counts = []
for at, rate in [(0.5, 2.0), (0.7, 2.0), (0.7, 9.0), (-1.0, 2.0), (-2.0, 5.0), (0.1, 1.0)]:
    grad(clipped)(at, rate)
    counts.append(size_of_tree(clipped))
print("nodes after each call:", counts)
assert counts[0] == counts[1] == counts[2]  # neither a new x nor a new rate grows the tree
assert counts[3] > counts[2]  # the other branch of `if` does, once
assert counts[3] == counts[4] == counts[5]


# %% [markdown]
# The tree itself. A *demand* computes a value because Python wants to see it, and a *decide*
# edge says what Python saw. A plain number that the code uses (`rate`) is an input of the path,
# not part of its label. That is why a changing learning rate costs nothing.


# %%
def show_tree(node, indent="  "):
    for edge, child in node.edges.items():
        label = child.eqn if child.eqn is not None else edge
        print(f"{indent}{label!r:.90}")
        show_tree(child, indent + "  ")


for signature, root in roots_of(clipped).items():
    print("root", signature)
    show_tree(root)

# %% [markdown]
# ## 3. Forward mode: jvp
#
# Walk the equations once. Beside each one write the equation of its tangent: for $z = \sin x$
# it is $\dot z = \dot x \cos x$, for a product the product rule. The result takes inputs and
# tangents, and returns outputs and tangents. Names ending in `_t` are the tangents of the
# inputs.

# %%
forward, has_tangent = jvp_jaxpr(jaxpr, (True, True))
print(print_jaxpr(forward))
t_x, t_y = np.float64(1.0), np.float64(-2.0)
assert has_tangent == (True,)
assert np.allclose(evaluate(forward, x, y, t_x, t_y), jvp(f, (x, y), (t_x, t_y)))

# %% [markdown]
# Where an input does not move, its tangent is a *symbolic zero* and nothing is written for it.
# With only `y` moving, a single product is added.

# %%
only_y, _ = jvp_jaxpr(jaxpr, (False, True))
print(print_jaxpr(only_y))
assert len(only_y.eqns) == len(jaxpr.eqns) + 1

# %% [markdown]
# ## 4. linearize = jvp + a cut
#
# In the program above some equations depend on a tangent and some do not. Those that do are
# *linear* in the tangents, because derivatives are. So one only has to follow the data: the
# equations without tangents come first and leave behind what the others need (the
# **residuals**); the linear ones can then be run again and again.

# %%
cut = linearized(jaxpr, (True, True))
residuals = cut.residuals()
first_half = Jaxpr(jaxpr.invars, cut.primal, (*jaxpr.outvars, *residuals))
second_half = cut.linear_jaxpr(residuals)
print("primal equations, with residuals as further outputs:")
print(print_jaxpr(first_half))
print("\nlinear equations, of residuals and tangents:")
print(print_jaxpr(second_half))

out, *saved = evaluate(first_half, x, y)
(tangent,) = evaluate(second_half, *saved, t_x, t_y)
value, push = linearize(f, x, y)
assert out == value
assert np.isclose(tangent, push(t_x, t_y))
assert len(cut.primal) + len(cut.linear) == len(forward.eqns)  # the same equations, sorted

# %% [markdown]
# ## 5. Reverse mode: the linear half, transposed
#
# A linear program is a matrix in disguise, and its transpose is a program too: run the
# equations backwards, and turn each one round. What was read becomes written: a variable used
# twice gets two contributions, which are added; a sum hands its cotangent to both terms.

# %%
linear_inputs = tuple(v in cut.tangents_in for v in second_half.invars)
backward = transpose_jaxpr(second_half, linear_inputs)
print(print_jaxpr(backward))
ct = np.float64(1.0)
ct_x, ct_y = evaluate(backward, *saved, ct)
assert np.isclose(ct * tangent, ct_x * t_x + ct_y * t_y)  # <ct, J t> = <J^T ct, t>
assert np.allclose((ct_x, ct_y), grad(f, argnums=(0, 1))(x, y))

# %% [markdown]
# That is all of reverse mode: **grad = jvp, cut, transpose**. There is no tape and no second
# set of derivative rules: a primitive states its derivative once, and the few linear primitives
# state their transposes. The whole gradient is one jaxpr:

# %%
whole = vjp_jaxpr(jaxpr, (True, True), (True,))
print(print_jaxpr(whole))
_, pullback = vjp(f, x, y)
assert np.allclose(evaluate(whole, x, y, ct)[1:], pullback(ct))

# %% [markdown]
# ## 6. vmap: a batch axis for every equation
#
# Each variable that depends on the batch gets a leading axis; each primitive knows what that
# means for it. Elementwise operations only have to line up their shapes. Equations that do not
# depend on the batch stay as they are and run once for all examples. Here `x` is batched and
# `y` is shared.

# %%
batched, which = batch_jaxpr(jaxpr, 4, (True, False))
print(print_jaxpr(batched))
xs = np.linspace(0.0, 1.0, 4)
assert which == (True,)
assert np.allclose(evaluate(batched, xs, y), [[f(each, y) for each in xs]])
assert len(batched.eqns) == len(jaxpr.eqns)  # one program, not four
assert np.array_equal(evaluate(batched, xs, y)[0], vmap(f, in_axes=(0, None))(xs, y))

# %% [markdown]
# Jaxpr in, jaxpr out: so transforms compose without knowing of each other. A batch of gradients
# is `batch_jaxpr` of the gradient's program.

# %%
of_gradient, _ = batch_jaxpr(whole, 4, (True, False, False), True)
slopes = evaluate(of_gradient, xs, y, ct)[1]
assert np.allclose(slopes, vmap(grad(f), in_axes=(0, None))(xs, y))

# %% [markdown]
# ## 7. Second derivatives, and why simplification matters
#
# The Hessian-vector product is forward mode over reverse mode: `jvp_jaxpr` of the gradient.
# Transforms write plainly and leave waste: products with 1, the same cosine twice, values that
# nobody asks for. `simplify` removes it: common subexpressions, algebra, dead code.

# %%
product = hvp_jaxpr(jaxpr, 2)
short = simplify(product)
print(len(product.eqns), "equations as written,", len(short.eqns), "after simplification:")
print(print_jaxpr(short))
assert len(short.eqns) < 0.5 * len(product.eqns)
assert np.allclose(evaluate(product, x, y, t_x, t_y), evaluate(short, x, y, t_x, t_y))


# %%
def energy(q):
    return np.sum(np.exp(-(q**2)) * q[::-1])


q, direction = np.linspace(-1, 1, 5), np.ones(5)
moved = (grad(energy)(q + 1e-6 * direction) - grad(energy)(q - 1e-6 * direction)) / 2e-6
assert np.allclose(hvp(energy)(q, direction), moved)

# %% [markdown]
# ## 8. From a jaxpr to a program
#
# The backend writes Python source, one NumPy call per equation, and compiles it. Arrays that
# will not be read again are written over (the third argument of a call is `out`), so few
# temporary arrays are made. Line numbers of your code stand above what they became.

# %%
gradient = make_jaxpr(grad(energy))(q).jaxpr
compiled = program_of(gradient)
print(compiled.source)
assert "def program(q):" in compiled.source
assert np.allclose(compiled.call(q)[0], evaluate(gradient, q)[0])
assert np.allclose(compiled.call(q)[0], grad(energy)(q))

# %% [markdown]
# Long arrays are worked through in blocks that stay in the processor's cache, so a chain of
# operations reads memory once and not once per operation.

# %%
long = program_of(make_jaxpr(energy)(np.ones(200_000)).jaxpr)
print(long.source)
assert "for i in range(0, 200000," in long.source

# %% [markdown]
# Programs of plain numbers run in Python's own arithmetic, which is several times quicker than
# NumPy's for a single number. Where Python would raise (`1 / 0`), the NumPy form is asked for
# its infinities instead.

# %%
print(program_of(jaxpr).source)
assert np.isclose(program_of(jaxpr).call(x, y)[0], f(x, y))

# %% [markdown]
# A program that runs often becomes native code, where LLVM is at hand. What is fused was decided
# before: a *nest* is one loop over an index space, and rows that are reduced and used again have
# stages, element work and work per row in turn. All of softmax is one nest, and so is its gradient.


# %%
def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


table = np.linspace(-1.0, 1.0, 2000).reshape(50, 40)
rows = jit(softmax)
first, second = rows(table), rows(table)  # the first through NumPy, the second natively
print(rows.explain())
assert np.allclose(first, second, rtol=1e-13)
assert np.allclose(second.sum(axis=1), 1.0)

# %% [markdown]
# ## 9. jit: the tree, compiled
#
# `jit` keeps the programs *between* decisions and follows the tree without running Python. An
# outcome that it has not met sends it back to Python once, and the tree grows a branch.


# %%
@jit
def collatz(n):
    steps = 0
    while n != 1:
        n = n / 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


traces = []
for n in (6.0, 6.0, 3.0, 12.0, 6.0):
    collatz(n)
    traces.append(collatz.cache_info().traces)
print("traces after each call:", traces)
assert traces == [1, 1, 2, 3, 3]
assert collatz(12.0) == 9
print("\n".join(collatz.explain().splitlines()[:24]))

# %% [markdown]
# ## 10. A primitive of your own
#
# A new elementwise operation is one statement: a name, its type, its value and its partial
# derivative (`z` is the output, `x` the input). The family derives the jvp; the cut and the
# transpose above turn it into reverse mode; batching and higher derivatives follow.
#
# Softsign, $z = x / (1 + |x|)$, has the slope $1/(1 + |x|)^2 = (1 - |z|)^2$.

# %%
registry.pop("scratch_softsign", None)  # so that this cell can be run again
softsign = elementwise(
    "scratch_softsign",
    lambda z, x: (1 - absolute(z)) * (1 - absolute(z)),
    type=lambda x: x.strong(),
    value=lambda xp, x: x / (1 + xp.abs(x)),
)


def use_it(x):
    return np.sum(softsign(2.0 * x) ** 2)


p = np.array([-0.7, 0.2, 1.5])
print(make_jaxpr(use_it)(p))
print(make_jaxpr(grad(use_it))(p))
assert np.allclose(softsign(p), p / (1 + np.abs(p)))

# %% [markdown]
# Is the rule right? A set of laws says what any primitive owes. In the project a row in
# `tests/op_table.py` subjects a primitive to all of them; here are the main ones by hand.

# %%
operation = make_jaxpr(softsign)(p).jaxpr
step, weights = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.1, -0.9])

# the program is the value rule, and has the promised type
(promised,) = operation.out_avals
assert promised.shape == p.shape and promised.dtype == p.dtype
assert np.array_equal(program_of(operation).call(p)[0], evaluate(operation, p)[0])

# the jvp is the derivative, to the second order; reverse mode is its adjoint
report = check_grads(use_it, (p,), order=2, rtol=1e-6)
print(report)
assert report.forward < 1e-7 and report.reverse < 1e-12
_, pushed = jvp(softsign, (p,), (step,))
_, pull = vjp(softsign, p)
assert np.isclose(weights @ pushed, pull(weights)[0] @ step)

# a batch is a loop
stack = np.stack([p, p + 0.1, -p])
assert np.allclose(vmap(grad(use_it))(stack), [grad(use_it)(row) for row in stack])

# float32 stays float32
assert grad(use_it)(p.astype(np.float32)).dtype == np.float32

# %% [markdown]
# A wrong rule does not survive the laws:

# %%
registry.pop("scratch_wrong", None)
wrong = elementwise(
    "scratch_wrong",
    lambda z, x: select(x > 0, 1 - z, 1 + z),  # the square is forgotten
    type=lambda x: x.strong(),
    value=lambda xp, x: x / (1 + xp.abs(x)),
)
try:
    check_grads(lambda x: np.sum(wrong(x)), (p,), rtol=1e-6)
except AssertionError as error:
    print(error)
else:
    raise AssertionError("the wrong rule was not caught")

# %% [markdown]
# ## Where to go on
#
# Each section above is one file of the source: `trace/tree.py`, `transforms/jvp.py`,
# `transforms/linearize.py`, `transforms/transpose.py`, `transforms/batch.py`,
# `compiler/simplify.py`, `backends/source.py`, `transforms/jit.py`, `ops/elementwise.py`. None
# is much longer than this notebook.
