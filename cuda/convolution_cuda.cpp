// Convolutions on a GPU: cuDNN, one cached plan per shape, executed once for each replica on forked streams.
//
// A plan is the first engine of cuDNN's heuristics that is deterministic, as precise as asked and within the workspace
// bound. cuDNN's graphs (of one operation here) say by an engine's notes what arithmetic it uses; the older calls do
// not. Images and weights lie with their channels last, which tensor cores need.
#include <cuda_runtime.h>
#include <cudnn.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/device/workspace.h"
#include "cuda/ops/convolution.h"

namespace warpvae {
namespace {

constexpr std::int64_t kWorkspaceBytes = 256 << 20;  // for one execution, at most
constexpr int kStreams = 8;                          // that replicas share, the Convolver's own among them

void require(cudnnStatus_t status, const char* what) {
    if (status != CUDNN_STATUS_SUCCESS) throw DeviceError(std::string(what) + ": " + cudnnGetErrorString(status));
}
void require(cudaError_t error) { check({static_cast<int>(error)}); }

// --- descriptors -----------------------------------------------------------------------------------------------------

constexpr auto type_of(std::int64_t) { return CUDNN_TYPE_INT64; }
constexpr auto type_of(float) { return CUDNN_TYPE_FLOAT; }
constexpr auto type_of(double) { return CUDNN_TYPE_DOUBLE; }
constexpr auto type_of(void*) { return CUDNN_TYPE_VOID_PTR; }
constexpr auto type_of(cudnnHandle_t) { return CUDNN_TYPE_HANDLE; }
constexpr auto type_of(cudnnDataType_t) { return CUDNN_TYPE_DATA_TYPE; }
constexpr auto type_of(cudnnConvolutionMode_t) { return CUDNN_TYPE_CONVOLUTION_MODE; }
constexpr auto type_of(cudnnBackendHeurMode_t) { return CUDNN_TYPE_HEUR_MODE; }

/// Anything that cuDNN describes: first attributes are set, then finalise() makes it final, then others may refer to
/// it.
class Descriptor {
  public:
    explicit Descriptor(cudnnBackendDescriptorType_t type) {
        require(cudnnBackendCreateDescriptor(type, &raw_), "cudnnBackendCreateDescriptor");
    }
    ~Descriptor() {
        if (raw_) cudnnBackendDestroyDescriptor(raw_);
    }
    Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    cudnnBackendDescriptor_t raw() const { return raw_; }

    template <class V>
    void set(cudnnBackendAttributeName_t name, std::initializer_list<V> values) {
        set(name, type_of(V{}), static_cast<std::int64_t>(values.size()), values.begin());
    }
    void set(cudnnBackendAttributeName_t name, const Descriptor& other) {
        set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.raw_);
    }
    cudnnStatus_t finalise() { return cudnnBackendFinalize(raw_); }
    /// Reads `size` elements into `values`; returns how many there are.
    std::int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t size,
                     void* values) const {
        std::int64_t count = 0;
        require(cudnnBackendGetAttribute(raw_, name, type, size, &count, values), "cudnnBackendGetAttribute");
        return count;
    }

  private:
    void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t size,
             const void* values) {
        require(cudnnBackendSetAttribute(raw_, name, type, size, values), "cudnnBackendSetAttribute");
    }
    cudnnBackendDescriptor_t raw_ = nullptr;
};

/// One of the three operations, as cuDNN names it and its attributes.
struct Operation {
    const char* name;
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t x, W, y, convolution, alpha, beta;
};
constexpr Operation kForward{"convolution_forward",
                             CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
constexpr Operation kBackwardData{"convolution_backward_data",
                                  CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
constexpr Operation kBackwardWeights{"convolution_backward_weights",
                                     CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};

/// The tensors' names in a plan and in what it is executed with.
constexpr std::int64_t kX = 1, kW = 2, kY = 3;

template <class T>
constexpr cudnnDataType_t kDataType = sizeof(T) == 4 ? CUDNN_DATA_FLOAT : CUDNN_DATA_DOUBLE;

/// N images of C channels, or N filters, channels last, in either case; each begins at a multiple of `alignment` bytes.
template <class T>
Descriptor tensor(std::int64_t id, std::int64_t N, std::int64_t C, std::int64_t H, std::int64_t W,
                  std::int64_t alignment) {
    Descriptor out(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    out.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {id});
    out.set(CUDNN_ATTR_TENSOR_DATA_TYPE, {kDataType<T>});
    out.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, {alignment});
    out.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {N, C, H, W});
    out.set(CUDNN_ATTR_TENSOR_STRIDES, {H * W * C, std::int64_t{1}, W * C, C});
    require(out.finalise(), "cuDNN tensor");
    return out;
}

