// Adam against a plain double implementation, against torch.optim.Adam, and its watch for gradients that are not
// finite.
#include <fstream>

#include "cuda/device/buffer.h"
#include "cuda/ops/optimiser.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// Kingma and Ba, algorithm 1, for one parameter.
struct PlainAdam {
    double p, m = 0, v = 0;
    void step(double g, double rate, int t, const AdamOptions& options) {
        const double b1 = options.beta1, b2 = options.beta2;
        m = b1 * m + (1 - b1) * g;
        v = b2 * v + (1 - b2) * g * g;
        const double m_hat = m / (1 - std::pow(b1, t)), v_hat = v / (1 - std::pow(b2, t));
        p -= rate * m_hat / (std::sqrt(v_hat) + options.epsilon);
    }
};

template <class T>
struct Arena {
    int R;
    std::size_t P;
    GuardedBuffer<T> parameters, m, v, gradients;
    DeviceBuffer<T> rates;
    GuardedBuffer<NonFinite> non_finite;
    DeviceBuffer<std::uint64_t> step;

    Arena(int R_, std::size_t P_, const std::vector<T>& start, const std::vector<T>& learning_rates)
        : R(R_),
          P(P_),
          parameters(start),
          m(std::vector<T>(R_ * P_)),
          v(std::vector<T>(R_ * P_)),
          gradients(R_ * P_),
          rates(learning_rates),
          non_finite(R_),
          step(1) {
        check(fill_bytes(non_finite.data(), 255, R * sizeof(NonFinite)));
    }
    void apply(const std::vector<T>& g, std::uint64_t number, const AdamOptions& options = {}) {
        gradients.upload(g);
        step.upload(std::vector<std::uint64_t>{number});
        check(adam<T>({parameters.data(), m.data(), v.data(), non_finite.data()}, gradients.data(), rates.data(),
                      step.data(), options, R, P, nullptr));
    }
};

template <class T>
void expect_plain(int R, std::size_t P, int steps, const AdamOptions& options) {
    Random random(P);
    const auto start = random.normals<T>(R * P);
    std::vector<T> rates;
    for (int r = 0; r < R; ++r) rates.push_back(T(1e-3) * T(r + 1));
    Arena<T> arena(R, P, start, rates);
    std::vector<PlainAdam> plain;
    for (const T p : start) plain.push_back({static_cast<double>(p)});
    for (int t = 0; t < steps; ++t) {
        auto g = random.normals<T>(R * P);
        for (std::size_t i = 0; i < g.size(); ++i) g[i] *= i % 3 == 0 ? T(1e-4) : i % 3 == 1 ? T(1) : T(100);
        if (P > 2) g[2] = 0;
        arena.apply(g, t, options);
        for (std::size_t i = 0; i < plain.size(); ++i)
            plain[i].step(static_cast<double>(g[i]), static_cast<double>(rates[i / P]), t + 1, options);
    }
    std::vector<double> p, m, v, p_allowed, m_allowed, v_allowed;
    // A step's update is right to some 12 roundings of at most 10 learning rates (m / sqrt(v) <= sqrt(10) is reached
    // only by a gradient after many zeros); the parameter then rounds once. v has no cancellation; m is the difference
    // of numbers no larger than the largest gradient.
    const double u = (sizeof(T) == 8 ? 4 : 1) * kRounding<T>;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        p.push_back(plain[i].p), m.push_back(plain[i].m), v.push_back(plain[i].v);
        p_allowed.push_back(steps * u * (std::abs(plain[i].p) + 0.1 + 120 * static_cast<double>(rates[i / P])));
        m_allowed.push_back(4 * steps * u * (std::abs(plain[i].m) + std::sqrt(plain[i].v / (1 - options.beta2))));
        v_allowed.push_back((4 * steps + 4) * u * plain[i].v);
    }
    const std::string name = std::to_string(R) + " x " + std::to_string(P);
    expect_close(arena.parameters.download(), p, p_allowed, "parameters, " + name);
    expect_close(arena.m.download(), m, m_allowed, "first moment, " + name);
    expect_close(arena.v.download(), v, v_allowed, "second moment, " + name);
    for (const NonFinite& n : arena.non_finite.download()) EXPECT_FALSE(n.found());
}

TEST(Adam, TwentyStepsAgainstThePlainFormula) {
    for (const std::size_t P : {1, 2, 31, 997, 40009}) {
        expect_plain<float>(2, P, P > 1000 ? 3 : 20, {});
        expect_plain<double>(2, P, P > 1000 ? 3 : 20, {});
    }
    expect_plain<double>(1, 13, 20, {0.5f, 0.9f, 1e-3f});
}

TEST(Adam, AtEveryBlockSize) {
    at_all_block_sizes([] { expect_plain<float>(3, 301, 3, {}); });
}

