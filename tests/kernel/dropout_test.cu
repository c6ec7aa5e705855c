// Dropout: what is kept is scaled and the rest is 0, exactly as the stream of Philox has it; as often as the rate says;
// the same in the backward; another mask for another layer, step, seed or replica.
#include <set>

#include "cuda/device/buffer.h"
#include "cuda/ops/dense.h"
#include "cuda/ops/random.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Shape {
    int R, N, D;
    std::size_t size() const { return std::size_t(R) * N * D; }
};
const std::vector<std::uint64_t> kSeeds{7, 8, std::uint64_t{1} << 40};

template <class T>
std::vector<T> dropped(const std::vector<T>& x, double rate, Shape s, std::uint64_t step, int layer,
                       const std::vector<std::uint64_t>& seed_list = kSeeds, bool in_place = false) {
    GuardedBuffer<T> in(x), out(x.size());
    DeviceBuffer<std::uint64_t> seeds(seed_list), counter(std::vector<std::uint64_t>{step});
    T* y = in_place ? in.data() : out.data();
    check(dropout(y, in.data(), {rate, seeds.data(), counter.data(), layer}, s.R, s.N, s.D, nullptr));
    return (in_place ? in : out).download();
}
template <class T>
std::vector<T> ones(Shape s) {
    return std::vector<T>(s.size(), T(1));
}

/// The plain sum: u of row n, element j is number 4 (n ceil(D / 4)) + j of the stream's uniform draws.
template <class T>
void expect_as_the_stream_says(Shape s, double rate) {
    const std::uint64_t step = 5;
    const int layer = 3, padded = (s.D + 3) / 4 * 4;
    Random random(s.size() + 1);
    const auto x = random.normals<T>(s.size());
    std::vector<T> expected;
    for (int r = 0; r < s.R; ++r) {
        GuardedBuffer<float> draws(std::size_t(s.N) * padded);
        check(philox_uniform(draws.data(), draws.size(), 0.f, 1.f, kSeeds[r],
                             Purpose(unsigned(Purpose::kDropout) + layer), step, nullptr));
        const std::vector<float> u = draws.download();
        for (int n = 0; n < s.N; ++n)
            for (int j = 0; j < s.D; ++j)
                expected.push_back(u[std::size_t(n) * padded + j] >= float(rate)
                                       ? T(1 / (1 - rate)) * x[(std::size_t(r) * s.N + n) * s.D + j]
                                       : T(0));
    }
    at_all_block_sizes([&] {
        expect_identical(dropped(x, rate, s, step, layer), expected, "dropout");
        expect_identical(dropped(x, rate, s, step, layer, kSeeds, true), expected, "dropout in place");
    });
}

TEST(Dropout, ExactlyWhatTheStreamSays) {
    for (const Shape s : {Shape{1, 0, 5}, Shape{1, 3, 0}, Shape{1, 1, 1}, Shape{2, 5, 3}, Shape{3, 7, 4},
                          Shape{3, 13, 5}, Shape{2, 3, 257}, Shape{1, 33, 31}})
        for (const double rate : {0., 0.1, 0.5, 0.99}) {
            SCOPED_TRACE(std::to_string(s.R) + " x " + std::to_string(s.N) + " x " + std::to_string(s.D) + ", rate " +
                         std::to_string(rate));
            expect_as_the_stream_says<float>(s, rate);
            expect_as_the_stream_says<double>(s, rate);
        }
    expect_as_the_stream_says<float>({1, 257, 301}, 0.1);  // more than one block of the CPU device's
}

TEST(Dropout, RateZeroIsTheIdentity) {
    const Shape s{2, 11, 9};
    Random random(1);
    const auto x = random.normals<float>(s.size());
    expect_identical(dropped(x, 0, s, 3, 0), x, "rate 0");
}

