"""LLVM's intermediate representation as text, written by operators on typed values.

``x * y + 1.0`` writes two instructions. A value has a type (``double``, ``i64``, ``<8 x float>``);
plain Python numbers beside it become constants of that type. Variables that change live in
``Local`` slots on the stack, which LLVM turns into registers, so loops need no bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from funcgrad.backends.llvm.types import (
    bits,
    constant,
    element,
    folded,
    integer_like,
    is_float,
    lanes,
    like,
    mangled,
    vector,
)

__all__ = [
    "Function", "Local", "Module", "Value", "bits", "element", "integer_like", "is_float", "lanes",
    "mangled", "vector",
]  # fmt: skip

# -- values ----------------------------------------------------------------------------------


class Value:
    """A value inside a function: its name (or constant text) and type.

    ``+ - * /`` work on floats and integers, ``& | ^ << >>`` on integers (``>>`` keeps the sign;
    ``shr`` does not). Comparisons are methods (``lt`` …), false where a NaN takes part, but
    ``ne``.
    """

    __slots__ = ("f", "name", "type")

    def __init__(self, f: Function, name: str, type: str):
        self.f, self.name, self.type = f, name, type

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"

    def _with(self, op: str, float_op: str, other: Any, swap: bool = False) -> Value:
        y = self.f.lift(other, self.type)
        x, y = (y, self) if swap else (self, y)
        if self.type == "i64" and (found := folded(op, x.name, y.name)):
            return Value(self.f, found, "i64")
        word = float_op if is_float(self.type) else op
        return self.f.op(f"{word} {x.type} {x.name}, {y.name}", self.type)

    def __add__(self, y: Any) -> Value:
        return self._with("add", "fadd", y)

    def __sub__(self, y: Any) -> Value:
        return self._with("sub", "fsub", y)

    def __mul__(self, y: Any) -> Value:
        return self._with("mul", "fmul", y)

    def __truediv__(self, y: Any) -> Value:
        return self._with("sdiv", "fdiv", y)

    def __radd__(self, x: Any) -> Value:
        return self._with("add", "fadd", x, True)

    def __rsub__(self, x: Any) -> Value:
        return self._with("sub", "fsub", x, True)

    def __rmul__(self, x: Any) -> Value:
        return self._with("mul", "fmul", x, True)

    def __rtruediv__(self, x: Any) -> Value:
        return self._with("sdiv", "fdiv", x, True)

    def __neg__(self) -> Value:
        if is_float(self.type):
            return self.f.op(f"fneg {self.type} {self.name}", self.type)
        return 0 - self

    def __and__(self, y: Any) -> Value:
        return self._with("and", "and", y)

    def __or__(self, y: Any) -> Value:
        return self._with("or", "or", y)

    def __xor__(self, y: Any) -> Value:
        return self._with("xor", "xor", y)

    def __lshift__(self, y: Any) -> Value:
        return self._with("shl", "shl", y)

    def __rshift__(self, y: Any) -> Value:
        return self._with("ashr", "ashr", y)

    def shr(self, y: Any) -> Value:
        """Shifted right, zeros moving in."""
        return self._with("lshr", "lshr", y)

    def rem(self, y: Any) -> Value:
        """The remainder with the sign of the dividend, as C's ``%`` and ``fmod``."""
        return self._with("srem", "frem", y)

    def compare(self, how: str, y: Any, signed: bool = True) -> Value:
        """``how`` is eq, ne, lt, le, gt or ge; any comparison with NaN is false, but ne."""
        y = self.f.lift(y, self.type)
        out = vector("i1", lanes(self.type))
        if is_float(self.type):
            word = "fcmp " + ("une" if how == "ne" else "o" + how)
        else:
            word = "icmp " + (how if how in ("eq", "ne") else "us"[signed] + how)
        return self.f.op(f"{word} {self.type} {self.name}, {y.name}", out)

    def eq(self, y: Any) -> Value:
        return self.compare("eq", y)

    def ne(self, y: Any) -> Value:
        return self.compare("ne", y)

    def lt(self, y: Any) -> Value:
        return self.compare("lt", y)

    def le(self, y: Any) -> Value:
        return self.compare("le", y)

    def gt(self, y: Any) -> Value:
        return self.compare("gt", y)

    def ge(self, y: Any) -> Value:
        return self.compare("ge", y)

    def unordered(self, y: Value) -> Value:
        """Whether one of the two is NaN."""
        out = vector("i1", lanes(self.type))
        return self.f.op(f"fcmp uno {self.type} {self.name}, {y.name}", out)

    def is_nan(self) -> Value:
        return self.unordered(self)

    def select(self, yes: Any, no: Any) -> Value:
        """``yes`` where this truth value holds, else ``no``; one of the two has a type."""
        type = yes.type if isinstance(yes, Value) else no.type
        yes, no = self.f.lift(yes, type), self.f.lift(no, type)
        test = self if lanes(self.type) == lanes(type) else self.splat(lanes(type))
        return self.f.op(
            f"select {test.type} {test.name}, {type} {yes.name}, {type} {no.name}", type
        )

    def bitcast(self, type: str) -> Value:
        """The same bits as another type of the same width."""
        return self.f.op(f"bitcast {self.type} {self.name} to {type}", type)

    def cast(self, word: str, type: str) -> Value:
        """By one of LLVM's conversions: ``sitofp``, ``fptosi``, ``zext``, ``trunc`` …; ``type`` is
        that of one number."""
        out = like(type, self.type)
        return self if out == self.type else self.f.op(f"{word} {self.type} {self.name} to {out}",
                                                       out)  # fmt: skip

    def splat(self, n: int) -> Value:
        """A vector that holds this number in every lane."""
        if n == 1:
            return self
        out = vector(self.type, n)
        one = self.f.op(f"insertelement {out} poison, {self.type} {self.name}, i64 0", out)
        return self.f.op(
            f"shufflevector {out} {one.name}, {out} poison, <{n} x i32> zeroinitializer", out
        )

    def lane(self, i: int | Value) -> Value:
        """One number of a vector."""
        index = self.f.lift(i, "i64")
        return self.f.op(
            f"extractelement {self.type} {self.name}, i64 {index.name}", element(self.type)
        )

    def with_lane(self, i: int, x: Value) -> Value:
        return self.f.op(f"insertelement {self.type} {self.name}, {x.type} {x.name}, i64 {i}",
                         self.type)  # fmt: skip


