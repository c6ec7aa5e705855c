// A product of small matrices by the tensor cores, one warp together, at float's precision: 3xTF32.
//
// A tensor core multiplies numbers of 11 significant bits (TF32) and adds in float. So a float is cut in two, the TF32
// nearest to it and the rest, and a product becomes three:
//
//   a = A + alpha,  b = B + beta,   a b = A B + (A beta + alpha B) + alpha beta
//
// The last is dropped: it is 2^-22 of a b at most. Large and small terms have accumulators of their own, and both begin
// anew every 32 k, for the core cuts what it adds to the larger number's bits. On the CPU device the lanes of a warp
// lay their parts out and each adds up its own outputs, in double.
#pragma once
#include "cuda/device/loops.cuh"

namespace warpvae {

/// A float as the sum of two that a tensor core reads. An infinity becomes NaN.
struct Tf32Parts {
    float large, small;
};
__device__ inline Tf32Parts tf32_parts(float x) {
    const float large = __uint_as_float((__float_as_uint(x) + 0x1000u) & 0xffffe000u);
    return {large, x - large};
}

/// C [16, 8] += A [16, 8] B [8, 8], cut to TF32. The lane with g = lane / 4 and t = lane % 4 holds
///   a: A(g, t), A(g + 8, t), A(g, t + 4), A(g + 8, t + 4);   b: B(t, g), B(t + 4, g)
///   c: C(g, 2t), C(g, 2t + 1), C(g + 8, 2t), C(g + 8, 2t + 1)
__device__ inline void tensor_multiply_add(float (&c)[4], const float (&a)[4], const float (&b)[2]) {
#ifdef __CUDACC__
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
#else
    __shared__ float left[32][16][8], right[32][8][8];  // of each warp of the block
    const int warp = warp_index(), g = lane_index() / 4, t = lane_index() % 4;
    const auto cut = [](float x) { return __uint_as_float(__float_as_uint(x) & 0xffffe000u); };
    for (int i = 0; i < 4; ++i) left[warp][g + i % 2 * 8][t + i / 2 * 4] = cut(a[i]);
    for (int i = 0; i < 2; ++i) right[warp][t + i * 4][g] = cut(b[i]);
    __syncwarp();
    for (int i = 0; i < 4; ++i) {
        double sum = c[i];
        for (int k = 0; k < 8; ++k) sum += double(left[warp][g + i / 2 * 8][k]) * right[warp][k][2 * t + i % 2];
        c[i] = float(sum);
    }
    __syncwarp();
#endif
}

}  // namespace warpvae
