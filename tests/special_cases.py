"""One line per function of scipy.special: where it is tried, and what it is in mpmath."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
from scipy import special

Range = tuple[float, float]


class Case(NamedTuple):
    """A function with the ranges of its arguments; a number is an argument that stays as it is."""

    name: str
    args: tuple[Any, ...]
    mp: Any = None  # of several results, a list; None: nothing to compare with but differences
    complex: bool = False  # tried on complex numbers too
    rtol: float = 1e-12  # of slopes, against mpmath
    value: float = 1e-11  # of SciPy's value
    second: float = 1e-9  # of second derivatives
    fd: float = 1e-7  # of difference quotients, in the laws
    note: str = ""

    @property
    def results(self) -> int:
        return int(getattr(special, self.name).nout)

    @property
    def moving(self) -> list[int]:
        """The arguments that are drawn."""
        return [k for k, a in enumerate(self.args) if isinstance(a, tuple)]


CASES: list[Case] = []


def case(name: str, *args: Any, **facts: Any) -> None:
    CASES.append(Case(name, args, **facts))


def root(f: Callable[..., Any], place: int, scipys: Any) -> Any:
    """mpmath's inverse of f in an argument, from SciPy's as the first guess.

    The last operand is the value of f, in SciPy's place for it.
    """

    def inverse(*xs: Any) -> Any:
        guess = mp.mpf(float(scipys(*[x if isinstance(x, int) else float(x) for x in xs])))
        return mp.findroot(lambda z: place(f, z, xs), (guess, guess * (1 + mp.mpf(10) ** -6)))

    return inverse


def _solve(name: str, f: Callable[..., Any], equation: Callable[..., Any]) -> Any:
    return root(f, equation, getattr(special, name))


# -- gamma, beta, zeta ---------------------------------------------------------------------------

P, Q = (0.4, 2.5), (0.1, 0.9)
case("gamma", (-0.9, 3.0), mp=mp.gamma, complex=True)
case("loggamma", (0.3, 5.0), mp=mp.loggamma, complex=True)
case("rgamma", (-2.7, 5.0), mp=mp.rgamma, complex=True)
case("gammasgn", (0.3, 0.9), mp=lambda x: mp.mpf(1))
case("poch", P, P, mp=mp.rf)
case("beta", P, P, mp=mp.beta)
case("betaln", P, P, mp=lambda a, b: mp.log(mp.beta(a, b)))
case("binom", (2.2, 6.0), (0.3, 1.8), mp=mp.binomial)
case("zetac", (1.4, 6.0), mp=lambda s: mp.zeta(s) - 1, rtol=1e-11, second=1e-7)
LOWER = lambda a, x: mp.gammainc(a, 0, x, regularized=True)
UPPER = lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True)
BETA = lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True)
BETAC = lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True)
case("gammainc", (0.3, 6.0), (0.2, 8.0), mp=LOWER)
case("gammaincc", (0.3, 6.0), (0.2, 8.0), mp=UPPER)
case("gammaincinv", (0.5, 6.0), Q,
     mp=_solve("gammaincinv", LOWER, lambda f, z, xs: f(xs[0], z) - xs[1]))  # fmt: skip
case("gammainccinv", (0.5, 6.0), Q,
     mp=_solve("gammainccinv", UPPER, lambda f, z, xs: f(xs[0], z) - xs[1]))  # fmt: skip
case("betainc", (0.3, 4.0), (0.3, 4.0), Q, mp=BETA, rtol=1e-11, second=1e-8)
case("betaincc", (0.3, 4.0), (0.3, 4.0), Q, mp=BETAC, rtol=1e-11, second=1e-8)
case("betaincinv", (0.5, 4.0), (0.5, 4.0), Q, rtol=1e-11, second=1e-8,
     mp=_solve("betaincinv", BETA, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("betainccinv", (0.5, 4.0), (0.5, 4.0), Q, rtol=1e-11, second=1e-8,
     mp=_solve("betainccinv", BETAC, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("btdtria", (0.2, 0.8), (0.5, 3.0), (0.2, 0.8), rtol=1e-10, second=1e-7,
     mp=_solve("btdtria", BETA, lambda f, z, xs: f(z, xs[1], xs[2]) - xs[0]))  # fmt: skip
case("btdtrib", (0.5, 3.0), (0.2, 0.8), (0.2, 0.8), rtol=1e-10, second=1e-7,
     mp=_solve("btdtrib", BETA, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip

# -- error functions -----------------------------------------------------------------------------

WOFZ = lambda z: mp.exp(-z * z) * mp.erfc(-1j * z)
VOIGT = lambda x, s, g: mp.re(WOFZ((x + 1j * g) / (s * mp.sqrt(2)))) / (s * mp.sqrt(2 * mp.pi))
case("erf", (-2.0, 2.0), mp=mp.erf, complex=True)
case("erfc", (-2.0, 2.0), mp=mp.erfc, complex=True)
case("erfcx", (-2.0, 20.0), mp=lambda x: mp.exp(x * x) * mp.erfc(x))
case("erfcx", (-2.0, 2.0), mp=lambda x: mp.exp(x * x) * mp.erfc(x), complex=True, note="near")
case("erfi", (-2.0, 2.0), mp=mp.erfi, complex=True)
case("erfinv", (-0.9, 0.9), mp=mp.erfinv)
case("erfcinv", (0.1, 1.9), mp=lambda y: mp.erfinv(1 - y))
case("dawsn", (-20.0, 20.0), mp=lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x))
case("dawsn", (-2.0, 2.0), complex=True, note="near",
     mp=lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x))  # fmt: skip
case("wofz", (-3.0, 3.0), mp=WOFZ, complex=True)
case("ndtr", (-3.0, 3.0), mp=lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, complex=True)
case("ndtri", Q, mp=lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1))
case("log_ndtr", (-20.0, 3.0), mp=lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2))
case("log_ndtr", (-3.0, 3.0), mp=lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), complex=True,
     note="near")  # fmt: skip
case("ndtri_exp", (-9.0, -0.05), mp=lambda y: mp.sqrt(2) * mp.erfinv(2 * mp.exp(y) - 1))
case("voigt_profile", (-3.0, 3.0), P, P, mp=VOIGT, rtol=1e-11)
case("voigt_profile", (12.0, 30.0), (0.4, 0.8), P, mp=VOIGT, rtol=1e-10, note="far")
case("owens_t", (-2.0, 2.0), (-2.0, 2.0), mp=lambda h, a: mp.quad(
    lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi))  # fmt: skip
case("fresnel", (-2.0, 2.0), mp=[mp.fresnels, mp.fresnelc], complex=True)


def _modified(sign: int) -> list[Any]:
    def integral(x: Any) -> Any:
        turn = mp.exp(sign * 1j * mp.pi / 4)
        return turn * mp.sqrt(mp.pi) / 2 * mp.erfc(x / turn)

    def scaled(x: Any) -> Any:
        return mp.exp(-sign * 1j * (x * x + mp.pi / 4)) * integral(x) / mp.sqrt(mp.pi)

    return [integral, scaled]


case("modfresnelp", (0.3, 2.0), mp=_modified(1))
case("modfresnelm", (0.3, 2.0), mp=_modified(-1))

# -- elementary ----------------------------------------------------------------------------------

BOXCOX = lambda x, y: (x**y - 1) / y
UNBOX = lambda y, c: (1 + c * y) ** (1 / c)
case("exprel", (-3.0, 3.0), mp=lambda x: mp.expm1(x) / x)
case("exp2", (-2.0, 2.0), mp=lambda x: mp.mpf(2) ** x)
case("exp10", (-2.0, 2.0), mp=lambda x: mp.mpf(10) ** x)
case("expm1", (-2.0, 2.0), mp=mp.expm1, complex=True)
case("log1p", (-0.5, 2.0), mp=mp.log1p, complex=True)
case("cbrt", P, mp=mp.cbrt)
case("cosm1", (0.2, 2.0), mp=lambda x: mp.cos(x) - 1)
case("sindg", (10.0, 80.0), mp=lambda x: mp.sin(x * mp.pi / 180))
case("cosdg", (10.0, 80.0), mp=lambda x: mp.cos(x * mp.pi / 180))
case("tandg", (10.0, 80.0), mp=lambda x: mp.tan(x * mp.pi / 180))
case("cotdg", (10.0, 80.0), mp=lambda x: mp.cot(x * mp.pi / 180))
case("radian", P, P, P, mp=lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180)
case("expit", (-3.0, 3.0), mp=lambda x: 1 / (1 + mp.exp(-x)))
case("log_expit", (-3.0, 3.0), mp=lambda x: -mp.log1p(mp.exp(-x)))
case("logit", Q, mp=lambda x: mp.log(x / (1 - x)))
case("powm1", P, P, mp=lambda x, y: x**y - 1)
case("agm", P, P, mp=mp.agm, rtol=1e-11)
case("boxcox", P, (-1.5, 1.5), mp=BOXCOX, rtol=1e-11)
case("boxcox1p", P, (-1.5, 1.5), mp=lambda x, y: BOXCOX(1 + x, y), rtol=1e-11)
case("inv_boxcox", (0.2, 1.0), (-0.7, 1.5), mp=UNBOX, rtol=1e-11)
case("inv_boxcox1p", (0.2, 1.0), (-0.7, 1.5), mp=lambda y, c: UNBOX(y, c) - 1, rtol=1e-11)
case("tklmbda", (-0.6, 0.6), (0.3, 1.2), rtol=1e-10, second=1e-8, mp=_solve(
    "tklmbda", lambda p, c: (p**c - (1 - p) ** c) / c,
    lambda f, z, xs: f(z, xs[1]) - xs[0]))  # fmt: skip
case("xlogy", P, P, mp=lambda x, y: x * mp.log(y), complex=True)
case("xlog1py", P, P, mp=lambda x, y: x * mp.log1p(y), complex=True)
case("entr", P, mp=lambda x: -x * mp.log(x))
case("rel_entr", P, P, mp=lambda x, y: x * mp.log(x / y))
case("kl_div", P, P, mp=lambda x, y: x * mp.log(x / y) - x + y)
case("huber", (0.4, 0.9), (1.0, 2.0), mp=lambda d, r: d * (r - d / 2))
case("huber", (1.4, 1.9), (-1.0, 1.0), mp=lambda d, r: r * r / 2, note="near")
case("pseudo_huber", P, (-3.0, 3.0), mp=lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1))
case("round", (0.6, 1.4), mp=lambda x: mp.mpf(1))

# -- Bessel --------------------------------------------------------------------------------------

ORDER, X = (-0.8, 4.0), (0.4, 9.0)
H1E, H2E = (lambda v, x, s=s: mp.exp(-s * 1j * x) * (mp.besselj(v, x) + s * 1j * mp.bessely(v, x))
            for s in (1, -1))  # fmt: skip
BESSEL: dict[str, Any] = {
    "jv": mp.besselj, "yv": mp.bessely, "iv": mp.besseli, "kv": mp.besselk,
    "kve": lambda v, x: mp.besselk(v, x) * mp.exp(x), "hankel1": mp.hankel1,
    "hankel2": mp.hankel2, "hankel1e": H1E, "hankel2e": H2E,
}  # fmt: skip
REAL: dict[str, Any] = {
    "jve": mp.besselj, "yve": mp.bessely, "ive": lambda v, x: mp.besseli(v, x) * mp.exp(-x),
}  # fmt: skip
for _name, _f in (BESSEL | REAL).items():
    case(_name, ORDER, X, mp=_f, rtol=2e-10, second=5e-6, complex=_name in BESSEL)
case("jv", (5.0, 20.0), (0.01, 0.5), mp=mp.besselj, rtol=1e-11, second=1e-8, note="small")
for _name, _f in (("j", mp.besselj), ("y", mp.bessely), ("i", mp.besseli), ("k", mp.besselk)):
    for _n in (0, 1):
        case(f"{_name}{_n}", X, mp=lambda x, f=_f, n=_n: f(n, x))
        if _name in "ik":
            _sign = -1 if _name == "i" else 1
            case(f"{_name}{_n}e", X, rtol=1e-11,
                 mp=lambda x, f=_f, n=_n, s=_sign: f(n, x) * mp.exp(s * x))  # fmt: skip
case("yn", 2, X, mp=mp.bessely)
case("kn", 2, X, mp=mp.besselk)
for _name, _f in (("ber", mp.ber), ("bei", mp.bei), ("ker", mp.ker), ("kei", mp.kei)):
    case(_name, (0.3, 6.0), mp=lambda x, f=_f: f(0, x), rtol=1e-8, value=1e-7, second=1e-7, fd=1e-5)
    case(_name + "p", (0.3, 6.0), rtol=1e-8, value=1e-7, second=1e-6, fd=1e-5,
         mp=lambda x, f=_f: mp.diff(lambda u: f(0, u), x))  # fmt: skip
case("kelvin", (0.3, 6.0), value=1e-7, fd=1e-5)
case("struve", ORDER, (0.4, 6.0), mp=mp.struveh, rtol=1e-10, second=1e-7)
case("modstruve", ORDER, (0.4, 6.0), mp=mp.struvel, rtol=1e-10, second=1e-7)
AIRY = [mp.airyai, lambda x: mp.airyai(x, derivative=1), mp.airybi,
        lambda x: mp.airybi(x, derivative=1)]  # fmt: skip
GROW = lambda x: mp.exp(mp.mpf(2) / 3 * x * mp.sqrt(x))
case("airy", (-4.0, 4.0), mp=AIRY, complex=True)
case("airye", (0.3, 4.0), rtol=1e-11, mp=[
    lambda x, f=f, k=k: f(x) * (GROW(x) if k < 2 else 1 / GROW(x))
    for k, f in enumerate(AIRY)])  # fmt: skip
case("itj0y0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("iti0k0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("it2j0y0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("it2i0k0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("itstruve0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("it2struve0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("itmodstruve0", (0.4, 4.0), value=1e-7, fd=1e-4)
case("itairy", (0.4, 1.4), value=1e-7, fd=1e-4)
case("besselpoly", (0.4, 2.0), (0.5, 2.0), (0.3, 1.5), rtol=1e-10, second=1e-7,
     mp=lambda a, c, v: a**v / (mp.gamma(v + 1) * (c + v + 1)) * mp.hyp1f2(
         (c + v + 1) / 2, v + 1, (c + v + 3) / 2, -a * a))  # fmt: skip

# -- integrals -----------------------------------------------------------------------------------

case("exp1", (0.3, 5.0), mp=mp.e1, complex=True)
case("expi", (0.5, 5.0), mp=mp.ei, complex=True)
case("expn", 2, (0.3, 5.0), mp=mp.expint)
case("expn", 0, (0.3, 5.0), mp=lambda n, x: mp.exp(-x) / x, note="lowest")
case("sici", (0.3, 5.0), mp=[mp.si, mp.ci], complex=True)
case("shichi", (0.3, 3.0), mp=[mp.shi, mp.chi], complex=True)
case("spence", (0.3, 3.0), mp=lambda x: mp.polylog(2, 1 - x), complex=True)

# -- elliptic ------------------------------------------------------------------------------------

M = (-2.0, 0.9)
case("ellipk", M, mp=mp.ellipk, second=1e-8)
case("ellipe", M, mp=mp.ellipe, second=1e-8)
case("ellipkm1", (0.001, 0.9), mp=lambda p: mp.ellipk(1 - p), second=1e-7)
case("ellipkinc", (-5.0, 5.0), (-2.0, 0.8), mp=mp.ellipf, rtol=1e-11, second=1e-7)
case("ellipeinc", (-5.0, 5.0), (-2.0, 0.8), mp=mp.ellipe, rtol=1e-11, second=1e-7)
case("ellipj", (0.3, 1.4), (0.1, 0.8), rtol=1e-10, second=1e-7, mp=[
    *(lambda u, m, k=k: mp.ellipfun(k, u, m=m) for k in ("sn", "cn", "dn")),
    lambda u, m: mp.asin(mp.ellipfun("sn", u, m=m))])  # fmt: skip
case("elliprc", P, P, mp=mp.elliprc, rtol=1e-10, second=1e-6)
case("elliprc", P, (-2.0, -0.4), mp=lambda x, y: mp.elliprc(x, y, pv=True), rtol=1e-10, second=1e-6,
     note="principal")  # fmt: skip
case("elliprf", P, P, P, mp=mp.elliprf, rtol=1e-11, second=1e-6)
case("elliprd", P, P, P, mp=mp.elliprd, rtol=1e-10, second=1e-5)
case("elliprg", P, P, P, mp=mp.elliprg, rtol=1e-10, second=1e-6)
case("elliprj", P, P, P, P, mp=mp.elliprj, rtol=1e-10, second=1e-5)

# -- hypergeometric, polynomials -----------------------------------------------------------------

case("hyp0f1", P, (-3.0, 3.0), mp=mp.hyp0f1, rtol=1e-11, second=1e-8)
case("hyp1f1", P, P, (-3.0, 3.0), mp=mp.hyp1f1, rtol=1e-11, second=1e-8)
case("hyperu", 1.2, 0.7, (0.5, 3.0), mp=mp.hyperu, rtol=1e-8, value=1e-8, second=1e-6, fd=1e-4)
for _x in (0.7, 5.0):
    case("hyperu", (0.2, 6.0), (-3.0, 4.0), _x, mp=mp.hyperu, value=1e-6, rtol=1e-11, fd=1e-4,
         note=f"x{_x}")  # fmt: skip
for _low, _high, _note in ((-0.9, 0.8, ""), (0.8, 0.97, "near"), (-8.0, -1.1, "far")):
    case("hyp2f1", P, P, (0.6, 3.5), (_low, _high), mp=mp.hyp2f1, rtol=1e-10, second=1e-6,
         note=_note)  # fmt: skip
WRIGHT = lambda a, b, x: mp.nsum(
    lambda k: x**k / mp.factorial(k) * mp.rgamma(a * k + b), [0, mp.inf]
)
case("wright_bessel", 1.2, 0.7, (0.5, 3.0), mp=WRIGHT, rtol=1e-11)
case("log_wright_bessel", 1.2, 0.7, (0.5, 3.0), mp=lambda *xs: mp.log(WRIGHT(*xs)), rtol=1e-11)
case("wrightomega", (-3.0, 3.0), mp=lambda x: mp.lambertw(mp.exp(x)).real)
SHIFT = lambda f: lambda n, x: f(n, 2 * x - 1)
HALF = lambda f: lambda n, x: f(n, x / 2)
for _name, _f in {
    "legendre": mp.legendre, "chebyt": mp.chebyt, "chebyu": mp.chebyu, "hermite": mp.hermite,
    "laguerre": lambda n, x: mp.laguerre(n, 0, x), "sh_legendre": SHIFT(mp.legendre),
    "sh_chebyt": SHIFT(mp.chebyt), "sh_chebyu": SHIFT(mp.chebyu),
    "chebyc": HALF(lambda n, x: 2 * mp.chebyt(n, x)), "chebys": HALF(mp.chebyu),
    "hermitenorm": lambda n, x: mp.mpf(2) ** (-n / mp.mpf(2)) * mp.hermite(n, x / mp.sqrt(2)),
}.items():  # fmt: skip
    for _n in (0, 3):
        case(f"eval_{_name}", _n, Q, mp=_f, note=f"n{_n}", rtol=1e-11)
    if "hermite" not in _name:
        case(f"eval_{_name}", 2.5, Q, mp=_f, rtol=1e-10, note="real", complex=True)
SH_JACOBI = lambda n, p, q, x: mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n)
for _n in (0, 3, 9, 2.5):
    _facts: Any = {"rtol": 2e-11, "second": 1e-7, "note": f"n{_n}"}
    case("eval_genlaguerre", _n, P, Q, mp=mp.laguerre, **_facts)
    case("eval_gegenbauer", _n, P, Q, mp=mp.gegenbauer, **_facts)
    case("eval_jacobi", _n, P, P, Q, mp=mp.jacobi, **_facts)
    case("eval_sh_jacobi", _n, (2.5, 4.0), P, Q, mp=SH_JACOBI, **_facts)
case("lpmv", 1, 2, Q, mp=lambda m, v, x: mp.legenp(v, m, x).real)

# -- distributions -------------------------------------------------------------------------------

FDTR = lambda n, d, x: BETA(n / 2, d / 2, n * x / (d + n * x))


def _student(v: Any, t: Any) -> Any:
    tail = BETA(v / 2, mp.mpf(1) / 2, v / (v + t * t)) / 2
    return 1 - tail if t > 0 else tail


DF, T = (1.5, 6.0), (0.5, 5.0)
case("chdtr", DF, T, mp=lambda v, x: LOWER(v / 2, x / 2))
case("chdtrc", DF, T, mp=lambda v, x: UPPER(v / 2, x / 2))
case("chdtri", DF, Q, mp=_solve(
    "chdtri", lambda v, x: UPPER(v / 2, x / 2), lambda f, z, xs: f(xs[0], z) - xs[1]))  # fmt: skip
case("chdtriv", Q, T, rtol=1e-10, second=1e-7, value=1e-8, mp=_solve(
    "chdtriv", lambda v, x: LOWER(v / 2, x / 2), lambda f, z, xs: f(z, xs[1]) - xs[0]))  # fmt: skip
GDTR = lambda a, b, x: LOWER(b, a * x)
case("gdtr", P, P, P, mp=GDTR)
case("gdtrc", P, P, P, mp=lambda a, b, x: UPPER(b, a * x))
case("gdtria", Q, P, P, rtol=1e-10, second=1e-7,
     mp=_solve("gdtria", GDTR, lambda f, z, xs: f(z, xs[1], xs[2]) - xs[0]))  # fmt: skip
case("gdtrib", P, Q, P, rtol=1e-10, second=1e-7,
     mp=_solve("gdtrib", GDTR, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
case("gdtrix", P, P, Q, rtol=1e-10, second=1e-7,
     mp=_solve("gdtrix", GDTR, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("pdtr", 2.0, P, mp=lambda k, m: UPPER(k + 1, m))
case("pdtrc", 2.0, P, mp=lambda k, m: LOWER(k + 1, m))
case("pdtri", 2, Q, mp=_solve(
    "pdtri", lambda k, m: UPPER(k + 1, m), lambda f, z, xs: f(xs[0], z) - xs[1]))  # fmt: skip
case("pdtrik", (0.6, 0.9), P, rtol=1e-9, second=1e-6, value=1e-8, mp=_solve(
    "pdtrik", lambda k, m: UPPER(k + 1, m), lambda f, z, xs: f(z, xs[1]) - xs[0]))  # fmt: skip
case("fdtr", DF, DF, T, mp=FDTR, rtol=1e-11, second=1e-8)
case("fdtrc", DF, DF, T, mp=lambda n, d, x: 1 - FDTR(n, d, x), rtol=1e-11, second=1e-8)
case("fdtri", DF, DF, Q, rtol=1e-10, second=1e-7,
     mp=_solve("fdtri", FDTR, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("fdtridfd", (1.5, 2.5), (0.72, 0.75), (2.0, 2.2), rtol=1e-8, second=1e-5, value=1e-8, fd=1e-5,
     mp=_solve("fdtridfd", FDTR, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
BDTR = lambda k, n, p: BETA(n - k, k + 1, 1 - p)
NBDTR = lambda k, n, p: BETA(n, k + 1, p)
case("bdtr", 2.0, 5, Q, mp=BDTR)
case("bdtrc", 2.0, 5, Q, mp=lambda k, n, p: 1 - BDTR(k, n, p))
case("bdtri", 2.0, 5, Q, mp=_solve(
    "bdtri", BDTR, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("bdtrik", (0.6, 0.9), (6.0, 8.0), (0.3, 0.5), rtol=1e-9, second=1e-6, value=1e-8,
     mp=_solve("bdtrik", BDTR, lambda f, z, xs: f(z, xs[1], xs[2]) - xs[0]))  # fmt: skip
case("bdtrin", (1.5, 2.5), (0.3, 0.6), (0.3, 0.5), rtol=1e-9, second=1e-6, value=1e-8,
     mp=_solve("bdtrin", BDTR, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
case("nbdtr", 2, 5, Q, mp=NBDTR)
case("nbdtrc", 2, 5, Q, mp=lambda k, n, p: 1 - NBDTR(k, n, p))
case("nbdtri", 2, 5, Q, mp=_solve(
    "nbdtri", NBDTR, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("nbdtrik", (0.6, 0.9), (2.0, 4.0), (0.3, 0.5), rtol=1e-9, second=1e-6, value=1e-8,
     mp=_solve("nbdtrik", NBDTR, lambda f, z, xs: f(z, xs[1], xs[2]) - xs[0]))  # fmt: skip
case("nbdtrin", (1.5, 2.5), (0.3, 0.6), (0.3, 0.5), rtol=1e-9, second=1e-6, value=1e-8,
     mp=_solve("nbdtrin", NBDTR, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
case("stdtr", DF, (-4.0, 4.0), mp=_student, rtol=1e-11, second=1e-8)
case("stdtrit", DF, Q, rtol=1e-10, second=1e-7,
     mp=_solve("stdtrit", _student, lambda f, z, xs: f(xs[0], z) - xs[1]))  # fmt: skip
case("stdtridf", (0.86, 0.88), (1.3, 1.4), rtol=1e-8, second=1e-5, value=1e-7, fd=1e-5,
     mp=_solve("stdtridf", _student, lambda f, z, xs: f(z, xs[1]) - xs[0]))  # fmt: skip
NDTRI = lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1)
case("nrdtrimn", (0.2, 0.8), P, P, mp=lambda p, s, x: x - s * NDTRI(p))
case("nrdtrisd", (0.2, 0.6), (0.6, 0.9), (1.0, 2.0), mp=lambda m, p, x: (x - m) / NDTRI(p))


def _poisson(terms: Any, nc: Any) -> Any:
    """The mean of the terms j = 0, 1, … over Poisson's weights of mean nc/2."""
    weight = lambda j: mp.exp(-nc / 2) * (nc / 2) ** j / mp.factorial(j)
    return mp.fsum(weight(j) * t for j, t in zip(range(40), terms, strict=False))