TEST(Adam, AgreesWithTorch) {
    std::ifstream golden(WARPVAE_GOLDENS "/adam.txt");
    ASSERT_TRUE(golden) << "tests/goldens/adam.txt is missing";
    const int P = 7;
    std::vector<double> start(P);
    for (int i = 0; i < P; ++i) start[i] = i / 10.0 - 0.3;
    Arena<double> wide(1, P, start, {1e-3});
    Arena<float> narrow(1, P, as<float>(start), {1e-3f});
    int next = 0, rows = 0;
    golden >> next;
    for (int t = 0; t < 20; ++t) {
        std::vector<double> g(P);
        for (int i = 0; i < P; ++i) g[i] = std::sin(0.7 * t + i) * std::pow(10.0, i % 5 - 3);
        wide.apply(g, t);
        narrow.apply(as<float>(g), t);
        if (t + 1 != next) continue;
        std::vector<double> expected(P);
        for (double& x : expected) golden >> x;
        // Our betas are float: 0.999f differs from 0.999 by 1.3e-8, and t steps see it t times.
        expect_close(wide.parameters.download(), expected, Tolerance{(t + 1) * 1e-3 * 1e-6, 0}, "torch, double");
        expect_close(narrow.parameters.download(), expected,
                     Tolerance{(t + 1) * (1e-3 * 2e-6 + 0.4 * kRounding<float>), 0}, "torch, float");
        golden >> next;
        ++rows;
    }
    EXPECT_EQ(rows, 3);
}

TEST(Adam, RecordsTheFirstNonFiniteGradient) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const std::size_t P : {std::size_t{131}, std::size_t{40009}}) {
        const auto body = [&] {
            Arena<float> arena(4, P, std::vector<float>(4 * P, 1.f), {1e-3f, 1e-3f, 1e-3f, 1e-3f});
            const std::vector<float> clean(4 * P, 0.5f);
            arena.apply(clean, 6);
            for (const NonFinite& n : arena.non_finite.download()) EXPECT_FALSE(n.found());

            std::vector<float> g = clean;
            g[P + P - 1] = nan, g[P + 77] = inf, g[P + 100] = nan;  // replica 1: 77 is the lowest
            g[3 * P + P - 1] = -inf;                                // replica 3: its last
            arena.apply(g, 7);
            g = clean;
            g[P + 5] = nan;  // lower, but later
            g[2 * P] = nan;  // replica 2: its first
            arena.apply(g, 8);

            const std::vector<NonFinite> found = arena.non_finite.download();
            EXPECT_FALSE(found[0].found());
            EXPECT_TRUE(found[1].found());
            EXPECT_EQ(found[1].step(), 7u);
            EXPECT_EQ(found[1].element(), 77u);
            EXPECT_EQ(found[2].step(), 8u);
            EXPECT_EQ(found[2].element(), 0u);
            EXPECT_EQ(found[3].step(), 7u);
            EXPECT_EQ(found[3].element(), P - 1);
            // Replica 0 goes on as if the others were not there.
            Arena<float> alone(1, P, std::vector<float>(P, 1.f), {1e-3f});
            for (const std::uint64_t t : {6, 7, 8}) alone.apply(std::vector<float>(P, 0.5f), t);
            expect_identical(slice(arena.parameters.download(), 0, P), alone.parameters.download(), "replica 0");
        };
        P < 1000 ? at_all_block_sizes(body) : body();
    }
}

TEST(Adam, StepZeroIsRecordedToo) {
    Arena<float> arena(1, 3, {0, 0, 0}, {1e-3f});
    arena.apply({std::numeric_limits<float>::infinity(), 0, 0}, 0);
    EXPECT_TRUE(arena.non_finite.download()[0].found());
    EXPECT_EQ(arena.non_finite.download()[0].step(), 0u);
    EXPECT_EQ(arena.non_finite.download()[0].element(), 0u);
}

TEST(Adam, AGradientTooLargeToBeSquaredIsRecorded) {
    at_all_block_sizes([] {
        // (1 - beta2) g^2 passes 3.4e38 from g = 5.8e20 on; the update would be 0 from then on, and nobody told.
        Arena<float> arena(2, 3, std::vector<float>(6), {1e-3f, 1e-3f});
        arena.apply({5e20f, 0, -5e20f, 0, 1e21f, -3e38f}, 4);
        const std::vector<NonFinite> found = arena.non_finite.download();
        EXPECT_FALSE(found[0].found());
        ASSERT_TRUE(found[1].found());
        EXPECT_EQ(found[1].step(), 4u);
        EXPECT_EQ(found[1].element(), 1u);
    });
    Arena<double> wide(1, 2, {0, 0}, {1e-3});
    wide.apply({1e38, -1e150}, 0);
    EXPECT_FALSE(wide.non_finite.download()[0].found());
}

}  // namespace
}  // namespace warpvae
