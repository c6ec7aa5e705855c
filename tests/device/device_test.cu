// The device as host code sees it, on either device: every element once at every block size, buffers, streams, events,
// graphs, the workspace, and the messages of what goes wrong.
#include <cstdlib>
#include <numeric>

#include "cuda/device/buffer.h"
#include "cuda/device/device_environment.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/device/shared.cuh"
#include "cuda/device/workspace.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// Runs `body` at 1, 32, 96 and 256 threads per block; on the CPU device the larger in all three orders of the lanes.
template <class Body>
void at_blocks_and_orders(Body body) {
    for (const int threads : {1, 32, 96, 256})
        for (const CpuBlocks way : {CpuBlocks::kLanesForward, CpuBlocks::kLanesReverse, CpuBlocks::kLanesShuffle}) {
            SCOPED_TRACE(std::to_string(threads) + " threads, order " + std::to_string(static_cast<int>(way)));
            LaunchOptionsScope restore;
            launch_options().any_threads = threads;
            launch_options().cpu_blocks = threads == 1 ? CpuBlocks::kOneThread : way;
            body();
            if (::testing::Test::HasFatalFailure()) return;
        }
}

// --- loops -----------------------------------------------------------------------------------------------------------

constexpr int kSizes[] = {0, 1, 2, 7, 31, 32, 33, 97, 255, 256, 257, 1009};

template <class Index>
__global__ void count_grid_kernel(int* visits, Index n) {
    for (Index i : grid_stride(n)) atomicAdd(&visits[std::size_t(blockIdx.y) * n + i], 1);
}
__global__ void count_block_kernel(int* visits, int n) {
    int* own = visits + std::size_t(blockIdx.x) * n;
    for (int i : block_stride(n)) atomicAdd(&own[i], 1);
}
__global__ void count_warp_kernel(int* visits, int* warps, int n) {
    if (threadIdx.x == 0) *warps = warps_per_block();
    for (int i : warp_stride(n)) atomicAdd(&visits[i], 1);
}
__global__ void count_simd_kernel(int* visits, int n) {
    const auto mine = grid_stride(n);
    WARPVAE_SIMD()
    for (int i = mine.first; i < mine.last; i += mine.step) visits[i] += 1;
}

template <class Index>
void every_element_once(int replicas) {
    for (const int n : kSizes) {
        GuardedBuffer<int> visits(std::vector<int>(std::size_t(n) * replicas, 0));
        check(launch(count_grid_kernel<Index>, for_elements(n, replicas), nullptr, visits.data(), Index(n)));
        ASSERT_EQ(visits.download(), std::vector<int>(visits.size(), 1)) << n;
    }
}

TEST(Loops, GridStrideVisitsEveryElementOnce) {
    at_blocks_and_orders([] {
        every_element_once<int>(1);
        every_element_once<std::uint32_t>(3);
        every_element_once<std::size_t>(2);
    });
}

// More elements than one pass of the largest grid covers on a GPU, and than a block of the CPU device's.
TEST(Loops, GridStrideOverManyBlocks) {
    const int n = 2112 * 256 + 1009;
    GuardedBuffer<int> visits(std::vector<int>(n, 0));
    check(launch(count_grid_kernel<int>, for_elements(n), nullptr, visits.data(), n));
    EXPECT_EQ(visits.download(), std::vector<int>(n, 1));
}

TEST(Loops, SimdLoopsVisitEveryElementOnce) {
    at_blocks_and_orders([] {
        for (const int n : kSizes) {
            GuardedBuffer<int> visits(std::vector<int>(n, 0));
            check(launch(count_simd_kernel, for_elements(n), nullptr, visits.data(), n));
            ASSERT_EQ(visits.download(), std::vector<int>(n, 1)) << n;
        }
    });
}

TEST(Loops, BlockStrideVisitsEveryElementOnceInEachBlock) {
    at_blocks_and_orders([] {
        for (const int n : kSizes) {
            GuardedBuffer<int> visits(std::vector<int>(3 * std::size_t(n), 0));
            check(launch(count_block_kernel, for_blocks(3), nullptr, visits.data(), n));
            ASSERT_EQ(visits.download(), std::vector<int>(visits.size(), 1)) << n;
        }
    });
}

TEST(Loops, WarpStrideVisitsEveryElementOnceInEachWarp) {
    at_blocks_and_orders([] {
        for (const int n : kSizes) {
            GuardedBuffer<int> visits(std::vector<int>(n, 0)), warps(1);
            check(launch(count_warp_kernel, for_blocks(1), nullptr, visits.data(), warps.data(), n));
            ASSERT_EQ(visits.download(), std::vector<int>(n, warps.download()[0])) << n;
        }
    });
}