template <class T>
Descriptor operation_graph(cudnnHandle_t handle, const Operation& operation, const ConvolutionShape& s, int N,
                           std::int64_t alignment) {
    const std::int64_t padding = s.padding, stride = s.stride, one = 1;
    Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, {kDataType<T>});
    convolution.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, {CUDNN_CROSS_CORRELATION});
    convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {std::int64_t{2}});
    convolution.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {padding, padding});
    convolution.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {padding, padding});
    convolution.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {stride, stride});
    convolution.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {one, one});
    require(convolution.finalise(), "cuDNN convolution");

    Descriptor node(operation.type);
    node.set(operation.convolution, convolution);
    node.set(operation.x, tensor<T>(kX, N, s.x_channels, s.x_height, s.x_width, alignment));
    node.set(operation.W, tensor<T>(kW, s.y_channels, s.x_channels, s.kernel, s.kernel, alignment));
    node.set(operation.y, tensor<T>(kY, N, s.y_channels, s.y_height(), s.y_width(), alignment));
    node.set(operation.alpha, {T(1)});
    node.set(operation.beta, {T(0)});
    require(node.finalise(), operation.name);

    Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, {handle});
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, node);
    require(graph.finalise(), operation.name);
    return graph;
}

// --- plans -----------------------------------------------------------------------------------------------------------

struct Plan {
    Descriptor config, execution;
    std::int64_t workspace;
};

/// Ways to compute `graph`, the best first.
std::vector<Descriptor> engine_configs(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
    Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, {mode});
    std::vector<Descriptor> configs;
    if (heuristics.finalise() != CUDNN_STATUS_SUCCESS) return configs;
    std::int64_t count = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
    std::vector<cudnnBackendDescriptor_t> raw;
    while (static_cast<std::int64_t>(configs.size()) < count)
        raw.push_back(configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).raw());
    count = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data());
    while (static_cast<std::int64_t>(configs.size()) > count) configs.pop_back();
    return configs;
}

/// Whether the engine's notes allow it. It must give the same bits each time, compute in float throughout (or on tensor
/// cores where those are welcome), and use no Winograd or Fourier transforms: their errors are not those of a sum of
/// products.
bool is_suitable(const Descriptor& config, bool tensor_cores) {
    const Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t raw = engine.raw();
    config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
    std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes;
    const std::int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                          static_cast<std::int64_t>(notes.size()), notes.data());
    return std::all_of(notes.begin(), notes.begin() + count, [&](cudnnBackendNumericalNote_t note) {
        return note == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP ||
               (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && tensor_cores);
    });
}

/// The plan of `config`, unless cuDNN finds that it cannot run here or it needs too much workspace.
std::optional<Plan> plan_of(cudnnHandle_t handle, Descriptor config) {
    Descriptor execution(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    execution.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, {handle});
    execution.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    if (execution.finalise() != CUDNN_STATUS_SUCCESS) {
        cudaGetLastError();  // what cuDNN tried leaves no error behind for the next launch to find
        return {};
    }
    std::int64_t workspace = 0;
    execution.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
    if (workspace > kWorkspaceBytes) return {};
    return Plan{std::move(config), std::move(execution), workspace};
}

