"""Random bits: Threefry-2x32 with 20 rounds, counted, keyed, and elementwise.

Each block is a bijection of a 64-bit counter under a 64-bit key (Salmon, Moraes, Dror and Shaw,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011): no state, so that every element of a
draw can be made by itself, on any backend, in any order. The counters are the element's places
in the array, as in JAX's partitionable generator, whose bits these are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops.families import broadcast_avals, ufunc_op
from funcgrad.ops.shaping import iota, reshape

__all__ = ["PARITY", "ROTATIONS", "drawn_bits", "key_words", "random_bits"]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA  # of the key schedule: no key is all zeros
_BLOCK = 16_384  # counters whose buffers share a near cache
_FEW = 8  # counters that are faster one by one
_ONES = 2**32 - 1

_U32, _U64 = np.dtype(np.uint32), np.dtype(np.uint64)


# -- Threefry ------------------------------------------------------------------------------------


def _rounds(xp: Any, k0: Any, k1: Any, x0: Any, x1: Any) -> None:
    """Twenty rounds on the words of the counter, in place; a key is added after every fourth."""
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    spare = xp.empty_like(x1)
    x0 += keys[0]
    x1 += keys[1]
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 += x1
            xp.right_shift(x1, 32 - r, out=spare)
            xp.left_shift(x1, r, out=x1)
            x1 |= spare
            x1 ^= x0
        x0 += keys[(i + 1) % 3]
        x1 += keys[(i + 2) % 3] + np.uint32(i + 1)


def _fill(xp: Any, out: Any, k0: Any, k1: Any, count: Any) -> None:
    x0, x1 = (count >> np.uint64(32)).astype(_U32), count.astype(_U32)
    x0, x1 = (xp.array(xp.broadcast_to(x, out.shape)) for x in (x0, x1))
    _rounds(xp, k0, k1, x0, x1)
    if out.dtype == _U32:
        xp.bitwise_xor(x0, x1, out=out)
    else:
        out[...] = x0
        out <<= np.uint64(32)
        out |= x1


def _fill_blocks(out: Any, k0: Any, k1: Any, count: Any) -> None:
    """Block by block, so that the hundred passes of a block stay in the cache."""
    if out.size <= _BLOCK:
        _fill(np, out, k0, k1, count)
    elif len(out) == 1:
        _fill_blocks(out[0], k0[0], k1[0], count[0])
    else:
        rows = max(1, _BLOCK * len(out) // out.size)
        for i in range(0, len(out), rows):
            _fill_blocks(*[x[i : i + rows] for x in (out, k0, k1, count)])


def _block(k0: int, k1: int, count: int) -> tuple[int, int]:
    """One block in Python's numbers: a tenth of the time that arrays of one word take."""
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = (count >> 32) + k0 & _ONES, (count & _ONES) + k1 & _ONES
    for i in range(5):
        for r in ROTATIONS[i % 2]:
            x0 = x0 + x1 & _ONES
            x1 = (x1 << r & _ONES | x1 >> 32 - r) ^ x0
        x0, x1 = x0 + keys[(i + 1) % 3] & _ONES, x1 + keys[(i + 2) % 3] + i + 1 & _ONES
    return x0, x1


def _fill_few(out: Any, k0: Any, k1: Any, count: Any) -> None:
    numbers = [np.broadcast_to(x, out.shape).ravel().tolist() for x in (k0, k1, count)]
    pairs = [_block(*given) for given in zip(*numbers, strict=True)]
    single = out.dtype == _U32
    out.flat = [x0 ^ x1 if single else x0 << 32 | x1 for x0, x1 in pairs]


def _bits_value(xp: Any, k0: Any, k1: Any, count: Any, width: int) -> Any:
    parts = [
        xp.atleast_1d(xp.asarray(x, d))  # NumPy's scalars would warn where words wrap around
        for x, d in zip((k0, k1, count), (_U32, _U32, _U64), strict=True)
    ]
    shape = np.broadcast_shapes(*[np.shape(x) for x in (k0, k1, count)])
    out = xp.empty(shape or (1,), f"u{width // 8}")
    if out.size <= _FEW and xp is np:
        _fill_few(out, *parts)
    elif out.size <= _BLOCK or xp is not np:
        _fill(xp, out, *parts)
    else:
        _fill_blocks(out, *[np.broadcast_to(x, out.shape) for x in parts])
    return out.reshape(shape)[()]


def _bits_type(k0: Aval, k1: Aval, count: Aval, width: int) -> Aval:
    dtypes = [a.dtype.name for a in (k0, k1, count)]
    if width not in (32, 64) or dtypes != ["uint32", "uint32", "uint64"]:
        raise TypeError(
            "random_bits: makes 32 or 64 bits of two words of a key, uint32, and a counter, "
            f"uint64; it was asked for {width} bits of {', '.join(dtypes)}"
        )
    return array_aval(broadcast_avals("random_bits", (k0, k1, count)), np.dtype(f"u{width // 8}"))


random_bits = ufunc_op("random_bits", type=_bits_type, value=_bits_value)
"""The block of each counter under its key: both words as one uint64, or their sum modulo 2."""


def key_words(key: Any) -> tuple[Any, Any]:
    """The two words of a key."""
    return key[0], key[1]


def drawn_bits(key: Any, shape: tuple[int, ...], width: int) -> Any:
    """Bits for every element of a shape: counted in row-major order."""
    size = int(np.prod(shape, dtype=np.int64))
    count = reshape(iota(shape=(size,), axis=0, dtype=_U64), shape=shape)
    return random_bits(*key_words(key), count, width=width)
