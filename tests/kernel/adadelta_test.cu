// Adadelta against a plain double implementation that carries its own error bound, against torch.optim.Adadelta, and
// its watch for gradients that are not finite.
#include <fstream>

#include "cuda/device/buffer.h"
#include "cuda/ops/optimiser.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// One parameter of Zeiler's algorithm 1, and the error that roundings of relative size u may have left in each number.
struct PlainAdadelta {
    double p, a = 0, d = 0;
    double p_error = 0, a_error = 0, d_error = 0;
    void step(double g, double rate, const AdadeltaOptions& options, double u) {
        const double rho = options.rho, fresh = 1 - rho, epsilon = options.epsilon;
        // Each product, sum, root and quotient rounds once; errors that came in pass on by the derivatives.
        a_error = rho * a_error + u * (2 * rho * a + 3 * fresh * g * g);
        a = rho * a + fresh * g * g;
        const double update = g * std::sqrt(d + epsilon) / std::sqrt(a + epsilon);
        const double update_error =
            std::abs(update) * (d_error / (2 * (d + epsilon)) + a_error / (2 * (a + epsilon)) + 5 * u);
        d_error = rho * d_error + 2 * fresh * std::abs(update) * update_error +
                  u * (2 * rho * d + 3 * fresh * update * update);
        d = rho * d + fresh * update * update;
        p -= rate * update;
        p_error += rate * update_error + u * (rate * std::abs(update) + std::abs(p));
    }
};

template <class T>
struct Arena {
    int R;
    std::size_t P;
    GuardedBuffer<T> parameters, squares, updates, gradients;
    DeviceBuffer<T> rates;
    GuardedBuffer<NonFinite> non_finite;
    DeviceBuffer<std::uint64_t> step;

    Arena(int R_, std::size_t P_, const std::vector<T>& start, const std::vector<T>& learning_rates)
        : R(R_),
          P(P_),
          parameters(start),
          squares(std::vector<T>(R_ * P_)),
          updates(std::vector<T>(R_ * P_)),
          gradients(R_ * P_),
          rates(learning_rates),
          non_finite(R_),
          step(1) {
        check(fill_bytes(non_finite.data(), 255, R * sizeof(NonFinite)));
    }
    void apply(const std::vector<T>& g, std::uint64_t number, const AdadeltaOptions& options = {}) {
        gradients.upload(g);
        step.upload(std::vector<std::uint64_t>{number});
        check(adadelta<T>({parameters.data(), squares.data(), updates.data(), non_finite.data()}, gradients.data(),
                          rates.data(), step.data(), options, R, P, nullptr));
    }
};

template <class T>
void expect_plain(int R, std::size_t P, int steps, const AdadeltaOptions& options) {
    Random random(P);
    const auto start = random.normals<T>(R * P);
    std::vector<T> rates;
    for (int r = 0; r < R; ++r) rates.push_back(T(0.5) * T(r + 1));
    Arena<T> arena(R, P, start, rates);
    std::vector<PlainAdadelta> plain;
    for (const T p : start) plain.push_back({static_cast<double>(p)});
    const double u = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>;  // the reference, in double, rounds as well
    for (int t = 0; t < steps; ++t) {
        auto g = random.normals<T>(R * P);
        for (std::size_t i = 0; i < g.size(); ++i) g[i] *= i % 3 == 0 ? T(1e-4) : i % 3 == 1 ? T(1) : T(100);
        if (P > 2) g[2] = 0;
        arena.apply(g, t, options);
        for (std::size_t i = 0; i < plain.size(); ++i)
            plain[i].step(static_cast<double>(g[i]), static_cast<double>(rates[i / P]), options, u);
    }
    std::vector<double> p, a, d, p_allowed, a_allowed, d_allowed;
    for (const PlainAdadelta& one : plain) {
        p.push_back(one.p), a.push_back(one.a), d.push_back(one.d);
        p_allowed.push_back(one.p_error), a_allowed.push_back(one.a_error), d_allowed.push_back(one.d_error);
    }
    const std::string name = std::to_string(R) + " x " + std::to_string(P);
    expect_close(arena.parameters.download(), p, p_allowed, "parameters, " + name);
    expect_close(arena.squares.download(), a, a_allowed, "squared gradients, " + name);
    expect_close(arena.updates.download(), d, d_allowed, "squared updates, " + name);
    for (const NonFinite& n : arena.non_finite.download()) EXPECT_FALSE(n.found());
}

