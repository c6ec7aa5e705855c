// From the numbers of an affine pose to the 2 x 3 matrix of its grid, and back for gradients (Vive, section V.iii):
//
//   kAffine   A = u
//   kPose     u = (psi, log Sx, log Sy, Tx, Ty),  A = [Sx cos psi, -Sx sin psi, Sx Tx;  Sy sin psi, Sy cos psi, Sy Ty]
//   inverse   of either: with A = [M | t],  [M^-1 | -M^-1 t].  det M is kept at least 1e-4 from 0, with its sign;
//             where that bound is active, det M is a constant
//
// Device functions of one image, called by one thread. u and A in the order of the matrix's rows; units are those of a
// grid whose image spans -1..1.
#pragma once
#include "cuda/bilinear.cuh"
#include "cuda/math.cuh"
#include "cuda/ops/warp.h"

namespace warpvae {

inline constexpr double kSmallestDeterminant = 1e-4;

namespace detail {

template <class T>
__device__ inline void sine_cosine(T angle, T& s, T& c) {  // sinf would need local memory on a GPU
    const T turns = angle * T(0.15915494309189535);
    sincos_turn(turns - floor_(turns), s, c);
}

template <class T>
struct BoundedDeterminant {
    T value;
    bool bounded;
};
template <class T>
__device__ inline BoundedDeterminant<T> bounded_determinant(const T* A) {
    const T det = A[0] * A[4] - A[1] * A[3], least = T(kSmallestDeterminant);
    if (det >= T(0) && det < least) return {least, true};
    if (det < T(0) && det > -least) return {-least, true};
    return {det, false};
}

template <class T>
__device__ inline void pose_matrix(T* A, const T* u) {
    T s, c;
    sine_cosine(u[0], s, c);
    const T sx = exp_(u[1]), sy = exp_(u[2]);
    A[0] = sx * c, A[1] = -sx * s, A[2] = sx * u[3];
    A[3] = sy * s, A[4] = sy * c, A[5] = sy * u[4];
}
/// du from dA.
template <class T>
__device__ inline void pose_matrix_backward(T* du, const T* dA, const T* u) {
    T A[6];
    pose_matrix(A, u);
    T s, c;
    sine_cosine(u[0], s, c);
    const T sx = exp_(u[1]), sy = exp_(u[2]);
    du[0] = -sx * (dA[0] * s + dA[1] * c) + sy * (dA[3] * c - dA[4] * s);
    du[1] = dA[0] * A[0] + dA[1] * A[1] + dA[2] * A[2];
    du[2] = dA[3] * A[3] + dA[4] * A[4] + dA[5] * A[5];
    du[3] = dA[2] * sx;
    du[4] = dA[5] * sy;
}

template <class T>
__device__ inline void inverse_matrix(T* B, const T* A) {
    const T d = T(1) / bounded_determinant(A).value;
    B[0] = A[4] * d, B[1] = -A[1] * d, B[3] = -A[3] * d, B[4] = A[0] * d;
    B[2] = -(B[0] * A[2] + B[1] * A[5]);
    B[5] = -(B[3] * A[2] + B[4] * A[5]);
}
/// dA from dB, B the inverse of A.
template <class T>
__device__ inline void inverse_matrix_backward(T* dA, const T* dB, const T* A) {
    T B[6];
    inverse_matrix(B, A);
    const auto det = bounded_determinant(A);
    const T d = T(1) / det.value;
    // Through B2 and B5, which are products of B's own entries with the translation.
    const T b0 = dB[0] - dB[2] * A[2], b1 = dB[1] - dB[2] * A[5];
    const T b3 = dB[3] - dB[5] * A[2], b4 = dB[4] - dB[5] * A[5];
    const T through_det = det.bounded ? T(0) : -d * (b0 * B[0] + b1 * B[1] + b3 * B[3] + b4 * B[4]);
    dA[0] = d * b4 + through_det * A[4];
    dA[1] = -d * b1 - through_det * A[3];
    dA[3] = -d * b3 - through_det * A[1];
    dA[4] = d * b0 + through_det * A[0];
    dA[2] = -(dB[2] * B[0] + dB[5] * B[3]);
    dA[5] = -(dB[2] * B[1] + dB[5] * B[4]);
}

}  // namespace detail

/// The grid's matrix A [6] of an affine form (any WarpForm but kControlPoints).
template <class T>
__device__ inline void affine_coefficients(T* A, const T* u, WarpForm form) {
    T M[6];
    if (form == WarpForm::kPose || form == WarpForm::kInversePose) {
        detail::pose_matrix(M, u);
    } else {
        for (int i = 0; i < 6; ++i) M[i] = u[i];
    }
    if (form == WarpForm::kInverseAffine || form == WarpForm::kInversePose) {
        detail::inverse_matrix(A, M);
    } else {
        for (int i = 0; i < 6; ++i) A[i] = M[i];
    }
}
/// du (6 or 5 numbers) from dA [6].
template <class T>
__device__ inline void affine_coefficients_backward(T* du, const T* dA, const T* u, WarpForm form) {
    const bool pose = form == WarpForm::kPose || form == WarpForm::kInversePose;
    T M[6], dM[6];
    if (pose) {
        detail::pose_matrix(M, u);
    } else {
        for (int i = 0; i < 6; ++i) M[i] = u[i];
    }
    if (form == WarpForm::kInverseAffine || form == WarpForm::kInversePose) {
        detail::inverse_matrix_backward(dM, dA, M);
    } else {
        for (int i = 0; i < 6; ++i) dM[i] = dA[i];
    }
    if (pose) {
        detail::pose_matrix_backward(du, dM, u);
    } else {
        for (int i = 0; i < 6; ++i) du[i] = dM[i];
    }
}

}  // namespace warpvae
