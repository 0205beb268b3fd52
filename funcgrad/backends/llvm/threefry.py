"""Threefry-2x32 on vectors, as ``ops.random`` has it."""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Value, mangled
from funcgrad.ops.random import PARITY, ROTATIONS

__all__ = ["bits"]


def _block(f: Function, k0: Value, k1: Value, count: Value) -> tuple[Value, Value]:
    """Both words of the blocks; operands are 64 bits wide, of which the keys use the lower 32."""
    k0, k1 = k0.cast("trunc", "i32"), k1.cast("trunc", "i32")
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0 = count.shr(32).cast("trunc", "i32") + keys[0]
    x1 = count.cast("trunc", "i32") + keys[1]
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = f.intrinsic("fshl", x1, x1, f.lift(r, x1.type)) ^ x0
        x0 = x0 + keys[(i + 1) % 3]
        x1 = x1 + keys[(i + 2) % 3] + (i + 1)
    return x0, x1


def bits(k0: Value, k1: Value, count: Value, width: int) -> Value:
    """The random bits in 64 bits, by a function of the module."""
    f, type = count.f, count.type
    name = f"fg_threefry{width}_{mangled(type)}"

    def write(g: Function) -> None:
        x0, x1 = _block(g, *g.args)
        if width == 32:
            g.ret((x0 ^ x1).cast("zext", "i64"))
        else:
            g.ret((x0.cast("zext", "i64") << 32) | x1.cast("zext", "i64"))

    f.module.once(name, type, [type] * 3, write, attributes="nounwind willreturn memory(none)")
    return f.call(name, type, *[f.lift(x, type) for x in (k0, k1, count)])
