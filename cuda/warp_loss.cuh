// A decoder's warped image with its likelihood, forward and backward in one kernel. A sampled pixel is the probability
// of a likelihood (bernoulli.cuh), and the image's gradient goes on through the sigmoid that made it.
//
// Contract: as grid_sample_backward.cuh, for images of one band; reads image and target and writes out, dout and
// dlogits (20 bytes per pixel). On sm_90a the kernels for floats in limbs take 56 to 79 registers. Deterministic.
#pragma once
#include "cuda/activation.cuh"
#include "cuda/bernoulli.cuh"
#include "cuda/grid_sample_backward.cuh"

namespace warpvae {

/// Sampled pixels are stored and are the probabilities of a likelihood: its gradient goes to dout, its sum over image n
/// to nll[n].
template <class T>
struct WarpedPixelLikelihood {
    PixelOutput<T> output;
    T *nll, *dout;
    const T* target;
    T scale;
    template <int count>
    __device__ void take(const T (&value)[count], std::size_t at, T& sum) const {
        output.take(value, at, sum);
        T part = T(0);
        WARPVAE_SIMD(reduction(+ : part))
        for (int i = 0; i < count; ++i) {
            const BernoulliTerm<T> term = FromProbability()(value[i], target[at + i]);
            part += term.nll;
            dout[at + i] = scale * term.gradient;
        }
        sum += part;
    }
    __device__ void finish(std::size_t n, T sum) const {
        sum = block_sum(sum);
        if (threadIdx.x == 0) nll[n] = sum;
    }
};

/// From a decoder's images, which are sigmoids, through the warp to the likelihood and back to logits. One band only.
/// staged: the launch gives shared memory for `plan` and, at another time, for an image of all its channels.
template <class T, class Grid, Padding padding, bool staged, class Fixed>
__global__ void warp_loss_kernel(WarpedPixelLikelihood<T> likelihood, SampleGradients<T> to, const T* images, Grid grid,
                                 SampleShape shape, SampleOptions options, BackwardPlan plan) {
    wait_for_previous_launch();
    sample_image<padding, staged>(likelihood, images, grid, shape, options, dynamic_shared<T>());
    __syncthreads();  // the block reads the gradients that its threads have written
    image_backward<padding, staged, Fixed, SigmoidActivation>(to, likelihood.dout, images, grid, shape, options, plan);
}

}  // namespace warpvae
