// The lanes way of running a block: it gives what CUDA promises, whatever the order, and catches what CUDA forbids.
// Every faulty kernel here stands beside its right twin.
#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/device/shared.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr CpuBlocks kOrders[] = {CpuBlocks::kLanesForward, CpuBlocks::kLanesReverse, CpuBlocks::kLanesShuffle};

template <class Body>
void in_three_orders(Body body) {
    for (const CpuBlocks order : kOrders) {
        SCOPED_TRACE("order " + std::to_string(static_cast<int>(order)));
        LaunchOptionsScope restore;
        launch_options().cpu_blocks = order;
        body();
    }
}

/// The line of a marked statement, for the messages that must name it.
#define MARK(name) static int name = 0
#define AT(name, statement) (__atomic_store_n(&name, __LINE__, __ATOMIC_RELAXED), statement)

template <class... P, class... A>
std::string message_of(void (*kernel)(P...), LaunchConfig config, A... arguments) {
    const Status status = launch(kernel, config, nullptr, arguments...);
    return status.ok() ? "" : status_message(status);
}
bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::string here(int line) { return std::string("cpu_lanes_test.cu:") + std::to_string(line); }

// --- what CUDA promises ----------------------------------------------------------------------------------------------

__global__ void rotate_kernel(int* out, int rounds) {
    __shared__ int shared[1024];
    const int n = static_cast<int>(blockDim.x), i = static_cast<int>(threadIdx.x);
    shared[i] = i;
    for (int round = 0; round < rounds; ++round) {
        __syncthreads();
        const int next = shared[(i + 1) % n];
        __syncthreads();
        shared[i] = next;
    }
    out[static_cast<int>(blockIdx.x) * n + i] = shared[i];
}

TEST(Lanes, BarriersOrderTheBlock) {
    for (const int threads : {2, 32, 96, 256, 1024})
        in_three_orders([&] {
            GuardedBuffer<int> out(2 * threads);
            check(launch(rotate_kernel, for_blocks(2, 1, Block::fixed(threads)), nullptr, out.data(), 5));
            const auto got = out.download();
            for (int i = 0; i < 2 * threads; ++i) ASSERT_EQ(got[i], (i % threads + 5) % threads) << threads;
        });
}

__global__ void count_kernel(int* out, int below) {
    const int i = static_cast<int>(threadIdx.x);
    out[2 * i] = __syncthreads_count(i < below);
    out[2 * i + 1] = __syncthreads_count(i >= below);
}

TEST(Lanes, BarriersCount) {
    in_three_orders([] {
        GuardedBuffer<int> out(2 * 96);
        check(launch(count_kernel, for_blocks(1, 1, Block::fixed(96)), nullptr, out.data(), 37));
        const auto got = out.download();
        for (int i = 0; i < 96; ++i) {
            ASSERT_EQ(got[2 * i], 37);
            ASSERT_EQ(got[2 * i + 1], 59);
        }
    });
}

__global__ void shuffle_kernel(int* out, int argument, int width) {
    const int i = static_cast<int>(threadIdx.x), value = 100 + i;
    out[5 * i] = __shfl_sync(0xffffffffu, value, argument, width);
    out[5 * i + 1] = __shfl_xor_sync(0xffffffffu, value, argument, width);
    out[5 * i + 2] = __shfl_down_sync(0xffffffffu, value, argument, width);
    out[5 * i + 3] = __shfl_up_sync(0xffffffffu, value, argument, width);
    out[5 * i + 4] = static_cast<int>(__ballot_sync(0xffffffffu, i % 3 == 0) >> 1);
}

// As the CUDA programming guide has it: a source outside the segment leaves a lane its own value.
TEST(Lanes, ShufflesAndBallotsAsInCuda) {
    for (const int width : {32, 16, 8})
        for (const int argument : {0, 1, 5, 15, 31})
            in_three_orders([&] {
                GuardedBuffer<int> out(5 * 64);
                check(launch(shuffle_kernel, for_blocks(1, 1, Block::fixed(64)), nullptr, out.data(), argument, width));
                const auto got = out.download();
                for (int i = 0; i < 64; ++i) {
                    const int warp = i / 32 * 32, lane = i % 32, begin = lane / width * width, end = begin + width;
                    const auto value = [&](int source) { return 100 + warp + source; };
                    ASSERT_EQ(got[5 * i], value(begin + argument % width));
                    ASSERT_EQ(got[5 * i + 1], value((lane ^ argument) < end ? lane ^ argument : lane));
                    ASSERT_EQ(got[5 * i + 2], value(lane + argument < end ? lane + argument : lane));
                    ASSERT_EQ(got[5 * i + 3], value(lane - argument >= begin ? lane - argument : lane));
                    unsigned votes = 0;
                    for (int j = 0; j < 32; ++j) votes |= unsigned((warp + j) % 3 == 0) << j;
                    ASSERT_EQ(got[5 * i + 4], static_cast<int>(votes >> 1));
                }
            });
}

