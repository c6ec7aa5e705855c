// Gaussians as points of a curved space. By the Fisher metric ds^2 = dmu^2 / sigma^2 + 2 dsigma^2 / sigma^2 a normal
// distribution is the point (x, y) = (mu / sqrt 2, sigma) of the hyperbolic half plane, with lengths times sqrt 2.
// Independent dimensions make a product space: geodesics, exp and log are taken in each dimension by itself, and
// squared distances add up (Skovgaard 1981; Costa, Santos and Strapasson 2015). For points 1 and 2 of the half plane, a
// distance h apart, these forms lose no digits however near or far the points are:
//
//   distance   sinh(h/2) = |p2 - p1| / (2 sqrt(y1 y2))
//   geodesic   1/y = a/y1 + b/y2,  x/y = a x1/y1 + b x2/y2,  a = sinh((1-t) h) / sinh h,  b = sinh(t h) / sinh h:
//              (1/y and x/y are linear on the hyperboloid, whose geodesics combine their ends with these factors)
//   log        |v| = y1 h, along (2 y1 (x2 - x1), (x2 - x1)^2 + (y2 - y1) (y2 + y1))
//   exp        1/y = (cosh l - sinh l sin) / y1,  x = x1 + y cos sinh l,  with v = y1 l (cos, sin)
//   mean       p <- exp_p(step mean_i log_p(p_i)), step = 1 / mean_i(h_i coth h_i)
//              (h coth h is the largest curvature of h^2 / 2; it grows no faster than h, so every such step descends)
//
// argo's curve is a circle whose centre lies on the axis of the (mu, sigma) plane, where it spans the angle 2 psi:
//
//   tan psi = (mu2 - mu1) / (sigma1 + sigma2),   p = p1 + sin(t psi) / sin psi Rot((1-t) psi) (p2 - p1)
//
// With equal means it is the straight line, which is the limit. Beyond its ends it goes on to the axis and below.
//
// Contract: block any; deterministic; no shared memory but the reductions'. Paths read each Gaussian once, the mean all
// of them in every iteration: 8 bytes a dimension in float. In float the error is a few times h
// roundings, for h below 80. A deviation below 0 makes its dimension NaN, and so does a NaN. The mean is computed in
// double whatever T is: a float's roundings alone are above its tolerance. In each iteration its error shrinks at least
// by the factor 1 - 1 / mean_i(h_i coth h_i): to a tenth in 4 iterations for h = 2, in 20 for h = 9.
#pragma once
#include <math.h>  // not <cmath>: it has the float versions in the global namespace, where CUDA has them

#include "cuda/device/reduce.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/fisher_rao.h"

