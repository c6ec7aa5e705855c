#include "cuda/device/device_environment.h"

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "cuda/device/cpu_resources.h"
#include "cuda/device/device.h"
#include "cuda/device/launch_options.h"

namespace warpvae {
namespace {

constexpr long long kNoLimit = std::numeric_limits<long long>::max();

/// Of a variable that is not set, or empty: `fallback`.
long long integer_variable(const char* name, long long lowest, long long highest, long long fallback) {
    const char* text = std::getenv(name);
    if (!text || !*text) return fallback;
    const char* end = text + std::strlen(text);
    long long value = 0;
    const auto [last, error] = std::from_chars(text, end, value);
    if (last != end || error != std::errc() || value < lowest || value > highest)
        throw std::invalid_argument(std::string("$") + name + "=" + text + " is not a whole number from " +
                                    std::to_string(lowest) +
                                    (highest == kNoLimit ? " up" : " to " + std::to_string(highest)));
    return value;
}
bool flag_variable(const char* name) { return integer_variable(name, 0, 1, 0) != 0; }

/// More threads than this for each core only wait for each other.
constexpr int kThreadsPerCore = 16;

std::string readable(std::size_t bytes) {
    char text[32];
    if (bytes >= 1000000000u)
        std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
    else
        std::snprintf(text, sizeof text, "%.1f MB", bytes / 1e6);
    return text;
}

}  // namespace

const DeviceEnvironment& device_environment() {
    static const DeviceEnvironment environment = [] {
        DeviceEnvironment e;
        e.synchronous = flag_variable("WARPVAE_SYNC");
        e.memory_limit = static_cast<std::size_t>(integer_variable("WARPVAE_MEMORY_LIMIT", 1, kNoLimit, kNoLimit));
        e.cores = static_cast<int>(integer_variable("WARPVAE_CORES", 1, kThreadsPerCore * available_cores(), 0));
        return e;
    }();
    return environment;
}

std::string out_of_memory_message(const char* tag, std::size_t bytes, std::size_t available) {
    return std::string("out of device memory: ") + tag + " needs " + readable(bytes) + ", " + readable(available) +
           " are free; use fewer replicas (--seeds), a smaller --batch or fewer --latents";
}

bool device_is_synchronous() { return device_environment().synchronous; }

void check(Status status, const char* file, int line) {
    if (!status.ok())
        throw DeviceError(std::string(status_message(status)) + " (" + file + ":" + std::to_string(line) + ")");
    interruption_point();
}

namespace {
std::atomic<InterruptionHook> interruption_hook{nullptr};
thread_local int uninterrupted_depth = 0;
}  // namespace

void set_interruption_hook(InterruptionHook hook) { interruption_hook = hook; }
void interruption_point() {
    const InterruptionHook hook = interruption_hook.load(std::memory_order_relaxed);
    if (hook && uninterrupted_depth == 0) hook();
}
Uninterrupted::Uninterrupted() { ++uninterrupted_depth; }
Uninterrupted::~Uninterrupted() { --uninterrupted_depth; }

LaunchOptions& launch_options() {
    static LaunchOptions options = [] {
        LaunchOptions o;
        o.any_threads = static_cast<int>(integer_variable("WARPVAE_THREADS", 0, 1024, 0));
        if (o.any_threads > 1 && o.any_threads % 32)
            throw std::invalid_argument("$WARPVAE_THREADS must be 1 or a multiple of 32 up to 1024");
        o.lanes_seed = static_cast<unsigned>(integer_variable("WARPVAE_LANES_SEED", 0, 0xffffffffll, 1));
        o.protect_memory = flag_variable("WARPVAE_PROTECT");
        o.fused_dense = flag_variable("WARPVAE_FUSED");
        o.dependent_launches = integer_variable("WARPVAE_DEPENDENT_LAUNCHES", 0, 1, 1) != 0;
        const char* blocks = std::getenv("WARPVAE_CPU");
        const std::string way = blocks ? blocks : "blocks";
        if (way == "lanes")
            o.cpu_blocks = CpuBlocks::kLanesForward;
        else if (way == "lanes-reverse")
            o.cpu_blocks = CpuBlocks::kLanesReverse;
        else if (way == "lanes-shuffle")
            o.cpu_blocks = CpuBlocks::kLanesShuffle;
        else if (way != "blocks" && !way.empty())
            throw std::invalid_argument("$WARPVAE_CPU=" + way +
                                        " is none of blocks, lanes, lanes-reverse, lanes-shuffle");
        return o;
    }();
    return options;
}

}  // namespace warpvae