TEST(Dropout, DropsAsOftenAsTheRateSays) {
    const Shape s{3, 100, 101};
    for (const double rate : {0.1, 0.25, 0.5, 0.9}) {
        const std::vector<double> y = dropped(ones<double>(s), rate, s, 2, 0);
        const double per_replica = double(s.N) * s.D;
        for (int r = 0; r < s.R; ++r) {
            double zeros = 0;
            for (std::size_t i = 0; i < per_replica; ++i) {
                const double v = y[r * std::size_t(per_replica) + i];
                ASSERT_TRUE(v == 0 || v == 1 / (1 - rate)) << v;
                zeros += v == 0;
            }
            EXPECT_NEAR(zeros, rate * per_replica, 5 * std::sqrt(rate * (1 - rate) * per_replica));
        }
        // In each column, too: nothing is dropped for good.
        for (int j = 0; j < s.D; ++j) {
            double zeros = 0;
            for (int n = 0; n < s.N; ++n) zeros += y[std::size_t(n) * s.D + j] == 0;
            EXPECT_NEAR(zeros, rate * s.N, 5 * std::sqrt(rate * (1 - rate) * s.N)) << "column " << j;
        }
    }
}

TEST(Dropout, TheBackwardHasTheSameMask) {
    // y is linear in x with the factors that a call on ones returns; by finite differences and exactly.
    const Shape s{2, 4, 7};
    Random random(5);
    const auto x = random.normals<double>(s.size()), c = random.normals<double>(s.size());
    const auto loss = [&](const std::vector<double>& at) {
        const std::vector<double> y = dropped(at, 0.3, s, 9, 1);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += c[i] * y[i];
        return sum;
    };
    const std::vector<double> dx = dropped(c, 0.3, s, 9, 1), factor = dropped(ones<double>(s), 0.3, s, 9, 1),
                              y = dropped(x, 0.3, s, 9, 1);
    expect_gradient(loss, x, dx, "dropout");
    for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(y[i], factor[i] * x[i]);
        EXPECT_EQ(dx[i], factor[i] * c[i]);
    }
}

TEST(Dropout, LayersStepsSeedsAndReplicasDiffer) {
    const Shape s{1, 8, 40};
    std::set<std::vector<float>> seen;
    for (int layer = 0; layer < 32; ++layer)
        for (const std::uint64_t step : {0ull, 1ull, 1ull << 32})
            for (const std::uint64_t seed : {1, 2}) seen.insert(dropped(ones<float>(s), 0.5, s, step, layer, {seed}));
    EXPECT_EQ(seen.size(), 32u * 3 * 2);
    // A replica is the same alone; a row does not depend on how many rows there are.
    const Shape three{3, 8, 40};
    const std::vector<float> together = dropped(ones<float>(three), 0.5, three, 4, 2);
    for (int r = 0; r < 3; ++r)
        expect_identical(dropped(ones<float>(s), 0.5, s, 4, 2, {kSeeds[r]}), slice(together, r * 320, 320), "alone");
    expect_identical(dropped(ones<float>({1, 3, 40}), 0.5, {1, 3, 40}, 4, 2, {kSeeds[0]}), slice(together, 0, 120),
                     "fewer rows");
    // No step counter is step 0.
    GuardedBuffer<float> x(ones<float>(s));
    DeviceBuffer<std::uint64_t> seeds(kSeeds);
    check(dropout(x.data(), x.data(), {0.5, seeds.data(), nullptr, 2}, 1, 8, 40, nullptr));
    expect_identical(x.download(), dropped(ones<float>(s), 0.5, s, 0, 2), "no step");
}

TEST(Dropout, ADroppedNaNIsZeroAndAKeptOneStays) {
    const Shape s{1, 5, 33};
    const std::vector<float> y = dropped(std::vector<float>(s.size(), NAN), 0.5, s, 1, 0),
                             factor = dropped(ones<float>(s), 0.5, s, 1, 0);
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), factor[i] != 0);
}

TEST(Dropout, RefusesWhatIsNoRateOrLayer) {
    GuardedBuffer<float> x(1);
    DeviceBuffer<std::uint64_t> seeds(kSeeds);
    const auto status = [&](double rate, int layer) {
        return dropout(x.data(), x.data(), {rate, seeds.data(), nullptr, layer}, 1, 0, 1, nullptr);
    };
    EXPECT_TRUE(status(0, 0).ok());
    EXPECT_TRUE(status(0.999, 31).ok());
    for (const double rate : {1., -0.1, double(NAN), 2.}) EXPECT_FALSE(status(rate, 0).ok()) << rate;
    for (const int layer : {-1, 32}) EXPECT_FALSE(status(0.5, layer).ok()) << layer;
}

}  // namespace
}  // namespace warpvae
