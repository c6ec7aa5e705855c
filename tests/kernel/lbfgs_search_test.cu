// One decision after an evaluation, in each case that a line search knows, and a batch's are those of each alone.
#include "cuda/lbfgs_search.cuh"

#include <gtest/gtest.h>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;

/// A problem whose objective at theta is 10, with the slope -4 along a direction of size 2; theta's size is 5.
struct Problem {
    LbfgsSearch search{};
    LbfgsControl control{1, 0, 1, 3, 4, 1.};
    LbfgsScalars scalars{-4, 2, 5, 10, 0, 1};
    Problem() {
        search.gradient_tolerance = 1e-3, search.unknown_tolerance = 1e-4, search.max_iterations = 50;
        search.objective = 10, search.gradient_norm = 1;
    }
    /// What was found at the trial point.
    Problem& found(double objective, double trial_slope, double gradient_size = 1) {
        scalars.objective = objective, scalars.trial_slope = trial_slope, scalars.gradient_size = gradient_size;
        return *this;
    }
};

std::vector<Problem> decided(const std::vector<Problem>& problems) {
    std::vector<LbfgsSearch> search;
    std::vector<LbfgsControl> control;
    std::vector<LbfgsScalars> scalars;
    for (const Problem& p : problems)
        search.push_back(p.search), control.push_back(p.control), scalars.push_back(p.scalars);
    GuardedBuffer<LbfgsSearch> s(search);
    GuardedBuffer<LbfgsControl> c(control);
    const GuardedBuffer<LbfgsScalars> at(scalars);
    check(lbfgs_decide(s.data(), c.data(), at.data(), int(problems.size()), nullptr));
    search = s.download(), control = c.download();
    std::vector<Problem> out = problems;
    for (std::size_t q = 0; q < out.size(); ++q) out[q].search = search[q], out[q].control = control[q];
    return out;
}
Problem decided(const Problem& problem) { return decided(std::vector<Problem>{problem})[0]; }

void expect_control(const LbfgsControl& c, const LbfgsControl& expected) {
    EXPECT_EQ(c.active, expected.active);
    EXPECT_EQ(c.accept, expected.accept);
    EXPECT_EQ(c.redirect, expected.redirect);
    EXPECT_EQ(c.pairs, expected.pairs);
    EXPECT_EQ(c.newest, expected.newest);
    EXPECT_DOUBLE_EQ(c.step, expected.step);
}

TEST(LbfgsDecide, AGoodStepIsAccepted) {
    Problem p = decided(Problem().found(8, -1, 0.5));
    expect_control(p.control, {1, 1, 1, 4, 5, 1.});
    EXPECT_EQ(p.search.objective, 8);
    EXPECT_EQ(p.search.gradient_norm, 0.5);
    EXPECT_EQ(p.search.iterations, 1);
    EXPECT_EQ(p.search.evaluations, 1);
    Problem ring;
    ring.control.pairs = kLbfgsMemory, ring.control.newest = kLbfgsMemory - 1;
    expect_control(decided(ring.found(8, 1)).control, {1, 1, 1, kLbfgsMemory, 0, 1.});
    // What the objective's rounding hides is no rise.
    EXPECT_EQ(decided(Problem().found(10 + 9e-7, -1)).control.accept, 1);
    EXPECT_EQ(decided(Problem().found(10 + 11e-7, -1)).control.accept, 0);
}

TEST(LbfgsDecide, AProblemEndsWithASmallGradientAfterASmallStep) {
    Problem p;
    p.scalars.direction_size = 4e-4;  // of 5: below 1e-4 of it
    Problem ended = decided(p.found(8, 0, 1e-3));
    expect_control(ended.control, {0, 1, 0, 4, 5, 1.});
    EXPECT_EQ(ended.search.converged, 1);
    // The accepted point is asked for once.
    const Problem later = decided(ended);
    expect_control(later.control, {0, 0, 0, 4, 5, 1.});
    EXPECT_EQ(later.search.evaluations, 1);
    p.scalars.direction_size = 6e-4;
    EXPECT_EQ(decided(p).control.active, 1);
    p.scalars.direction_size = 4e-4;
    EXPECT_EQ(decided(p.found(8, 0, 2e-3)).control.active, 1);
    p.search.iterations = 49;
    const Problem last = decided(p);
    EXPECT_EQ(last.control.active, 0);
    EXPECT_EQ(last.search.converged, 0);
    EXPECT_EQ(last.search.iterations, 50);
}

TEST(LbfgsDecide, AStepIsDoubledThenFoundBetweenTwo) {
    Problem p = decided(Problem().found(9, -3.8));  // too short: hardly less steep
    expect_control(p.control, {1, 0, 0, 3, 4, 2.});
    p = decided(p.found(9, 4));  // too long; the slopes -3.8 at 1 and 4 at 2 give 0 at 1 + 3.8 / 7.8
    EXPECT_DOUBLE_EQ(p.control.step, 1 + 3.8 / 7.8);
    p = decided(p.found(8, 0.1));
    EXPECT_EQ(p.control.accept, 1);
    EXPECT_EQ(p.search.evaluations, 3);
    EXPECT_EQ(p.search.iterations, 1);

    EXPECT_DOUBLE_EQ(decided(Problem().found(9, 1e6)).control.step, 0.1);  // well inside
    EXPECT_DOUBLE_EQ(decided(Problem().found(30, -1)).control.step, 0.5);  // higher, though it still falls
    EXPECT_DOUBLE_EQ(decided(Problem().found(NAN, NAN)).control.step, 0.5);
    EXPECT_DOUBLE_EQ(decided(Problem().found(INFINITY, 1)).control.step, 0.5);
}

TEST(LbfgsDecide, WhatRoundingEnds) {
    Problem p;
    p.search.gradient_norm = 0.09;  // within 100 tolerances
    for (int trial = 0; trial < kLbfgsTrials; ++trial) {
        EXPECT_EQ(p.control.active, 1);
        p = decided(p.found(11, 5));
    }
    EXPECT_EQ(p.control.active, 0);
    EXPECT_EQ(p.control.accept, 0);
    EXPECT_EQ(p.search.converged, 1);

    for (const double slope : {0., 1., double(NAN)}) {
        Problem uphill;
        uphill.scalars.slope = slope;
        uphill = decided(uphill.found(8, -1));
        expect_control(uphill.control, {1, 0, 1, 0, 4, 1.});  // once more, without history
        uphill = decided(uphill);
        EXPECT_EQ(uphill.control.active, 0);
        EXPECT_EQ(uphill.search.converged, 0);
    }
}

TEST(LbfgsDecide, ABatchDecidesAsEachAlone) {
    test::at_all_block_sizes([] {
        test::Random random(1);
        for (const int Q : {0, 1, 2, 31, 97, 300}) {
            std::vector<Problem> problems;
            for (int q = 0; q < Q; ++q) {
                Problem p;
                p.control.active = random.integer(0, 4) > 0;
                p.control.redirect = random.integer(0, 1);
                p.search.slope = p.search.low_slope = -5;
                problems.push_back(p.found(random.uniform(5, 12), random.uniform(-5, 5)));
            }
            const std::vector<Problem> together = decided(problems);
            for (int q = 0; q < Q; ++q) {
                const Problem alone = decided(problems[q]);
                expect_control(together[q].control, alone.control);
                EXPECT_EQ(together[q].search.objective, alone.search.objective);
                EXPECT_EQ(together[q].search.evaluations, alone.search.evaluations);
            }
        }
    });
    EXPECT_FALSE(lbfgs_decide(nullptr, nullptr, nullptr, -1, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