def _lower_from(a: Any, x: Any) -> Any:
    """LOWER(a + j, x), j = 0, 1, …, by recurrence."""
    found, step = LOWER(a, x), x**a * mp.exp(-x) / mp.gamma(a + 1)
    for j in itertools.count(1):
        yield found
        found, step = found - step, step * x / (a + j)


def _beta_from(a: Any, b: Any, x: Any) -> Any:
    """BETA(a + j, b, x), j = 0, 1, …, by recurrence."""
    found, step = BETA(a, b, x), x**a * (1 - x) ** b / (a * mp.beta(a, b))
    for j in itertools.count():
        yield found
        found, step = found - step, step * x * (a + b + j) / (a + j + 1)


def _noncentral(x: Any, df: Any, nc: Any) -> Any:
    return _poisson(_lower_from(df / 2, x / 2), nc)


def _noncentral_f(n: Any, d: Any, nc: Any, x: Any) -> Any:
    return _poisson(_beta_from(n / 2, d / 2, n * x / (d + n * x)), nc)


def _noncentral_t(v: Any, nc: Any, t: Any) -> Any:
    if t < 0:
        return 1 - _noncentral_t(v, -nc, -t)
    y, half = t * t / (v + t * t), mp.mpf(1) / 2
    odd = lambda j: nc / mp.sqrt(2) * mp.factorial(j) / mp.gamma(j + 1 + half)
    even, other = _beta_from(half, v / 2, y), _beta_from(mp.mpf(1), v / 2, y)
    both = (f + odd(j) * g for j, (f, g) in enumerate(zip(even, other, strict=False)))
    return mp.ncdf(-nc) + _poisson(both, nc * nc) / 2