class Local:
    """A variable on the stack, which LLVM turns into a register."""

    __slots__ = ("pointer", "type")

    def __init__(self, f: Function, type: str, start: Any = None):
        self.type = type
        self.pointer = f.alloca(type)
        if start is not None:
            self.set(start)

    def get(self) -> Value:
        return self.pointer.f.load(self.type, self.pointer)

    def set(self, x: Any) -> None:
        f = self.pointer.f
        f.store(f.lift(x, self.type), self.pointer)


# -- functions -------------------------------------------------------------------------------


class Function:
    """A function that is being written, instruction by instruction."""

    def __init__(
        self, module: Module, name: str, out: str, params: Sequence[str], attributes: str = "",
        linkage: str = "internal",
    ):  # fmt: skip
        self.module, self.name, self.out, self.params = module, name, out, tuple(params)
        self.args = [Value(self, f"%a{i}", p.split()[0] if p[0] != "<" else p)
                     for i, p in enumerate(params)]  # fmt: skip
        self.head = f"define {linkage} {out} @{name}({', '.join(f'{p} %a{i}' for i, p in enumerate(params))}) {attributes}"  # noqa: E501
        self.slots: list[str] = []
        self.lines: list[Any] = []  # lists among them are lines too, written at another time
        self.count = 0
        self.here = "entry"

    def text(self) -> str:
        lines = (line for x in self.lines for line in ((x,) if x.__class__ is str else x))
        return "\n".join([f"{self.head} {{", "entry:", *self.slots, *lines, "}"])

    # -- instructions ----------------------------------------------------------------------------

    def op(self, text: str, type: str) -> Value:
        """An instruction with a result."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, name, type)

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self.lines.append("  " + text)

    def const(self, type: str, number: Any) -> Value:
        return Value(self, constant(type, number), type)

    def lift(self, x: Any, type: str) -> Value:
        """A value of this type: a number becomes a constant, one number fills a vector."""
        if not isinstance(x, Value):
            return self.const(type, x)
        return x if lanes(x.type) == lanes(type) else x.splat(lanes(type))

    def intrinsic(
        self, name: str, *xs: Value, out: str | None = None, over: str | None = None
    ) -> Value:
        """A call of ``llvm.name`` for the type of its first operand."""
        out = out or xs[0].type
        full = f"@llvm.{name}.{over or mangled(xs[0].type)}"
        self.module.declare(full, f"declare {out} {full}({', '.join(x.type for x in xs)})")
        return self.op(f"call {out} {full}({', '.join(map(repr, xs))})", out)

    def fma(self, x: Any, y: Any, z: Any) -> Value:
        """x y + z, rounded once."""
        type = next(v.type for v in (x, y, z) if isinstance(v, Value))
        return self.intrinsic("fma", *[self.lift(v, type) for v in (x, y, z)])

    def call(self, name: str, out: str, *xs: Value, attributes: str = "") -> Any:
        """A call of a function of this module, or of an address."""
        callee = name if name[0] in "@%" or name.startswith("inttoptr") else f"@{name}"
        text = f"call {out} {callee}({', '.join(map(repr, xs))}) {attributes}".rstrip()
        return self.do(text) if out == "void" else self.op(text, out)

    def ret(self, x: Value | None = None) -> None:
        self.do("ret void" if x is None else f"ret {x!r}")

    # -- memory ------------------------------------------------------------------------------------

    def alloca(self, type: str, count: int = 1, align: int = 64) -> Value:
        """Memory on the stack, one place for the whole life of the function."""
        self.count += 1
        name = f"%v{self.count}"
        many = f", i64 {count}" if count > 1 else ""
        near = f", align {align}" if count > 1 else ""
        self.slots.append(f"  {name} = alloca {type}{many}{near}")
        return Value(self, name, "ptr")

    def load(self, type: str, pointer: Value, align: int | None = None, meta: str = "") -> Value:
        near = f", align {align}" if align else ""
        return self.op(f"load {type}, ptr {pointer.name}{near}{meta}", type)

    def store(self, x: Value, pointer: Value, align: int | None = None, meta: str = "") -> None:
        near = f", align {align}" if align else ""
        self.do(f"store {x!r}, ptr {pointer.name}{near}{meta}")

    def at(self, pointer: Value, index: Any, type: str = "i8") -> Value:
        """The address ``index`` items of a type behind a pointer."""
        place = self.lift(index, "i64")
        if place.name == "0":
            return pointer
        return self.op(f"getelementptr {type}, ptr {pointer.name}, {place!r}", "ptr")

    # -- control -----------------------------------------------------------------------------------

    def place(self) -> list[str]:
        """Here, for instructions that are still to come: see ``earlier``."""
        made: list[str] = []
        self.lines.append(made)
        return made

    @contextmanager
    def earlier(self, place: list[str]) -> Iterator[None]:
        """Instructions (no jumps) that are written inside go to a place."""
        now, self.lines = self.lines, place
        yield
        self.lines = now

    def label(self, stem: str = "b") -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def begin(self, label: str) -> None:
        """Start a block; what came before must have ended with a jump."""
        self.lines.append(f"{label}:")
        self.here = label

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, test: Value, yes: str, no: str, likely: bool | None = None) -> None:
        weight = "" if likely is None else f", !prof !{self.module.weights(likely)}"
        self.do(f"br i1 {test.name}, label %{yes}, label %{no}{weight}")

    @contextmanager
    def loop(self, start: Any, stop: Any, step: Any = 1, unroll: int = 1) -> Iterator[Value]:
        """``for i in range(start, stop, step)`` with a positive step; yields i.

        ``unroll`` says how many rounds are written side by side; 0 leaves that to LLVM, which
        would write short loops out: much code, and much time to compile it.
        """
        i = Local(self, "i64", self.lift(start, "i64"))
        head, body, end = self.label("head"), self.label("body"), self.label("end")
        self.jump(head)
        self.begin(head)
        now = i.get()
        self.branch(now.lt(stop), body, end)
        self.begin(body)
        yield now
        i.set(now + self.lift(step, "i64"))
        self.do(f"br label %{head}" + (self.module.unrolled(unroll) if unroll else ""))
        self.begin(end)

    @contextmanager
    def during(self, test: Callable[[], Value]) -> Iterator[None]:
        """``while test():`` what is written inside."""
        head, body, end = self.label("head"), self.label("body"), self.label("end")
        self.jump(head)
        self.begin(head)
        self.branch(test(), body, end)
        self.begin(body)
        yield
        self.jump(head)
        self.begin(end)

    @contextmanager
    def when(self, test: Value, likely: bool | None = None) -> Iterator[None]:
        """What is written inside runs only where the test holds."""
        yes, end = self.label("then"), self.label("end")
        self.branch(test, yes, end, likely)
        self.begin(yes)
        yield
        self.jump(end)
        self.begin(end)


class Module:
    """All functions, declarations and constants of one compilation.

    ``avx512`` allows instructions that only x86-64's AVX-512 has.
    """

    def __init__(self, avx512: bool = False) -> None:
        self.avx512 = avx512
        self.declared: dict[str, str] = {}
        self.functions: dict[str, Function | None] = {}
        self.metadata: list[str] = []
        self._noted: dict[str, int] = {}
        self.names: dict[tuple[str, str], str] = {}

    def declare(self, name: str, text: str) -> None:
        self.declared.setdefault(name, text)

    def function(self, name: str, out: str, params: Sequence[str], **more: Any) -> Function:
        made = self.functions[name] = Function(self, name, out, params, **more)
        return made

    def once(self, name: str, out: str, params: Sequence[str],
             write: Callable[[Function], None], **more: Any) -> str:  # fmt: skip
        """The name of a function that is written when it is first asked for."""
        if name not in self.functions:
            write(self.function(name, out, params, **more))
        return name

    def named(self, stem: str, key: Any, write: Callable[[str], None]) -> str:
        """The name of a function that is written once for each key."""
        found = self.names.get((stem, repr(key)))
        if found is None:
            found = self.names[stem, repr(key)] = f"{stem}_{len(self.names)}"
            write(found)
        return found

    def table(self, name: str, type: str, numbers: Sequence[Any]) -> str:
        """A constant array; returns its address."""
        entries = ", ".join(f"{type} {constant(type, x)}" for x in numbers)
        text = f"@{name} = internal constant [{len(numbers)} x {type}] [{entries}], align 64"
        self.declare(f"@{name}", text)
        return f"@{name}"

    def note(self, text: str) -> int:
        """A metadata node; returns its number."""
        self.metadata.append(text)
        return len(self.metadata) - 1

    def once_noted(self, text: str) -> int:
        """The number of the one node with this text."""
        if text not in self._noted:
            self._noted[text] = self.note(text)
        return self._noted[text]

    def weights(self, likely: bool) -> int:
        yes, no = (2000, 1) if likely else (1, 2000)
        return self.once_noted(f'!{{!"branch_weights", i32 {yes}, i32 {no}}}')

    def unrolled(self, count: int) -> str:
        """What a loop's last jump says about unrolling; every loop has a node of its own."""
        how = f'!"llvm.loop.unroll.count", i32 {count}' if count > 1 else (
            '!"llvm.loop.unroll.disable"'
        )  # fmt: skip
        node = self.note("")
        self.metadata[node] = f"distinct !{{!{node}, !{self.note(f'!{{{how}}}')}}}"
        return f", !llvm.loop !{node}"

    def text(self) -> str:
        notes = [f"!{i} = {text}" for i, text in enumerate(self.metadata)]
        bodies = [f.text() for f in self.functions.values() if f is not None]
        return "\n".join([*self.declared.values(), *bodies, *notes]) + "\n"
