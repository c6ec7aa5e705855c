// What the CPU device's libraries of products must not do: give other bits where arrays lie otherwise in memory, as a
// replica's do among others, or write over data when a signal comes.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops/dense.h"

namespace warpvae {
namespace {

/// The product [m, n] of the same random numbers, each array `offset` elements into its buffer.
template <class T>
std::vector<T> product(int m, int n, int k, Op op_a, Op op_b, std::size_t offset, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const auto draw = [&](std::size_t count) {
        std::vector<T> values(offset + count);
        for (std::size_t i = offset; i < values.size(); ++i) values[i] = T(normal(random));
        return values;
    };
    const DeviceBuffer<T> A(draw(std::size_t(m) * k)), B(draw(std::size_t(k) * n));
    DeviceBuffer<T> C(offset + std::size_t(m) * n);
    const Matmul context;
    check(matmul<T>(context, C.data() + offset, 0, op_a, A.data() + offset, 0, op_b, B.data() + offset, 0, 1, m, n, k));
    const std::vector<T> all = C.download();
    return {all.begin() + std::ptrdiff_t(offset), all.end()};
}

template <class T>
void expect_bits_at_any_address() {
    std::mt19937 random(1);
    const int sizes[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 17, 31, 64, 100, 257};
    const auto draw = [&] { return sizes[random() % std::size(sizes)]; };
    for (unsigned repeat = 0; repeat < 400; ++repeat) {
        const int m = draw(), n = draw(), k = draw();
        const Op a = random() % 2 ? Op::kTranspose : Op::kNone, b = random() % 2 ? Op::kTranspose : Op::kNone;
        const std::vector<T> first = product<T>(m, n, k, a, b, 0, repeat);
        for (const std::size_t offset : {1u, 3u, 8u, 13u}) {
            const std::vector<T> again = product<T>(m, n, k, a, b, offset, repeat);
            ASSERT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(T)), 0)
                << m << " x " << n << " x " << k << ", " << offset << " elements on";
        }
    }
}
TEST(CpuProducts, BitsAtAnyAddressFloat) { expect_bits_at_any_address<float>(); }
TEST(CpuProducts, BitsAtAnyAddressDouble) { expect_bits_at_any_address<double>(); }

std::atomic<int> signals_handled{0};

TEST(CpuProducts, ASignalHandlerDoesNoHarm) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {
        const int before_it = errno;
        signals_handled.fetch_add(1, std::memory_order_relaxed);
        errno = before_it;
    };
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
    itimerval often{{0, 100}, {0, 100}}, never{};  // microseconds
    ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    constexpr int m = 128, n = 6, k = 784;
    const DeviceBuffer<float> A(std::vector<float>(m * k, 1.f)), B(std::vector<float>(n * k, 1.f));
    const Matmul context;
    for (int repeat = 0; repeat < 3000; ++repeat) {
        DeviceBuffer<float> C(m * n);
        check(matmul<float>(context, C.data(), 0, Op::kNone, A.data(), 0, Op::kTranspose, B.data(), 0, 1, m, n, k));
        ASSERT_EQ(C.download(), std::vector<float>(m * n, float(k)));
    }
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &before, nullptr);
    EXPECT_GT(signals_handled.load(), 10);
}

}  // namespace
}  // namespace warpvae
