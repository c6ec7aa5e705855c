// The device: memory, streams, events, graphs and errors, the same names on a GPU and on a device made of CPU threads.
//
// Kernels are plain CUDA C++ (`launch.cuh`); this header is all that host code needs, compiles with any C++17 compiler,
// and hides which of the two devices the library was built for. `device_cuda.cpp` and `device_cpu.cpp` implement it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

/// Before a function that both plain C++ and kernels call.
#ifdef __CUDACC__
#define WARPVAE_HOST_DEVICE __host__ __device__
#else
#define WARPVAE_HOST_DEVICE
#endif

struct CUstream_st;  // at global scope, where CUDA declares it: a name of our own would be another type there

namespace warpvae {

/// CUDA's own stream handle, named without its header; the CPU device has one stream, nullptr, and runs it at once.
using Stream = ::CUstream_st*;

/// What a launcher returns: 0 or the device's error code. The caller decides what to do with it.
struct [[nodiscard]] Status {
    int code = 0;
    bool ok() const { return code == 0; }
};
inline constexpr int kInvalidValue = 1;  ///< as cudaErrorInvalidValue: a size or pointer that no kernel can take

/// One line about `status`, naming it as the CUDA runtime does.
const char* status_message(Status status);

/// An error of the device: no GPU, out of memory, a launch that was refused or failed. `what()` is one line, fit for a
/// user. Arguments and settings that have no meaning throw the standard library's logic errors.
struct DeviceError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Throws DeviceError, naming the source line, unless `status` is ok. An interruption point.
void check(Status status, const char* file = __builtin_FILE(), int line = __builtin_LINE());

// --- leaving long work -----------------------------------------------------------------------------------------------

/// What interruption points call; nullptr: nothing. It throws where the user wants the work left. Programs set it, the
/// library itself sets none.
using InterruptionHook = void (*)();
void set_interruption_hook(InterruptionHook hook);

/// A place where work may be left. Every check() is one, so work that launches kernels needs no others.
void interruption_point();

/// While one lives, this thread's interruption points do nothing: for work that must be done whole.
class Uninterrupted {
  public:
    Uninterrupted();
    ~Uninterrupted();
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;
};

/// True where the library was built by nvcc.
bool device_is_gpu();

/// "CPU, 2 threads" or "NVIDIA H200 (sm_90)".
std::string device_name();

/// Throws DeviceError with one clear line unless a device answers that this build can run on.
void require_device();

/// Cores that the CPU device spreads blocks over ($WARPVAE_CORES, else all); streaming multiprocessors on a GPU.
int device_parallelism();

/// The most dynamic shared memory that a block may ask for: 227 KB on Hopper (and on the CPU device), 163 on sm_80, 99
/// on sm_86 and sm_89. A test may lower it (launch_options().shared_bytes): the CPU device then refuses what is larger.
std::size_t device_shared_bytes();

/// Where products or kernels run on older vector instructions than the processor has, and so several times slower than
/// need be: one line for the user that says what is slow and what to set. Empty where all is well, as always on a GPU.
std::string slow_instructions_warning();

/// True if $WARPVAE_SYNC=1: every launch is followed by a synchronisation and an error check; graphs are not captured.
bool device_is_synchronous();

// --- memory ----------------------------------------------------------------------------------------------------------

/// `bytes` of device memory, 256-byte aligned; throws DeviceError naming `tag`, the size asked for and what is free.
/// $WARPVAE_MEMORY_LIMIT (bytes) makes the device act as if it had no more than that.
void* device_allocate(std::size_t bytes, const char* tag);
void device_free(void* pointer) noexcept;
std::size_t device_bytes_in_use();

Status copy_to_device(void* device, const void* host, std::size_t bytes, Stream stream = nullptr);
/// Returns once the bytes are in `host`.
Status copy_to_host(void* host, const void* device, std::size_t bytes, Stream stream = nullptr);
Status copy_on_device(void* to, const void* from, std::size_t bytes, Stream stream = nullptr);
Status fill_bytes(void* device, int byte, std::size_t bytes, Stream stream = nullptr);

// --- streams, events, graphs -----------------------------------------------------------------------------------------

Stream stream_create();
void stream_destroy(Stream stream) noexcept;
Status stream_synchronize(Stream stream);

/// A point in a stream's time.
class Event {
  public:
    Event();
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void record(Stream stream);
    /// Returns once all that came before record() is done.
    void wait() const;
    /// Milliseconds from `start` to this event, after waiting for it.
    float milliseconds_since(const Event& start) const;

  private:
    void* event_ = nullptr;
};

/// A recorded sequence of launches. On a GPU it is captured once as a CUDA graph and replayed without the host; on the
/// CPU device, on the null stream, or with `capture` false (profiling, $WARPVAE_SYNC=1), a replay is the plain sequence
/// of calls.
class Graph {
  public:
    Graph() = default;
    Graph(Stream stream, std::function<void()> calls, bool capture = true);
    ~Graph();
    Graph(Graph&& other) noexcept;
    Graph& operator=(Graph&& other) noexcept;
    explicit operator bool() const { return static_cast<bool>(calls_); }
    void replay();

  private:
    std::function<void()> calls_;
    [[maybe_unused]] Stream stream_ = nullptr;  // this and the next: a GPU's
    [[maybe_unused]] void* executable_ = nullptr;
};

/// A named NVTX range in the domain `warpvae`, for Nsight; nothing on the CPU device.
class Range {
  public:
    explicit Range(const char* name);
    ~Range();
    Range(const Range&) = delete;
    Range& operator=(const Range&) = delete;
};

}  // namespace warpvae
