"""This machine's compiler: from LLVM's text to the addresses of functions.

llvmlite is loaded when the first program is compiled. The text is verified before it is
optimised; what LLVM refuses raises ``CompileError`` with LLVM's message.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from funcgrad.backends.llvm import cache

__all__ = ["Code", "CompileError", "Machine", "available", "machine"]


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


class Code:
    """Loaded functions: ``code["name"]`` is an address, good while this object lives."""

    __slots__ = ("_tracker", "addresses", "cached")

    def __init__(self, tracker: Any, names: Sequence[str], cached: bool):
        self._tracker = tracker
        self.addresses = {name: int(tracker[name]) for name in names}
        self.cached = cached  # it came from the disk

    def __getitem__(self, name: str) -> int:
        return self.addresses[name]


class Machine:
    """The processor that programs are compiled for, and the memory of what was compiled."""

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.get_default_triple()
        self.cpu = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        self.features = features.flatten()
        self.vector_bits = 512 if features.get("avx512f") else 256 if features.get("avx2") else 128
        version = ".".join(map(str, llvm.llvm_version_info))
        self.identity = (llvmlite.__version__, version, self.triple, self.cpu, self.features)
        self.targets = {level: self._target(level) for level in (0, 1, 2)}
        self.target = self.targets[2]
        # JITLink keeps code and constants near each other; it does not know Windows' objects well
        self.session = llvm.create_lljit_compiler(
            self._target(2), use_jit_link="windows" not in self.triple, suppress_errors=True
        )
        self.lock = threading.RLock()
        self.libraries = count()
        self.kept: list[Code] = []

    def _target(self, level: int) -> Any:
        found = self.llvm.Target.from_triple(self.triple)
        return found.create_target_machine(
            cpu=self.cpu, features=self.features, opt=level, codemodel="jitdefault", jit=True
        )

    def addresses(self, text: str, names: Sequence[str], level: int = 2) -> list[int]:
        """Compile a module and return where these functions of it are, for good."""
        code = self.load(text, names, level)
        self.kept.append(code)
        return [code[name] for name in names]

    def load(
        self,
        text: str,
        names: Sequence[str],
        level: int = 2,
        symbols: Mapping[str, int] | None = None,
    ) -> Code:
        """Compile a module, or find it on disk; its code is freed with the object returned.

        ``level`` 0 is ten times as quick to compile as 2, for code that has no inner loops.
        ``symbols`` are the addresses of functions that it declares and does not define.
        """
        key = cache.key_of((*self.identity, str(level), text))
        data = cache.read(key)
        if data is not None:
            try:
                return self.link(data, names, symbols or {}, cached=True)
            except CompileError:
                pass  # of another make, for all its checksum: compile anew
        with cache.attempt(key) as safe:
            if not safe:
                raise CompileError("compiling this program has ended other processes")
            data = self.compile(text, level)
        code = self.link(data, names, symbols or {}, cached=False)
        cache.write(key, data)
        return code

    def compile(self, text: str, level: int) -> bytes:
        """A module as an object file."""
        with self.lock:
            module = self.optimised(text, level)
            return bytes(self.targets[min(level, 2)].emit_object(module))

    def optimised(self, text: str, level: int) -> Any:
        """The optimised module. LLVM's unrolling of loops over short vectors can leave a program
        that its own verifier refuses (and would end the process at the next step): such a one is
        optimised again without."""
        for unroll in (True, False):
            module = self.parsed(text)
            self.optimise(module, level, unroll)
            try:
                module.verify()
                return module
            except RuntimeError as error:
                reason = str(error)
        raise CompileError(reason)

    def link(
        self, data: bytes, names: Sequence[str], symbols: Mapping[str, int], cached: bool
    ) -> Code:
        """Load an object file, in a name space of its own."""
        builder = self.llvm.JITLibraryBuilder().add_object_img(data).add_current_process()
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        try:
            with self.lock:
                tracker = builder.link(self.session, f"funcgrad.{next(self.libraries)}")
        except RuntimeError as error:
            raise CompileError(str(error)) from None
        return Code(tracker, names, cached)

    def parsed(self, text: str) -> Any:
        try:
            module = self.llvm.parse_assembly(text)
            module.verify()
        except RuntimeError as error:
            raise CompileError(str(error)) from None
        module.triple = self.triple
        module.data_layout = str(self.target.target_data)
        return module

    def optimise(self, module: Any, level: int, unroll: bool = True) -> None:
        options = self.llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_unrolling = unroll
        options.loop_vectorization = False  # loops are written as vectors already
        options.slp_vectorization = False
        builder = self.llvm.create_pass_builder(self.target, options)
        if level:
            passes = builder.getModulePassManager()
        else:
            passes = self.llvm.create_new_module_pass_manager()
            passes.add_sroa_pass()  # variables into registers
        passes.run(module, builder)


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The one machine of this process."""
    return Machine()
