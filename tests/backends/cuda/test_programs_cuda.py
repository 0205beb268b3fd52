"""Random programs and their derivatives: kernels give what the reference gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import laws, test_programs
from tests.backends.cuda.ondevice import launched, needed
from tests.backends.llvm import drawn
from tests.backends.llvm.test_programs_native import pulled_back, pushed_forward

pytestmark = needed

RTOL = 1e-11  # of the largest number of a result, or of 1: differences may cancel
BATCH = 12  # programs in one compilation


def several(programs):
    """One list of drawn programs per example: a compiler takes long to start."""
    return st.lists(programs, min_size=BATCH, max_size=BATCH)


def agree(cases):
    for (program, outs), (jaxpr, args) in zip(launched(cases), cases, strict=True):
        for found, wanted in zip(outs, laws.evaluate(jaxpr, args), strict=True):
            single = np.asarray(wanted).dtype == np.float32
            size = np.max(np.abs(wanted), where=np.isfinite(wanted), initial=1.0)
            atol = RTOL * size * (1e7 if single else 1.0)
            assert np.shape(found) == np.shape(wanted)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=atol, err_msg=program.source)


def larger(steps_and_args, keep):
    steps, args = steps_and_args
    return laws.captured(drawn.function(steps, keep=keep), args)


@settings(max_examples=4)
@given(several(test_programs.programs()))
def test_small_programs(programs):
    agree([
        (laws.build(test_programs.program(steps, keep=4), args), args) for steps, args in programs
    ])  # fmt: skip


@settings(max_examples=4)
@given(several(drawn.programs()))
def test_larger_programs(programs):
    agree([larger(program, 4) for program in programs])


@settings(max_examples=4)
@given(several(drawn.programs(most=7)))
def test_gradients_of_larger_programs(programs):
    agree([pulled_back(*larger(program, 2)) for program in programs])


@settings(max_examples=3)
@given(several(drawn.programs(most=5)))
def test_second_derivatives_of_larger_programs(programs):
    agree([pushed_forward(*pulled_back(*larger(program, 2))) for program in programs])
