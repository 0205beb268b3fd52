"""Keys: made of a seed, split, folded, and watched for being used up twice."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from operator import index
from threading import Lock
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.errors import KeyReuseWarning
from funcgrad.ops.elementwise import right_shift
from funcgrad.ops.functions.common import array_of, as_dtype
from funcgrad.ops.random import random_bits
from funcgrad.ops.shaping import concatenate, iota, reshape
from funcgrad.trace.core import running
from funcgrad.trace.source import here
from funcgrad.trace.tracer import is_traced

__all__ = ["PRNGKey", "fold_in", "key", "split"]

_U32, _U64 = np.dtype(np.uint32), np.dtype(np.uint64)

# -- which keys are used up --------------------------------------------------------------------

_REMEMBERED = 4096
_used: OrderedDict[int, str] = OrderedDict()  # key as an integer -> by whom, where
_lock = Lock()


def _numbers(keys: Any) -> list[int]:
    """Keys in the last axis as integers of 64 bits."""
    words = keys.reshape(-1, 2).astype(_U64)
    return (words[:, 0] << np.uint64(32) | words[:, 1]).tolist()  # type: ignore[no-any-return]


def _is_watched(key: Any) -> bool:
    """Inside a trace the same key may well come again: the same function runs again."""
    return key.__class__ is np.ndarray and running.get() is None and config.key_reuse != "ignore"


def renewed(keys: Any) -> Any:
    """Keys that have just been made: none is used up, though another like it may have been."""
    if _used and _is_watched(keys):
        with _lock:
            if keys.size > 2 * len(_used):
                for number in _used.keys() & set(_numbers(keys)):
                    del _used[number]
            else:
                for number in _numbers(keys):
                    _used.pop(number, None)
    return keys


def used(key: Any, who: str) -> Any:
    """The key, checked, and from now on used up by ``who``."""
    key = checked(key, who)
    if not _is_watched(key):
        return key
    (number,) = _numbers(key)
    source = here()
    with _lock:
        before = _used.get(number)
        _used[number] = f"{who} (at {source})"
        if len(_used) > _REMEMBERED:
            _used.popitem(last=False)
    if before is not None:
        _warn(key, who, before, source)
    return key


def _warn(key: Any, who: str, before: str, source: Any) -> None:
    reuse = KeyReuseWarning(
        f"{who}: the key {key.tolist()} was already used up by {before}, so that both consist of "
        "the same random bits. Split it first, key, sub = random.split(key), and use each part "
        "once; funcgrad.config.key_reuse = 'ignore' turns this off"
    )
    if config.key_reuse == "error":
        raise reuse
    file, line = source or ("<unknown>", 1)
    warnings.warn_explicit(reuse, None, file, line)


def checked(key: Any, who: str) -> Any:
    """A key, or an error that says what is wrong with it."""
    if not hasattr(key, "dtype") or not hasattr(key, "shape"):
        raise TypeError(
            f"{who}: the first argument must be a key, an array made by funcgrad.random.key(seed), "
            f"not {key!r:.40} of type {type(key).__name__}; write random.{who}(random.key(0), ...)"
        )
    if key.dtype != _U32 or tuple(key.shape) != (2,):
        remedy = (
            "draw with vmap over the keys, or pick one of them"
            if key.dtype == _U32 and tuple(key.shape)[-1:] == (2,)
            else "make one with funcgrad.random.key(seed)"
        )
        raise TypeError(
            f"{who}: a key is a uint32 array of shape (2,), this one is {key.dtype} of shape "
            f"{tuple(key.shape)}; {remedy}"
        )
    return key


# -- making keys -------------------------------------------------------------------------------


def _words(z: Any) -> Any:
    """Numbers of 64 bits as pairs of words, the high one first, along a new last axis."""
    high, low = as_dtype(right_shift(z, np.uint64(32)), _U32), as_dtype(z, _U32)
    columns = [reshape(w, shape=(*np.shape(z), 1)) for w in (high, low)]
    return concatenate(*columns, axis=len(np.shape(z)))


def derived(key: Any, count: Any) -> Any:
    """The keys of a key at these counters: nobody else has used it, or will."""
    return _words(random_bits(key[0], key[1], count, width=64))


def parts(key: Any, n: int) -> Any:
    """n keys of one, as ``split``, for draws that need several."""
    return derived(key, iota(shape=(n,), axis=0, dtype=_U64))


def key(seed: Any) -> Any:
    """The key of a seed: a uint32 array of shape (2,), the two halves of the seed's 64 bits.

    The seed is any integer (its lowest 64 bits count), or a traced one. A key made anew counts as
    unused, also where one like it was used before.

    Raises TypeError where the seed is no integer.

    >>> from funcgrad import random
    >>> random.key(42)
    array([ 0, 42], dtype=uint32)
    """
    if is_traced(seed) or isinstance(seed, np.ndarray):
        if seed.dtype.kind not in "iu" or seed.shape:
            raise TypeError(
                f"key: the seed must be one integer, not {seed.dtype} of shape {seed.shape}; "
                "use vmap for an array of seeds"
            )
        return _words(as_dtype(seed, _U64))
    try:
        number = index(seed) & (2**64 - 1)
    except TypeError:
        raise TypeError(f"key: the seed must be an integer, not {seed!r:.40}") from None
    return renewed(np.array([number >> 32, number & 0xFFFFFFFF], _U32))


def PRNGKey(seed: Any) -> Any:
    """Another name for ``key``, which JAX has.

    >>> from funcgrad import random
    >>> random.PRNGKey(1)
    array([0, 1], dtype=uint32)
    """
    return key(seed)


def split(key: Any, num: Any = 2) -> Any:
    """New keys of one: an array of shape (num, 2), or (*num, 2), one independent key in each row.

    The key is used up by it. (``split(key, n)[i]`` and ``fold_in(key, i)`` are the same, as in
    JAX: use one of the two on a key.)

    >>> from funcgrad import random
    >>> key, sub = random.split(random.key(0))
    >>> random.split(key, 3).shape
    (3, 2)
    """
    key = used(key, "split")
    shape = tuple(index(n) for n in num) if isinstance(num, (tuple, list)) else (index(num),)
    if any(n < 0 for n in shape):
        raise ValueError(f"split: the number of keys must not be negative, not {num}")
    found = parts(key, int(np.prod(shape, dtype=np.int64)))
    return renewed(reshape(found, shape=(*shape, 2)))


def fold_in(key: Any, data: Any) -> Any:
    """The key of a key and an integer from 0 to 2**32 - 1, such as the number of a step.

    Different integers make independent keys. The key itself is not used up: a loop may fold every
    step's number into one key.

    Raises ValueError for a number out of range, TypeError for what is no integer.

    >>> from funcgrad import random
    >>> key = random.key(0)
    >>> draws = [random.normal(random.fold_in(key, step)) for step in range(3)]
    """
    key = checked(key, "fold_in")
    data = array_of(data)
    if data.dtype.kind not in "iu" or data.shape:
        raise TypeError(
            f"fold_in: the data must be one integer, not {data.dtype} of shape {tuple(data.shape)}"
        )
    if not is_traced(data) and not 0 <= int(data) < 2**32:
        raise ValueError(f"fold_in: the data must be from 0 to 2**32 - 1, not {int(data)}")
    return renewed(derived(key, as_dtype(as_dtype(data, _U32), _U64)))