__global__ void where_kernel(int* where) {
    const int block = static_cast<int>((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x);
    if (threadIdx.x == 0) atomicAdd(&where[block], static_cast<int>(100 * blockIdx.z + 10 * blockIdx.y + blockIdx.x));
}

TEST(Launch, EveryBlockOfTheGridOnce) {
    at_blocks_and_orders([] {
        GuardedBuffer<int> where(std::vector<int>(2 * 3 * 4, 0));
        LaunchConfig config = for_blocks(4, 3);
        config.grid.z = 2;
        check(launch(where_kernel, config, nullptr, where.data()));
        const auto got = where.download();
        for (int z = 0; z < 2; ++z)
            for (int y = 0; y < 3; ++y)
                for (int x = 0; x < 4; ++x) ASSERT_EQ(got[(z * 3 + y) * 4 + x], 100 * z + 10 * y + x);
    });
}

__global__ void threads_kernel(int* threads) {
    if (threadIdx.x == 0) *threads = static_cast<int>(blockDim.x);
}

TEST(Launch, BlockContractsHold) {
    GuardedBuffer<int> threads(1);
    const auto ran_with = [&](Block block) {
        check(launch(threads_kernel, for_blocks(1, 1, block), nullptr, threads.data()));
        return threads.download()[0];
    };
    LaunchOptionsScope restore;
    launch_options().any_threads = 96;
    launch_options().cpu_blocks = CpuBlocks::kLanesForward;
    EXPECT_EQ(ran_with(Block::any(256)), 96);
    EXPECT_EQ(ran_with(Block::fixed(64)), 64);
    launch_options().any_threads = 0;
    EXPECT_EQ(ran_with(Block::any(128)), 128);
    launch_options().cpu_blocks = CpuBlocks::kOneThread;
    EXPECT_EQ(ran_with(Block::any(128)), device_is_gpu() ? 128 : 1);
    EXPECT_EQ(ran_with(Block::fixed(64)), 64);
}

TEST(Launch, NothingToDoIsDone) {
    EXPECT_TRUE(launch(threads_kernel, for_elements(0), nullptr, nullptr).ok());
    EXPECT_TRUE(launch(threads_kernel, for_blocks(0), nullptr, nullptr).ok());
    EXPECT_TRUE(launch(threads_kernel, for_blocks(1, 0), nullptr, nullptr).ok());
}

__global__ void reverse_kernel(int* data) {
    int* shared = dynamic_shared<int>();
    const int n = 48;
    int* own = data + std::size_t(blockIdx.x) * n;
    for (int i : block_stride(n)) shared[n - 1 - i] = own[i];
    __syncthreads();
    for (int i : block_stride(n)) own[i] = shared[i];
}

TEST(Launch, DynamicSharedMemory) {
    at_blocks_and_orders([] {
        std::vector<int> data(5 * 48);
        std::iota(data.begin(), data.end(), 0);
        GuardedBuffer<int> buffer(data);
        check(launch(reverse_kernel, for_blocks(5, 1, Block::any(), 48 * sizeof(int)), nullptr, buffer.data()));
        const auto got = buffer.download();
        for (int i = 0; i < 5 * 48; ++i) ASSERT_EQ(got[i], i / 48 * 48 + 47 - i % 48);
    });
}

// --- buffers ---------------------------------------------------------------------------------------------------------

template <class T, class = void>
struct HasIndex : std::false_type {};
template <class T>
struct HasIndex<T, std::void_t<decltype(std::declval<T&>()[0])>> : std::true_type {};
template <class T, class = void>
struct HasDereference : std::false_type {};
template <class T>
struct HasDereference<T, std::void_t<decltype(*std::declval<T&>())>> : std::true_type {};
static_assert(HasIndex<std::vector<float>>::value && HasDereference<float*>::value, "the detectors detect");
static_assert(!HasIndex<DeviceBuffer<float>>::value, "a host read of device memory must not compile");
static_assert(!HasDereference<DeviceBuffer<float>>::value, "a host read of device memory must not compile");
static_assert(!std::is_copy_constructible<DeviceBuffer<float>>::value, "a copy would be made unseen");

TEST(DeviceBuffer, RoundTripsAndOwnership) {
    const std::size_t before = device_bytes_in_use();
    {
        const std::vector<int> host = {1, 2, 3, 4, 5};
        DeviceBuffer<int> a(host);
        EXPECT_EQ(device_bytes_in_use(), before + 20);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 256, 0u);
        const int tail[2] = {8, 9};
        a.upload(tail, 2, 3);
        EXPECT_EQ(a.download(), (std::vector<int>{1, 2, 3, 8, 9}));
        int middle[2];
        a.download(middle, 2, 2);
        EXPECT_EQ(middle[0], 3);
        DeviceBuffer<int> b(std::move(a));
        EXPECT_EQ(a.size(), 0u);
        EXPECT_EQ(a.data(), nullptr);
        DeviceBuffer<int> c(3);
        c = std::move(b);
        EXPECT_EQ(c.download(), (std::vector<int>{1, 2, 3, 8, 9}));
        EXPECT_EQ(device_bytes_in_use(), before + 20);
        c.zero();
        EXPECT_EQ(c.download(), std::vector<int>(5, 0));
        DeviceBuffer<int> empty(std::vector<int>{});
        EXPECT_TRUE(empty.download().empty());
        empty.zero();
        check(copy_on_device(c.data() + 1, c.data() + 2, 0));
    }
    EXPECT_EQ(device_bytes_in_use(), before);
    EXPECT_EQ(device_allocate(0, "nothing"), nullptr);
}

