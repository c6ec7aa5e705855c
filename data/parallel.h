// Work on many items at once, for reading files: what waits on disks and decoders, and is no kernel.
#pragma once
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "cuda/device/cpu_resources.h"

namespace warpvae {

/// How many of how many are done. Called by one thread only, so a progress bar may stand behind it.
using ReadProgress = std::function<void(std::size_t done, std::size_t total)>;

/// item(i) for i in 0..count-1 on all cores. Where items throw, the exception of the lowest of them is thrown: the same
/// one, however the threads run. The others that come after it may be left out.
template <class Item>
void for_each_in_parallel(std::size_t count, const Item& item, const ReadProgress& progress = {}) {
    std::atomic<std::size_t> next{0}, done{0};
    std::mutex failing;
    std::atomic<std::size_t> failed{count};
    std::exception_ptr error;
    const auto work = [&](bool tells) {
        // In ascending order, so that every item below one that failed has been begun by somebody.
        for (std::size_t i = next++; i < failed; i = next++) {
            try {
                item(i);
            } catch (...) {
                const std::lock_guard lock(failing);
                if (i < failed) failed = i, error = std::current_exception();
            }
            ++done;
            if (tells && progress) progress(done, count);
        }
    };
    {
        std::vector<std::jthread> others;
        for (int t = 1; t < available_cores() && std::size_t(t) < count; ++t) others.emplace_back(work, false);
        work(true);
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace warpvae
