// How far the host may run ahead of the device.
//
// A step is one graph, and a graph is one launch: the driver lets a thousand wait. So a program that is told to stop
// would have minutes of steps to wait for, and its progress would count what is queued. Launches outside a graph need
// no such bound: a thousand kernels are done in a moment.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

/// Counts the steps that one loop launches into a stream, and keeps at most kMost of them under way.
template <class DeviceEvent = Event>
class StepsInFlight {
  public:
    static constexpr std::uint64_t kMost = 16;

    /// `done` steps of the loop are done before it begins. With `synchronous` a step is done when its launch returns.
    explicit StepsInFlight(Stream stream, std::uint64_t done = 0, bool synchronous = !device_is_gpu())
        : stream_(stream), synchronous_(synchronous), launched_(done), done_(done) {}

    /// To be called after each launch of `steps`, at most kHalf. Once kMost may be under way it waits for the older
    /// half of them: the newer half keeps the device busy meanwhile. Returns how many steps are known to be done.
    std::uint64_t add(std::uint64_t steps = 1) {
        const std::uint64_t half = launched_ / kHalf;
        launched_ += steps;
        if (synchronous_) return done_ = launched_;
        if (launched_ / kHalf == half) return done_;
        Mark &mine = marks_[half % 2], &before = marks_[(half + 1) % 2];
        mine.end.record(stream_);
        mine.steps = launched_;
        before.end.wait();  // an event that was never recorded is no wait
        return done_ = std::max(done_, before.steps);
    }

    static constexpr std::uint64_t kHalf = kMost / 2;

  private:
    struct Mark {
        DeviceEvent end;
        std::uint64_t steps = 0;  // launched before it
    };
    const Stream stream_;
    const bool synchronous_;
    std::uint64_t launched_, done_;
    Mark marks_[2];  // the ends of the last two halves
};

}  // namespace warpvae