__global__ void masks_kernel(double* out) {
    const int i = static_cast<int>(threadIdx.x);
    double value = i + 0.5;
    // Two halves of a warp on ways of their own, with masks that say so, meet again afterwards.
    if (i < 16) {
        value = __shfl_xor_sync(0x0000ffffu, value, 1);
        value = __shfl_xor_sync(0x0000ffffu, value, 2);
    } else {
        value = __shfl_sync(0xffff0000u, value, 16);
        __syncwarp(0xffff0000u);
    }
    __syncwarp();
    out[2 * i] = value;
    out[2 * i + 1] = i < 16 ? __shfl_sync(0x0000ffffu, value, 20) : 0;  // reads a lane that does not take part
}

TEST(Lanes, PartialMasks) {
    in_three_orders([] {
        GuardedBuffer<double> out(2 * 32);
        check(launch(masks_kernel, for_blocks(1, 1, Block::fixed(32)), nullptr, out.data()));
        const auto got = out.download();
        for (int i = 0; i < 32; ++i) {
            ASSERT_EQ(got[2 * i], i < 16 ? (i ^ 3) + 0.5 : 16.5);
            ASSERT_EQ(std::isnan(got[2 * i + 1]), i < 16);
        }
    });
}

__global__ void dynamic_kernel(float* before, float* after) {
    float* shared = dynamic_shared<float>();
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    before[i] = shared[threadIdx.x];
    shared[threadIdx.x] = static_cast<float>(i);
    __syncthreads();
    after[i] = shared[blockDim.x - 1 - threadIdx.x];
}

TEST(Lanes, DynamicSharedMemoryIsNewForEachBlock) {
    in_three_orders([] {
        GuardedBuffer<float> before(3 * 64), after(3 * 64);
        check(launch(dynamic_kernel, for_blocks(3, 1, Block::fixed(64), 64 * sizeof(float)), nullptr, before.data(),
                     after.data()));
        const auto b = before.download(), a = after.download();
        for (int i = 0; i < 3 * 64; ++i) {
            ASSERT_TRUE(std::isnan(b[i]));
            ASSERT_EQ(a[i], static_cast<float>(i / 64 * 64 + 63 - i % 64));
        }
    });
}

__global__ void order_kernel(int* turn, int* next) { turn[threadIdx.x] = atomicAdd(next, 1); }

TEST(Lanes, OrdersAreWhatTheySay) {
    std::vector<std::vector<int>> turns;
    for (const CpuBlocks order : kOrders)
        for (const unsigned seed : {1u, 2u, 1u}) {
            LaunchOptionsScope restore;
            launch_options().cpu_blocks = order;
            launch_options().lanes_seed = seed;
            GuardedBuffer<int> turn(96), next(std::vector<int>{0});
            check(launch(order_kernel, for_blocks(1, 1, Block::fixed(96)), nullptr, turn.data(), next.data()));
            turns.push_back(turn.download());
        }
    for (int i = 0; i < 96; ++i) {
        EXPECT_EQ(turns[0][i], i);
        EXPECT_EQ(turns[3][i], 95 - i);
    }
    EXPECT_NE(turns[6], turns[0]);
    EXPECT_NE(turns[6], turns[3]);
    EXPECT_NE(turns[6], turns[7]) << "another seed, another order";
    EXPECT_EQ(turns[6], turns[8]) << "the same seed, the same order";
}

__global__ void early_end_kernel(int* out, int n) {
    const int i = static_cast<int>(threadIdx.x);
    if (i >= n) return;  // rightly: nobody waits later
    out[i] = i;
}

