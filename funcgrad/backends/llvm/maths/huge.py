"""Arguments too large for a subtraction of multiples of π/2: Payne and Hanek's reduction.

x = M 2^E with a whole M. Of M 2^E 2/π only the part modulo 4 counts, so only those 192 bits of 2/π
are multiplied with M that contribute to it; all else is a multiple of 4 or too small.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import DOUBLE, HALF_PI, split

__all__ = ["payne_hanek"]

_LEAST = -40  # the smallest E that occurs: arguments above 2^13
_WORDS = 40


@lru_cache(maxsize=1)
def two_over_pi() -> list[int]:
    """2/π in words of 32 bits, behind as many zero bits as the smallest E asks for."""
    digits = 32 * _WORDS + _LEAST
    return [(_scaled_two_over_pi(digits) >> (32 * (_WORDS - 1 - i))) & 0xFFFFFFFF
            for i in range(_WORDS)]  # fmt: skip


def _scaled_two_over_pi(bits: int) -> int:
    """floor(2^bits 2/π), π by Machin: 16 artan 1/5 - 4 artan 1/239."""
    one = 1 << (bits + 64)

    def arctan_inverse(n: int) -> int:
        total, power, i = 0, one // n, 1
        while power:
            total += power // i if i % 4 == 1 else -(power // i)
            power //= n * n
            i += 2
        return total

    pi = 16 * arctan_inverse(5) - 4 * arctan_inverse(239)
    return (2 * one << bits) // pi


def payne_hanek(f: Function) -> None:
    """(source, out, n): for n doubles the remainders r, their low parts, and the counts of quarter
    turns modulo 4, each n doubles."""
    source, out, n = f.args
    with f.loop(0, n) as i:
        found = reduction(f, f.load("double", f.at(source, i, "double")))
        for j, value in enumerate(found):
            f.store(value, f.at(out, n * j + i, "double"))
    f.ret()


def reduction(f: Function, x: Value) -> tuple[Value, Value, Value]:
    word = x.bitcast("i64")
    E = (word.shr(52) & 0x7FF) - 1075
    M = (word & ((1 << 52) - 1)) | (1 << 52)
    fraction, turns = product(f, M, E)
    negative = fraction.compare("lt", 0)
    size = negative.select(0 - fraction, fraction)
    zeros = f.op(f"call i128 @llvm.ctlz.i128({size!r}, i1 false)", "i128")
    f.module.declare("@llvm.ctlz.i128", "declare i128 @llvm.ctlz.i128(i128, i1)")
    digits = size << zeros
    high = digits.shr(75).cast("trunc", "i64").cast("sitofp", "double")
    low = (digits.shr(22) & ((1 << 53) - 1)).cast("trunc", "i64").cast("sitofp", "double")
    # digits 2^-zeros counts units of 2^-126 quarter turns; high is digits / 2^75
    exponent = (1023 - 126 + 75) - zeros.cast("trunc", "i64")
    unit = (exponent << 52).bitcast("double")
    high, low = high * unit, low * unit * 2.0**-53
    p, q = split(HALF_PI, DOUBLE)
    r = high * p
    rest = f.fma(high, p, -r) + f.fma(high, q, low * p)
    top = r + rest
    flip = negative.cast("zext", "i64") ^ word.shr(63)
    sign = flip.eq(0).select(1.0, f.lift(-1.0, "double"))
    count = word.lt(0).select(0 - turns, turns) & 3
    return top * sign, ((r - top) + rest) * sign, count.cast("sitofp", "double")


def product(f: Function, M: Value, E: Value) -> tuple[Value, Value]:
    """M 2^E 2/π modulo 4: what is left of the nearest integer, as 2^-126 in i128, and that one."""
    table = Value(f, f.module.table("fg_two_over_pi", "i32", two_over_pi()), "ptr")
    first = E - _LEAST - 2  # the first bit: 2^E times it is 2, higher ones give multiples of 4
    index, shift = first.shr(5), first & 31
    words = [f.load("i32", f.at(table, index + i, "i32")).cast("zext", "i64") for i in range(7)]
    pairs = [(a << 32) | b for a, b in pairwise(words)]
    parts = [((pairs[i] << shift) | (words[i + 2] << shift).shr(32)).cast("zext", "i128")
             for i in (0, 2, 4)]  # fmt: skip
    wide = M.cast("zext", "i128")
    last = wide * parts[2]
    middle = wide * parts[1] + last.shr(64)
    top = (wide * parts[0] << 64) + middle
    turns = (top.shr(125) + 1).shr(1)
    return top - (turns << 126), turns.cast("trunc", "i64")
