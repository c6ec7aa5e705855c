// Timing for the benchmarks: medians of samples, each long enough for the clock, of work that the device has finished.
#pragma once
#include <algorithm>
#include <chrono>
#include <vector>

#include "cuda/device/device.h"

namespace warpvae {

/// Wall time of `work` until the stream is done, in microseconds.
template <class Work>
double microseconds(Stream stream, Work&& work) {
    check(stream_synchronize(stream));
    const auto start = std::chrono::steady_clock::now();
    work();
    check(stream_synchronize(stream));
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

struct Timing {
    double median, lowest, highest;
};
inline Timing timing_of(std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    return {samples[samples.size() / 2], samples.front(), samples.back()};
}

/// Microseconds of one call: the median of 9 samples of at least 5 ms each, after a warm-up.
template <class Call>
Timing time_call(Stream stream, Call&& call) {
    call();
    const double once = microseconds(stream, call);
    const int calls = std::max(1, static_cast<int>(5000 / std::max(once, 1.0)));
    std::vector<double> samples;
    for (int i = 0; i < 9; ++i)
        samples.push_back(microseconds(stream,
                                       [&] {
                                           for (int c = 0; c < calls; ++c) call();
                                       }) /
                          calls);
    return timing_of(samples);
}

}  // namespace warpvae