TEST(Lanes, MayEndEarlyWhenNobodyWaits) {
    in_three_orders([] {
        GuardedBuffer<int> out(40);
        check(launch(early_end_kernel, for_blocks(1, 1, Block::fixed(64)), nullptr, out.data(), 40));
        EXPECT_EQ(out.download()[39], 39);
    });
}

__global__ void spin_kernel(int* flag, int* seen) {
    const int i = static_cast<int>(threadIdx.x);
    if (i == 31) atomicExch(flag, 7);
    while (atomicAdd(flag, 0) == 0) {
    }
    seen[i] = atomicAdd(flag, 0);
}

TEST(Lanes, MayWaitForOneAnotherThroughAtomics) {
    in_three_orders([] {
        GuardedBuffer<int> flag(std::vector<int>{0}), seen(32);
        check(launch(spin_kernel, for_blocks(1, 1, Block::fixed(32)), nullptr, flag.data(), seen.data()));
        EXPECT_EQ(seen.download(), std::vector<int>(32, 7));
    });
}

__global__ void waiting_warp_kernel(int* flag, int* seen) {
    const int i = static_cast<int>(threadIdx.x);
    if (i == 63) atomicExch(flag, 7);
    if (i < 32)
        while (__shfl_sync(0xffffffffu, atomicAdd(flag, 0), 0) == 0) {
        }
    seen[i] = atomicAdd(flag, 0);
}

TEST(Lanes, AWarpThatRunsAheadDoesNotStarveTheOthers) {
    in_three_orders([] {
        GuardedBuffer<int> flag(std::vector<int>{0}), seen(64);
        check(launch(waiting_warp_kernel, for_blocks(1, 1, Block::fixed(64)), nullptr, flag.data(), seen.data()));
        EXPECT_EQ(seen.download()[0], 7);
    });
}

TEST(Launch, RefusesWhatNoGpuTakes) {
    GuardedBuffer<int> out(1);
    EXPECT_EQ(launch(rotate_kernel, for_blocks(1, 1, Block::fixed(1025)), nullptr, out.data(), 1).code, kInvalidValue);
    EXPECT_EQ(launch(rotate_kernel, for_blocks(1, 65536), nullptr, out.data(), 1).code, kInvalidValue);
    EXPECT_EQ(launch(rotate_kernel, for_blocks(1, 1, Block::any(), 228 * 1024), nullptr, out.data(), 1).code,
              kInvalidValue);
}

// --- what it must catch ----------------------------------------------------------------------------------------------

template <bool right>
__global__ void neighbour_kernel(int* out) {
    __shared__ int shared[64];
    const int i = static_cast<int>(threadIdx.x);
    shared[i] = -1;
    __syncthreads();
    shared[i] = i;
    if (right) __syncthreads();
    out[i] = shared[(i + 1) % 64];
}

template <bool right>
std::vector<int> neighbours(CpuBlocks order) {
    LaunchOptionsScope restore;
    launch_options().cpu_blocks = order;
    GuardedBuffer<int> out(64);
    check(launch(neighbour_kernel<right>, for_blocks(1, 1, Block::fixed(64)), nullptr, out.data()));
    return out.download();
}

/// A block reduction without its first barrier: right unless one warp runs ahead into the next reduction.
template <bool right>
__global__ void reduce_twice_kernel(int* out) {
    __shared__ int per_warp[2];
    const int i = static_cast<int>(threadIdx.x), lane = i % 32, warp = i / 32;
    int sum = 0;
    for (int round = 1; round <= 2; ++round) {
        const int first = __shfl_sync(0xffffffffu, round * 10 + warp, 0);
        if (right) __syncthreads();
        if (lane == 0) per_warp[warp] = first;
        __syncthreads();
        sum += per_warp[0] + per_warp[1];
    }
    out[i] = sum;
}

#ifndef WARPVAE_THREAD_SANITIZER  // which finds the faulty one by itself: tests/device/faults
TEST(Lanes, AMissingBarrierShowsInTheOrder) {
    EXPECT_EQ(neighbours<true>(CpuBlocks::kLanesForward), neighbours<true>(CpuBlocks::kLanesReverse));
    EXPECT_EQ(neighbours<true>(CpuBlocks::kLanesForward), neighbours<true>(CpuBlocks::kLanesShuffle));
    EXPECT_NE(neighbours<false>(CpuBlocks::kLanesForward), neighbours<false>(CpuBlocks::kLanesReverse));
    EXPECT_NE(neighbours<false>(CpuBlocks::kLanesForward), neighbours<false>(CpuBlocks::kLanesShuffle));
}