namespace warpvae {

/// One dimension of a Gaussian, or of a tangent vector: a mean is sqrt 2 x, so that nearby means lose no digit.
template <class T>
struct Normal {
    T mean, deviation;
};
inline constexpr double kRootTwo = 1.4142135623730951, kRootHalf = 0.7071067811865476;

/// Dimension j of 2Z numbers.
template <class T, class From>
__device__ inline Normal<T> load_normal(const From* from, int j, int Z) {
    return {T(from[j]), T(from[Z + j])};
}
template <class To, class T>
__device__ inline void store_normal(To* to, const Normal<T>& p, int j, int Z) {
    to[j] = To(p.mean), to[Z + j] = To(p.deviation);
}

template <class T>
__device__ inline T hyperbolic_distance(const Normal<T>& a, const Normal<T>& b) {
    const T chord = hypot(T(kRootHalf) * (b.mean - a.mean), b.deviation - a.deviation);
    return T(2) * T(asinh(chord / (T(2) * sqrt_(a.deviation) * sqrt_(b.deviation))));
}
/// Of a tangent at a.
template <class T>
__device__ inline T hyperbolic_length(const Normal<T>& a, const Normal<T>& v) {
    return hypot(T(kRootHalf) * v.mean, v.deviation) / a.deviation;
}

/// The tangent at a that leads to b.
template <class T>
__device__ inline Normal<T> hyperbolic_log(const Normal<T>& a, const Normal<T>& b) {
    const T right = T(kRootHalf) * (b.mean - a.mean) / a.deviation, up = (b.deviation - a.deviation) / a.deviation;
    const T x = T(2) * right, y = right * right + up * (up + T(2)), length = hypot(x, y);
    const T scale = length == T(0) ? T(0) : a.deviation * hyperbolic_distance(a, b) / length;
    return {T(kRootTwo) * scale * x, scale * y};
}

/// Where the tangent v at a leads.
template <class T>
__device__ inline Normal<T> hyperbolic_exp(const Normal<T>& a, const Normal<T>& v) {
    const T l = hyperbolic_length(a, v), length = a.deviation * l;
    if (length == T(0)) return a;
    const T cosine = T(kRootHalf) * v.mean / length, sine = v.deviation / length;
    const T less = sine > T(0) ? cosine * cosine / (T(1) + sine) : T(1) - sine;  // 1 - sine
    const T climb = sinh(l), fall = exp_(-l) + climb * less;                     // cosh l - sinh l sine
    return {a.mean + T(kRootTwo) * a.deviation * cosine * climb / fall, a.deviation / fall};
}

/// sinh(u h) / sinh(h) for 0 <= u <= 1.
template <class T>
__device__ inline T sinh_ratio(T u, T h) {
    return h == T(0) ? u : exp_((u - T(1)) * h) * T(expm1(T(-2) * u * h) / expm1(T(-2) * h));
}

/// From a (t = 0) to b (t = 1). Beyond them the two terms would cancel: there, along the tangent at a.
template <class T>
__device__ inline Normal<T> hyperbolic_geodesic(const Normal<T>& a, const Normal<T>& b, T t) {
    if (t < T(0) || t > T(1)) {
        const Normal<T> v = hyperbolic_log(a, b);
        return hyperbolic_exp(a, {t * v.mean, t * v.deviation});
    }
    const T h = hyperbolic_distance(a, b);
    const T of_a = sinh_ratio(T(1) - t, h) / a.deviation, of_b = sinh_ratio(t, h) / b.deviation, total = of_a + of_b;
    return {(of_a * a.mean + of_b * b.mean) / total, T(1) / total};
}

/// argo's, in the plane of (mu, sigma) itself.
template <class T>
__device__ inline Normal<T> argo_curve(const Normal<T>& a, const Normal<T>& b, T t) {
    const T right = b.mean - a.mean, up = b.deviation - a.deviation, psi = atan(right / (a.deviation + b.deviation));
    const auto sine_cosine = [](T angle, T& sine, T& cosine) {  // odd and even to the last bit
        const T turns = T(0.15915494309189535) * (angle < T(0) ? -angle : angle);
        sincos_turn(turns - T(floor(turns)), sine, cosine);
        sine = angle < T(0) ? -sine : sine;
    };
    T part, whole, sine, cosine;
    sine_cosine(t * psi, part, cosine);
    sine_cosine(psi, whole, cosine);
    sine_cosine((T(1) - t) * psi, sine, cosine);
    const T chord = whole == T(0) ? t : part / whole;
    return {a.mean + chord * (cosine * right - sine * up), a.deviation + chord * (sine * right + cosine * up)};
}

template <class T>
__device__ inline Normal<T> straight_line(const Normal<T>& a, const Normal<T>& b, T t) {
    return {(T(1) - t) * a.mean + t * b.mean, (T(1) - t) * a.deviation + t * b.deviation};
}

/// One block per pair. distance [n]; a, b [n, 2Z].
template <class T>
__global__ void fisher_rao_distance_kernel(T* distance, const T* a, const T* b, int Z) {
    const std::size_t pair = blockIdx.x;
    T squares = T(0);
    for (int j : block_stride(Z)) {
        const T h = hyperbolic_distance(load_normal<T>(a + pair * 2 * Z, j, Z), load_normal<T>(b + pair * 2 * Z, j, Z));
        squares += h * h;
    }
    squares = block_sum(squares);
    if (threadIdx.x == 0) distance[pair] = T(kRootTwo) * sqrt_(squares);
}

/// points [n, steps, 2Z], times [steps].
template <class T>
__global__ void gaussian_curve_kernel(T* points, const T* a, const T* b, const T* times, GaussianCurve curve,
                                      std::size_t n, int steps, int Z) {
    for (std::size_t i : grid_stride(n * steps * Z)) {
        const int j = int(i % Z);
        const std::size_t point = i / Z, pair = point / steps;
        const T t = times[point % steps];
        const Normal<T> from = load_normal<T>(a + pair * 2 * Z, j, Z), to = load_normal<T>(b + pair * 2 * Z, j, Z);
        const Normal<T> at = curve == GaussianCurve::kFisherRao ? hyperbolic_geodesic(from, to, t)
                             : curve == GaussianCurve::kArgo    ? argo_curve(from, to, t)
                                                                : straight_line(from, to, t);
        store_normal(points + point * 2 * Z, at, j, Z);
    }
}

template <class T>
__global__ void fisher_rao_exp_kernel(T* points, const T* base, const T* tangent, std::size_t n, int Z) {
    for (std::size_t i : grid_stride(n * Z)) {
        const int j = int(i % Z);
        const std::size_t row = i / Z * 2 * Z;
        const auto p = load_normal<T>(base + row, j, Z), v = load_normal<T>(tangent + row, j, Z);
        store_normal(points + row, hyperbolic_exp(p, v), j, Z);
    }
}
template <class T>
__global__ void fisher_rao_log_kernel(T* tangent, const T* base, const T* points, std::size_t n, int Z) {
    for (std::size_t i : grid_stride(n * Z)) {
        const int j = int(i % Z);
        const std::size_t row = i / Z * 2 * Z;
        const auto p = load_normal<T>(base + row, j, Z), q = load_normal<T>(points + row, j, Z);
        store_normal(tangent + row, hyperbolic_log(p, q), j, Z);
    }
}

/// One block per dimension, from the means' mean and the deviations' geometric mean. mean [2Z], residual [Z], points
/// [n, 2Z], which it reads once for the start and once in each iteration.
template <class T>
__global__ void karcher_mean_kernel(T* mean, T* residual, const T* points, KarcherOptions options, int n, int Z) {
    const int j = int(blockIdx.x);
    const auto point = [&](int i) { return load_normal<double>(points + std::size_t(i) * 2 * Z, j, Z); };
    const auto share = block_stride(n);
    double means = 0, logs = 0;
    for (int i : share) {
        const Normal<double> p = point(i);
        means += p.mean, logs += log_(p.deviation);
    }
    means = block_sum(means), logs = block_sum(logs);
    Normal<double> at{means / n, exp_(logs / n)};
    double length;
    for (int iteration = 0;; ++iteration) {
        Normal<double> pull{0, 0};
        double curvature = 0;
        for (int i : share) {
            const Normal<double> v = hyperbolic_log(at, point(i));
            const double h = hyperbolic_length(at, v);
            pull.mean += v.mean, pull.deviation += v.deviation, curvature += h == 0 ? 1 : h / tanh(h);
        }
        pull.mean = block_sum(pull.mean), pull.deviation = block_sum(pull.deviation);
        curvature = block_sum(curvature);
        length = kRootTwo * hyperbolic_length(at, pull) / n;
        if (!(length > options.tolerance) || iteration == options.max_iterations) break;
        at = hyperbolic_exp(at, {pull.mean / curvature, pull.deviation / curvature});
    }
    if (threadIdx.x == 0) {
        store_normal(mean, at, j, Z);
        residual[j] = T(length);
    }
}

}  // namespace warpvae
