"""CUDA's own compiler takes the kernels, for compute capability 9.0; no device is needed.

By hand, where CuPy and NVRTC are installed (``pip install cupy-cuda13x nvidia-cuda-nvrtc``):
``python -m pytest tests/backends/cuda/test_nvrtc.py``.
"""

import re

import pytest

from funcgrad.backends.cuda.prelude import _FUNCTIONS, prelude
from funcgrad.backends.cuda.runtime import OPTIONS
from tests.backends.cuda.test_laws_cuda import CASES, derived


def compiled(nvrtc, code):
    """The size of the binary; CUDA's message where the text is wrong."""
    program = nvrtc.createProgram(code, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, ("-arch=sm_90", *OPTIONS))
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program)[:2000])
    return len(nvrtc.getCUBIN(program))


def test_the_law_tables_kernels():
    nvrtc = pytest.importorskip("cupy.cuda.nvrtc", reason="needs CuPy: NVRTC compiles the kernels")
    pytest.importorskip("nvidia.cu13", reason="needs nvidia-cuda-nvrtc")
    codes = dict.fromkeys(
        program.kernels for case in CASES for program, _, _ in derived(*case.values).values()
    )
    assert len(codes) > 500
    for code in codes:
        if code:
            assert compiled(nvrtc, code) > 0


TYPES = {"T", "I", "U", "double"}


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_functions_come_after_what_they_call(name):
    text = prelude(f"{name}(x)")
    words = re.findall(r"\w+", text)
    for called in _FUNCTIONS.keys() & set(words):
        definition = words[: words.index(called)]
        assert definition[-1] in TYPES or definition[-2:] == ["long", "long"], called
