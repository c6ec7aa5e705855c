// The two-loop recursion against the textbook on the host, and the method on quadratics whose minimum is known.
#include "cuda/lbfgs.cuh"

#include <gtest/gtest.h>

#include <deque>

#include "cuda/device/buffer.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

/// Nocedal and Wright, algorithm 7.4, with the identity as initial inverse Hessian; newest pair last.
Vector textbook_direction(const Vector& gradient, const std::deque<std::pair<Vector, Vector>>& pairs) {
    Vector q = gradient, alpha(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
        const auto& [s, y] = pairs[i];
        alpha[i] = dot(s, q) / dot(s, y);
        for (std::size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * y[j];
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& [s, y] = pairs[i];
        const double beta = dot(y, q) / dot(s, y);
        for (std::size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * s[j];
    }
    for (double& value : q) value = -value;
    return q;
}

struct Problems {
    Problems(int Q_, std::size_t P_)
        : Q(Q_),
          P(P_),
          theta(Q * P),
          gradient(Q * P),
          trial(Q * P),
          trial_gradient(Q * P),
          direction(Q * P),
          s(Q * P * kLbfgsMemory),
          y(Q * P * kLbfgsMemory),
          rho(std::size_t(Q) * kLbfgsMemory),
          alpha(std::size_t(Q) * kLbfgsMemory),
          r(Q * P),
          control(std::size_t(Q)),
          scalars(std::size_t(Q)) {
        state = {theta.data(), gradient.data(), trial.data(), trial_gradient.data(), direction.data(),
                 s.data(),     y.data(),        rho.data(),   alpha.data()};
        theta.zero(), gradient.zero(), scalars.zero();
    }
    /// Accepts `point` with gradient `g` for all problems as control says, then computes directions with B = 1.
    void round(const std::vector<LbfgsControl>& c, const Vector& point, const Vector& g) {
        control.upload(c);
        trial.upload(point);
        trial_gradient.upload(g);
        check(lbfgs_accept(state, control.data(), Q, P, nullptr));
        check(lbfgs_first_loop(state, control.data(), Q, P, nullptr));
        check(copy_on_device(r.data(), direction.data(), direction.bytes()));
        check(lbfgs_second_loop(state, scalars.data(), r.data(), control.data(), Q, P, nullptr));
        check(lbfgs_trial(state, control.data(), Q, P, nullptr));
    }
    int Q;
    std::size_t P;
    DeviceBuffer<double> theta, gradient, trial, trial_gradient, direction, s, y, rho, alpha, r;
    DeviceBuffer<LbfgsControl> control;
    DeviceBuffer<LbfgsScalars> scalars;
    LbfgsState<double> state;
};

void compare(std::size_t P, int rounds) {
    test::Random random(P);
    const int Q = 2;
    Problems problems(Q, P);
    std::vector<std::deque<std::pair<Vector, Vector>>> pairs(Q);
    Vector theta(Q * P, 0.), gradient(Q * P, 0.);
    std::vector<LbfgsControl> control(Q, LbfgsControl{1, 1, 1, 0, 0, 0.25});
    for (int round = 0; round <= rounds; ++round) {
        // s with y = D s for a positive diagonal D: curvature is positive.
        Vector point = theta, g = gradient;
        for (std::size_t i = 0; i < point.size(); ++i) {
            const double step = random.normal();
            point[i] += step;
            g[i] += step * (1 + double(i % 5));
        }
        for (int q = 0; q < Q; ++q) {
            if (round == 0) continue;
            control[q].newest = (control[q].newest + 1) % kLbfgsMemory;
            control[q].pairs = std::min(control[q].pairs + 1, kLbfgsMemory);
            Vector s(P), y(P);
            for (std::size_t i = 0; i < P; ++i) {
                s[i] = point[q * P + i] - theta[q * P + i];
                y[i] = g[q * P + i] - gradient[q * P + i];
            }
            pairs[q].emplace_back(s, y);
            if (pairs[q].size() > std::size_t(kLbfgsMemory)) pairs[q].pop_front();
        }
        theta = point, gradient = g;
        problems.round(control, point, g);
    }
    const auto direction = problems.direction.download(), trial = problems.trial.download();
    const auto scalars = problems.scalars.download();
    for (int q = 0; q < Q; ++q) {
        const Vector at = test::slice(theta, q * P, P), g = test::slice(gradient, q * P, P);
        const Vector expected = textbook_direction(g, pairs[q]), ours = test::slice(direction, q * P, P);
        double size = 1;
        for (const double value : expected) size = std::max(size, std::abs(value));
        // Sums of P products in another order, fed through 2 x pairs steps.
        const double allowed = 2e-15 * double(P + 10) * size;
        test::expect_close(ours, expected, test::Tolerance{allowed, 0}, "direction, P " + std::to_string(P));
        double largest = 0, theta_size = 0;
        for (std::size_t i = 0; i < P; ++i) {
            largest = std::max(largest, std::abs(ours[i]));
            theta_size = std::max(theta_size, std::abs(at[i]));
            EXPECT_EQ(trial[q * P + i], at[i] + 0.25 * ours[i]);
        }
        EXPECT_NEAR(scalars[q].slope, dot(g, ours), 1e-12 * double(P) * size * size);
        EXPECT_EQ(scalars[q].direction_size, largest);
        EXPECT_EQ(scalars[q].theta_size, theta_size);
    }
}

TEST(Lbfgs, DirectionIsTheTextbooks) {
    test::at_all_block_sizes([] {
        for (const std::size_t P : {1u, 2u, 31u, 257u}) compare(P, 4);
        compare(40, 0);                 // no pairs: steepest descent
        compare(40, kLbfgsMemory + 3);  // the ring has gone round
    });
}

TEST(Lbfgs, ProblemsThatAreDoneAreLeftAlone) {
    const std::size_t P = 20;
    Problems problems(2, P);
    test::Random random(5);
    const Vector point = random.normals<double>(2 * P), g = random.normals<double>(2 * P);
    std::vector<LbfgsControl> control{{0, 0, 0, 0, 0, 1.}, {1, 1, 1, 0, 0, 1.}};
    problems.direction.zero();
    problems.round(control, point, g);
    const Vector theta = problems.theta.download(), trial = problems.trial.download();
    for (std::size_t i = 0; i < P; ++i) {
        EXPECT_EQ(theta[i], 0.);
        EXPECT_EQ(trial[i], point[i]);
        EXPECT_EQ(theta[P + i], point[P + i]);
        EXPECT_EQ(trial[P + i], point[P + i] - g[P + i]);
    }
    EXPECT_EQ(problems.scalars.download()[0].slope, 0.);
}

TEST(Lbfgs, NanInTheGradientReachesTheSlope) {
    Problems problems(1, 3);
    problems.round({{1, 1, 1, 0, 0, 1.}}, {0, 0, 0}, {1, NAN, 2});
    EXPECT_TRUE(std::isnan(problems.scalars.download()[0].slope));
    EXPECT_TRUE(std::isnan(problems.scalars.download()[0].direction_size));
}

}  // namespace
}  // namespace warpvae
