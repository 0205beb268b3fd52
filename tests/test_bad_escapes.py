"""Traced values that would leave their trace: kept too long, or turned into plain numbers.

The faulty lines bear the comment ``# here``; the tests check that the traceback ends there.
"""

import math

import numpy as np
import pytest

from funcgrad import grad, jit, vmap
from funcgrad.errors import ConcretizationError, LeakedTracerError
from tests.blame import assert_here, assert_told

X = np.array([0.5, 1.5, 2.5])


# -- traced values that leave the trace ----------------------------------------


def leak():
    kept = []

    def function(x):
        doubled = x * 2
        kept.append(doubled)
        return np.sum(doubled)

    grad(function)(X)
    return kept[0]


USES = {
    "arithmetic": lambda x: x + 1,
    "ufunc": np.sin,
    "function": np.concatenate,
    "index": lambda x: x[0] * 1.0,
    "truth": lambda x: bool(x[0] > 0),
    "in another grad": lambda x: grad(lambda y: np.sum(x * y))(X),
    "in jit": lambda x: jit(lambda y: x * y)(X),
    "in vmap": lambda x: vmap(lambda y: x * y)(X),
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_tracer_that_outlived_its_trace(use):
    leaked = leak()
    with pytest.raises(LeakedTracerError) as caught:
        use(leaked)
    assert_told(caught, "doubled", "f64[3]", "return")


def test_a_leaked_tracer_can_be_printed():
    assert "f64[3]" in repr(leak())


# -- values that would lose their derivative ----------------------------------------


def into_float(x):
    return float(x[0]) * x[1]  # here


def into_int(x):
    return int(x[0]) * x[1]  # here


def into_math(x):
    return math.sin(x[0]) * x[1]  # here


def into_asarray(x):
    return np.sum(np.asarray(x))  # here


def into_array(x):
    return np.sum(np.array([x[0], x[1]]))  # here


def into_item(x):
    return x[0].item() * x[1]  # here


def into_list(x):
    return sum(x.tolist())  # here


def into_element(x):
    y = np.zeros(3)
    y[0] = x[0]  # here
    return np.sum(y)


def into_slice(x):
    y = np.zeros(3)
    y[:] = x  # here
    return np.sum(y)


def into_mask(x):
    y = np.zeros(3)
    y[np.array([True, False, True])] = x[:2]  # here
    return np.sum(y)


def into_sum(x):
    y = np.zeros(3)
    y += x  # here
    return np.sum(y)


def into_out(x):
    y = np.zeros(3)
    np.sin(x, out=y)  # here
    return np.sum(y)


CUTS = [
    (into_float, ["float(x)"]),
    (into_int, ["int(x)", "np.floor"]),
    (into_math, ["np.sin"]),
    (into_asarray, ["np.asarray"]),
    (into_array, ["np.stack"]),
    (into_item, ["item()"]),
    (into_list, ["tolist()"]),
    (into_element, ["zeros_like"]),
    (into_slice, ["zeros_like"]),
    (into_mask, ["zeros_like"]),
    (into_sum, ["zeros_like"]),
    (into_out, ["out"]),
]


@pytest.mark.parametrize("prepare", [grad, lambda f: jit(grad(f))], ids=["grad", "jit-grad"])
@pytest.mark.parametrize(("function", "words"), CUTS, ids=[f.__name__ for f, _ in CUTS])
def test_a_cut_that_would_be_silent(function, words, prepare):
    # Storing goes through NumPy, which may wrap the error in one of its own.
    with pytest.raises((ConcretizationError, TypeError, ValueError)) as caught:
        prepare(function)(X)
    assert_told(caught, *words)
    assert_here(caught)


@pytest.mark.parametrize("function", [into_float, into_item, into_list, into_asarray])
def test_cuts_have_their_class(function):
    with pytest.raises(ConcretizationError):
        grad(function)(X)


def test_the_truth_of_an_array():
    def ambiguous(x):
        return 1.0 if x > 0 else 2.0  # here

    with pytest.raises(ValueError) as caught:
        grad(ambiguous)(X)
    assert_told(caught, "ambiguous", "(3,)", "np.any")
    assert_here(caught)


def test_a_traced_value_is_no_dictionary_key():
    with pytest.raises(TypeError, match="unhashable"):
        grad(lambda x: {x: 1.0}[x])(1.0)
