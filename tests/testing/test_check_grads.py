"""check_grads passes true derivatives and catches wrong ones, in each mode and order."""

import numpy as np
import pytest

from funcgrad import custom_jvp, custom_vjp
from funcgrad.testing import check_grads

X = np.array([0.3, 0.8, 1.7])


def with_jvp(rule):
    """x^3 with the slope that rule(x, t) says."""

    @custom_jvp
    def cube(x):
        return x**3

    cube.defjvp(lambda primals, tangents: (primals[0] ** 3, rule(primals[0], tangents[0])))
    return cube


def with_vjp(rule):
    @custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, ct: (rule(x, ct),))
    return cube


def test_true_derivatives_pass():
    report = check_grads(lambda p: {"y": np.sin(p["a"]) * p["b"]}, ({"a": X, "b": 2.0},), order=2)
    assert report.forward < 1e-9
    assert report.reverse < 1e-13


@pytest.mark.parametrize("given", [with_jvp, with_vjp])
def test_true_rules_pass(given):
    check_grads(given(lambda x, t: 3 * x**2 * t), (X,), rtol=1e-7)


@pytest.mark.parametrize("given", [with_jvp, with_vjp])
@pytest.mark.parametrize("wrong", [lambda x, t: 2 * x**2 * t, lambda x, t: 3.001 * x**2 * t])
def test_wrong_rules_are_caught(given, wrong):
    with pytest.raises(AssertionError, match=r"cube|order 1"):
        check_grads(given(wrong), (X,))


def test_a_wrong_second_derivative_is_caught():
    """The rule is right in value; its own derivative is cut off."""
    rule = with_jvp(lambda x, t: 3 * np.where(x > 0, x.copy(), 0.0) ** 2 * t)
    check_grads(rule, (X,), rtol=1e-7)

    @custom_jvp
    def frozen(x):
        return 3 * x**2

    frozen.defjvp(lambda primals, tangents: (3 * primals[0] ** 2, 0.0 * tangents[0]))
    broken = with_jvp(lambda x, t: frozen(x) * t)
    check_grads(broken, (X,), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        check_grads(broken, (X,), order=2)


def test_unknown_mode():
    with pytest.raises(ValueError, match="modes are 'fwd' and 'rev'"):
        check_grads(np.sin, (1.0,), modes=("forward",))


@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_one_mode_alone(modes):
    report = check_grads(lambda x: np.sum(np.tanh(x)), (X,), order=1, modes=modes)
    assert (report.forward > 0) is (modes == ("fwd",))