template <class T>
Plan make_plan(cudnnHandle_t handle, Math math, const Operation& operation, const ConvolutionShape& s, int N,
               std::int64_t alignment) {
    constexpr bool is_float = sizeof(T) == 4;
    // Tensor cores multiply doubles as doubles, floats as TF32: for kBf16 too, as no engine rounds floats to bfloat16.
    const bool tensor_cores = !is_float || math != Math::kFp32;
    const Descriptor graph = operation_graph<T>(handle, operation, s, N, alignment);
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
        for (Descriptor& config : engine_configs(graph, mode))
            if (is_suitable(config, tensor_cores))
                if (auto plan = plan_of(handle, std::move(config))) return std::move(*plan);
    const auto size = [](int H, int W, int C) {
        return std::to_string(H) + " x " + std::to_string(W) + " x " + std::to_string(C);
    };
    throw DeviceError(std::string(operation.name) + ": " + convolution_library() + " has no deterministic " +
                      (is_float ? "float" : "double") + " engine for " + std::to_string(N) + " images " +
                      size(s.x_height, s.x_width, s.x_channels) + " to " +
                      size(s.y_height(), s.y_width(), s.y_channels) + ", kernel " + std::to_string(s.kernel) +
                      ", stride " + std::to_string(s.stride) + ", padding " + std::to_string(s.padding));
}

/// What a plan depends on: operation, element size, alignment, N, shape.
using PlanKey = std::array<int, 11>;

/// A stream beside the Convolver's own, and the point where its work is done.
struct SideStream {
    cudaStream_t stream = nullptr;
    cudaEvent_t done = nullptr;
    SideStream() {
        require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        if (const cudaError_t error = cudaEventCreateWithFlags(&done, cudaEventDisableTiming); error != cudaSuccess) {
            cudaStreamDestroy(stream);
            require(error);
        }
    }
    ~SideStream() {
        cudaEventDestroy(done);
        cudaStreamDestroy(stream);
    }
    SideStream(const SideStream&) = delete;
    SideStream& operator=(const SideStream&) = delete;
};

}  // namespace

// --- the Convolver ---------------------------------------------------------------------------------------------------

struct Convolver::Impl {
    Stream stream;
    Math math;
    cudnnHandle_t handle = nullptr;
    cudaEvent_t fork = nullptr;
    std::vector<std::unique_ptr<SideStream>> side;
    std::map<PlanKey, Plan> plans;
    std::vector<DeviceBuffer<unsigned char>> arenas;  // a captured graph goes on using its own, so none is freed

    Impl(Stream stream_, Math math_) : stream(stream_), math(math_) {
        require(cudnnCreate(&handle), "cudnnCreate");
        if (const cudaError_t error = cudaEventCreateWithFlags(&fork, cudaEventDisableTiming); error != cudaSuccess) {
            cudnnDestroy(handle);
            require(error);
        }
    }
    ~Impl() {
        plans.clear();
        cudaEventDestroy(fork);
        cudnnDestroy(handle);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    /// Before anything is made that outlives a call: memory, streams and plans cannot be had within a capture.
    void require_no_capture() const {
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        require(cudaStreamIsCapturing(stream, &status));
        if (status != cudaStreamCaptureStatusNone)
            throw std::logic_error("a convolution of a new shape within a graph's capture: run it once before");
    }

    template <class T>
    const Plan& plan(const Operation& operation, const ConvolutionShape& s, int N, int alignment) {
        const PlanKey key{operation.type, sizeof(T),    alignment, N,        s.x_channels, s.x_height,
                          s.x_width,      s.y_channels, s.kernel,  s.stride, s.padding};
        const auto found = plans.find(key);
        if (found != plans.end()) return found->second;
        require_no_capture();
        return plans.emplace(key, make_plan<T>(handle, math, operation, s, N, alignment)).first->second;
    }

    unsigned char* arena(std::size_t bytes) {
        if (bytes > 0 && (arenas.empty() || arenas.back().size() < bytes)) {
            require_no_capture();
            arenas.emplace_back(bytes, "cuDNN workspace");
        }
        return arenas.empty() ? nullptr : arenas.back().data();
    }

    /// Runs body(replica, number of its stream), replicas dealt out to `streams` streams, of which number 0 is the
    /// Convolver's own: the others begin after all that came before on it, and it goes on after all of them.
    template <class Body>
    void over_streams(int streams, int R, Body body) {
        while (static_cast<int>(side.size()) < streams - 1) {
            require_no_capture();
            side.push_back(std::make_unique<SideStream>());
        }
        if (streams > 1) require(cudaEventRecord(fork, stream));
        for (int i = 0; i < streams; ++i) {
            const cudaStream_t here = i == 0 ? stream : side[i - 1]->stream;
            if (i > 0) require(cudaStreamWaitEvent(here, fork, 0));
            require(cudnnSetStream(handle, here), "cudnnSetStream");
            for (int r = i; r < R; r += streams) body(r, i);
            if (i > 0) require(cudaEventRecord(side[i - 1]->done, here));
        }
        for (int i = 1; i < streams; ++i) require(cudaStreamWaitEvent(stream, side[i - 1]->done, 0));
    }
};

Convolver::Convolver(Stream stream, Math math) : impl_(new Impl(stream, math)) {}
Convolver::~Convolver() { delete impl_; }
Stream Convolver::stream() const { return impl_->stream; }
Math Convolver::math() const { return impl_->math; }

std::string convolution_library() {
    const std::size_t version = cudnnGetVersion();
    return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100);
}