TEST(Lanes, AWarpRunsAheadAsFarAsBarriersLetIt) {
    for (const bool right : {true, false}) {
        bool differs = false;
        in_three_orders([&] {
            GuardedBuffer<int> out(64);
            check(launch(right ? reduce_twice_kernel<true> : reduce_twice_kernel<false>,
                         for_blocks(1, 1, Block::fixed(64)), nullptr, out.data()));
            differs |= out.download() != std::vector<int>(64, 21 + 41);
        });
        EXPECT_EQ(differs, !right);
    }
}
#endif

MARK(then_line);
MARK(else_line);
__global__ void two_barriers_kernel(int at) {
    if (static_cast<int>(threadIdx.x) < at)
        AT(then_line, __syncthreads());
    else
        AT(else_line, __syncthreads());
}

TEST(Lanes, DivergentBarriersAreNamed) {
    in_three_orders([] {
        EXPECT_EQ(message_of(two_barriers_kernel, for_blocks(1, 1, Block::fixed(64)), 0), "");
        EXPECT_EQ(message_of(two_barriers_kernel, for_blocks(1, 1, Block::fixed(64)), 64), "");
        const std::string message = message_of(two_barriers_kernel, for_blocks(2, 3, Block::fixed(64)), 63);
        EXPECT_TRUE(contains(message, "divergent barrier in block (0,0,0): thread ")) << message;
        EXPECT_TRUE(contains(message, "thread 63 waits at ")) << message;
        EXPECT_TRUE(contains(message, here(then_line) + " (__syncthreads)")) << message;
        EXPECT_TRUE(contains(message, here(else_line) + " (__syncthreads)")) << message;
        EXPECT_FALSE(contains(message, "\n"));
    });
}

MARK(barrier_line);
__global__ void some_never_come_kernel(int bad_x, int bad_y, int leaver) {
    const bool bad = static_cast<int>(blockIdx.x) == bad_x && static_cast<int>(blockIdx.y) == bad_y;
    if (bad && static_cast<int>(threadIdx.x) == leaver) return;
    AT(barrier_line, __syncthreads());
}

TEST(Lanes, ABarrierThatOneNeverReachesIsNamed) {
    in_three_orders([] {
        EXPECT_EQ(message_of(some_never_come_kernel, for_blocks(3, 4, Block::fixed(96)), -1, -1, 5), "");
        const std::string message = message_of(some_never_come_kernel, for_blocks(3, 4, Block::fixed(96)), 2, 1, 5);
        EXPECT_TRUE(contains(message, "divergent barrier in block (2,1,0): thread ")) << message;
        EXPECT_TRUE(contains(message, here(barrier_line) + " (__syncthreads), thread 5 has ended")) << message;
        // And the next launch is as if nothing had been.
        EXPECT_EQ(message_of(some_never_come_kernel, for_blocks(3, 4, Block::fixed(96)), -1, -1, 5), "");
    });
}

MARK(shuffle_line);
MARK(late_barrier_line);
template <bool ends>
__global__ void unreached_shuffle_kernel(int* out, int leaver) {
    const int i = static_cast<int>(threadIdx.x);
    if (i == leaver) {
        if (ends) return;
        AT(late_barrier_line, __syncthreads());
    }
    out[i] = AT(shuffle_line, __shfl_down_sync(0xffffffffu, i, 1));
    __syncthreads();
}

TEST(Lanes, AWarpOperationThatOneNeverReachesIsNamed) {
    in_three_orders([] {
        GuardedBuffer<int> out(64);
        EXPECT_EQ(message_of(unreached_shuffle_kernel<true>, for_blocks(1, 1, Block::fixed(64)), out.data(), -1), "");
        std::string message =
            message_of(unreached_shuffle_kernel<true>, for_blocks(1, 1, Block::fixed(64)), out.data(), 40);
        EXPECT_TRUE(contains(message, "warp operation that a lane of its mask never reaches in block (0,0,0): thread "))
            << message;
        EXPECT_TRUE(contains(message, here(shuffle_line) + " (__shfl_down_sync), thread 40 has ended")) << message;
        message = message_of(unreached_shuffle_kernel<false>, for_blocks(1, 1, Block::fixed(32)), out.data(), 11);
        EXPECT_TRUE(contains(message, here(shuffle_line) + " (__shfl_down_sync), thread 11 waits at ")) << message;
        EXPECT_TRUE(contains(message, here(late_barrier_line) + " (__syncthreads)")) << message;
    });
}