case("chndtr", T, DF, P, mp=_noncentral, rtol=1e-11, value=1e-10, second=1e-8)
case("chndtrix", Q, DF, P, rtol=1e-8, value=1e-8, second=1e-5, fd=1e-5,
     mp=_solve("chndtrix", _noncentral, lambda f, z, xs: f(z, xs[1], xs[2]) - xs[0]))  # fmt: skip
case("chndtridf", (3.0, 4.0), (0.3, 0.5), P, rtol=1e-8, value=1e-8, second=1e-5, fd=1e-5,
     mp=_solve("chndtridf", _noncentral, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
case("chndtrinc", (3.0, 4.0), (2.0, 2.5), (0.3, 0.5), rtol=1e-8, value=1e-8, second=1e-5, fd=1e-5,
     mp=_solve("chndtrinc", _noncentral, lambda f, z, xs: f(xs[0], xs[1], z) - xs[2]))  # fmt: skip
case("ncfdtr", DF, DF, P, T, mp=_noncentral_f, rtol=1e-10, second=1e-7)
case("ncfdtri", DF, DF, P, Q, rtol=1e-8, value=1e-8, second=1e-5, fd=1e-5, mp=_solve(
    "ncfdtri", _noncentral_f, lambda f, z, xs: f(xs[0], xs[1], xs[2], z) - xs[3]))  # fmt: skip
_LOOSE: Any = {"rtol": 5e-5, "value": 1e-5, "second": 1e-3, "fd": 1e-4}  # SciPy's search ends early
case("ncfdtridfn", (0.36, 0.4), 5.5, 0.5, 0.7, **_LOOSE, mp=_solve(
    "ncfdtridfn", _noncentral_f, lambda f, z, xs: f(z, *xs[1:]) - xs[0]))  # fmt: skip
case("ncfdtridfd", 2.5, (0.68, 0.7), 0.5, 2.1, **_LOOSE, mp=_solve(
    "ncfdtridfd", _noncentral_f, lambda f, z, xs: f(xs[0], z, *xs[2:]) - xs[1]))  # fmt: skip
case("ncfdtrinc", (2.0, 3.0), 5.5, (0.4, 0.5), 1.8, **_LOOSE | {"value": 1e-4}, mp=_solve(
    "ncfdtrinc", _noncentral_f, lambda f, z, xs: f(*xs[:2], z, xs[3]) - xs[2]))  # fmt: skip
case("nctdtr", DF, (-2.0, 2.5), (-3.0, 5.0), mp=_noncentral_t, rtol=1e-10, second=1e-6)
case("nctdtrit", 3.5, (0.4, 1.0), (0.3, 0.8), rtol=1e-8, value=1e-8, second=1e-5, fd=1e-5,
     mp=_solve("nctdtrit", _noncentral_t, lambda f, z, xs: f(*xs[:2], z) - xs[2]))  # fmt: skip
case("nctdtridf", (0.71, 0.73), 0.45, 1.35, **_LOOSE, mp=_solve(
    "nctdtridf", _noncentral_t, lambda f, z, xs: f(z, *xs[1:]) - xs[0]))  # fmt: skip
case("nctdtrinc", 3.5, (0.3, 0.5), 1.8, **_LOOSE, mp=_solve(
    "nctdtrinc", _noncentral_t, lambda f, z, xs: f(xs[0], z, xs[2]) - xs[1]))  # fmt: skip
KOLMOGOROV = lambda x: (
    2 * mp.fsum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 80))
)
case("kolmogorov", (0.3, 2.0), mp=KOLMOGOROV, rtol=1e-11)
case("kolmogi", Q, mp=_solve("kolmogi", KOLMOGOROV, lambda f, z, xs: f(z) - xs[0]), rtol=1e-10)

