"""Kernels without a device: their text, compiled by g++ over a shim, runs on NumPy's arrays.

Texts that are waiting are compiled together when the first of their kernels is launched.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COMPILER = shutil.which("g++")
needed = pytest.mark.skipif(COMPILER is None, reason="CUDA text runs here through g++: none found")
_SHIM = Path(__file__).with_name("shim.h")
_HEAD = re.compile(r'extern "C" __global__ void (\w+)\(([^)]*)\) \{')
_FLAGS = ("-std=c++17", "-O1", "-w", "-ffp-contract=off", "-fPIC", "-shared")


class RawModule:
    """As CuPy's: text, and its kernels by name. Only what programs use is here."""

    waiting: list["RawModule"] = []
    count = 0

    def __init__(self, code: str, options: tuple[str, ...]):
        assert "--fmad=false" in options
        self.code = code
        RawModule.count += 1
        self.space = f"module_{RawModule.count}"
        self.library: Any = None
        RawModule.waiting.append(self)

    def get_function(self, name: str) -> Any:
        assert f"void {name}(" in self.code
        return lambda grid, block, args: self._launch(name, grid, block, args)

    def _launch(self, name: str, grid: Any, block: Any, args: Any) -> None:
        if self.library is None:
            compile_waiting()
        assert all(isinstance(x, np.ndarray) and x.flags.c_contiguous for x in args)
        assert all(n > 0 for n in (*grid, *block)) and np.prod(block) <= 1024
        pointers = (ctypes.c_void_p * max(1, len(args)))(*[x.ctypes.data for x in args])
        size = (ctypes.c_uint * 4)(*grid, *(1,) * (2 - len(grid)), *block, *(1,) * (2 - len(block)))
        getattr(self.library, f"{self.space}_{name}")(pointers, size)

    def text(self) -> str:
        """The module in a namespace of its own, and an entry for each kernel."""
        heads = [(head[1], head[2].split(", ")) for head in _HEAD.finditer(self.code)]
        assert len(heads) == self.code.count("__global__")
        entries = []
        for name, params in heads:
            types = [p.rsplit(" ", 1)[0] for p in params if p]
            given = ", ".join(f"({t.replace('__restrict__', '')})a[{k}]" for k, t in enumerate(types))
            start = self.code.index(f"void {name}(")
            stop = self.code.find('extern "C"', start)
            together = "along_" in self.code[start : stop if stop > 0 else None]
            entries.append(
                f'extern "C" void {self.space}_{name}(void** a, const unsigned int* size) {{\n'
                f"  shim::launch([](void** a) {{ {self.space}::{name}({given}); }}, a, size, "
                f"{str(together).lower()});\n}}"
            )
        code = self.code.replace('extern "C" __global__', "static")
        return f"namespace {self.space} {{\n{code}}}\n" + "\n".join(entries)


def compile_waiting() -> None:
    """All texts that wait, as one library."""
    modules, RawModule.waiting = RawModule.waiting, []
    text = f'#include "{_SHIM}"\n' + "\n".join(module.text() for module in modules)
    folder = Path(tempfile.mkdtemp(prefix="funcgrad_cuda_"))
    stem = hashlib.sha256(text.encode()).hexdigest()[:16]
    source, made = folder / f"{stem}.cpp", folder / f"{stem}.so"
    source.write_text(text)
    try:
        done = subprocess.run(
            [str(COMPILER), *_FLAGS, str(source), "-o", str(made)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[:4000] + "\n" + text[:4000]
        library = ctypes.CDLL(str(made))
    finally:
        shutil.rmtree(folder)
    for module in modules:
        module.library = library
