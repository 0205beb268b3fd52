"""Device functions that kernels call; a module holds those that it uses.

Reductions run in an order that the sizes alone decide: halves of a warp, then warps in turn.
"""

from __future__ import annotations

import re

__all__ = ["prelude"]

_FUNCTIONS = {
    "along_warp": """
template <class T, class Op> __device__ T along_warp(T x, Op both) {
  for (int step = 16; step; step /= 2)
    x = both(x, (T)__shfl_down_sync(0xffffffffu, x, step));
  return (T)__shfl_sync(0xffffffffu, x, 0);
}""",
    "along_block": """
template <class T, class Op> __device__ T along_block(T x, Op both) {
  __shared__ T parts[32];
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
  const int warps = blockDim.x * blockDim.y / 32;
  x = along_warp(x, both);
  if (thread % 32 == 0) parts[thread / 32] = x;
  __syncthreads();
  x = parts[0];
  for (int k = 1; k < warps; ++k) x = both(x, parts[k]);
  __syncthreads();
  return x;
}""",
    "checked": """
__device__ inline long long checked(long long i, long long n, long long code, long long* status) {
  const long long at = i < 0 ? i + n : i;
  if (at >= 0 && at < n) return at;
  if (!atomicCAS((unsigned long long*)status, 0ULL, (unsigned long long)code)) status[1] = i;
  return 0;
}""",
    "threefry": """
__device__ inline unsigned long long threefry(unsigned k0, unsigned k1, unsigned long long count,
                                              bool summed) {
  const unsigned keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDAu};
  const int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  unsigned x0 = (unsigned)(count >> 32) + keys[0], x1 = (unsigned)count + keys[1];
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 4; ++j) {
      x0 += x1;
      x1 = (x1 << turns[i % 2][j] | x1 >> (32 - turns[i % 2][j])) ^ x0;
    }
    x0 += keys[(i + 1) % 3];
    x1 += keys[(i + 2) % 3] + (unsigned)(i + 1);
  }
  return summed ? x0 ^ x1 : (unsigned long long)x0 << 32 | x1;
}""",
    "truncated": """
template <class I, class T> __device__ I truncated(T x) {
  const I least = I(1) << (8 * sizeof(I) - 1);
  return x >= T(least) && x < -T(least) ? I(x) : least;
}""",
    "truncated_unsigned": """
template <class U, class I, class T> __device__ U truncated_unsigned(T x) {
  const U half = U(1) << (8 * sizeof(U) - 1);
  return x >= T(half) ? U(truncated<I>(x - T(half))) ^ half : U(truncated<I>(x));
}""",
    "maximum": """
template <class T> __device__ T maximum(T x, T y) { return x >= y || x != x ? x : y; }""",
    "minimum": """
template <class T> __device__ T minimum(T x, T y) { return x <= y || x != x ? x : y; }""",
    "larger": """
template <class T> __device__ T larger(T x, T y) { return x >= y || y != y ? x : y; }""",
    "smaller": """
template <class T> __device__ T smaller(T x, T y) { return x <= y || y != y ? x : y; }""",
    "sign_of": """
template <class T> __device__ T sign_of(T x) { return x != x ? x : T((x > 0) - (x < 0)); }""",
    "raised": """
template <int N, class T> __device__ T raised(T x) {
  if constexpr (N == 0) return T(1);
  else if constexpr (N == 1) return x;
  else {
    const T half = raised<N / 2>(x), even = half * half;
    return N % 2 ? even * x : even;
  }
}""",
    "whole_quotient": """
template <class T> __device__ T whole_quotient(T x, T y) {
  if (y == 0) return 0;
  return T(-1) < T(0) && y == T(-1) ? T(0ULL - (unsigned long long)x) : T(x / y);
}""",
    "whole_rest": """
template <class T> __device__ T whole_rest(T x, T y) {
  return y == 0 || (T(-1) < T(0) && y == T(-1)) ? T(0) : T(x % y);
}""",
    "floored": """
template <class T> __device__ T floored(T x, T y) {
  const T r = whole_rest(x, y);
  return T(whole_quotient(x, y) - (r != 0 && (r < 0) != (y < 0)));
}""",
    "rest": """
template <class T> __device__ T rest(T x, T y) {
  const T r = whole_rest(x, y);
  return r != 0 && (r < 0) != (y < 0) ? T(r + y) : r;
}""",
    "float_floored": """
template <class T> __device__ T float_floored(T x, T y) {
  if (y == 0) return x / y;
  const T r = fmod(x, y);
  T q = (x - r) / y;
  if (r != 0 && (r < 0) != (y < 0)) q -= 1;
  if (q == 0) return copysign(T(0), x / y);
  const T down = floor(q);
  return q - down > T(0.5) ? down + 1 : down;
}""",
    "float_rest": """
template <class T> __device__ T float_rest(T x, T y) {
  const T r = fmod(x, y);
  if (y == 0) return r;
  if (r == 0) return copysign(T(0), y);
  return (r < 0) != (y < 0) ? r + y : r;
}""",
    "shifted_left": """
template <class T> __device__ T shifted_left(T x, T n) {
  const bool over = n < 0 || n >= T(8 * sizeof(T));
  return over ? T(0) : T((unsigned long long)x << n);
}""",
    "shifted_right": """
template <class T> __device__ T shifted_right(T x, T n) {
  const bool over = n < 0 || n >= T(8 * sizeof(T));
  return over ? T(x < 0 ? -1 : 0) : T(x >> n);
}""",
    "log_add_exp": """
template <class T> __device__ T log_add_exp(T x, T y) {
  if (x == y) return x + T(0.693147180559945309417);
  const T d = x - y;
  return d > 0 ? x + log1p(exp(-d)) : d <= 0 ? y + log1p(exp(d)) : d;
}""",
    "log_add_exp2": """
template <class T> __device__ T log_add_exp2(T x, T y) {
  if (x == y) return x + 1;
  const T d = x - y, bits = T(1.44269504088896340736);
  return d > 0 ? x + bits * log1p(exp2(-d)) : d <= 0 ? y + bits * log1p(exp2(d)) : d;
}""",
    "logistic": """
template <class T> __device__ T logistic(T x) { return 1 / (1 + exp(-x)); }""",
    "log_odds": """
template <class T> __device__ T log_odds(T p) {
  if (p < T(0.3) || p > T(0.65)) return log(p / (1 - p));
  const T s = 2 * (p - T(0.5));
  return log1p(s) - log1p(-s);
}""",
    "x_log_y": """
template <class T> __device__ T x_log_y(T x, T y) {
  return x == 0 && y == y ? T(0) : x * log(y);
}""",
    "normal_cdf": """
template <class T> __device__ T normal_cdf(T x) {
  return T(0.5) * erfc(-x * T(0.707106781186547524401));
}""",
    "log_gamma": """
template <class T> __device__ T log_gamma(T x) { return x == -(T(1) / T(0)) ? x : lgamma(x); }""",
    "digamma": """
// psi(x) = psi(x + 1) - 1/x up to x >= 10, then the asymptotic series; psi(1 - x) on the left.
__device__ inline double digamma(double x) {
  if (x == 0) return copysign(1 / 0.0, -x);
  if (x < 0) {
    if (x == floor(x)) return 0 / 0.0;
    const double part = x - rint(x);  // the tangent has period pi
    return digamma(1 - x) - 3.14159265358979323846 / tan(3.14159265358979323846 * part);
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  if (isinf(x)) return x;
  const double w = 1 / (x * x);
  const double series = w * (1 / 12.0 - w * (1 / 120.0 - w * (1 / 252.0 - w * (1 / 240.0 - w * (
    1 / 132.0 - w * (691 / 32760.0 - w * (1 / 12.0)))))));
  return sum + (log(x) - 0.5 / x - series);
}""",
}
_WORDS = re.compile(r"\b(" + "|".join(_FUNCTIONS) + r")\b")


def prelude(text: str) -> str:
    """The functions that the text calls, and those that they call, each before its callers."""
    found: list[str] = []
    seen: set[str] = set()

    def want(text: str) -> None:
        for name in _WORDS.findall(text):
            if name not in seen:
                seen.add(name)
                want(_FUNCTIONS[name])
                found.append(_FUNCTIONS[name].strip())

    want(text)
    return "\n".join(found)
