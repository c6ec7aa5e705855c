#include "cuda/device/cpu_resources.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace warpvae {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// The number after `key` in a file of lines "key number"; without a key, the file's first number. `otherwise` where
/// there is none.
double number_in(const char* path, const std::string& key, double otherwise) {
    std::ifstream in(path);
    double value = 0;
    if (key.empty()) return in >> value ? value : otherwise;
    for (std::string word; in >> word; in.ignore(1 << 10, '\n'))
        if (word == key) return in >> value ? value : otherwise;
    return otherwise;
}

}  // namespace

int available_cores() {
    const int there = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    std::ifstream in("/sys/fs/cgroup/cpu.max");  // microseconds of all cores together in each period
    double quota = 0, period = 0;
    if (!(in >> quota >> period) || !(quota > 0) || !(period > 0)) return there;
    return std::clamp(static_cast<int>(std::ceil(quota / period)), 1, there);
}

std::size_t available_memory() {
    double bytes = 1024 * number_in("/proc/meminfo", "MemAvailable:", kNoLimit);
    // A container's limit ("max" or no such file: none). What it counts as used has the files that were read, too;
    // their memory is free for the asking.
    const double limit = number_in("/sys/fs/cgroup/memory.max", "", kNoLimit);
    bytes = std::min(bytes, std::max(0., limit - number_in("/sys/fs/cgroup/memory.stat", "anon", 0)));
    rlimit space{};
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
        const double taken = number_in("/proc/self/statm", "", 0) * double(sysconf(_SC_PAGESIZE));
        bytes = std::min(bytes, std::max(0., double(space.rlim_cur) - taken));
    }
    return std::isfinite(bytes) ? static_cast<std::size_t>(bytes) : std::numeric_limits<std::size_t>::max();
}

}  // namespace warpvae
