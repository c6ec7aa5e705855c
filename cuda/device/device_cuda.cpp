// device.h on an NVIDIA GPU, through the CUDA runtime.
#include <cuda_runtime.h>
#include <nvtx3/nvtx3.hpp>

#include <cstdio>
#include <mutex>
#include <unordered_map>

#include "cuda/device/choose_device.h"
#include "cuda/device/device.h"
#include "cuda/device/device_environment.h"
#include "cuda/device/launch_count.h"
#include "cuda/device/launch_options.h"

namespace warpvae {
namespace {

Status status_of(cudaError_t error) { return {static_cast<int>(error)}; }
cudaEvent_t event_of(void* event) { return static_cast<cudaEvent_t>(event); }

struct Sizes {
    std::mutex mutex;
    std::unordered_map<void*, std::size_t> of;
    std::size_t in_use = 0;
};
Sizes& sizes() {
    static Sizes* instance = new Sizes;  // outlives every static buffer
    return *instance;
}

}  // namespace

const char* status_message(Status status) { return cudaGetErrorString(static_cast<cudaError_t>(status.code)); }

bool device_is_gpu() { return true; }

std::string device_name() {
    int device = 0;
    cudaDeviceProp properties{};
    if (cudaGetDevice(&device) != cudaSuccess || cudaGetDeviceProperties(&properties, device) != cudaSuccess)
        return "no GPU";
    return std::string(properties.name) + " (sm_" + std::to_string(properties.major) +
           std::to_string(properties.minor) + ")";
}

/// Implemented in build_probe.cu: an empty kernel, launched to learn whether this build holds code for this GPU.
Status launch_probe_kernel();

void require_device() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0)
        throw DeviceError(std::string("no GPU: ") +
                          (error != cudaSuccess ? cudaGetErrorString(error) : "none is visible") +
                          "; this is the CUDA build, use the CPU build instead (make DEVICE=cpu)");
    const Status probe = launch_probe_kernel();
    if (!probe.ok())
        throw DeviceError("this build has no code that " + device_name() + " can run (" + status_message(probe) +
                          "); rebuild with -DCMAKE_CUDA_ARCHITECTURES=native");
    check(status_of(cudaDeviceSynchronize()));
}

void choose_device(int number) {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) check(status_of(cudaSetDevice(number % count)));
}

std::string slow_instructions_warning() { return {}; }
int device_parallelism() {
    int device = 0, count = 1;
    if (cudaGetDevice(&device) == cudaSuccess) cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
    return count;
}

std::size_t device_shared_bytes() {
    if (launch_options().shared_bytes) return launch_options().shared_bytes;
    static const std::size_t bytes = [] {
        int device = 0, most = 48 * 1024;
        if (cudaGetDevice(&device) == cudaSuccess)
            cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
        return std::size_t(most);
    }();
    return bytes;
}

void* device_allocate(std::size_t bytes, const char* tag) {
    Sizes& s = sizes();
    std::lock_guard<std::mutex> lock(s.mutex);
    const std::size_t limit = device_environment().memory_limit;
    void* pointer = nullptr;
    std::size_t available = limit > s.in_use ? limit - s.in_use : 0;
    cudaError_t error = cudaErrorMemoryAllocation;
    if (bytes <= available) {
        error = cudaMalloc(&pointer, bytes);
        if (error == cudaErrorMemoryAllocation) {
            std::size_t total = 0;
            cudaMemGetInfo(&available, &total);
            cudaGetLastError();  // an allocation that failed leaves no lasting error behind
        }
    }
    if (error == cudaErrorMemoryAllocation) throw DeviceError(out_of_memory_message(tag, bytes, available));
    check(status_of(error));
    s.of[pointer] = bytes;
    s.in_use += bytes;
    return pointer;
}

void device_free(void* pointer) noexcept {
    if (!pointer) return;
    Sizes& s = sizes();
    std::lock_guard<std::mutex> lock(s.mutex);
    s.in_use -= s.of[pointer];
    s.of.erase(pointer);
    cudaFree(pointer);
}

std::size_t device_bytes_in_use() { return sizes().in_use; }

Status copy_to_device(void* device, const void* host, std::size_t bytes, Stream stream) {
    const cudaError_t error = cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream);
    return status_of(error != cudaSuccess ? error : cudaStreamSynchronize(stream));
}
Status copy_to_host(void* host, const void* device, std::size_t bytes, Stream stream) {
    const cudaError_t error = cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream);
    return status_of(error != cudaSuccess ? error : cudaStreamSynchronize(stream));
}
Status copy_on_device(void* to, const void* from, std::size_t bytes, Stream stream) {
    return status_of(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream));
}
Status fill_bytes(void* device, int byte, std::size_t bytes, Stream stream) {
    return status_of(cudaMemsetAsync(device, byte, bytes, stream));
}

Stream stream_create() {
    cudaStream_t stream = nullptr;
    // A blocking stream: work on the null stream (uploads, downloads) and on this one never overlap.
    check(status_of(cudaStreamCreate(&stream)));
    return stream;
}
void stream_destroy(Stream stream) noexcept {
    if (stream) cudaStreamDestroy(stream);
}
Status stream_synchronize(Stream stream) { return status_of(cudaStreamSynchronize(stream)); }

Event::Event() {
    cudaEvent_t event = nullptr;
    // Whoever waits sleeps: it may wait for many milliseconds, and the core has other work.
    check(status_of(cudaEventCreateWithFlags(&event, cudaEventBlockingSync)));
    event_ = event;
}
Event::~Event() { cudaEventDestroy(event_of(event_)); }
void Event::record(Stream stream) { check(status_of(cudaEventRecord(event_of(event_), stream))); }
void Event::wait() const { check(status_of(cudaEventSynchronize(event_of(event_)))); }
float Event::milliseconds_since(const Event& start) const {
    float milliseconds = 0;
    check(status_of(cudaEventSynchronize(event_of(event_))));
    check(status_of(cudaEventElapsedTime(&milliseconds, event_of(start.event_), event_of(event_))));
    return milliseconds;
}

Graph::Graph(Stream stream, std::function<void()> calls, bool capture) : calls_(std::move(calls)), stream_(stream) {
    if (!capture || !stream || device_is_synchronous()) return;  // the null stream cannot be captured
    check(status_of(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal)));
    cudaGraph_t graph = nullptr;
    try {
        calls_();
    } catch (...) {
        cudaStreamEndCapture(stream, &graph);
        if (graph) cudaGraphDestroy(graph);
        throw;
    }
    check(status_of(cudaStreamEndCapture(stream, &graph)));
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check(status_of(error));
    executable_ = executable;
}
Graph::~Graph() {
    if (executable_) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(executable_));
}
Graph::Graph(Graph&& other) noexcept { *this = std::move(other); }
Graph& Graph::operator=(Graph&& other) noexcept {
    std::swap(stream_, other.stream_);
    std::swap(calls_, other.calls_);
    std::swap(executable_, other.executable_);
    return *this;
}
void Graph::replay() {
    if (executable_)
        check(status_of(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_), stream_)));
    else
        calls_();
}

namespace {
struct Domain {
    static constexpr char const* name{"warpvae"};
};
}  // namespace
Range::Range(const char* name) {
    nvtxDomainRangePushEx(nvtx3::domain::get<Domain>(), nvtx3::event_attributes{name}.get());
}
Range::~Range() { nvtxDomainRangePop(nvtx3::domain::get<Domain>()); }

std::size_t launch_count() { return 0; }

}  // namespace warpvae
