"""A distribution as a few formulas in standard form; loc, scale, support and tails in one place.

With y = (x - loc) / scale

    pdf(x) = p(y) / scale      cdf(x) = F(y)      ppf(q) = loc + scale F^-1(q)

What a distribution does not say follows: p = exp(log p), F = 1 - sf, log F = log(F), and so on.
Where a density is 0, outside of the support and at its ends, all slopes are 0; parameters that are
not allowed give NaN, as in SciPy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import known
from funcgrad.scipy.plain import alike, any_ours

__all__ = ["Continuous", "Discrete", "Frozen"]


def _positive(*shapes: Any) -> Any:
    """Where all parameters are positive; each may have axes of its own."""
    return reduce(np.logical_and, [s > 0 for s in shapes], True)


def _bind(who: str, names: tuple[str, ...], n: int, args: Any, kwargs: Any) -> list[Any]:
    """Arguments in the order of ``names``: n of them required, then loc=0 and scale=1."""
    given = dict(zip(names, args, strict=False))
    unknown = set(kwargs) - set(names)
    if len(args) > len(names) or unknown or given.keys() & kwargs.keys():
        raise TypeError(
            f"{who}({', '.join(names)}): got {len(args)} positional arguments and "
            f"{sorted(kwargs)}; each is given once"
        )
    given |= kwargs
    lacking = [name for name in names[:n] if name not in given]
    if lacking:
        raise TypeError(f"{who}({', '.join(names)}): {', '.join(lacking)} missing")
    return [given.get(name, 1.0 if name == "scale" else 0.0) for name in names]


def _method(first: str, doc: str) -> Any:
    """A public method: SciPy's own on plain arrays, else the one of the same name after ``_``."""

    class Method:
        def __set_name__(self, owner: Any, name: str) -> None:
            def call(self: Any, *args: Any, **kwargs: Any) -> Any:
                if not any_ours(args, kwargs):
                    return getattr(self.scipys(), name)(*args, **kwargs)
                who = f"scipy.stats.{self.name}.{name}"
                names = (first, *self.shapes, *self.moved)
                given = _bind(who, names, 1 + len(self.shapes), args, kwargs)
                return getattr(self, f"_{name}")(*alike(*given))

            call.__name__, call.__qualname__, call.__doc__ = name, f"{owner.__name__}.{name}", doc
            setattr(owner, name, call)

    return Method()


class _Distribution:
    """What both kinds share: its name, its parameters, and which of them are allowed."""

    moved: tuple[str, ...] = ("loc",)

    def __init__(
        self, name: str, doc: str, shapes: str = "", *, support: Any = (-np.inf, np.inf),
        allowed: Callable[..., Any] | None = None, **formulas: Callable[..., Any],
    ):  # fmt: skip
        self.name, self.shapes, self.formulas = name, tuple(shapes.split()), formulas
        self.__doc__ = doc
        self.allowed = allowed or _positive
        self.ends = support if callable(support) else lambda *shapes: support

    def __repr__(self) -> str:
        return f"funcgrad.scipy.stats.{self.name}"

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """The distribution with these parameters: ``norm(1.0, 2.0).pdf(x)``."""
        return Frozen(self, args, kwargs)

    def scipys(self) -> Any:
        return getattr(importlib.import_module("scipy.stats"), self.name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self.scipys(), name)

        def plain(*args: Any, **kwargs: Any) -> Any:
            if any_ours(args, kwargs):
                self.lacks(name)
            return method(*args, **kwargs)

        return plain if callable(method) else method

    def lacks(self, what: str) -> Any:
        raise NotTraceableError(
            f"scipy.stats.{self.name}.{what} is not covered on traced values; covered are "
            f"{', '.join(sorted(self.formulas))} and what follows from them. Give a call of "
            "SciPy's own a rule with funcgrad.custom_jvp"
        )

    def told(self, what: str) -> Any:
        return self.formulas.get(what)

    def _valid(self, y: Any, shapes: Any) -> Any:
        good = y == y
        for s in (self.allowed(*shapes),) if shapes else ():
            good = good & s
        return good

    def _below(self, what: str, y: Any, shapes: Any) -> Any:
        """cdf, or sf, by the formula of either."""
        own, other = self.told(what), self.told({"cdf": "sf", "sf": "cdf"}[what])
        if own is not None:
            return own(y, *shapes)
        if other is None:
            self.lacks(what)
        return 1 - other(y, *shapes)

    def _log_below(self, what: str, y: Any, shapes: Any) -> Any:
        own = self.told(f"log{what}")
        return np.log(self._below(what, y, shapes)) if own is None else own(y, *shapes)


