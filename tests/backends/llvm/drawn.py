"""Random programs over arrays that are larger than a vector, and not multiples of one.

A program has two lengths, and arrays whose axes are these, 1, or both joined. A value is ``exact``
where native code must have it bit for bit: an operand, moved, selected or negated. Only such
values are compared with each other, as rounding may turn any other comparison.
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from funcgrad.ops.families import ops

LENGTHS = [2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 23, 31, 33, 40]
MOST = 4000  # elements of one value
INTP = np.dtype(np.intp)
ALL = (None, None, None)


class Known(NamedTuple):
    """A value so far: its shape, and whether it is exact."""

    shape: tuple[int, ...]
    exact: bool


class Step(NamedTuple):
    """One operation on earlier values."""

    name: str
    places: tuple[int, ...]
    exact: bool
    params: Any = ()

    def apply(self, values: list[Any]) -> Any:
        xs = [values[k] for k in self.places]
        params = dict(self.params)
        if self.name in COMPOSED:
            return COMPOSED[self.name](*xs, **params)
        return getattr(ops, self.name)(*xs, **params)


def _mean(x: Any, axes: Any) -> Any:
    count = int(np.prod([x.shape[a] for a in axes]))
    return ops.multiply(ops.reduce_sum(x, axes=axes), 1.0 / count)


def _centred(x: Any, axis: int) -> Any:
    """x minus its mean, over its norm: reductions that feed each other and what they reduce."""
    shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    d = ops.subtract(x, ops.reshape(_mean(x, (axis,)), shape=shape))
    norm = ops.sqrt(ops.add(ops.reduce_sum(ops.multiply(d, d), axes=(axis,)), 1.0))
    return ops.divide(d, ops.reshape(norm, shape=shape))


def _softmax(x: Any, axis: int) -> Any:
    shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    e = ops.exp(ops.tanh(x))
    return ops.divide(e, ops.reshape(ops.reduce_sum(e, axes=(axis,)), shape=shape))


def _picked(x: Any, axis: int, places: Any) -> Any:
    return ops.gather(x, np.array(places), items=(*(ALL,) * axis, "array"))


def _scattered(x: Any, axis: int, places: Any, mode: str) -> Any:
    """The first rows of x, put or added to rows of x that may be named twice."""
    items = (*(ALL,) * axis, (0, len(places), None))
    v = ops.cos(ops.index(x, items=items))
    at = (*(ALL,) * axis, "array")
    return ops.scatter(x, v, np.array(places), items=at, mode=mode)


def _dot(x: Any, y: Any, dims: Any) -> Any:
    count = int(np.prod([x.shape[a] for a in dims[0][0]]))
    return ops.multiply(ops.dot_general(x, y, dims=dims), 1.0 / max(1, count))


COMPOSED: dict[str, Any] = {
    "mean": _mean, "centred": _centred, "softmax": _softmax, "picked": _picked,
    "scattered": _scattered, "dot": _dot,
    "bump": lambda x: ops.divide(1.0, ops.add(ops.multiply(x, x), 1.5)),
    "masked": lambda x, y: ops.select(ops.less(x, y), x, 0.25),
    "single": lambda x: ops.convert(ops.sin(x), dtype=np.dtype(np.float64)),
    "counted": lambda x: ops.multiply(
        x, ops.convert(ops.iota(shape=x.shape, axis=len(x.shape) - 1, dtype=INTP),
                       dtype=np.dtype(np.float64))),
}  # fmt: skip
UNARY = ("sin", "cos", "tanh", "arctan", "arcsinh", "erf", "expit", "bump", "single", "expm1")


def reshapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    size = int(np.prod(shape))
    found = [(size,), (1, size), (size, 1)]
    found += [(k, size // k) for k in (2, 3, 5) if size % k == 0]
    return found


def slices(n: int) -> list[Any]:
    """Items along an axis: parts, strided and backwards ones, one place."""
    found = [(None, None, -1), (None, None, 2), (n - 1, None, -2), (0, n // 2 + 1, None)]
    if n > 2:
        found += [(1, None, None), (None, -1, None), (1, None, 3)]
    return [*found, 0, -1]


def moved(k: int, x: Known, draw: Any) -> list[Step]:
    """What only moves elements, or repeats them."""
    size, rank = int(np.prod(x.shape)), len(x.shape)
    options = [("reshape", {"shape": s}) for s in reshapes(x.shape)]
    if 3 * size <= MOST:
        options.append(("broadcast_to", {"shape": (3, *x.shape)}))
        options.append(("embed", {"items": (ALL,) * rank + (1,), "shape": (*x.shape, 3)}))
    if rank:
        axis = draw(st.integers(0, rank - 1))
        n, before = x.shape[axis], (ALL,) * axis
        places = draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=12))
        widths = tuple((2, 1) if a == axis else (0, 0) for a in range(rank))
        wide = (*x.shape[:axis], 2 * n + 1, *x.shape[axis + 1 :])
        options += [
            ("transpose", {"perm": tuple(range(rank))[::-1]}),
            ("flip", {"axes": (axis,)}),
            ("index", {"items": (*before, draw(st.sampled_from(slices(n))))}),
            ("picked", {"axis": axis, "places": tuple(places)}),
        ]
        if 3 * size <= MOST:
            options.append(("embed", {"items": (*before, (1, None, 2)), "shape": wide}))
            options.append(("padded", {"widths": widths}))
    return [Step(name, (k,), x.exact, tuple(p.items())) for name, p in options]


COMPOSED["padded"] = lambda x, widths: ops.pad(x, 0.5, widths=widths)


def computed(k: int, x: Known, draw: Any) -> list[Step]:
    """What makes new numbers of one value."""
    options: list[Any] = [(name, {}) for name in UNARY]
    rank = len(x.shape)
    if rank:
        axis = draw(st.integers(0, rank - 1))
        n = x.shape[axis]
        axes = tuple(sorted(draw(st.sets(st.integers(0, rank - 1), min_size=1))))
        count = min(n, 6)
        places = draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        mode = draw(st.sampled_from(["set", "add"]))
        options += 2 * [(name, {"axis": axis}) for name in ("centred", "softmax")]
        options += [
            ("mean", {"axes": axes}), ("mean", {"axes": (axis,)}), ("counted", {}),
            ("reduce_sum", {"axes": axes}), ("cumsum", {"axis": axis}),
            ("scattered", {"axis": axis, "places": tuple(places), "mode": mode}),
        ]  # fmt: skip
    found = [Step(name, (k,), False, tuple(p.items())) for name, p in options]
    if rank and x.exact:
        exact = [(name, {"axes": axes}) for name in ("reduce_max", "reduce_min")]
        exact += [("sort", {"axis": axis}), ("cummax", {"axis": axis}), ("absolute", {})]
        found += [Step(name, (k,), True, tuple(p.items())) for name, p in exact]
    return found


def paired(i: int, j: int, x: Known, y: Known) -> list[Step]:
    """What can be done to two values of these shapes."""
    found = []
    both = x.exact and y.exact
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        shape = None
    if shape is not None and np.prod(shape) <= MOST:
        found += [Step(n, (i, j), False) for n in ("add", "subtract", "multiply", "logaddexp")]
        found += [Step(n, (i, j), True) for n in ("maximum", "minimum", "masked") if both]
    if x.shape and y.shape and x.shape[-1] == y.shape[0] and len(x.shape) + len(y.shape) <= 4:
        dims = (((len(x.shape) - 1,), (0,)), ((), ()))
        found.append(Step("dot", (i, j), False, (("dims", dims),)))
    if x.shape == y.shape and len(x.shape) > 1:
        batch = ((len(x.shape) - 1,), (len(x.shape) - 1,)), ((0,), (0,))
        found.append(Step("dot", (i, j), False, (("dims", batch),)))
    if x.shape and x.shape[1:] == y.shape[1:] and len(x.shape) == len(y.shape):
        found.append(Step("concatenate", (i, j), both, (("axis", 0),)))
    if x.shape and len(x.shape) == len(y.shape) + 1 and x.shape[1:] == y.shape:
        for name in ("put", "add_at"):
            found.append(Step(name, (i, j), both and name == "put", (("items", (-1,)),)))
    return found


@st.composite
def programs(draw: Any, most: int = 10) -> Any:
    """Steps that are well typed over the drawn operands, and these operands."""
    source = np.random.default_rng(draw(st.integers(0, 10**6)))
    a, b = (draw(st.sampled_from(LENGTHS)) for _ in range(2))
    shapes = [(a,), (b,), (a, b), (b, a), (a, 1), (1, b), (a, a), (), (3, 1, b), (2, a, 3)]
    given = draw(st.lists(st.sampled_from(shapes), min_size=2, max_size=4))
    args = [source.normal(size=s)[()] for s in given]
    known = [Known(tuple(s), True) for s in given]
    steps: list[Step] = []
    values = list(args)
    for _ in range(draw(st.integers(1, most))):
        i, j = (draw(st.integers(0, len(known) - 1)) for _ in range(2))
        kind = draw(st.sampled_from(["pair", "pair", "move", "compute"]))
        options = paired(i, j, known[i], known[j]) if kind == "pair" else []
        if not options:
            options = (moved if kind == "move" else computed)(i, known[i], draw)
        step = draw(st.sampled_from(options))
        value = step.apply(values)
        if np.size(value) <= MOST and np.max(np.abs(value), initial=0.0) < 1e4:
            steps.append(step)
            values.append(value)
            known.append(Known(np.shape(value), step.exact))
    return steps, args


def function(steps: list[Step], keep: int = 3) -> Any:
    """The function that runs the steps and returns the last values."""

    def f(*xs: Any) -> Any:
        values = list(xs)
        for step in steps:
            values.append(step.apply(values))
        return tuple(values[-keep:])

    return f
