// Reductions over a warp and a block: exact on integers at every block size and in every order, NaN is never lost, and
// one may follow another at once.
#include "cuda/device/reduce.cuh"

#include "cuda/device/launch.cuh"
#include "cuda/device/warp_sums.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

#ifdef WARPVAE_SANITIZED
constexpr int kMostThreads = 256;  // the time that ThreadSanitizer takes grows with the square
#else
constexpr int kMostThreads = 1024;
#endif

template <class Body>
void at_blocks_and_orders(Body body) {
    for (const int threads : {1, 32, 96, kMostThreads})
        for (const CpuBlocks way : {CpuBlocks::kLanesForward, CpuBlocks::kLanesReverse, CpuBlocks::kLanesShuffle}) {
            SCOPED_TRACE(std::to_string(threads) + " threads, order " + std::to_string(static_cast<int>(way)));
            LaunchOptionsScope restore;
            launch_options().any_threads = threads;
            launch_options().cpu_blocks = threads == 1 ? CpuBlocks::kOneThread : way;
            body(threads);
            if (::testing::Test::HasFatalFailure()) return;
        }
}

/// out[i, 0..3]: the sum and maximum over the block, the sum and maximum over the warp, as thread i has them.
template <class T>
__global__ void reduce_kernel(T* out, const T* in) {
    const T value = in[threadIdx.x];
    T* mine = out + 4 * threadIdx.x;
    mine[0] = block_sum(value);
    mine[1] = block_max(value);
    mine[2] = warp_sum(value);
    mine[3] = warp_max(value);
}

template <class T>
std::vector<T> reduced(const std::vector<T>& in) {
    GuardedBuffer<T> input(in), out(4 * in.size());
    check(launch(reduce_kernel<T>, for_blocks(1), nullptr, out.data(), input.data()));
    return out.download();
}

template <class T>
void exact_on_integers() {
    at_blocks_and_orders([](int threads) {
        Random random(17 + threads);
        const std::vector<T> in =
            random.integers<T>(threads, -1000, -1);  // all negative: a maximum that starts at 0 shows
        const std::vector<T> out = reduced(in);
        T sum = 0, largest = in[0];
        for (const T x : in) sum += x, largest = std::max(largest, x);
        for (int i = 0; i < threads; ++i) {
            T warp_total = 0, warp_largest = in[i];
            for (int j = i / 32 * 32; j < std::min(threads, i / 32 * 32 + 32); ++j)
                warp_total += in[j], warp_largest = std::max(warp_largest, in[j]);
            ASSERT_EQ(out[4 * i], sum) << "thread " << i;
            ASSERT_EQ(out[4 * i + 1], largest) << "thread " << i;
            ASSERT_EQ(out[4 * i + 2], warp_total) << "thread " << i;
            ASSERT_EQ(out[4 * i + 3], warp_largest) << "thread " << i;
        }
    });
}
TEST(Reduce, ExactOnIntegers) { exact_on_integers<int>(); }
TEST(Reduce, ExactOnLongIntegers) { exact_on_integers<long long>(); }
TEST(Reduce, ExactOnFloatsThatAreIntegers) { exact_on_integers<float>(); }
TEST(Reduce, ExactOnDoublesThatAreIntegers) { exact_on_integers<double>(); }

TEST(Reduce, NaNIsNeverLost) {
    at_blocks_and_orders([](int threads) {
        for (const int at : {0, 1, threads / 2, threads - 1}) {
            if (at >= threads) continue;
            std::vector<float> in(threads, 1.f);
            in[at] = std::numeric_limits<float>::quiet_NaN();
            const std::vector<float> out = reduced(in);
            for (int i = 0; i < threads; ++i) {
                ASSERT_TRUE(std::isnan(out[4 * i]))
                    << "block_sum, NaN in thread " << at << ", as thread " << i << " has it";
                ASSERT_TRUE(std::isnan(out[4 * i + 1])) << "block_max, NaN in thread " << at << ", thread " << i;
                const bool same_warp = i / 32 == at / 32;
                ASSERT_EQ(std::isnan(out[4 * i + 2]), same_warp)
                    << "warp_sum, NaN in thread " << at << ", thread " << i;
                ASSERT_EQ(std::isnan(out[4 * i + 3]), same_warp)
                    << "warp_max, NaN in thread " << at << ", thread " << i;
            }
        }
    });
}