class Continuous(_Distribution):
    """A law of real numbers by its density: ``pdf(x, *shapes, loc=0, scale=1)`` and so on.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.stats import gamma
    >>> grad(lambda a: gamma.logpdf(2.0, a, scale=2.0))(1.0).round(6)
    np.float64(0.577216)
    """

    moved = ("loc", "scale")

    def __init__(self, name: str, doc: str, shapes: str = "", *, symmetric: bool = False,
                 **options: Any):  # fmt: skip
        super().__init__(name, doc, shapes, **options)
        if symmetric:
            f = self.formulas
            for own, other in (("cdf", "sf"), ("logcdf", "logsf")):
                if own in f:
                    f[other] = lambda x, *s, own=own: f[own](-x, *s)
            if "ppf" in f:
                f["isf"] = lambda q, *s: -f["ppf"](q, *s)

    pdf = _method("x", "The density at x; 0 outside of the support.")
    logpdf = _method("x", "The logarithm of the density at x; -inf outside of the support.")
    cdf = _method("x", "The probability of a value up to x.")
    sf = _method("x", "The probability of a value above x, with all its digits where it is small.")
    logcdf = _method("x", "The logarithm of ``cdf``.")
    logsf = _method("x", "The logarithm of ``sf``.")
    ppf = _method("q", "The inverse of ``cdf``; NaN unless 0 <= q <= 1.")
    isf = _method("q", "The inverse of ``sf``; NaN unless 0 <= q <= 1.")

    def _at(self, x: Any, rest: Any) -> Any:
        """y, the shape parameters, the scale, the ends of the support, and what is allowed."""
        *shapes, loc, scale = rest
        y = (x - loc) / scale
        low, high = self.ends(*shapes)
        return y, shapes, scale, low, high, self._valid(y, shapes) & (scale > 0)

    def _density(self, x: Any, rest: Any, log: bool) -> Any:
        y, shapes, scale, low, high, valid = self._at(x, rest)
        pdf, logpdf = self.told("pdf"), self.told("logpdf")
        by_log = logpdf is not None if log or pdf is None else False
        own = (logpdf if by_log else pdf)(y, *shapes)
        if log:
            p = (own if by_log else np.log(own)) - np.log(scale)
        else:
            p = (np.exp(own) if by_log else own) / scale
        # where the density is 0 at the end of the support, its slope is that of outside: 0
        some = own != (-np.inf if by_log else 0.0)
        inside = (y >= low) & (y <= high) & (abs(y) < np.inf) & some
        return np.where(valid, np.where(inside, p, -np.inf if log else 0.0), np.nan)

    def _pdf(self, x: Any, *rest: Any) -> Any:
        return self._density(x, rest, False)

    def _logpdf(self, x: Any, *rest: Any) -> Any:
        return self._density(x, rest, True)

    def _tail(self, what: str, x: Any, rest: Any, log: bool) -> Any:
        y, shapes, _, low, high, valid = self._at(x, rest)
        p = (self._log_below if log else self._below)(what, y, shapes)
        none, all_ = (-np.inf, 0.0) if log else (0.0, 1.0)
        under, over = (none, all_) if what == "cdf" else (all_, none)
        return np.where(
            valid, np.where(y <= low, under, np.where(y >= high, over, p)), np.nan
        )  # fmt: skip

    def _cdf(self, x: Any, *rest: Any) -> Any:
        return self._tail("cdf", x, rest, False)

    def _sf(self, x: Any, *rest: Any) -> Any:
        return self._tail("sf", x, rest, False)

    def _logcdf(self, x: Any, *rest: Any) -> Any:
        return self._tail("cdf", x, rest, True)

    def _logsf(self, x: Any, *rest: Any) -> Any:
        return self._tail("sf", x, rest, True)

    def _quantile(self, what: str, q: Any, rest: Any) -> Any:
        *shapes, loc, scale = rest
        own, other = self.told(what), self.told({"ppf": "isf", "isf": "ppf"}[what])
        if own is None and other is None:
            self.lacks(what)
        y = own(q, *shapes) if own is not None else other(1 - q, *shapes)
        first, last = self.ends(*shapes)
        if what == "isf":
            first, last = last, first
        y = np.where(q == 0, first, np.where(q == 1, last, y))
        good = self._valid(q, shapes) & (scale > 0) & (q >= 0) & (q <= 1)
        return np.where(good, y * scale + loc, np.nan)

    def _ppf(self, q: Any, *rest: Any) -> Any:
        return self._quantile("ppf", q, rest)

    def _isf(self, q: Any, *rest: Any) -> Any:
        return self._quantile("isf", q, rest)


