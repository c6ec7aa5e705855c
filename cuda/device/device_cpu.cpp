// The device made of CPU threads: a pool that spreads blocks over the cores, and plain memory behind the names of
// device.h.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/device/choose_device.h"
#include "cuda/device/cpu_lanes.h"
#include "cuda/device/cpu_pool.h"
#include "cuda/device/cpu_resources.h"
#include "cuda/device/device.h"
#include "cuda/device/device_environment.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/launch_count.h"
#include "cuda/device/launch_options.h"

__thread uint3 threadIdx, blockIdx;
__thread warpvae_extent blockDim, gridDim;

namespace warpvae {

// --- blocks on cores -------------------------------------------------------------------------------------------------

namespace cpu {
namespace {

/// Workers that wait for a job and take indices from one counter. A worker may come late, where another program has its
/// core. Then it finds the job closed: nobody waits for a worker that has not begun. std::thread and not OpenMP, whose
/// barriers look like races to ThreadSanitizer.
class Pool {
  public:
    explicit Pool(int threads) {
        workers_.reserve(std::size_t(threads));
        // Where the system gives fewer threads than there are cores, those that came do the work: the same bits.
        try {
            for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
        } catch (const std::system_error&) {
        }
    }
    ~Pool() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            stop_ = true;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }

    /// Rethrows the first exception of a task, once all tasks that had begun are done; the others are left out.
    void run(std::size_t count, std::size_t grain, void (*task)(void*, std::size_t), void* context) {
        // A second thread that launches while the first has the workers does its own work.
        std::unique_lock<std::mutex> turn(turn_, std::defer_lock);
        if (workers_.empty() || count <= grain || inside_ || !turn.try_lock()) {
            for (std::size_t i = 0; i < count; ++i) task(context, i);
            return;
        }
        task_ = task, context_ = context, count_ = count, grain_ = grain;
        next_.store(0, std::memory_order_relaxed);
        open_.store(true);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        drain();
        open_.store(false);
        for (int spin = 0; active_.load() != 0; ++spin)
            if (spin > kSpins) std::this_thread::yield();
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    }

  private:
    static constexpr int kSpins = 4000;  // some 20 us: longer than the gap between two launches of a training step

    void drain() {
        inside_ = true;
        for (;;) {
            const std::size_t first = next_.fetch_add(grain_, std::memory_order_relaxed);
            if (first >= count_) break;
            const std::size_t last = first + grain_ < count_ ? first + grain_ : count_;
            try {
                for (std::size_t i = first; i < last; ++i) task_(context_, i);
            } catch (...) {
                std::lock_guard<std::mutex> lock(mutex_);
                if (!error_) error_ = std::current_exception();
                next_.store(count_, std::memory_order_relaxed);
            }
        }
        inside_ = false;
    }
    static void pause() {
#ifdef __x86_64__
        __builtin_ia32_pause();
#endif
    }
    void work() {
        unsigned seen = 0;
        for (;;) {
            for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) pause();
            if (generation_.load(std::memory_order_acquire) == seen) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
            }
            seen = generation_.load(std::memory_order_acquire);
            if (stop_) return;
            // Entered before asking whether the job is open: the owner closes it first, then waits for those inside.
            active_.fetch_add(1);
            if (open_.load()) drain();
            active_.fetch_sub(1);
        }
    }

    std::vector<std::thread> workers_;
    std::mutex turn_, mutex_;
    std::condition_variable wake_;
    std::atomic<unsigned> generation_{0};
    std::atomic<bool> open_{false};
    std::atomic<int> active_{0};  // workers that may be reading the job
    std::atomic<std::size_t> next_{0};
    void (*task_)(void*, std::size_t) = nullptr;
    void* context_ = nullptr;
    std::size_t count_ = 0, grain_ = 1;
    std::exception_ptr error_;
    bool stop_ = false;
    static thread_local bool inside_;
};
thread_local bool Pool::inside_ = false;

Pool& pool() {
    static Pool instance(device_parallelism());
    return instance;
}

/// The dynamic shared memory of this core's one-thread block, kept from block to block. Sanitizer builds make it anew
/// for each block, exactly as long as asked for, so that an overrun is found at its first byte.
struct SharedMemory {
    void* memory = nullptr;
    std::size_t bytes = 0;
    ~SharedMemory() { std::free(memory); }
    void make(std::size_t wanted) {
#ifdef WARPVAE_SANITIZED
        const bool enough = false;
#else
        const bool enough = wanted <= bytes;
#endif
        if (enough) return;
        std::free(memory);
        memory = wanted ? std::malloc(wanted) : nullptr;
        if (wanted && !memory) throw std::bad_alloc();
        if (wanted) std::memset(memory, 0xFF, wanted);
        bytes = wanted;
    }
};
thread_local SharedMemory one_thread_shared;

}  // namespace