TEST(Reduce, InfinitiesStay) {
    at_blocks_and_orders([](int threads) {
        std::vector<float> in(threads, -std::numeric_limits<float>::infinity());
        ASSERT_EQ(reduced(in)[1], -std::numeric_limits<float>::infinity());
        in[threads - 1] = std::numeric_limits<float>::infinity();
        ASSERT_EQ(reduced(in)[1], std::numeric_limits<float>::infinity());
        ASSERT_EQ(std::isnan(reduced(in)[0]), threads > 1) << "inf - inf";
    });
}

__global__ void any_kernel(int* out, int chosen) {
    out[threadIdx.x] = warp_any(static_cast<int>(threadIdx.x) == chosen);
}

TEST(Reduce, WarpAny) {
    at_blocks_and_orders([](int threads) {
        for (const int chosen : {-1, 0, threads / 2, threads - 1}) {
            GuardedBuffer<int> out(threads);
            check(launch(any_kernel, for_blocks(1), nullptr, out.data(), chosen));
            const auto got = out.download();
            for (int i = 0; i < threads; ++i)
                ASSERT_EQ(got[i], chosen >= 0 && i / 32 == chosen / 32) << i << ' ' << chosen;
        }
    });
}

/// Reductions of two types in a row without a barrier between them: one must not overwrite what another still reads.
__global__ void rows_kernel(int* out, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const int i = static_cast<int>(threadIdx.x);
        const int sum = block_sum(i + round);
        const int again = block_sum(2 * (i + round));
        const int largest = block_max(i * (round % 2 ? 1 : -1));
        const float real = block_sum(static_cast<float>(round));
        const int n = static_cast<int>(blockDim.x), expected = n * (n - 1) / 2 + n * round;
        const bool right = sum == expected && again == 2 * expected && largest == (round % 2 ? n - 1 : 0) &&
                           real == static_cast<float>(n * round);
        if (!right) atomicAdd(out, 1);
    }
}

TEST(Reduce, ManyInARow) {
    at_blocks_and_orders([](int) {
        GuardedBuffer<int> wrong(std::vector<int>{0});
        check(launch(rows_kernel, for_blocks(2), nullptr, wrong.data(), 7));
        ASSERT_EQ(wrong.download()[0], 0);
    });
}

/// A tree fixed by the block size: the same bits, whatever the order of the lanes.
TEST(Reduce, SameBitsInEveryOrder) {
    Random random(5);
    const std::vector<float> in = random.normals<float>(256);
    std::vector<float> first;
    for (const CpuBlocks way : {CpuBlocks::kLanesForward, CpuBlocks::kLanesReverse, CpuBlocks::kLanesShuffle}) {
        LaunchOptionsScope restore;
        launch_options().any_threads = 256;
        launch_options().cpu_blocks = way;
        const std::vector<float> out = reduced(in);
        if (first.empty()) first = out;
        expect_identical(out, first, "reductions");
    }
    double sum = 0, magnitude = 0;
    for (const float x : in) sum += x, magnitude += std::abs(x);
    // 5 additions in the warp, 7 over the warps: each rounds by at most eps/2 of a partial sum.
    EXPECT_NEAR(first[0], sum, 12 * kRounding<float> * magnitude);
}

/// Each thread has `count` numbers; the sums of warp w go to sums[w]. Block any.
template <int count>
__global__ void warp_sums_kernel(float* sums, const float* numbers) {
    float mine[count];
    for (int k = 0; k < count; ++k) mine[k] = numbers[int(threadIdx.x) * count + k];
    warp_sums<count>(mine, sums + warp_index() * count);
}
template <int count>
void expect_sums_of_each_warp() {
    at_blocks_and_orders([](int threads) {
        const int lanes = threads < 32 ? threads : 32, warps = threads / lanes;
        const auto numbers = Random(count).integers<float>(std::size_t(threads) * count, -1000, 1000);
        std::vector<float> expected(std::size_t(warps) * count, 0.f);
        for (int i = 0; i < threads; ++i)
            for (int k = 0; k < count; ++k) expected[i / lanes * count + k] += numbers[std::size_t(i) * count + k];
        GuardedBuffer<float> in(numbers), out(expected.size());
        check(launch(warp_sums_kernel<count>, for_blocks(1), nullptr, out.data(), in.data()));
        expect_identical(out.download(), expected, std::to_string(count) + " sums");
    });
}
TEST(WarpSums, SeveralSumsAtOnce) {
    expect_sums_of_each_warp<1>();
    expect_sums_of_each_warp<2>();
    expect_sums_of_each_warp<6>();
    expect_sums_of_each_warp<16>();
    expect_sums_of_each_warp<18>();
    expect_sums_of_each_warp<31>();
    expect_sums_of_each_warp<37>();
}

}  // namespace
}  // namespace warpvae