class Discrete(_Distribution):
    """A law of whole numbers: ``pmf(k, *shapes, loc=0)``; differentiated by its parameters.

    >>> from funcgrad import grad
    >>> from funcgrad.scipy.stats import poisson
    >>> grad(lambda mu: poisson.logpmf(3, mu))(2.0)
    np.float64(0.5)
    """

    pmf = _method("k", "The probability of k; 0 unless k is a whole number of the support.")
    logpmf = _method("k", "The logarithm of ``pmf``.")
    cdf = _method("k", "The probability of a value up to k.")
    sf = _method("k", "The probability of a value above k.")
    logcdf = _method("k", "The logarithm of ``cdf``.")
    logsf = _method("k", "The logarithm of ``sf``.")
    ppf = _method("q", "The least k with cdf(k) >= q; it has slope 0, being a step function.")
    isf = _method("q", "The least k with sf(k) <= q; it has slope 0, being a step function.")

    def _logpmf(self, k: Any, *rest: Any) -> Any:
        *shapes, loc = rest
        y = k - loc
        low, high = self.ends(*shapes)
        inside = (y >= low) & (y <= high) & (y == np.floor(y))
        logs = self.formulas["logpmf"](y, *shapes)
        return np.where(self._valid(y, shapes), np.where(inside, logs, -np.inf), np.nan)

    def _pmf(self, k: Any, *rest: Any) -> Any:
        return np.exp(self._logpmf(k, *rest))

    def _tail(self, what: str, k: Any, rest: Any, log: bool) -> Any:
        *shapes, loc = rest
        y = np.floor(k - loc)
        low, high = self.ends(*shapes)
        p = (self._log_below if log else self._below)(what, y, shapes)
        none, all_ = (-np.inf, 0.0) if log else (0.0, 1.0)
        under, over = (none, all_) if what == "cdf" else (all_, none)
        p = np.where(y < low, under, np.where(y >= high, over, p))
        return np.where(self._valid(y, shapes), p, np.nan)

    def _below(self, what: str, y: Any, shapes: Any) -> Any:
        if self.told("cdf") is None:
            return self._summed(what, y, shapes)
        return super()._below(what, y, shapes)

    def _summed(self, what: str, y: Any, shapes: Any) -> Any:
        """The sum over all of a finite support up to y, or above it; its end is a branch."""
        low, high = self.ends(*shapes)
        most = int(np.max(known(high), initial=0.0))
        k = np.arange(most + 1, dtype=y.dtype)
        low, high, y, *shapes = (np.expand_dims(v, -1) for v in (low, high, y, *shapes))
        wanted = k <= y if what == "cdf" else k > y
        wanted = wanted & (k >= low) & (k <= high)
        terms = self.formulas["logpmf"](np.where(wanted, k, low), *shapes)
        return np.sum(np.where(wanted, np.exp(terms), 0.0), axis=-1)

    def _ppf(self, q: Any, *rest: Any) -> Any:
        return self._quantile("ppf", q, rest)

    def _isf(self, q: Any, *rest: Any) -> Any:
        return self._quantile("isf", q, rest)

    def _quantile(self, method: str, q: Any, rest: Any) -> Any:
        *shapes, loc = rest
        return ops.steps(q, *shapes, law=self.name, method=method) + loc

    _cdf, _sf = Continuous._cdf, Continuous._sf  # type: ignore[assignment]
    _logcdf, _logsf = Continuous._logcdf, Continuous._logsf  # type: ignore[assignment]


class Frozen:
    """A distribution whose parameters are given: ``norm(loc, scale)``."""

    def __init__(self, law: Any, args: Any, kwargs: Any):
        self.law, self.args, self.kwargs = law, args, kwargs

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.law, name)
        if name not in ("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf",
                        "isf"):  # fmt: skip
            return lambda *args, **kwargs: getattr(self.law, name)(
                *args, *self.args, **self.kwargs, **kwargs
            )
        return lambda x: method(x, *self.args, **self.kwargs)