void parallel_for(std::size_t count, std::size_t grain, void (*task)(void*, std::size_t), void* context) {
    pool().run(count, grain ? grain : 1, task, context);
}

void* dynamic_shared_bytes() {
    if (lanes) return lanes_dynamic_shared();
    return one_thread_shared.memory;
}

namespace {
struct Grid {
    dim3 extent;
    int threads;
    std::size_t shared_bytes;
    void (*call)(void*);
    void* context;
};
void enter_block(const Grid& grid, std::size_t block) {
    gridDim = {grid.extent.x, grid.extent.y, grid.extent.z};
    blockDim = {static_cast<unsigned>(grid.threads), 1, 1};
    threadIdx = {0, 0, 0};
    const std::size_t row = block / grid.extent.x;
    blockIdx = {static_cast<unsigned>(block % grid.extent.x), static_cast<unsigned>(row % grid.extent.y),
                static_cast<unsigned>(row / grid.extent.y)};
}
}  // namespace

namespace {
std::atomic<std::size_t> launches{0};
}

Status run_grid(dim3 extent, int threads, std::size_t shared_bytes, void (*call)(void*), void* context) {
    // What no GPU takes is refused here too: more than 1024 threads, 65535 blocks along y and z, the shared memory that
    // there is.
    if (threads < 1 || threads > 1024 || extent.y > 65535 || extent.z > 65535 || shared_bytes > device_shared_bytes())
        return {kInvalidValue};
    ++launches;
    DeviceAccess access;
    Grid grid{extent, threads, shared_bytes, call, context};
    const std::size_t blocks = std::size_t(extent.x) * extent.y * extent.z;
    if (threads > 1) {
        for (std::size_t block = 0; block < blocks; ++block) {
            enter_block(grid, block);
            if (Status status = run_block_as_lanes(threads, shared_bytes, call, context); !status.ok()) return status;
        }
        return {};
    }
    auto one_block = [](void* g, std::size_t block) {
        const Grid& launched = *static_cast<Grid*>(g);
        enter_block(launched, block);
        one_thread_shared.make(launched.shared_bytes);
        launched.call(launched.context);
    };
#ifdef WARPVAE_SANITIZED
    for (std::size_t block = 0; block < blocks; ++block) one_block(&grid, block);
#else
    parallel_for(blocks, blocks / (8 * std::size_t(device_parallelism())), one_block, &grid);
#endif
    return {};
}

// --- memory ----------------------------------------------------------------------------------------------------------

namespace {

struct Allocation {
    std::size_t bytes;   // as asked for
    std::size_t mapped;  // 0: from the heap
    std::string tag;
};
struct Memory {
    std::mutex mutex;
    std::map<void*, Allocation> allocations;
    std::size_t in_use = 0;
    int open = 0;  // how many DeviceAccess are alive
    bool protect = false, decided = false;
};
Memory& memory() {
    static Memory* instance = new Memory;  // outlives every static buffer
    return *instance;
}
void set_protection(int flags) {
    for (auto& [pointer, allocation] : memory().allocations)
        if (allocation.mapped) mprotect(pointer, allocation.mapped, flags);
}
struct sigaction previous_action;
/// A host read or write of device memory ends here; a GPU build would end in a plain segmentation fault.
void on_segmentation_fault(int, siginfo_t* info, void*) {
    for (auto& [pointer, allocation] : memory().allocations) {
        const char* begin = static_cast<const char*>(pointer);
        if (allocation.mapped && info->si_addr >= begin && info->si_addr < begin + allocation.mapped) {
            char line[256];
            const int n =
                std::snprintf(line, sizeof line, "warpvae: host dereference of device memory (buffer '%s', byte %zu)\n",
                              allocation.tag.c_str(), std::size_t(static_cast<const char*>(info->si_addr) - begin));
            [[maybe_unused]] const ssize_t written = write(2, line, n);
            _exit(1);
        }
    }
    sigaction(SIGSEGV, &previous_action, nullptr);  // not ours: it faults again, as if this had never been
}

}  // namespace

DeviceAccess::DeviceAccess() {
    Memory& m = memory();
    std::lock_guard<std::mutex> lock(m.mutex);
    if (m.open++ == 0 && m.protect) set_protection(PROT_READ | PROT_WRITE);
}
DeviceAccess::~DeviceAccess() {
    Memory& m = memory();
    std::lock_guard<std::mutex> lock(m.mutex);
    if (--m.open == 0 && m.protect) set_protection(PROT_NONE);
}

}  // namespace cpu

std::size_t launch_count() { return cpu::launches; }

namespace {

/// How much all buffers may take together. Linux promises more memory than there is, and kills the process that touches
/// too much of it. So the limit is what is free at the first call.
std::size_t memory_limit() {
    static const std::size_t limit = std::min(device_environment().memory_limit, available_memory());
    return limit;
}

}  // namespace