TEST(Adadelta, TwentyStepsAgainstThePlainFormula) {
    for (const std::size_t P : {1, 2, 31, 257, 997, 40009}) {
        expect_plain<float>(2, P, P > 1000 ? 3 : 20, {});
        expect_plain<double>(2, P, P > 1000 ? 3 : 20, {});
    }
    expect_plain<double>(1, 13, 20, {0.5f, 1e-3f});
}

TEST(Adadelta, AtEveryBlockSize) {
    at_all_block_sizes([] { expect_plain<float>(3, 301, 3, {}); });
}

TEST(Adadelta, AgreesWithTorch) {
    std::ifstream golden(WARPVAE_GOLDENS "/adadelta.txt");
    ASSERT_TRUE(golden) << "tests/goldens/adadelta.txt is missing";
    const int P = 7;
    std::vector<double> start(P);
    std::vector<PlainAdadelta> plain;
    for (int i = 0; i < P; ++i) {
        start[i] = i / 10.0 - 0.3;
        plain.push_back({start[i]});
        plain[i].p_error = std::abs(start[i]) * kRounding<float>;  // the start, rounded to float
    }
    Arena<double> wide(1, P, start, {1.});
    Arena<float> narrow(1, P, as<float>(start), {1.f});
    int next = 0, rows = 0;
    golden >> next;
    for (int t = 0; t < 20; ++t) {
        std::vector<double> g(P);
        for (int i = 0; i < P; ++i) g[i] = std::sin(0.7 * t + i) * std::pow(10.0, i % 5 - 3);
        wide.apply(g, t);
        narrow.apply(as<float>(g), t);
        // Twice the roundings: the gradient's own, on the way to float, moves g by one and g^2 by two.
        for (int i = 0; i < P; ++i) plain[i].step(g[i], 1, {}, 2 * kRounding<float>);
        if (t + 1 != next) continue;
        std::vector<double> expected(P), allowed(P);
        for (int i = 0; i < P; ++i) golden >> expected[i], allowed[i] = plain[i].p_error;
        expect_close(narrow.parameters.download(), expected, allowed, "torch, float");
        for (double& x : allowed) x *= kRounding<double> / kRounding<float>;
        expect_close(wide.parameters.download(), expected, allowed, "torch, double");
        golden >> next;
        ++rows;
    }
    EXPECT_EQ(rows, 3);
}

TEST(Adadelta, RecordsTheFirstNonFiniteGradient) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    for (const std::size_t P : {std::size_t{131}, std::size_t{40009}}) {
        const auto body = [&] {
            Arena<float> arena(4, P, std::vector<float>(4 * P, 1.f), {1, 1, 1, 1});
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
            // Replica 0 goes on as if the others were not there, and only the parameters struck are NaN.
            Arena<float> alone(1, P, std::vector<float>(P, 1.f), {1});
            for (const std::uint64_t t : {6, 7, 8}) alone.apply(std::vector<float>(P, 0.5f), t);
            const std::vector<float> p = arena.parameters.download();
            expect_identical(slice(p, 0, P), alone.parameters.download(), "replica 0");
            for (std::size_t i = 0; i < P; ++i)
                EXPECT_EQ(std::isnan(p[P + i]), i == 5 || i == 77 || i == 100 || i == P - 1) << i;
        };
        P < 1000 ? at_all_block_sizes(body) : body();
    }
}

TEST(Adadelta, StepZeroIsRecordedAndAGradientTooLargeToBeSquared) {
    Arena<float> arena(3, 3, std::vector<float>(9), {1, 1, 1});
    arena.apply({std::numeric_limits<float>::infinity(), 0, 0, 1e19f, -1e19f, 0, 0, 1e21f, -3e38f}, 0);
    const std::vector<NonFinite> found = arena.non_finite.download();
    EXPECT_TRUE(found[0].found());
    EXPECT_EQ(found[0].step(), 0u);
    EXPECT_EQ(found[0].element(), 0u);
    EXPECT_FALSE(found[1].found());
    ASSERT_TRUE(found[2].found());
    EXPECT_EQ(found[2].element(), 1u);
}

TEST(Adadelta, NothingToDoAndTooMuch) {
    float* none = nullptr;
    const auto apply = [&](int R, std::size_t P) {
        return adadelta<float>({}, none, none, nullptr, AdadeltaOptions(), R, P, nullptr);
    };
    EXPECT_TRUE(apply(0, 5).ok());
    EXPECT_TRUE(apply(1, 0).ok());
    EXPECT_FALSE(apply(1, std::size_t(1) << 32).ok()) << "an offset no longer fits the record";
}

}  // namespace
}  // namespace warpvae
