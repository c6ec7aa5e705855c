// How far the host runs ahead: on a device that is done only with what is waited for, the slowest there can be.
#include "host/core/steps_in_flight.h"

#include <gtest/gtest.h>

namespace warpvae {
namespace {

struct SlowDevice {
    std::uint64_t launched = 0, done = 0;
} device;

struct SlowEvent {
    std::uint64_t after = 0;
    void record(Stream) { after = device.launched; }
    void wait() const { device.done = std::max(device.done, after); }
};

struct StepsInFlightTest : testing::Test {
    StepsInFlightTest() { device = {}; }
};

TEST_F(StepsInFlightTest, AtMostSixteenAreUnderWayAndOnlyFinishedOnesCount) {
    for (const std::uint64_t begun : {0, 5, 8}) {
        device = {begun, begun};
        StepsInFlight<SlowEvent> steps(nullptr, begun, false);
        std::uint64_t known = begun, most = 0;
        for (int i = 0; i < 200; ++i) {
            ++device.launched;
            most = std::max(most, device.launched - device.done);
            const std::uint64_t done = steps.add();
            EXPECT_GE(done, known) << "progress never falls";
            EXPECT_LE(done, device.done) << "what is under way is not done";
            known = done;
        }
        EXPECT_EQ(most, StepsInFlight<>::kMost) << "no fewer either: the device must not wait for the host";
        EXPECT_GE(known + StepsInFlight<>::kMost, device.launched);
    }
}

TEST_F(StepsInFlightTest, TheDeviceHasWorkWhileTheHostWaits) {
    struct Watched : SlowEvent {
        void wait() const {
            SlowEvent::wait();
            EXPECT_TRUE(!after || device.launched - after >= StepsInFlight<>::kMost / 2);
        }
    };
    StepsInFlight<Watched> steps(nullptr, 0, false);
    for (int i = 0; i < 100; ++i) ++device.launched, steps.add();
}

TEST_F(StepsInFlightTest, AnInterruptionFindsFewStepsToWaitFor) {
    StepsInFlight<SlowEvent> steps(nullptr, 0, false);
    for (bool interrupted = false; !interrupted;) {
        interrupted = ++device.launched == 1003;
        steps.add();
    }
    EXPECT_LT(device.launched - device.done, StepsInFlight<>::kMost);
}

TEST_F(StepsInFlightTest, WhereCallsAreSynchronousEachStepIsDoneAtOnce) {
    StepsInFlight<SlowEvent> steps(nullptr, 3, true);
    for (std::uint64_t n = 4; n < 40; ++n) EXPECT_EQ(steps.add(), n);
    EXPECT_EQ(device.done, 0u) << "nothing is waited for";
}

}  // namespace
}  // namespace warpvae
