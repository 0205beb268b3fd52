"""This machine's compiler: from LLVM's text to the addresses of functions.

llvmlite is loaded when the first program is compiled. The text is verified before it is
optimised; what LLVM refuses raises ``CompileError`` with LLVM's message.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

__all__ = ["CompileError", "Machine", "available", "machine"]


class CompileError(RuntimeError):
    """LLVM refused a program of ours."""


@lru_cache(maxsize=1)
def available() -> str | None:
    """Why there is no LLVM backend here, or None where there is one."""
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        return f"llvmlite cannot be imported: {error}"
    features = llvm.get_host_cpu_features()
    triple = llvm.get_default_triple()
    if triple.startswith("x86_64"):
        if not (features.get("avx2") and features.get("fma")):
            return "this x86-64 processor has no AVX2 with FMA"
        return None
    if triple.startswith(("aarch64", "arm64")):
        return None
    return f"no code is generated for {triple}"


class Machine:
    """The processor that programs are compiled for, and the memory of what was compiled."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.get_default_triple()
        self.cpu = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        self.features = features.flatten()
        self.vector_bits = 512 if features.get("avx512f") else 256 if features.get("avx2") else 128
        self.target = self._target(2)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self.target)
        self.lock = threading.RLock()

    def _target(self, level: int) -> Any:
        found = self.llvm.Target.from_triple(self.triple)
        return found.create_target_machine(
            cpu=self.cpu, features=self.features, opt=level, codemodel="jitdefault", jit=True
        )

    def addresses(self, text: str, names: Sequence[str], level: int = 2) -> list[int]:
        """Compile a module and return where these functions of it are."""
        with self.lock:
            module = self.parsed(text)
            self.optimise(module, level)
            self.engine.add_module(module)
            self.engine.finalize_object()
            found = [self.engine.get_function_address(name) for name in names]
        if not all(found):
            raise CompileError(f"no code for {[n for n, a in zip(names, found) if not a]}")
        return found

    def parsed(self, text: str) -> Any:
        try:
            module = self.llvm.parse_assembly(text)
            module.verify()
        except RuntimeError as error:
            raise CompileError(str(error)) from None
        module.triple = self.triple
        module.data_layout = str(self.target.target_data)
        return module

    def optimise(self, module: Any, level: int) -> None:
        options = self.llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = False  # loops are written as vectors already
        options.slp_vectorization = False
        builder = self.llvm.create_pass_builder(self.target, options)
        builder.getModulePassManager().run(module, builder)


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The one machine of this process."""
    return Machine()