namespace {

template <class T>
Status convolve(const Convolver& convolver, const Operation& operation, T* x, T* W, T* y, std::size_t P,
                const ConvolutionShape& s, int R, int N) {
    if (R < 0 || N < 0 || !s.is_sound()) return {kInvalidValue};
    Convolver::Impl& impl = convolver.impl();
    const bool is_output = &operation == &kBackwardWeights;  // W
    if (N == 0) {
        Status status;
        for (int r = 0; r < R && is_output && status.ok(); ++r)
            status = fill_bytes(W + r * P, 0, s.weights() * sizeof(T), impl.stream);
        return status;
    }
    if (R == 0) return {};
    const std::size_t x_stride = N * s.x_size(), y_stride = N * s.y_size();

    // The alignment of every replica's pointers, 16 bytes at most. It does not depend on R: a replica gets the plan
    // that it would get alone.
    std::size_t bits = 16 | (x_stride | y_stride | P) * sizeof(T);
    for (const T* pointer : {x, W, y}) bits |= reinterpret_cast<std::uintptr_t>(pointer);
    const Plan& plan = impl.plan<T>(operation, s, N, static_cast<int>(bits & (~bits + 1)));

    const int streams = std::min(R, kStreams);
    const std::size_t workspace = Workspace::padded(static_cast<std::size_t>(plan.workspace));
    unsigned char* const arena = impl.arena(streams * workspace);
    impl.over_streams(streams, R, [&](int r, int stream) {
        Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
        pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {kX, kW, kY});
        pack.set<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, {x + r * x_stride, W + r * P, y + r * y_stride});
        pack.set<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, {arena + stream * workspace});
        require(pack.finalise(), operation.name);
        require(cudnnBackendExecute(impl.handle, plan.execution.raw(), pack.raw()), operation.name);
    });
    return {};
}

}  // namespace

template <class T>
Status convolution_forward(const Convolver& convolver, T* y, const T* x, const T* W, std::size_t P,
                           const ConvolutionShape& shape, int R, int N) {
    return convolve(convolver, kForward, const_cast<T*>(x), const_cast<T*>(W), y, P, shape, R, N);
}
template <class T>
Status convolution_backward_data(const Convolver& convolver, T* dx, const T* dy, const T* W, std::size_t P,
                                 const ConvolutionShape& shape, int R, int N) {
    return convolve(convolver, kBackwardData, dx, const_cast<T*>(W), const_cast<T*>(dy), P, shape, R, N);
}
template <class T>
Status convolution_backward_weights(const Convolver& convolver, T* dW, const T* dy, const T* x, std::size_t P,
                                    const ConvolutionShape& shape, int R, int N) {
    return convolve(convolver, kBackwardWeights, const_cast<T*>(x), dW, const_cast<T*>(dy), P, shape, R, N);
}

#define WARPVAE_INSTANTIATE(T)                                                                          \
    template Status convolution_forward(const Convolver&, T*, const T*, const T*, std::size_t,          \
                                        const ConvolutionShape&, int, int);                             \
    template Status convolution_backward_data(const Convolver&, T*, const T*, const T*, std::size_t,    \
                                              const ConvolutionShape&, int, int);                       \
    template Status convolution_backward_weights(const Convolver&, T*, const T*, const T*, std::size_t, \
                                                 const ConvolutionShape&, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae
