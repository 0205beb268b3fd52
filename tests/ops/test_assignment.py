"""Indexing and in-place code: reading and writing as NumPy does, with true derivatives."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from funcgrad import grad
from tests.ops.laws import arguments, check, check_batched, check_second_order, check_value

# -- every kind of index, read and assigned ------------------------------------------------------

SHAPE = (3, 4, 2)
ITEMS = [
    0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(3, 0, -2), slice(2, 2), None,
    Ellipsis, [0, 2], [-1, 0, 0], np.array([[0, 1], [2, 1]]), np.array(1), np.int64(2), np.intp(-1),
    [], np.zeros((0,), int),
]  # fmt: skip


def numpy_result(act):
    """What NumPy says: an array, or the class of the error."""
    try:
        return act(), None
    except (IndexError, ValueError) as error:
        return None, type(error)


def read_like_numpy(x, items):
    expected, error = numpy_result(lambda: x[items])
    if error is not None:
        with pytest.raises(error):
            check_value(lambda t: t[items], [x])
        return
    check_value(lambda t: t[items], [x])
    gradient = grad(
        lambda t: np.sum(t[items] * np.arange(1.0, 1 + expected.size).reshape(expected.shape))
    )(x)
    counted = np.zeros_like(x)
    np.add.at(counted, items, np.arange(1.0, 1 + expected.size).reshape(expected.shape))
    np.testing.assert_array_equal(gradient, counted)


def write_like_numpy(x, items):
    part, error = numpy_result(lambda: x[items])
    if error is not None:
        return
    values = np.arange(10.0, 10 + part.size).reshape(part.shape)

    def f(t, v):
        y = t * 1.0
        y[items] = v
        return y * y

    check(f, [x, values])
    check_value(f, [x, np.array(7.0)])


@pytest.mark.parametrize("first", range(len(ITEMS)))
def test_pairs_of_indices(first):
    x = np.arange(24.0).reshape(SHAPE) + 1
    read_like_numpy(x, ITEMS[first])
    write_like_numpy(x, ITEMS[first])
    for second in ITEMS:
        items = (ITEMS[first], second)
        if sum(i is Ellipsis for i in items) < 2:
            read_like_numpy(x, items)
            write_like_numpy(x, items)


TRIPLES = [0, slice(None), slice(None, None, -1), None, [0, 1], np.array([[1], [0]]), Ellipsis]


@pytest.mark.parametrize("first", range(len(TRIPLES)))
def test_triples_of_indices(first):
    x = np.arange(24.0).reshape(SHAPE)
    for rest in itertools.product(TRIPLES, repeat=2):
        items = (TRIPLES[first], *rest)
        if sum(i is Ellipsis for i in items) < 2:
            read_like_numpy(x, items)


@given(st.data())
def test_random_indices(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    kind = data.draw(st.sampled_from(["basic", "integer", "mask", "rows"]))
    if kind == "basic":
        items = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    elif kind == "integer":
        assume(0 not in shape)
        items = data.draw(hnp.integer_array_indices(shape))
    else:
        rank = len(shape) if kind == "mask" else data.draw(st.integers(1, len(shape)))
        items = data.draw(hnp.arrays(bool, shape[:rank]))
    read_like_numpy(x, items)
    write_like_numpy(x, items)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_values_broadcast_into_their_place(shapes):
    target, value = shapes.result_shape, shapes.input_shapes[0]
    assume(target)
    x, v = np.ones(target), np.arange(1.0, 1 + np.prod(value)).reshape(value)

    def f(t, u):
        y = t * 1.0
        y[...] = u
        return y

    check(f, [x, v])


def test_traced_indices_and_masks():
    def f(x):
        i = np.argmax(x)
        order = np.argsort(x)
        y = x * 1.0
        y[i] = 3 * x[order[0]]
        y[order[1]] += x[i]
        y[x < 0] *= x[1]
        y[x > 1] = -1.0
        return y, x[order], x[x > 0], x[order[1:3]], x[i, None]

    check(f, arguments([(5,)]))


def test_errors_are_numpys():
    x = np.ones((2, 3))
    for items in (
        2,
        (0, 3),
        (0, 0, 0),
        [5],
        ([0], [3]),
        "a",
        1.5,
        np.ones(3, bool),
        ([0, 1], [0, 1, 2]),
    ):
        with pytest.raises(IndexError):
            grad(lambda t, items=items: np.sum(t[items]))(x)
    with pytest.raises(ValueError, match="fit"):
        grad(lambda t: assigned(t, 0, np.ones(4)))(x)
    with pytest.raises(TypeError):
        grad(lambda t: assigned(t, 0, 1j))(x)


def assigned(t, items, value):
    y = t * 1.0
    y[items] = value
    return np.sum(y)


# -- in-place code -----------------------------------------------------------------------------


def views_of_views(x):
    y = x * 1.0
    rows = y[1:]
    cell = rows[:, ::2]
    cell[0] = 5.0
    rows[-1] *= 2
    y[2, 2] = x[0, 0] ** 2
    return y, rows, cell * y[0, 0]


def swapped_rows(x):
    y = x.copy()
    y[[0, 2]] = y[[2, 0]]
    y[0], y[1] = y[1].copy(), y[0].copy()
    return y * np.arange(12.0).reshape(3, 4)


def swap_of_views_is_numpys(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]  # both names are views: NumPy overwrites one of them
    return y


def masked_updates(x):
    y = x * 1.0
    y[y > 0] += x[0, 0]
    y[y < -1] = 0
    y[(x > -1) & (x < 1)] *= 3
    return y


def loops(x):
    total = np.zeros_like(x[0])
    for row in x:
        total += row * row
        total *= 1.1
    out = np.zeros_like(x)
    for i in range(3):
        for j in range(4):
            out[i, j] = x[i, j] * (out[i, j - 1] if j else 1.0)
    return total, out


def transposed(x):
    y = x * 1.0
    y.T[0] = 1.0
    y.T[2, 1:] += x[0, 0]
    y.transpose()[1] *= 2
    np.swapaxes(y, 0, 1)[3, 0] = x[1, 1]
    return y


def reshaped(x):
    y = x * 1.0
    flat = y.reshape(-1)
    flat[3] = 1.0
    flat[5:7] *= x[0, 0]
    y.ravel()[::2] -= 1.0
    y[1:].reshape(-1)[0] = 9.0
    y.reshape(2, 6)[1, 5] = x[2, 0]
    return y, flat


def copies(x):
    y = x * 1.0
    y.flatten()[0] = 100.0
    y.copy()[0] = 100.0
    y.T.reshape(-1)[0] = 100.0
    y[:, ::2].ravel()[0] = 100.0
    y[[0, 1]][0] = 100.0
    y[y > 0][:] = 100.0
    return y


def more_views(x):
    y = x * 1.0
    np.flip(y, 0)[0] = 1.0
    np.expand_dims(y, 0)[0, 1, 1] = 2.0
    np.split(y, 3)[1][0, 0] = 3.0
    np.squeeze(y[None])[1, 2] = x[0, 1]
    np.rot90(y)[0, 0] = 5.0
    np.moveaxis(y, 0, 1)[2, 2] = 6.0
    np.atleast_3d(y)[0, 0, 0] = 7.0
    for row in y:
        row[1] += 1.0
    return y


def reads_follow_writes(x):
    y = x * 1.0
    first, t = y[0], y.T
    y[0, 1] = x[1, 1] * 3
    y += 1.0
    return first, t, first * t[:, 0]


def augmented(x):
    y = x * 1.0
    z = y
    y += x
    y -= 0.5
    y /= 2.0
    y **= 2
    y %= 1.7
    w = y[1]
    w += 1.0
    return z


def scalars_are_immutable(x):
    s = x[0, 0]
    t = s
    t += 1.0
    total = np.sum(x)
    old = total
    total *= 2.0
    return s, t, total, old


def functions_in_place(x):
    y = x * 1.0
    np.fill_diagonal(y, x[0])
    np.put_along_axis(y, np.argmax(x, 1)[:, None], 9.0, axis=1)
    np.copyto(y, x * x, where=x > 1)
    np.putmask(y, x < -1, x)
    np.place(y, x > 1.5, x[0, :2])
    np.put(y, [0, 5], x[1, :2])
    return y


def arguments_are_copied_on_write(x):
    x[0] = 5.0
    x += 1.0
    x.T[1] = x[0, 0]
    return x * x


def casts_on_store(x):
    y = np.zeros((3, 4), int) if not hasattr(x, "at") else np.zeros_like(x, dtype=int)
    y[0] = x[0] * 10
    return y, x


def row_by_traced_number(x):
    y = x * 1.0
    k = np.argmax(x[:, 0])
    y[k][1] = 7.0
    row = y[k]
    row += 1.0
    return y


IN_PLACE = [
    views_of_views, swapped_rows, swap_of_views_is_numpys, masked_updates, loops, transposed,
    reshaped, copies, more_views, reads_follow_writes, augmented, scalars_are_immutable,
    functions_in_place, arguments_are_copied_on_write, casts_on_store, row_by_traced_number,
]  # fmt: skip


@pytest.mark.parametrize("f", IN_PLACE, ids=lambda f: f.__name__)
def test_in_place(f):
    args = arguments([(3, 4)])
    check(f, args)
    check_second_order(f, args)
    check_batched(f, args)


def test_many_steps_of_a_recurrence():
    def f(x):
        u = np.zeros_like(x, shape=(30,))
        u[0], u[1] = x[0], x[1]
        for k in range(2, 30):
            u[k] = np.sin(u[k - 1]) + x[2] * u[k - 2]
        return u[-1], u[::7]

    check(f, arguments([(3,)]))
    check_second_order(f, arguments([(3,)]))
    check_batched(f, arguments([(3,)]))
