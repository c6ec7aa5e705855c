// With protect_memory a host read or write of device memory ends the program with a line that names the buffer, as
// near to a GPU as a CPU can come; kernels and copies go on as before.
#include <csignal>

#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

// Before the first buffer of this program, which is when the device asks.
const bool protect = launch_options().protect_memory = true;

__global__ void double_kernel(int* data, int n) {
    for (int i : grid_stride(n)) data[i] *= 2;
}

TEST(ProtectedMemory, KernelsAndCopiesMayTouchIt) {
    ASSERT_TRUE(protect);
    DeviceBuffer<int> buffer(std::vector<int>{1, 2, 3});
    check(launch(double_kernel, for_elements(3), nullptr, buffer.data(), 3));
    LaunchOptionsScope restore;
    launch_options().cpu_blocks = CpuBlocks::kLanesForward;
    check(launch(double_kernel, for_elements(3), nullptr, buffer.data(), 3));
    EXPECT_EQ(buffer.download(), (std::vector<int>{4, 8, 12}));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
}

volatile std::uintptr_t volatile_zero = 0;

class ProtectedMemoryDeathTest : public ::testing::Test {
  protected:
    void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

TEST_F(ProtectedMemoryDeathTest, AHostReadEndsWithTheBuffersName) {
    DeviceBuffer<float> buffer(std::vector<float>(100, 1.f), "latents");
    EXPECT_EXIT(std::printf("%g\n", static_cast<double>(*static_cast<volatile float*>(buffer.data() + 7))),
                ::testing::ExitedWithCode(1),
                "warpvae: host dereference of device memory \\(buffer 'latents', byte 28\\)");
}

TEST_F(ProtectedMemoryDeathTest, AHostWriteToo) {
    DeviceBuffer<float> first(10, "first"), second(10, "second");
    EXPECT_EXIT(*static_cast<volatile float*>(second.data()) = 1.f, ::testing::ExitedWithCode(1),
                "warpvae: host dereference of device memory \\(buffer 'second', byte 0\\)");
}

TEST_F(ProtectedMemoryDeathTest, OtherFaultsStayWhatTheyAre) {
    DeviceBuffer<float> buffer(10);
#ifdef WARPVAE_SANITIZED  // which ends the program itself, with a report
    const char* const expected = "Sanitizer: SEGV";
    const auto ended = [](int) { return true; };
#else
    const char* const expected = "";
    const auto ended = ::testing::KilledBySignal(SIGSEGV);
#endif
    EXPECT_EXIT(*reinterpret_cast<volatile int*>(volatile_zero + 16) = 1, ended, expected);
}

}  // namespace
}  // namespace warpvae
