"""Kernels without a device: their text, compiled by g++ over a shim, runs on NumPy's arrays."""

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcgrad.backends.cuda.prelude import prelude

COMPILER = shutil.which("g++")
needed = pytest.mark.skipif(COMPILER is None, reason="CUDA text runs here through g++: none found")
_SHIM = Path(__file__).with_name("shim.h")
_HEAD = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\) \{')
_FLAGS = ("-std=c++17", "-O0", "-w", "-ffp-contract=off", "-fPIC", "-shared")
_compiled: dict[str, tuple[Any, str]] = {}  # a module's text: its library, and its prefix there


class RawModule:
    """As CuPy's: text, and its kernels by name. Only what programs use is here."""

    def __init__(self, code: str, options: tuple[str, ...]):
        assert "--fmad=false" in options
        self.code = code

    def get_function(self, name: str) -> Any:
        compile_together([self.code])
        library, space = _compiled[self.code]
        kernel = getattr(library, f"{space}_{name}")
        return lambda grid, block, args: _launch(kernel, grid, block, args)


def _launch(kernel: Any, grid: tuple[int, ...], block: tuple[int, ...], args: Any) -> None:
    assert all(isinstance(x, np.ndarray) and x.flags.c_contiguous for x in args)
    assert all(n > 0 for n in (*grid, *block)) and np.prod(block) <= 1024
    pointers = (ctypes.c_void_p * max(1, len(args)))(*[x.ctypes.data for x in args])
    size = (ctypes.c_uint * 4)(*grid, *(1,) * (2 - len(grid)), *block, *(1,) * (2 - len(block)))
    kernel(pointers, size)


def compile_together(codes: Iterable[str]) -> None:
    """These modules as one library: a compiler takes longer to start than to compile one."""
    new = [code for code in dict.fromkeys(codes) if code and code not in _compiled]
    if not new:
        return
    spaces = {code: f"module_{len(_compiled) + k}" for k, code in enumerate(new)}
    texts = [f'#include "{_SHIM}"', prelude("\n".join(new))]
    library = _library("\n".join(texts + [_module(code, space) for code, space in spaces.items()]))
    _compiled.update({code: (library, space) for code, space in spaces.items()})


def _module(code: str, space: str) -> str:
    """A module's kernels in a namespace of their own, and an entry for each."""
    heads = [(head[1], head[2].split(", ")) for head in _HEAD.finditer(code)]
    assert len(heads) == code.count("__global__")
    entries = []
    for name, params in heads:
        types = [p.rsplit(" ", 1)[0].replace("__restrict__", "") for p in params if p]
        given = ", ".join(f"({type})a[{k}]" for k, type in enumerate(types))
        text = code[code.index(f"void {name}(") :].split('extern "C"')[0]
        together = str("along_" in text).lower()
        entries.append(
            f'extern "C" void {space}_{name}(void** a, const unsigned int* size) {{\n'
            f"  shim::launch([](void** a) {{ {space}::{name}({given}); }}, a, size, {together});\n"
            "}"
        )
    kernels = code[code.index('extern "C"') :].replace('extern "C" __global__', "static")
    return f"namespace {space} {{\n{kernels}}}\n" + "\n".join(entries)


def _library(text: str) -> Any:
    with tempfile.TemporaryDirectory(prefix="funcgrad_cuda_") as folder:
        source, made = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        source.write_text(text)
        done = subprocess.run(
            [str(COMPILER), *_FLAGS, str(source), "-o", str(made)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[:4000]
        return ctypes.CDLL(str(made))