MARK(low_line);
MARK(high_line);
__global__ void crossed_masks_kernel() {
    if (threadIdx.x < 16)
        AT(low_line, __syncwarp(0x0001ffffu));  // the low half waits for lane 16, which waits for lane 0
    else
        AT(high_line, __syncwarp(0xffff0001u));
}

TEST(Lanes, DeadLocksAreNamed) {
    in_three_orders([] {
        const std::string message = message_of(crossed_masks_kernel, for_blocks(1, 1, Block::fixed(32)));
        EXPECT_TRUE(contains(message, "dead-lock in block (0,0,0): thread ")) << message;
        EXPECT_TRUE(contains(message, here(low_line) + " (__syncwarp)")) << message;
        EXPECT_TRUE(contains(message, here(high_line) + " (__syncwarp)")) << message;
        EXPECT_TRUE(contains(message, "thread 16 ") || contains(message, "thread 0 ")) << message;
    });
}

MARK(spin_line);
MARK(spin_barrier_line);
__global__ void lost_flag_kernel(int* flag) {
    if (threadIdx.x == 3)
        while (AT(spin_line, atomicCAS(flag, 1, 2)) != 1) {
        }
    AT(spin_barrier_line, __syncthreads());
    atomicExch(flag, 1);
}

TEST(Lanes, DeadLocksThroughAtomicsAreNamed) {
    in_three_orders([] {
        GuardedBuffer<int> flag(std::vector<int>{0});
        const std::string message = message_of(lost_flag_kernel, for_blocks(1, 1, Block::fixed(32)), flag.data());
        EXPECT_TRUE(contains(message, "dead-lock in block (0,0,0): thread 3 spins at ")) << message;
        EXPECT_TRUE(contains(message, here(spin_line))) << message;
        EXPECT_TRUE(contains(message, here(spin_barrier_line) + " (__syncthreads)")) << message;
    });
}

MARK(left_line);
MARK(right_line);
__global__ void two_shuffles_kernel(int* out) {
    const int i = static_cast<int>(threadIdx.x);
    if (i % 2)
        out[i] = AT(left_line, __shfl_xor_sync(0xffffffffu, i, 1));
    else
        out[i] = AT(right_line, __shfl_xor_sync(0xffffffffu, i, 1));
}
__global__ void left_out_kernel(int* out) { out[threadIdx.x] = __shfl_sync(0x7fffffffu, 1, 0); }
__global__ void short_warp_kernel(int* out) { out[threadIdx.x] = __shfl_sync(0xffffffffu, 1, 0); }

TEST(Lanes, OtherWrongWarpOperationsAreNamed) {
    in_three_orders([] {
        GuardedBuffer<int> out(32);
        std::string message = message_of(two_shuffles_kernel, for_blocks(1, 1, Block::fixed(32)), out.data());
        EXPECT_TRUE(contains(message, "divergent warp operation in block (0,0,0): thread ")) << message;
        EXPECT_TRUE(contains(message, here(left_line)) && contains(message, here(right_line))) << message;
        message = message_of(left_out_kernel, for_blocks(1, 1, Block::fixed(32)), out.data());
        EXPECT_TRUE(contains(message, "by a lane that its mask leaves out in block (0,0,0): thread 31 ")) << message;
        message = message_of(short_warp_kernel, for_blocks(1, 1, Block::fixed(20)), out.data());
        EXPECT_TRUE(contains(message, "names lanes that the block does not have in block (0,0,0): thread ")) << message;
    });
}

TEST(Lanes, AFailedLaunchThrowsItsLine) {
    LaunchOptionsScope restore;
    launch_options().cpu_blocks = CpuBlocks::kLanesForward;
    try {
        check(launch(some_never_come_kernel, for_blocks(1, 1, Block::fixed(32)), nullptr, 0, 0, 0));
        FAIL() << "nothing was thrown";
    } catch (const DeviceError& error) {
        EXPECT_TRUE(contains(error.what(), "thread 0 has ended")) << error.what();
    }
}

}  // namespace
}  // namespace warpvae
