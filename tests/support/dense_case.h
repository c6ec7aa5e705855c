// Dense layers for tests of the fused kernels: shapes, numbers, and what a product is by definition (dense_tile.cuh).
#pragma once
#include <bit>

#include "cuda/dense_tile.cuh"
#include "tests/support/device_test.h"

namespace warpvae::test {

struct Shape {
    int R, N, in, out;
};
// 1, primes, one past a tile, whole tiles; slices of K: one, several, a short last one, several rounds.
inline const Shape kShapes[] = {{1, 1, 1, 1},    {2, 3, 5, 7},     {1, 17, 33, 65},  {3, 65, 40, 33},
                                {1, 20, 400, 4}, {2, 16, 137, 64}, {1, 5, 1031, 12}, {1, 33, 260, 68}};

// What a tensor core reads of a float, and a float in two such parts: here for the host, where device functions may not
// go.
inline float cut(float x) { return std::bit_cast<float>(std::bit_cast<unsigned>(x) & 0xffffe000u); }
inline float large_part(float x) { return std::bit_cast<float>((std::bit_cast<unsigned>(x) + 0x1000u) & 0xffffe000u); }
inline float small_part(float x) { return cut(x - large_part(x)); }

/// sum of a(k) b(k) as dense_tile.cuh and tensor_core.cuh define it, with the CPU device's tensor core.
template <class A, class B>
float sliced_sum(int K, A a, B b) {
    const Slices slices = slices_of(K);
    float total = 0;
    for (int s = 0; s < slices.count; ++s) {
        float sum = 0;
        const int end = std::min(K, (s + 1) * slices.length);
        for (int chunk = s * slices.length; chunk < end; chunk += 32) {
            float large = 0, small = 0;
            for (int k0 = chunk; k0 < std::min(end, chunk + 32); k0 += 8) {
                double left = small, right = 0, both = large;
                for (int k = k0; k < std::min(end, k0 + 8); ++k) left += double(small_part(a(k))) * large_part(b(k));
                right = float(left);
                for (int k = k0; k < std::min(end, k0 + 8); ++k) {
                    right += double(large_part(a(k))) * small_part(b(k));
                    both += double(large_part(a(k))) * large_part(b(k));
                }
                small = float(right), large = float(both);
            }
            sum += large + small;
        }
        total = s ? total + sum : sum;
    }
    return total;
}

/// The sum of a(k) as the bias gradient has it: four lanes share a slice's k, and their sums are added as a tree.
template <class A>
float sliced_ones(int K, A a) {
    const Slices slices = slices_of(K);
    float total = 0;
    for (int s = 0; s < slices.count; ++s) {
        float lane[4] = {};
        const int end = std::min(K, (s + 1) * slices.length);
        for (int k0 = s * slices.length; k0 < end; k0 += 8)
            for (int i = 0; i < 8; ++i) lane[i / 2] += k0 + i < end ? a(k0 + i) : 0.f;
        const float sum = (lane[0] + lane[2]) + (lane[1] + lane[3]);
        total = s ? total + sum : sum;
    }
    return total;
}

/// Within a rounding or two of the definition on the CPU device, whose tensor core adds in double; on a GPU, whose core
/// adds in its own way, within the error of one long chain of additions.
inline void expect_defined(const std::vector<float>& got, const std::vector<float>& expected, const char* what) {
    const Tolerance allowed = device_is_gpu() ? Tolerance{1e-4, 1e-5} : Tolerance{1e-6, 5e-7};
    expect_close(got, as<double>(expected), allowed, what);
}

struct Layer {
    Shape s;
    std::size_t P;
    std::vector<float> x, dy, arena;
    explicit Layer(const Shape& shape) : s(shape), P(std::size_t(s.out) * s.in + s.out + (s.in % 4 ? 3 : 4)) {
        while (s.in % 4 == 0 && P % 4) ++P;  // an arena whose rows allow 16-byte loads
        Random random(s.N + 10 * s.in + 100 * s.out);
        x = random.normals<float>(std::size_t(s.R) * s.N * s.in);
        dy = random.normals<float>(std::size_t(s.R) * s.N * s.out);
        arena = random.normals<float>(s.R * P);
    }
    std::size_t bias() const { return std::size_t(s.out) * s.in; }
    float X(int r, int n, int k) const { return x[(std::size_t(r) * s.N + n) * s.in + k]; }
    float DY(int r, int n, int c) const { return dy[(std::size_t(r) * s.N + n) * s.out + c]; }
    float W(int r, int c, int k) const { return arena[r * P + std::size_t(c) * s.in + k]; }
    float b(int r, int c) const { return arena[r * P + bias() + c]; }
    float logit(int r, int n, int c) const {
        return sliced_sum(
                   s.in, [&](int k) { return X(r, n, k); }, [&](int k) { return W(r, c, k); }) +
               b(r, c);
    }
    float input_gradient(int r, int n, int k) const {
        return sliced_sum(
            s.out, [&](int c) { return DY(r, n, c); }, [&](int c) { return W(r, c, k); });
    }
    float weight_gradient(int r, int c, int k) const {
        return sliced_sum(
            s.N, [&](int n) { return DY(r, n, c); }, [&](int n) { return X(r, n, k); });
    }
    float bias_gradient(int r, int c) const {
        return sliced_ones(s.N, [&](int n) { return DY(r, n, c); });
    }
};

/// f(r, n, c) for all of [R, rows, columns].
template <class F>
std::vector<float> table(int R, int rows, int columns, F f) {
    std::vector<float> out;
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < rows; ++n)
            for (int c = 0; c < columns; ++c) out.push_back(f(r, n, c));
    return out;
}

}  // namespace warpvae::test
