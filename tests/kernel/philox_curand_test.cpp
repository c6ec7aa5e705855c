// cuRAND's Philox function, the one that the GPU build calls, run on the host against the table that philox_test.cu
// holds the CPU build's Random123 to: without a GPU this proves that both devices draw the same integers. The two
// libraries' headers cannot share a translation unit, hence two tests.
#include <gtest/gtest.h>

#include "tests/support/philox_known_answers.h"

#if __has_include(<curand_philox4x32_x.h>) && __has_include(<nv/target>)
namespace {
struct uint2 {
    unsigned x, y;
};
struct uint4 {
    unsigned x, y, z, w;
};
#define QUALIFIERS [[maybe_unused]] static inline  // cuRAND's own is `static __forceinline__ __device__`
#include <curand_philox4x32_x.h>
}  // namespace

TEST(PhiloxCurand, KnownAnswers) {
    for (const auto& answer : warpvae::test::kPhiloxAnswers) {
        const auto& c = answer.counter;
        const uint4 out = curand_Philox4x32_10(uint4{c[0], c[1], c[2], c[3]}, uint2{answer.key[0], answer.key[1]});
        EXPECT_EQ(out.x, answer.output[0]);
        EXPECT_EQ(out.y, answer.output[1]);
        EXPECT_EQ(out.z, answer.output[2]);
        EXPECT_EQ(out.w, answer.output[3]);
    }
}
#else
TEST(PhiloxCurand, KnownAnswers) { GTEST_SKIP() << "cuRAND's header is not installed"; }
#endif
