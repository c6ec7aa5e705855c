// Clipping by the norm: which gradients change, to what, and that no bit of the others does.
#include "cuda/ops/optimiser.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

template <class T>
std::vector<T> clipped(const std::vector<T>& gradients, T max_norm, int R) {
    GuardedBuffer<T> g(gradients);
    GuardedBuffer<double> parts(std::size_t(R) * kNormParts);
    check(clip_norm(g.data(), parts.data(), max_norm, R, gradients.size() / R, nullptr));
    return g.download();
}

template <class T>
double norm_of(const std::vector<T>& g) {
    double square = 0;
    for (const T x : g) square += double(x) * double(x);
    return std::sqrt(square);
}

template <class T>
void expect_plain(int R, std::size_t P) {
    // Replica r's norm is some (r + 1) sqrt(P): the bound lies below the last one's and above the first's.
    Random random(P + 1);
    std::vector<T> gradients;
    for (int r = 0; r < R; ++r) {
        const auto g = random.normals<T>(P, r + 1);
        gradients.insert(gradients.end(), g.begin(), g.end());
    }
    const T max_norm = T(R * std::sqrt(double(P)) / 2 + 0.25);
    const std::vector<T> out = clipped(gradients, max_norm, R);
    for (int r = 0; r < R; ++r) {
        const std::vector<T> g = slice(gradients, r * P, P), got = slice(out, r * P, P);
        const double norm = norm_of(g);
        if (norm <= max_norm) {
            expect_identical(got, g, "within the bound");
            continue;
        }
        std::vector<double> expected(P), allowed(P);
        for (std::size_t i = 0; i < P; ++i) {
            expected[i] = g[i] * (max_norm / norm);
            // Two roundings: the factor's and the product's; in double the two sums of P squares and their roots too.
            const double roundings = sizeof(T) == 8 ? 2 * P + 8.0 : 2.01;
            allowed[i] = roundings * kRounding<T> * std::abs(expected[i]);
        }
        expect_close(got, expected, allowed, "clipped, P " + std::to_string(P));
    }
}

TEST(ClipNorm, AgainstThePlainFormula) {
    at_all_block_sizes([] {
        for (const std::size_t P : {1, 2, 31, 63, 64, 65, 257, 4160, 4161})
            for (const int R : {1, 3}) {
                expect_plain<float>(R, P);
                expect_plain<double>(R, P);
            }
    });
    expect_plain<float>(2, 100003);  // several blocks scale
}

TEST(ClipNorm, ExactOnIntegers) {
    at_all_block_sizes([] {
        const std::vector<float> g{3, 0, -4, 0, 6, 0, -8, 0};  // norms 5 and 10
        expect_identical(clipped(g, 5.f, 2), {3, 0, -4, 0, 3, 0, -4, 0}, "one at the bound, one beyond");
        expect_identical(clipped(g, 10.f, 2), g, "both within");
        expect_identical(clipped(g, std::numeric_limits<float>::infinity(), 2), g, "no bound");
        expect_identical(clipped(std::vector<float>(100, 0.f), 1e-30f, 1), std::vector<float>(100, 0.f), "zeros");
        expect_identical(clipped(std::vector<float>{}, 1.f, 1), {}, "nothing");
    });
}

TEST(ClipNorm, SquaresThatAFloatCannotHold) {
    const std::vector<float> out = clipped(std::vector<float>{3e30f, -4e30f}, 5.f, 1);
    expect_close(out, std::vector<double>{3, -4}, Tolerance{0, 3 * kRounding<float>}, "a huge gradient");
    expect_identical(clipped(std::vector<float>{3e-30f, 0}, 2e-30f, 1), {2e-30f, 0}, "a tiny one");
    // What is clipped can be squared again; in double a norm may overflow, and is left for the optimiser to name.
    expect_close(clipped(std::vector<float>{3e38f, 0}, 5.f, 1), std::vector<double>{5, 0}, Tolerance{0, 0x1p-21},
                 "the largest: its factor, 1.7e-38, is just normal");
    expect_identical(clipped(std::vector<double>{1e200, 1}, 5., 1), {1e200, 1}, "a norm beyond a double");
}

TEST(ClipNorm, WhatIsNotFiniteStaysAndTheOtherReplicasAreClipped) {
    at_all_block_sizes([] {
        for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
            std::vector<float> g(3 * 70, 2.f), expected;
            g[70 + 41] = bad;
            const std::vector<float> out = clipped(g, 1.f, 3);
            expect_identical(slice(out, 70, 70), slice(g, 70, 70), "the replica whose norm is no number");
            for (const int r : {0, 2}) EXPECT_NEAR(norm_of(slice(out, r * 70, 70)), 1, 1e-6);
        }
    });
}

TEST(ClipNorm, AReplicaIsTheSameAlone) {
    Random random(8);
    const int R = 3;
    const std::size_t P = 20011;
    const auto g = random.normals<float>(R * P);
    const std::vector<float> together = clipped(g, 0.7f, R);
    for (int r = 0; r < R; ++r)
        expect_identical(clipped(slice(g, r * P, P), 0.7f, 1), slice(together, r * P, P), "replica alone");
}

TEST(ClipNorm, RefusesABoundThatIsNone) {
    GuardedBuffer<float> g(4);
    GuardedBuffer<double> parts(kNormParts);
    for (const float bound : {0.f, -1.f, std::numeric_limits<float>::quiet_NaN()})
        EXPECT_EQ(clip_norm(g.data(), parts.data(), bound, 1, 4, nullptr).code, kInvalidValue);
}

}  // namespace
}  // namespace warpvae
