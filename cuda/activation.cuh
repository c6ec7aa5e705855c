// Activations and their derivatives. A derivative is computed from the output, so that nobody keeps an input: a
// softplus y has 1 - e^-y.
//
// Contract: device functions, no block contract.
#pragma once
#include "cuda/math.cuh"

namespace warpvae {

/// forward(x) = y, NaN for NaN, and backward(dy, y) = dL/dx.
struct NoActivation {
    template <class T>
    static __device__ T forward(T x) {
        return x;
    }
    template <class T>
    static __device__ T backward(T dy, T) {
        return dy;
    }
};
struct ReluActivation {
    template <class T>
    static __device__ T forward(T x) {
        return x < T(0) ? T(0) : x;
    }
    template <class T>
    static __device__ T backward(T dy, T y) {  // a select, not a product: NaN in dy ends where y is 0, as in PyTorch
        return y > T(0) ? dy : T(0);
    }
};
struct SigmoidActivation {
    template <class T>
    static __device__ T forward(T x) {
        return sigmoid_(x);
    }
    template <class T>
    static __device__ T backward(T dy, T y) {
        return dy * y * (T(1) - y);
    }
};
struct EluActivation {
    template <class T>
    static __device__ T forward(T x) {
        const T e = expm1_(x < T(0) ? x : T(0));
        return x < T(0) ? e : x;
    }
    template <class T>
    static __device__ T backward(T dy, T y) {
        return y > T(0) ? dy : dy * (T(1) + y);
    }
};
struct TanhActivation {
    template <class T>
    static __device__ T forward(T x) {
        return tanh_(x);
    }
    template <class T>
    static __device__ T backward(T dy, T y) {
        return dy * ((T(1) - y) * (T(1) + y));
    }
};
struct SoftplusActivation {
    template <class T>
    static __device__ T forward(T x) {
        return softplus_(x);
    }
    template <class T>
    static __device__ T backward(T dy, T y) {
        return dy * -expm1_(-y);
    }
};

}  // namespace warpvae
