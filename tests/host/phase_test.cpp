// The time of a run by phases: none is counted twice, and what takes no time is not told.
#include "host/core/phase.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace warpvae {
namespace {

struct PhaseTest : testing::Test {
    double now = 100;
    PhaseTimes times{[this] { return now; }};
};

TEST_F(PhaseTest, APhaseWithinAnotherPausesIt) {
    {
        const InPhase evaluation(Phase::kEvaluation, times);
        now += 1;
        {
            const InPhase training(Phase::kTraining, times);
            now += 10;
            {
                const InPhase files(Phase::kFiles, times);
                now += 0.5;
            }
            now += 10;
        }
        now += 2;
    }
    now += 1000;  // in no phase
    EXPECT_EQ(times.line(), "time: training 20.0 s, evaluation 3.0 s, files 0.5 s");
}

TEST_F(PhaseTest, PartsOfAPhaseAddUpAndThoseThatTookNothingAreLeftOut) {
    EXPECT_EQ(times.line(), "");
    for (int i = 0; i < 4; ++i) {
        const InPhase data(Phase::kData, times);
        now += 0.1;
        const InPhase figures(Phase::kFigures, times);
        now += 0.01;
    }
    EXPECT_EQ(times.line(), "time: data 0.4 s");
    now += 7;
    EXPECT_EQ(times.line(), "time: data 0.4 s");
}

TEST_F(PhaseTest, WithinItselfAPhaseGoesOn) {
    {
        const InPhase outer(Phase::kEvaluation, times);
        const InPhase inner(Phase::kEvaluation, times);
        now += 2;
    }
    EXPECT_EQ(times.line(), "time: evaluation 2.0 s");
}

TEST_F(PhaseTest, AnErrorEndsAPhase) {
    try {
        const InPhase training(Phase::kTraining, times);
        now += 2;
        throw std::runtime_error("diverged");
    } catch (const std::runtime_error&) {
    }
    now += 5;
    EXPECT_EQ(times.line(), "time: training 2.0 s");
    EXPECT_EQ(times.enter({}), std::nullopt);
}

}  // namespace
}  // namespace warpvae