template <class F>
std::string thrown_by(F body) {
    try {
        body();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "nothing";
}

TEST(DeviceBuffer, RefusesToGoPastItsEnd) {
    DeviceBuffer<float> buffer(10);
    std::vector<float> host(11);
    EXPECT_EQ(thrown_by([&] { buffer.upload(host); }), "upload past the end of a device buffer");
    EXPECT_EQ(thrown_by([&] { buffer.upload(host.data(), 5, 6); }), "upload past the end of a device buffer");
    EXPECT_EQ(thrown_by([&] { buffer.download(host.data(), 1, 10); }), "download past the end of a device buffer");
    EXPECT_EQ(thrown_by([&] { buffer.upload(host.data(), 5, 5); }), "nothing");
}

TEST(Workspace, HandsOutInStepsAndGivesBackInReverse) {
    Workspace workspace(2048);
    float* first = workspace.take<float>(1, "first");
    {
        Workspace::Scope scope(workspace);
        const double* second = workspace.take<double>(33, "second");
        EXPECT_EQ(reinterpret_cast<const char*>(second) - reinterpret_cast<char*>(first), 256);
        EXPECT_EQ(workspace.used(), 256u + 512u);
    }
    EXPECT_EQ(workspace.used(), 256u);
    EXPECT_EQ(thrown_by([&] { workspace.take<float>(449, "activations"); }),
              "workspace is full: activations needs 2048 bytes, 1792 of 2048 are left");
    EXPECT_EQ(workspace.used(), 256u) << "a refusal takes nothing";
    workspace.take<float>(448, "activations");
    EXPECT_EQ(workspace.used(), 2048u);
}

// --- streams, events, graphs -----------------------------------------------------------------------------------------

__global__ void append_kernel(int* log, int* length, int value) {
    if (threadIdx.x == 0) log[(*length)++] = value;
}

TEST(Streams, RunInOrderAndEventsTellTheTime) {
    const Stream stream = stream_create();
    GuardedBuffer<int> log(6), length(std::vector<int>{0});
    Event start, end;
    start.record(stream);
    for (int i = 0; i < 6; ++i) check(launch(append_kernel, for_blocks(1), stream, log.data(), length.data(), 10 + i));
    end.record(stream);
    check(stream_synchronize(stream));
    EXPECT_EQ(log.download(), (std::vector<int>{10, 11, 12, 13, 14, 15}));
    EXPECT_GE(end.milliseconds_since(start), 0.f);
    EXPECT_LT(end.milliseconds_since(start), 60e3f);
    stream_destroy(stream);
}

TEST(Graph, ReplaysItsCallsInOrder) {
    for (const bool capture : {true, false}) {
        const Stream stream = stream_create();
        GuardedBuffer<int> log(9), length(std::vector<int>{0});
        int argument = 1;
        Graph graph(
            stream,
            [&] {
                for (int i = 0; i < 3; ++i)
                    check(launch(append_kernel, for_blocks(1), stream, log.data(), length.data(), argument + i));
            },
            capture);
        EXPECT_TRUE(graph);
        EXPECT_EQ(length.download()[0], 0) << "recording runs nothing";
        graph.replay();
        graph.replay();
        Graph moved;
        EXPECT_FALSE(moved);
        moved = std::move(graph);
        moved.replay();
        check(stream_synchronize(stream));
        EXPECT_EQ(log.download(), (std::vector<int>{1, 2, 3, 1, 2, 3, 1, 2, 3}));
        stream_destroy(stream);
    }
}

TEST(Graph, PassesOnWhatItsCallsThrow) {
    const Stream stream = stream_create();
    const auto run = [&] {
        Graph graph(stream, [] { throw DeviceError("from within"); });
        graph.replay();
    };
    EXPECT_EQ(thrown_by(run), "from within");
    GuardedBuffer<int> threads(1);  // the stream still works
    check(launch(threads_kernel, for_blocks(1), stream, threads.data()));
    check(stream_synchronize(stream));
    stream_destroy(stream);
}

TEST(Range, NestsAnywhere) {
    const Range outer("outer");
    { const Range inner("inner"); }
}

// --- messages --------------------------------------------------------------------------------------------------------

TEST(Status, SaysWhatAndWhere) {
    EXPECT_STREQ(status_message({0}), "no error");
    EXPECT_STREQ(status_message({kInvalidValue}), "invalid argument");
    EXPECT_EQ(thrown_by([] { check({0}); }), "nothing");
    const int line = __LINE__ + 1;
    const std::string message = thrown_by([] { check({kInvalidValue}); });
    EXPECT_EQ(message.rfind("invalid argument (", 0), 0u) << message;
    EXPECT_NE(message.find("device_test.cu:" + std::to_string(line) + ")"), std::string::npos) << message;
}

TEST(Device, Answers) {
    EXPECT_NO_THROW(require_device());
    EXPECT_GE(device_parallelism(), 1);
    EXPECT_EQ(device_name().rfind("CPU, ", 0) == 0, !device_is_gpu()) << device_name();
}

TEST(OutOfMemory, NamesTheBufferAndTheSizes) {
    EXPECT_EQ(out_of_memory_message("moments", 3'100'000'000u, 1'200'000u)
                  .rfind("out of device memory: moments needs 3.1 GB, 1.2 MB are free; ", 0),
              0u);
#ifndef WARPVAE_SANITIZED  // which ends the program over such a size
    EXPECT_EQ(
        thrown_by([] { device_allocate(std::size_t(1) << 62, "all"); }).rfind("out of device memory: all needs ", 0),
        0u);
#endif
}

// The environment is read once, so each of these runs in a process of its own.
class EnvironmentDeathTest : public ::testing::Test {
  protected:
    void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

template <class F>
void with_environment(const char* name, const char* value, F body) {
    setenv(name, value, 1);
    const std::string message = thrown_by(body);
    std::fprintf(stderr, "%s\n", message.c_str());
    std::_Exit(message == "nothing" ? 0 : 3);
}

TEST_F(EnvironmentDeathTest, AMemoryLimitIsKept) {
    EXPECT_EXIT(with_environment("WARPVAE_MEMORY_LIMIT", "1000000",
                                 [] {
                                     DeviceBuffer<char> fits(600000, "first");
                                     DeviceBuffer<char> does_not(500000, "activations");
                                 }),
                ::testing::ExitedWithCode(3), "out of device memory: activations needs 0.5 MB, 0.4 MB are free; ");
    EXPECT_EXIT(with_environment("WARPVAE_MEMORY_LIMIT", "1000000",
                                 [] {
                                     for (int i = 0; i < 10; ++i)
                                         DeviceBuffer<char> fits(600000, "given back each time");
                                 }),
                ::testing::ExitedWithCode(0), "nothing");
}

TEST(Launch, SizesThatNoGridHasAreRefused) {
    const std::size_t negative = std::size_t(-3);
    int* const none = nullptr;
    for (const LaunchConfig& config : {for_elements(negative), for_elements(3, -1), for_blocks(negative),
                                       for_blocks(std::size_t{1} << 32), for_blocks(1, -1)})
        EXPECT_EQ(launch(count_grid_kernel<int>, config, nullptr, none, 1).code, kInvalidValue);
}

TEST_F(EnvironmentDeathTest, NonsenseIsNamed) {
    for (const char* name : {"WARPVAE_MEMORY_LIMIT", "WARPVAE_CORES", "WARPVAE_SYNC"})
        for (const char* value : {"many", "-3", "1.5", "12x", "99999999999999999999"})
            EXPECT_EXIT(with_environment(name, value, [] { device_environment(); }), ::testing::ExitedWithCode(3),
                        std::string("\\$") + name + "=" + value + " is not a whole number from ");
}

}  // namespace
}  // namespace warpvae
