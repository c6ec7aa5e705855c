// What the tests of the operations share: device buffers between guard words, comparison against a derived tolerance
// whose used share is printed, seeded inputs, block sizes, and finite differences. Plain C++: no kernels here.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/device/device.h"
#include "cuda/device/launch_options.h"
#include "cuda/ops/random.h"

namespace warpvae::test {

// --- buffers ---------------------------------------------------------------------------------------------------------

/// Device memory with 256 guard bytes on either side, checked at every download and at the end. An output starts as NaN
/// (bytes 0xA5 for integers), so that an element a kernel forgot cannot pass for a right one.
template <class T>
class GuardedBuffer {
  public:
    explicit GuardedBuffer(std::size_t count)
        : count_(count), memory_(static_cast<unsigned char*>(device_allocate(bytes() + 2 * kGuard, "test buffer"))) {
        std::vector<unsigned char> image(bytes() + 2 * kGuard, kGuardByte);
        for (std::size_t i = 0; i < count_; ++i) {
            const T value = fill();
            std::memcpy(image.data() + kGuard + i * sizeof(T), &value, sizeof(T));
        }
        check(copy_to_device(memory_, image.data(), image.size()));
    }
    explicit GuardedBuffer(const std::vector<T>& host) : GuardedBuffer(host.size()) { upload(host); }
    ~GuardedBuffer() {
        check_guards();
        device_free(memory_);
    }
    GuardedBuffer(const GuardedBuffer&) = delete;
    GuardedBuffer& operator=(const GuardedBuffer&) = delete;

    T* data() { return reinterpret_cast<T*>(memory_ + kGuard); }
    const T* data() const { return reinterpret_cast<const T*>(memory_ + kGuard); }
    std::size_t size() const { return count_; }
    void upload(const std::vector<T>& host) {
        ASSERT_EQ(host.size(), count_);
        check(copy_to_device(data(), host.data(), bytes()));
    }
    std::vector<T> download() const {
        check_guards();
        std::vector<T> host(count_);
        check(copy_to_host(host.data(), data(), bytes()));
        return host;
    }

  private:
    static constexpr std::size_t kGuard = 256;
    static constexpr unsigned char kGuardByte = 0x5C;
    static T fill() {
        T value;
        std::memset(static_cast<void*>(&value), 0xA5, sizeof(T));
        if constexpr (std::is_floating_point_v<T>) value = std::numeric_limits<T>::quiet_NaN();
        return value;
    }
    std::size_t bytes() const { return count_ * sizeof(T); }
    void check_guards() const {
        std::vector<unsigned char> image(bytes() + 2 * kGuard);
        check(copy_to_host(image.data(), memory_, image.size()));
        std::size_t before = 0, after = 0;
        for (std::size_t i = 0; i < kGuard; ++i) {
            before += image[i] != kGuardByte;
            after += image[kGuard + bytes() + i] != kGuardByte;
        }
        EXPECT_EQ(before, 0u) << "bytes written before a buffer of " << count_ << " elements";
        EXPECT_EQ(after, 0u) << "bytes written past a buffer of " << count_ << " elements";
    }

