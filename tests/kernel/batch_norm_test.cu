// Batch normalisation of pixels with few channels: against plain loops in double, by finite differences through the
// batch's own statistics, and running averages step by step.
#include "cuda/device/buffer.h"
#include "cuda/ops/batch_norm.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Case {
    int R;
    std::size_t M;
    int C;
};
// One pixel, one number past a segment, past a block of segments, channels that do not divide a segment.
const Case kCases[] = {{2, 1, 1},  {1, 257, 1}, {2, 33, 8},  {1, 1025, 8}, {2, 1031, 8},
                       {1, 87, 3}, {3, 29, 64}, {1, 7, 256}, {2, 2800, 3}};
std::string name_of(const Case& c) {
    return "R " + std::to_string(c.R) + " M " + std::to_string(c.M) + " C " + std::to_string(c.C);
}

/// Inputs, and what the operations make of them.
template <class T>
struct Norm {
    Case c;
    std::size_t P;
    std::vector<T> x, dy, parameters;  // [R, M, C] twice; [R, P]: scale, shift, and 5 that nobody reads

    explicit Norm(const Case& of) : c(of), P(2 * of.C + 5) {
        Random random(of.M);
        x = random.normals<T>(size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = T(3 + 0.1 * double(i % c.C)) + T(2) * x[i];  // off 0
        dy = random.normals<T>(size());
        parameters = random.normals<T>(c.R * P);
    }
    std::size_t size() const { return c.R * c.M * c.C; }
    NormParameters<T> of(const GuardedBuffer<T>& on_device) const {
        return {on_device.data(), on_device.data() + c.C, P};
    }
    NormStatistics<T> batch(const GuardedBuffer<T>& statistics) const {
        return {statistics.data(), statistics.data() + c.C, std::size_t(2 * c.C)};
    }
    struct Made {
        std::vector<T> statistics, y, dx, dparameters;
    };
    Made run(bool relu) const {
        GuardedBuffer<T> X(x), p(parameters), statistics(c.R * 2 * c.C), y(size()), d(dy),
            dp(std::vector<T>(c.R * P, T(7)));
        GuardedBuffer<double> scratch(c.R * batch_norm_scratch(c.M, c.C));
        check(batch_norm_statistics(statistics.data(), scratch.data(), X.data(), c.R, c.M, c.C, nullptr));
        check(batch_norm_forward(y.data(), X.data(), batch(statistics), of(p),
                                 relu ? Activation::kRelu : Activation::kNone, c.R, c.M, c.C, nullptr));
        check(batch_norm_backward(d.data(), dp.data(), dp.data() + c.C, scratch.data(), X.data(),
                                  relu ? y.data() : nullptr, batch(statistics), of(p), c.R, c.M, c.C, nullptr));
        return {statistics.download(), y.download(), d.download(), dp.download()};
    }
};

/// The definitions in double, and what rounding may add: u for each operation, on numbers of the size that cancels.
template <class T>
void expect_plain(const Case& c, bool relu) {
    const Norm<T> norm(c);
    const auto made = norm.run(relu);
    const double u = (sizeof(T) == 8 ? 4 : 1) * kRounding<T>, M = double(c.M);
    std::vector<double> statistics(made.statistics.size()), statistics_error(statistics.size()), y(norm.size()),
        y_error(y.size()), dx(y.size()), dx_error(y.size()), dp(made.dparameters.size(), 7), dp_error(dp.size());
    for (int r = 0; r < c.R; ++r)
        for (int k = 0; k < c.C; ++k) {
            const auto at = [&](std::size_t pixel) { return (r * c.M + pixel) * c.C + k; };
            double sum = 0, squares = 0, largest = 0;
            for (std::size_t i = 0; i < c.M; ++i)
                sum += double(norm.x[at(i)]), largest = std::max(largest, std::abs(double(norm.x[at(i)])));
            const double mean = sum / M;
            for (std::size_t i = 0; i < c.M; ++i) squares += std::pow(double(norm.x[at(i)]) - mean, 2);
            const double variance = squares / M, inverse = 1 / std::sqrt(variance + kNormEpsilon);
            const std::size_t s = r * 2 * c.C + k;
            statistics[s] = mean, statistics[s + c.C] = variance;
            statistics_error[s] = 2 * u * std::abs(mean) + M * kRounding<double> * largest;
            // Squares are summed in double and cancel there.
            statistics_error[s + c.C] = 2 * u * variance + 4 * (M + 2) * kRounding<double> * largest * largest;
            const double scale = norm.parameters[r * norm.P + k], shift = norm.parameters[r * norm.P + c.C + k];
            // h is off by the mean's error, and by the variance's in proportion.
            const double h_error = inverse * (statistics_error[s] + u * largest) + 2 * u +
                                   0.5 * statistics_error[s + c.C] * inverse * inverse;
            double first = 0, second = 0, size = 0, products = 0;
            for (std::size_t i = 0; i < c.M; ++i) {
                const double h = inverse * (norm.x[at(i)] - mean), value = scale * h + shift;
                y[at(i)] = relu && value < 0 ? 0 : value;
                y_error[at(i)] = std::abs(scale) * (h_error + 6 * u * std::abs(h) + h_error * std::abs(h)) +
                                 2 * u * std::abs(value) + u * std::abs(shift);
                const double d = !relu || made.y[at(i)] > 0 ? double(norm.dy[at(i)]) : 0;
                first += d, second += d * h, size += std::abs(d), products += std::abs(d) * (std::abs(h) + 1);
            }
            dp[r * norm.P + k] = second, dp[r * norm.P + c.C + k] = first;
            const double second_error = products * (h_error + 8 * u);
            dp_error[r * norm.P + k] = second_error, dp_error[r * norm.P + c.C + k] = 4 * u * size + 1e-300;
            for (std::size_t i = 0; i < c.M; ++i) {
                const double h = inverse * (norm.x[at(i)] - mean);
                const double d = !relu || made.y[at(i)] > 0 ? double(norm.dy[at(i)]) : 0;
                dx[at(i)] = scale * inverse * (d - first / M - h * second / M);
                const double parts = std::abs(d) + size / M + std::abs(h) * products / M;
                dx_error[at(i)] =
                    std::abs(scale) * inverse *
                    ((10 * u + h_error) * parts + std::abs(h) * second_error / M + h_error * products / M);
            }
        }
    expect_close(made.statistics, statistics, statistics_error, "statistics, " + name_of(c));
    expect_close(made.y, y, y_error, "y, " + name_of(c));
    expect_close(made.dx, dx, dx_error, "dx, " + name_of(c));
    expect_close(made.dparameters, dp, dp_error, "dscale and dshift, " + name_of(c));
}

TEST(BatchNorm, AgainstPlainLoops) {
    for (const Case& c : kCases)
        for (const bool relu : {false, true}) {
            expect_plain<float>(c, relu);
            expect_plain<double>(c, relu);
        }
    at_all_block_sizes([] {
        for (const Case& c : {Case{2, 33, 8}, Case{1, 301, 3}}) expect_plain<float>(c, true);
    });
}

TEST(BatchNorm, BackwardIsTheDerivativeThroughTheStatistics) {
    for (const bool relu : {false, true}) {
        Norm<double> norm({1, 11, 3});
        const auto loss = [&] {
            double sum = 0;
            const auto y = norm.run(relu).y;
            for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * norm.dy[i];
            return sum;
        };
        const auto made = norm.run(relu);
        const auto x = norm.x, parameters = norm.parameters;
        expect_gradient([&](const auto& in) { return norm.x = in, loss(); }, x, made.dx, "dx");
        norm.x = x;
        const auto of_parameters = [&](const auto& in) {
            std::copy(in.begin(), in.end(), norm.parameters.begin());
            return loss();
        };
        expect_gradient(of_parameters, slice(parameters, 0, 6), slice(made.dparameters, 0, 6), "dscale, dshift");
    }
}

TEST(BatchNorm, AReplicaIsTheSameAlone) {
    const Case c{3, 700, 6};
    const Norm<float> together(c);
    const auto all = together.run(true);
    for (int r = 0; r < c.R; ++r) {
        Norm<float> alone({1, c.M, c.C});
        const std::size_t n = c.M * c.C;
        alone.x = slice(together.x, r * n, n), alone.dy = slice(together.dy, r * n, n);
        alone.parameters = slice(together.parameters, r * together.P, together.P);
        const auto one = alone.run(true);
        expect_identical(one.statistics, slice(all.statistics, r * 2 * c.C, 2 * c.C), "statistics");
        expect_identical(one.y, slice(all.y, r * n, n), "y");
        expect_identical(one.dx, slice(all.dx, r * n, n), "dx");
        expect_identical(one.dparameters, slice(all.dparameters, r * alone.P, alone.P), "dscale and dshift");
    }
}

TEST(BatchNorm, RunningAveragesMoveOnceAStep) {
    at_all_block_sizes([] {
        const int R = 2, C = 3;
        const std::size_t P = 8, M = 5;
        const auto first = Random(1).uniforms<double>(R * 2 * C, 0, 1),
                   second = Random(2).uniforms<double>(R * 2 * C, 0, 1);
        GuardedBuffer<double> arena(std::vector<double>(R * P, 1)), before(R * 2 * C), a(first), b(second);
        GuardedBuffer<std::uint64_t> next(std::vector<std::uint64_t>{0, 0}), step(std::vector<std::uint64_t>{4});
        const RunningStatistics<double> running{arena.data(), arena.data() + C, P, before.data(), next.data()};
        const auto update = [&](const GuardedBuffer<double>& statistics, std::uint64_t at) {
            step.upload({at});
            check(batch_norm_update<double>(running, statistics.data(), step.data(), R, M, C, nullptr));
            return arena.download();
        };
        const auto moved = [&](std::vector<double> from, const std::vector<double>& towards) {
            for (int r = 0; r < R; ++r)
                for (int c = 0; c < 2 * C; ++c) {
                    double& average = from[r * P + c];
                    average += kNormMomentum * (towards[r * 2 * C + c] * (c < C ? 1 : 5. / 4) - average);
                }
            return from;
        };
        const std::vector<double> start(R * P, 1);
        expect_close(update(b, 4), moved(start, second), Tolerance{0, 1e-15}, "a step");
        expect_close(update(a, 4), moved(start, first), Tolerance{0, 1e-15}, "the same step again, of other images");
        expect_close(update(b, 5), moved(moved(start, first), second), Tolerance{0, 1e-15}, "the next");
    });
}

TEST(BatchNorm, ConstantChannelsStayFinite) {
    Norm<float> norm({1, 40, 2});
    for (float& x : norm.x) x = 0.1f;
    const auto made = norm.run(false);
    for (std::size_t i = 0; i < made.y.size(); ++i) {
        EXPECT_NEAR(made.y[i], norm.parameters[2 + i % 2], 1e-3) << "the shift alone";
        EXPECT_TRUE(std::isfinite(made.dx[i]));
    }
}

TEST(BatchNorm, BadArgumentsAreRefused) {
    GuardedBuffer<float> b(64);
    GuardedBuffer<double> scratch(64);
    const NormStatistics<float> statistics{b.data(), b.data(), 1};
    const NormParameters<float> parameters{b.data(), b.data(), 1};
    for (const int C : {0, 257}) {
        EXPECT_FALSE(batch_norm_statistics(b.data(), scratch.data(), b.data(), 1, 1, C, nullptr).ok());
        EXPECT_FALSE(
            batch_norm_forward<float>(b.data(), b.data(), statistics, parameters, Activation::kNone, 1, 1, C, nullptr)
                .ok());
    }
    EXPECT_FALSE(
        batch_norm_forward<float>(b.data(), b.data(), statistics, parameters, Activation::kElu, 1, 1, 1, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
