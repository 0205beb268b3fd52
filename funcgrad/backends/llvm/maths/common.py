"""What the functions share: the two kinds of floats, polynomials, constants in several parts."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from funcgrad.backends.llvm.ir import (
    Function,
    Value,
    bits,
    element,
    integer_like,
    lanes,
    mangled,
    vector,
)
from funcgrad.backends.llvm.maths.coefficients import POLYNOMIALS

__all__ = ["DOUBLE", "FLOAT", "Kind", "kind", "poly", "quick_two_sum", "split", "two_sum"]

# The constants of the reductions, to more digits than any splitting uses.
LN2 = "0.69314718055994530941723212145817656807550013436025525412068000949339362196969471560586"
LOG2_E = "1.44269504088896340735992468100189213742664595415298593413544940693110921918118507988552"
LOG10_E = "0.43429448190325182765112891891660508229439700580366656611445378316586464920887077472922"
LOG10_2 = "0.30102999566398119521373889472449302676818988146210854131042746112710818927442450948692"
PI = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803"
HALF_PI = "1.57079632679489661923132169163975144209858469968755291048747229615390820314310449931401"
TWO_OVER_PI = (
    "0.63661977236758134307553505349005744813783858296182579499066937623558719053690614036"
)


class Kind:
    """One kind of float: its format, and the numbers that follow from it."""

    def __init__(self, float: str, code: str, mantissa: int, bias: int):
        self.float, self.code, self.mantissa, self.bias = float, code, mantissa, bias
        # Adding 1.5 2^mantissa rounds to an integer and leaves it in the lowest bits.
        self.magic = 1.5 * 2.0**mantissa
        # This too, and its bits end in the integer plus twice the bias.
        self.shift = self.magic + 2 * bias
        self.epsilon = 2.0**-mantissa
        self.min_normal = 2.0 ** (1 - bias)

    def round(self, x: Any) -> float:
        return struct.unpack(self.code, struct.pack(self.code, float(x)))[0]

    def bits(self, x: float) -> int:
        """The bits of a constant as an integer."""
        return int.from_bytes(struct.pack(self.code, x), "little")


DOUBLE, FLOAT = Kind("double", "<d", 52, 1023), Kind("float", "<f", 23, 127)


def kind(x: Value) -> Kind:
    return DOUBLE if element(x.type) == "double" else FLOAT


@lru_cache(maxsize=256)
def split(digits: str, k: Kind, parts: int = 2, short: int = 0) -> tuple[float, ...]:
    """A constant as a sum of floats, each what the ones before it left over.

    With ``short`` the first part ends in so many zero bits, so that its products with integers
    of as many bits are exact.
    """
    rest, out = Fraction(digits), []
    for i in range(parts):
        part = k.round(rest)
        if short and i == 0:
            unit = 2.0 ** (math.frexp(part)[1] - k.mantissa - 1 + short)
            part = math.floor(part / unit) * unit
        out.append(part)
        rest -= Fraction(part)
    return tuple(out)


def horner(f: Function, x: Value, c: Sequence[float]) -> Value:
    y = f.lift(c[-1], x.type)
    for a in c[-2::-1]:
        y = f.fma(y, x, a)
    return y


def poly(f: Function, name: str, x: Value, skip: int = 0) -> Value:
    """The polynomial of that name at x: long ones as even and odd part, which run side by side.

    Without its first ``skip`` coefficients it is divided by that power of x.
    """
    c = POLYNOMIALS[name, element(x.type)][skip:]
    if len(c) < 6:
        return horner(f, x, c)
    square = x * x
    return f.fma(horner(f, square, c[1::2]), x, horner(f, square, c[::2]))


def two_sum(x: Value, y: Value) -> tuple[Value, Value]:
    """The sum and its rounding error (Knuth)."""
    s = x + y
    other = s - x
    return s, (x - (s - other)) + (y - other)


def quick_two_sum(x: Any, y: Value) -> tuple[Value, Value]:
    """The same where |x| >= |y|, or where x is a multiple of y's last place (Dekker)."""
    s = x + y
    return s, (x - s) + y


def two_product(f: Function, x: Value, y: Any) -> tuple[Value, Value]:
    p = x * y
    return p, f.fma(x, y, -p)


def fabs(x: Value) -> Value:
    return x.f.intrinsic("fabs", x)


def with_sign(x: Value, sign: Value) -> Value:
    return x.f.intrinsic("copysign", x, sign)


def at_most(x: Value, bound: float) -> Value:
    """min(x, bound); NaN stays."""
    return x.gt(bound).select(bound, x)


def at_least(x: Value, bound: float) -> Value:
    return x.lt(bound).select(bound, x)


def integers(x: Value) -> Value:
    return x.bitcast(integer_like(x.type))


def any_lane(test: Value) -> Value:
    """Whether a truth value holds in some lane."""
    if test.type == "i1":
        return test
    return test.f.intrinsic("vector.reduce.or", test, out="i1")


def scaled(f: Function, y: Value, n: Value) -> Value:
    """y 2^n for an integer n in a float, rounded once: by two factors, each a normal number."""
    if scales_at_once(f, y):
        return _by_scalef(f, y, n)
    half, rest = two_powers(f, n)
    return y * half * rest


def scales_at_once(f: Function, x: Value) -> bool:
    """Whether one instruction multiplies such a value by a power of two, however large."""
    return f.module.avx512 and lanes(x.type) * bits(x.type) % 512 == 0


def two_powers(f: Function, n: Value) -> tuple[Value, Value]:
    """2^h and 2^(n - h) for h = n // 2, each a normal number."""
    k = kind(n)
    whole = integers(n + k.shift)
    half = whole >> 1
    return _power(half, n.type, k), _power(whole - half, n.type, k)


def _by_scalef(f: Function, y: Value, n: Value) -> Value:
    """The same by AVX-512's instruction for it, one register after the other."""
    wide, one = mangled(y.type), vector(element(y.type), 512 // bits(y.type))
    short, mask = mangled(one), f"i{lanes(one)}"
    name = f"x86.avx512.mask.scalef.{'pd' if kind(y) is DOUBLE else 'ps'}.512"
    as_set, all_lanes = f.const("i32", 4), f.const(mask, -1)  # 4: rounding as the processor is set
    f.module.declare(
        f"@llvm.{name}", f"declare {one} @llvm.{name}({one}, {one}, {one}, {mask}, i32)"
    )
    out = y
    for k in range(0, lanes(y.type), lanes(one)):
        at = f.const("i64", k)
        part, power = (f.intrinsic("vector.extract", x, at, out=one, over=f"{short}.{wide}")
                       for x in (y, n))  # fmt: skip
        found = f.call(f"@llvm.{name}", one, part, power, part, all_lanes, as_set)
        out = f.intrinsic("vector.insert", out, found, at, over=f"{wide}.{short}")
    return out


def power_of_two(shifted: Value, k: Kind) -> Value:
    """2^n from n + magic + bias."""
    return _power(integers(shifted), shifted.type, k)


def _power(exponent: Value, type: str, k: Kind) -> Value:
    """2^(n - bias), its exponent's bits being those of n."""
    return (exponent << k.mantissa).bitcast(type)