# -- waves ---------------------------------------------------------------------------------------


def _eigenvalue(diagonal: Any, beside: Any, place: int) -> Any:
    """Of a symmetric tridiagonal matrix, counted from below."""
    n = len(diagonal)
    matrix = mp.zeros(n)
    for k in range(n):
        matrix[k, k] = diagonal[k]
        if k + 1 < n:
            matrix[k, k + 1] = matrix[k + 1, k] = beside[k]
    return mp.eigsy(matrix, eigvals_only=True)[place]


def _mathieu(m: int, q: Any, sign: int) -> Any:
    """The characteristic number of ce (sign 1) or se (-1), by Fourier coefficients."""
    start = m % 2 or (0 if sign > 0 else 2)
    diagonal = [mp.mpf(start + 2 * k) ** 2 for k in range(16)]
    diagonal[0] += sign * q if start == 1 else 0
    beside = [q * (mp.sqrt(2) if start == k == 0 else 1) for k in range(15)]
    return _eigenvalue(diagonal, beside, (m - start) // 2)


def _spheroidal(m: int, n: int, square: Any) -> Any:
    """By coefficients of Legendre functions, of c^2 (prolate) or -c^2 (DLMF 30.8)."""
    orders = [m + (n - m) % 2 + 2 * k for k in range(16)]

    def own(j: int) -> Any:
        bent = mp.mpf(2 * j * (j + 1) - 2 * m * m - 1) / ((2 * j - 1) * (2 * j + 3))
        return j * (j + 1) + square * bent

    def next_to(j: int) -> Any:
        part = mp.mpf((j - m + 1) * (j - m + 2) * (j + m + 1) * (j + m + 2))
        return square * mp.sqrt(part / ((2 * j + 1) * (2 * j + 5))) / (2 * j + 3)

    return _eigenvalue([own(j) for j in orders], [next_to(j) for j in orders], (n - m) // 2)


for _m in (1, 2):
    case("mathieu_a", _m, (0.3, 6.0), mp=lambda m, q: _mathieu(m, q, 1), second=1e-8, note=f"m{_m}")
    case("mathieu_b", _m, (0.3, 6.0), mp=lambda m, q: _mathieu(m, q, -1), second=1e-8,
         note=f"m{_m}")  # fmt: skip
case("pro_cv", 1, 2, (0.3, 4.0), mp=lambda m, n, c: _spheroidal(m, n, c * c), rtol=1e-11,
     second=1e-8)  # fmt: skip
case("obl_cv", 1, 2, (0.3, 4.0), mp=lambda m, n, c: _spheroidal(m, n, -c * c), rtol=1e-11,
     second=1e-8)  # fmt: skip
for _part in ("cem", "sem"):
    case(f"mathieu_{_part}", 2, (0.5, 4.0), (10.0, 80.0), fd=1e-5, value=1e-7)
for _part in ("cem1", "cem2", "sem1", "sem2"):
    case(f"mathieu_mod{_part}", 2, (0.8, 4.0), (0.3, 1.2), fd=1e-4, value=1e-7)
for _shape, _domain in (("ang1", Q), ("rad1", (1.2, 2.0))):
    for _kind in ("pro", "obl"):
        case(f"{_kind}_{_shape}", 1, 2, (0.8, 3.0), _domain, fd=1e-4)
        _cv = float(getattr(special, _kind + "_cv")(1, 2, 1.5))
        case(f"{_kind}_{_shape}_cv", 1, 2, 1.5, _cv, _domain, fd=1e-4)
PARABOLIC = {
    "pbdv": mp.pcfd, "pbvv": lambda v, x: mp.pcfv(-v - mp.mpf(1) / 2, x), "pbwa": mp.pcfw,
}  # fmt: skip
for _name, _f in PARABOLIC.items():
    _order = 1.5 if _name == "pbwa" else (0.3, 2.2)  # mpmath takes long for it
    case(_name, _order, (0.3, 2.0), rtol=1e-8, value=1e-8, second=1e-4, fd=1e-5,
         mp=[_f, lambda v, x, f=_f: mp.diff(lambda u: f(v, u), x)])  # fmt: skip
case("pbwa", (0.3, 2.2), 1.2, fd=1e-5, note="order")