    std::size_t count_;
    unsigned char* memory_;
};

// --- inputs ----------------------------------------------------------------------------------------------------------

/// Seeded numbers, the same on every machine: std's engines are fixed by the standard, its distributions are not.
class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    double uniform(double low = 0, double high = 1) { return low + (high - low) * (engine_() >> 11) * 0x1p-53; }
    double normal() {
        const double radius = std::sqrt(-2 * std::log(1 - uniform()));
        return radius * std::cos(2 * 3.141592653589793 * uniform());
    }
    int integer(int low, int high) {  // both ends included
        return low + static_cast<int>(engine_() % static_cast<std::uint64_t>(high - low + 1));
    }
    template <class T>
    std::vector<T> uniforms(std::size_t n, double low = 0, double high = 1) {
        std::vector<T> out(n);
        for (T& x : out) x = static_cast<T>(uniform(low, high));
        return out;
    }
    template <class T>
    std::vector<T> normals(std::size_t n, double scale = 1) {
        std::vector<T> out(n);
        for (T& x : out) x = static_cast<T>(scale * normal());
        return out;
    }
    template <class T>
    std::vector<T> integers(std::size_t n, int low, int high) {
        std::vector<T> out(n);
        for (T& x : out) x = static_cast<T>(integer(low, high));
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

/// Epsilon of (row, latent) as LatentNoise defines it: one block of the stream (seed, purpose, step) serves latent j of
/// rows 4q..4q+3, block q Z + j, one word pair's draw each.
template <class T>
std::vector<T> noise_of(std::uint64_t seed, Purpose purpose, std::uint64_t step, std::size_t first_row, int N, int Z) {
    const std::size_t quads = (first_row + N + 3) / 4;
    GuardedBuffer<T> draws(4 * quads * Z);
    check(philox_normal(draws.data(), draws.size(), seed, purpose, step, nullptr));
    const std::vector<T> d = draws.download();
    std::vector<T> out;
    for (std::size_t row = first_row; row < first_row + N; ++row)
        for (int j = 0; j < Z; ++j) out.push_back(d[4 * (row / 4 * Z + j) + row % 4]);
    return out;
}

/// The same numbers in another type.
template <class To, class From>
std::vector<To> as(const std::vector<From>& from) {
    return std::vector<To>(from.begin(), from.end());
}

/// Half the distance between 1 and the next number: the relative error of one rounding.
template <class T>
constexpr double kRounding = std::numeric_limits<T>::epsilon() / 2;

// --- comparison ------------------------------------------------------------------------------------------------------

/// |actual[i] - expected[i]| <= allowed[i] for all i; NaN is never close. Prints the largest share of the allowed
/// error.
template <class T, class U>
void expect_close(const std::vector<T>& actual, const std::vector<U>& expected, const std::vector<double>& allowed,
                  const std::string& name) {
    ASSERT_EQ(actual.size(), expected.size()) << name;
    ASSERT_EQ(actual.size(), allowed.size()) << name;
    double worst = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
        const double error = std::abs(a - e);
        double share = a == e ? 0 : error / allowed[i];
        if (!(share >= 0)) share = std::numeric_limits<double>::infinity();  // NaN on either side
        if (share > worst) worst = share, at = i;
    }
    std::printf("    %-44s %5.1f %% of the allowed error\n", name.c_str(), 100 * worst);
    if (worst > 1)
        ADD_FAILURE() << name << ": element " << at << " of " << actual.size() << " is " << actual[at] << ", expected "
                      << expected[at] << " within " << allowed[at];
}

/// |actual - expected| <= absolute + relative * |expected|.
struct Tolerance {
    double absolute = 0, relative = 0;
};
template <class T, class U>
void expect_close(const std::vector<T>& actual, const std::vector<U>& expected, Tolerance tolerance,
                  const std::string& name) {
    std::vector<double> allowed(expected.size());
    for (std::size_t i = 0; i < allowed.size(); ++i)
        allowed[i] = tolerance.absolute + tolerance.relative * std::abs(static_cast<double>(expected[i]));
    expect_close(actual, expected, allowed, name);
}

/// Equal bit for bit (NaN equals the same NaN).
template <class T>
void expect_identical(const std::vector<T>& actual, const std::vector<T>& expected, const std::string& name) {
    ASSERT_EQ(actual.size(), expected.size()) << name;
    for (std::size_t i = 0; i < actual.size(); ++i)
        if (std::memcmp(&actual[i], &expected[i], sizeof(T)) != 0) {
            ADD_FAILURE() << name << ": element " << i << " is " << +actual[i] << ", expected " << +expected[i];
            return;
        }
}

/// Elements first..first+count-1.
template <class T>
std::vector<T> slice(const std::vector<T>& all, std::size_t first, std::size_t count) {
    return std::vector<T>(all.begin() + static_cast<std::ptrdiff_t>(first),
                          all.begin() + static_cast<std::ptrdiff_t>(first + count));
}

// --- block sizes -----------------------------------------------------------------------------------------------------

/// The launch options as they were, restored at the end of a scope.
class LaunchOptionsScope {
  public:
    LaunchOptionsScope() : saved_(launch_options()) {}
    ~LaunchOptionsScope() { launch_options() = saved_; }
    LaunchOptionsScope(const LaunchOptionsScope&) = delete;
    LaunchOptionsScope& operator=(const LaunchOptionsScope&) = delete;

  private:
    LaunchOptions saved_;
};

/// Runs `body` as launches come, then with every `any` kernel at 32, 96 and 256 threads, under a sanitizer at 96 alone;
/// on the CPU device these are lanes, in the order that $WARPVAE_CPU names.
template <class Body>
void at_all_block_sizes(Body body) {
#ifdef WARPVAE_SANITIZED  // 96 threads are several warps, and a thread costs as much as a launch
    constexpr int kSizes[] = {0, 96};
#else
    constexpr int kSizes[] = {0, 32, 96, 256};
#endif
    for (const int threads : kSizes) {
        SCOPED_TRACE(threads ? std::to_string(threads) + " threads per block" : std::string("default block size"));
        LaunchOptionsScope restore;
        launch_options().any_threads = threads;
        if (threads && launch_options().cpu_blocks == CpuBlocks::kOneThread)
            launch_options().cpu_blocks = CpuBlocks::kLanesForward;
        body();
        if (::testing::Test::HasFatalFailure()) return;
    }
}

// --- finite differences ----------------------------------------------------------------------------------------------

/// `gradient` against central differences of the scalar `f`, in double: the step 1e-5 leaves a truncation error of
/// h^2 |f'''| / 6 and a rounding error of |f| eps / h, both some 1e-10; 1e-7 relative to the largest entry is allowed.
template <class F>
void expect_gradient(F f, std::vector<double> x, const std::vector<double>& gradient, const std::string& name) {
    ASSERT_EQ(x.size(), gradient.size()) << name;
    std::vector<double> numeric(x.size());
    double largest = 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double kept = x[i], h = 1e-5 * std::max(1.0, std::abs(kept));
        x[i] = kept + h;
        const double up = f(x);
        x[i] = kept - h;
        const double down = f(x);
        x[i] = kept;
        numeric[i] = (up - down) / (2 * h);
        largest = std::max(largest, std::abs(numeric[i]));
    }
    expect_close(gradient, numeric, Tolerance{1e-7 * largest, 0}, name);
}

}  // namespace warpvae::test