void* device_allocate(std::size_t bytes, const char* tag) {
    if (bytes == 0) return nullptr;
    cpu::Memory& m = cpu::memory();
    std::lock_guard<std::mutex> lock(m.mutex);
    if (!m.decided) {
        m.decided = true;
        const LaunchOptions& options = launch_options();
        m.protect = options.protect_memory;
#ifndef WARPVAE_ADDRESS_SANITIZER  // which finds the first byte past a buffer, if that is from the heap
        m.protect |= options.cpu_blocks != CpuBlocks::kOneThread;
#endif
        if (m.protect) {
            struct sigaction action {};
            action.sa_sigaction = cpu::on_segmentation_fault;
            action.sa_flags = SA_SIGINFO;
            sigaction(SIGSEGV, &action, &cpu::previous_action);
        }
    }
    const std::size_t limit = memory_limit();
    if (m.in_use + bytes > limit || m.in_use + bytes < m.in_use)
        throw DeviceError(out_of_memory_message(tag, bytes, limit > m.in_use ? limit - m.in_use : 0));
    void* pointer = nullptr;
    std::size_t mapped = 0;
    if (m.protect) {
        const std::size_t page = sysconf(_SC_PAGESIZE);
        mapped = (bytes + page - 1) / page * page;
        pointer =
            mmap(nullptr, mapped, m.open ? PROT_READ | PROT_WRITE : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pointer == MAP_FAILED) pointer = nullptr;
    } else {
        if (posix_memalign(&pointer, 256, bytes)) pointer = nullptr;
    }
    if (!pointer) throw DeviceError(out_of_memory_message(tag, bytes, available_memory()));
    m.allocations[pointer] = {bytes, mapped, tag};
    m.in_use += bytes;
    return pointer;
}

void device_free(void* pointer) noexcept {
    if (!pointer) return;
    cpu::Memory& m = cpu::memory();
    std::lock_guard<std::mutex> lock(m.mutex);
    const auto found = m.allocations.find(pointer);
    if (found == m.allocations.end()) return;
    m.in_use -= found->second.bytes;
    if (found->second.mapped)
        munmap(pointer, found->second.mapped);
    else
        std::free(pointer);
    m.allocations.erase(found);
}

std::size_t device_bytes_in_use() { return cpu::memory().in_use; }

Status copy_to_device(void* device, const void* host, std::size_t bytes, Stream) {
    cpu::DeviceAccess access;
    if (bytes) std::memcpy(device, host, bytes);
    return {};
}
Status copy_to_host(void* host, const void* device, std::size_t bytes, Stream) {
    cpu::DeviceAccess access;
    if (bytes) std::memcpy(host, device, bytes);
    return {};
}
Status copy_on_device(void* to, const void* from, std::size_t bytes, Stream) {
    cpu::DeviceAccess access;
    if (bytes) std::memcpy(to, from, bytes);
    return {};
}
Status fill_bytes(void* device, int byte, std::size_t bytes, Stream) {
    cpu::DeviceAccess access;
    if (bytes) std::memset(device, byte, bytes);
    return {};
}

// --- the rest: one stream that is always done ------------------------------------------------------------------------

bool device_is_gpu() { return false; }
std::string device_name() {
    const int n = device_parallelism();
    return "CPU, " + std::to_string(n) + (n == 1 ? " core" : " cores");
}
void require_device() {}
void choose_device(int) {}
std::size_t device_shared_bytes() { return launch_options().shared_bytes ? launch_options().shared_bytes : 227 * 1024; }
int device_parallelism() {
    static const int cores = [] {
        const int asked = device_environment().cores;
        return asked ? asked : available_cores();
    }();
    return cores;
}

const char* status_message(Status status) {
    switch (status.code) {
        case 0:
            return "no error";
        case kInvalidValue:
            return "invalid argument";
        case cpu::kLanesError:
            return cpu::lanes_error();
    }
    return "unknown error";
}

Stream stream_create() { return nullptr; }
void stream_destroy(Stream) noexcept {}
Status stream_synchronize(Stream) { return {}; }

Event::Event() : event_(new std::chrono::steady_clock::time_point) {}
Event::~Event() { delete static_cast<std::chrono::steady_clock::time_point*>(event_); }
void Event::record(Stream) {
    *static_cast<std::chrono::steady_clock::time_point*>(event_) = std::chrono::steady_clock::now();
}
void Event::wait() const {}
float Event::milliseconds_since(const Event& start) const {
    using Time = std::chrono::steady_clock::time_point;
    return std::chrono::duration<float, std::milli>(*static_cast<const Time*>(event_) -
                                                    *static_cast<const Time*>(start.event_))
        .count();
}

Graph::Graph(Stream stream, std::function<void()> calls, bool) : calls_(std::move(calls)), stream_(stream) {}
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
void Graph::replay() { calls_(); }

Range::Range(const char*) {}
Range::~Range() {}

}  // namespace warpvae
