// Exponential, logarithm and sine without branches or library calls, so that a CPU compiler vectorises the loops that
// use them; the GPU runs the same text. In double they are the library's own: double is for gradient checks.
//
// Error bounds, tested over the whole range (tests/kernel/math_test.cu): exp 1.5 ulp, expm1 1.5 ulp, log 1 ulp,
// log1p 1.5 ulp, sincos 1.2e-7 absolute, sigmoid 2.5 ulp, tanh 3 ulp, softplus 4 ulp, above_tangent_of_exp 30 ulp,
// above_tangent_of_log 30 ulp, quick_divide and quick_sqrt 2 ulp. NaN in gives NaN out.
#pragma once
#include <cmath>

#include "cuda/device/loops.cuh"

namespace warpvae {

namespace detail {
__device__ inline float multiply_add(float a, float b, float c) {
#if defined(__CUDACC__) || defined(__FMA__)
    return fmaf(a, b, c);
#else
    return a * b + c;
#endif
}
__device__ inline double multiply_add(double a, double b, double c) {
#if defined(__CUDACC__) || defined(__FMA__)
    return fma(a, b, c);
#else
    return a * b + c;
#endif
}

/// x = n ln2 + r with |r| <= ln2 / 2, and e^r = 1 + r + r^2 p: a polynomial of degree 6 (Cephes). The low bits of
/// `shifted` are n, as an integer: a conversion takes a GPU as long as eight additions.
struct ExpParts {
    float n, r, p, shifted;
};
__device__ inline ExpParts exp_parts(float x) {
    const float shifted = multiply_add(x, 1.44269504f, 12582912.f);  // 1.5 * 2^23: rounds to an integer
    const float n = shifted - 12582912.f;
    float r = multiply_add(n, -0.693359375f, x);
    r = multiply_add(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = multiply_add(p, r, 1.3981999507e-3f);
    p = multiply_add(p, r, 8.3334519073e-3f);
    p = multiply_add(p, r, 4.1665795894e-2f);
    p = multiply_add(p, r, 1.6666665459e-1f);
    p = multiply_add(p, r, 5.0000001201e-1f);
    return {n, r, p, shifted};
}
/// For any x: n stays within an integer's range, and NaN is NaN.
__device__ inline ExpParts bounded_exp_parts(float x) { return exp_parts(x < -104.f ? -104.f : (x > 89.f ? 89.f : x)); }

/// x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and log(1 + f) = f - f^2 / 2 + f^3 p: a polynomial (Cephes).
struct LogParts {
    float n, f, p;
};
__device__ inline LogParts log_parts(float x) {
    const unsigned bits = __float_as_uint(x);
    const int exponent = static_cast<int>(bits - 0x3f3504f3u) >> 23;
    const float f = __uint_as_float(bits - (static_cast<unsigned>(exponent) << 23)) - 1.f;
    float p = 7.0376836292e-2f;
    p = multiply_add(p, f, -1.1514610310e-1f);
    p = multiply_add(p, f, 1.1676998740e-1f);
    p = multiply_add(p, f, -1.2420140846e-1f);
    p = multiply_add(p, f, 1.4249322787e-1f);
    p = multiply_add(p, f, -1.6668057665e-1f);
    p = multiply_add(p, f, 2.0000714765e-1f);
    p = multiply_add(p, f, -2.4999993993e-1f);
    p = multiply_add(p, f, 3.3333331174e-1f);
    return {static_cast<float>(exponent), f, p};
}
}  // namespace detail

/// e^x; 0 below -87.3, infinity above 88.7.
__device__ inline float exp_(float x) {
    using detail::multiply_add;
    const detail::ExpParts e = detail::bounded_exp_parts(x);
    const float p = multiply_add(e.p, e.r * e.r, e.r + 1.f);
    const int exponent = static_cast<int>(e.n);  // 2^n in two steps: it may be beyond a float
    const int half = exponent >> 1;
    const float scale1 = __uint_as_float(static_cast<unsigned>(half + 127) << 23);
    const float scale2 = __uint_as_float(static_cast<unsigned>(exponent - half + 127) << 23);
    const float y = p * scale1 * scale2;
    return x < -103.97f ? 0.f : (x > 88.7228394f ? INFINITY : (x != x ? x : y));
}

/// e^x for x <= 0; 0 below -87.3.
__device__ inline float exp_of_nonpositive(float x) {
    using detail::multiply_add;
    const detail::ExpParts e = detail::exp_parts(x < -87.3f ? -87.3f : x);
    const float p = multiply_add(e.p, e.r * e.r, e.r + 1.f);
    const float y = p * __uint_as_float((__float_as_uint(e.shifted) + 127u) << 23);
    return x < -87.3f ? 0.f : y;
}

/// e^x - 1 for x <= 0.
__device__ inline float expm1_(float x) {
    using detail::multiply_add;
    const detail::ExpParts e = detail::exp_parts(x < -18.f ? -18.f : x);  // e^-18 is lost beside 1
    const float p = multiply_add(e.p, e.r * e.r, e.r);                    // e^r - 1
    const float scale = __uint_as_float(static_cast<unsigned>(static_cast<int>(e.n) + 127) << 23);
    const float y = multiply_add(scale, p, scale - 1.f);
    return x != x ? x : y;
}

/// log x for x > 0 and normal; the caller keeps it so.
__device__ inline float log_(float x) {
    using detail::multiply_add;
    const detail::LogParts l = detail::log_parts(x);
    const float f2 = l.f * l.f;
    float y = l.p * f2 * l.f;
    y = multiply_add(l.n, -2.12194440e-4f, y);
    y = multiply_add(-0.5f, f2, y);
    y = multiply_add(l.n, 0.693359375f, l.f + y);
    return x != x ? x : y;
}

/// e^x - 1 - x, how far e^x lies above its tangent at 0: never below 0. Near 0, where the difference would cancel, it
/// is the series x^2 / 2 + ...
__device__ inline float above_tangent_of_exp(float x) {
    const detail::ExpParts e = detail::bounded_exp_parts(x);
    const float difference = exp_(x) - 1.f - x;
    return e.n == 0.f ? e.p * (e.r * e.r) : difference;
}

/// x - 1 - log x, how far the tangent of log x at 1 lies above it: never below 0; x > 0 and normal.
__device__ inline float above_tangent_of_log(float x) {
    using detail::multiply_add;
    const detail::LogParts l = detail::log_parts(x);
    const float difference = x - 1.f - log_(x);
    return l.n == 0.f ? multiply_add(-l.p, l.f, 0.5f) * (l.f * l.f) : difference;
}

/// log(1 + e) for e in [0, 1].
__device__ inline float log1p_(float e) {
    using detail::multiply_add;
    float q = -3.3170558398e-3f;  // log1p(e) = e + e^2 q(e): minimax (Remez), relative error 5e-9
    q = multiply_add(q, e, 2.0197924948e-2f);
    q = multiply_add(q, e, -5.7651303462e-2f);
    q = multiply_add(q, e, 1.0679144349e-1f);
    q = multiply_add(q, e, -1.5354502550e-1f);
    q = multiply_add(q, e, 1.9695062884e-1f);
    q = multiply_add(q, e, -2.4958514359e-1f);
    q = multiply_add(q, e, 3.3330503239e-1f);
    q = multiply_add(q, e, -4.9999932426e-1f);
    return multiply_add(e * e, q, e);
}

/// sine and cosine of 2 pi u, u in [0, 1).
__device__ inline void sincos_turn(float u, float& sine, float& cosine) {
    using detail::multiply_add;
    const float quarter = u * 4.f;
    const float nearest = multiply_add(quarter, 1.f, 12582912.f) - 12582912.f;  // 0..4
    const float x = (quarter - nearest) * 1.57079632679f;                       // |x| <= pi / 4
    const float x2 = x * x;
    float s = -1.9515295891e-4f;
    s = multiply_add(s, x2, 8.3321608736e-3f);
    s = multiply_add(s, x2, -1.6666654611e-1f);
    s = multiply_add(s * x2, x, x);
    float c = 2.443315711809948e-5f;
    c = multiply_add(c, x2, -1.388731625493765e-3f);
    c = multiply_add(c, x2, 4.166664568298827e-2f);
    c = multiply_add(c * x2, x2, multiply_add(-0.5f, x2, 1.f));
    const int quadrant = static_cast<int>(nearest) & 3;
    const float a = (quadrant & 1) ? c : s;
    const float b = (quadrant & 1) ? s : c;
    sine = (quadrant & 2) ? -a : a;
    cosine = (quadrant == 1 || quadrant == 2) ? -b : b;
}

__device__ inline double exp_(double x) { return exp(x); }
__device__ inline double exp_of_nonpositive(double x) { return exp(x); }
__device__ inline double expm1_(double x) { return expm1(x); }
__device__ inline double log_(double x) { return log(x); }
__device__ inline double log1p_(double x) { return log1p(x); }
__device__ inline double above_tangent_of_exp(double x) {
    const double difference = expm1(x) - x;
    return difference < 0 ? 0 : difference;
}
__device__ inline double above_tangent_of_log(double x) {
    const double difference = x - 1 - log(x);
    return difference < 0 ? 0 : difference;
}
__device__ inline void sincos_turn(double u, double& sine, double& cosine) {
#ifdef __CUDACC__
    sincospi(2 * u, &sine, &cosine);  // sin and cos need local memory for large arguments, which never come here
#else
    sine = sin(6.283185307179586 * u);
    cosine = cos(6.283185307179586 * u);
#endif
}
__device__ inline float sqrt_(float x) { return sqrtf(x); }
__device__ inline double sqrt_(double x) { return sqrt(x); }

/// x / y to 2 ulp for |y| in [2^-126, 2^126], and the root of x >= 0 to 2 ulp. On a GPU the exact ones are calls with
/// branches for what is denormal or 0, which an optimiser's numerators often are.
__device__ inline float quick_divide(float x, float y) {
#ifdef __CUDA_ARCH__
    return __fdividef(x, y);
#else
    return x / y;
#endif
}
__device__ inline double quick_divide(double x, double y) { return x / y; }
__device__ inline float quick_sqrt(float x) {
#ifdef __CUDA_ARCH__
    float y;
    asm("sqrt.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return sqrtf(x);
#endif
}
__device__ inline double quick_sqrt(double x) { return sqrt(x); }

/// 1 / (1 + e^-x), computed from e^x or e^-x: the one that does not overflow.
template <class T>
__device__ inline T sigmoid_(T x) {
    const T e = exp_(x < T(0) ? x : -x);
    return (x < T(0) ? e : T(1)) / (T(1) + e);
}

/// tanh x, by e = e^(-2 |x|) - 1, which neither overflows nor cancels near 0.
template <class T>
__device__ inline T tanh_(T x) {
    const T e = expm1_(x < T(0) ? T(2) * x : T(-2) * x);
    const T t = e / (T(2) + e);
    return x > T(0) ? -t : t;
}

/// log(1 + e^x).
template <class T>
__device__ inline T softplus_(T x) {
    return (x > T(0) ? x : T(0)) + log1p_(exp_(x < T(0) ? x : -x));
}

/// True for a number that is neither infinite nor NaN.
template <class T>
__device__ inline bool is_finite(T x) {
    return x - x == T(0);
}

}  // namespace warpvae
