// The parameters of R models in one arena [R, P], described by a table of (name, shape, offset). Gradients and
// optimiser moments mirror it, so an optimiser step is one launch and a checkpoint is one copy.
//
// A tensor lies in the arena as kernels read it, its MemoryFormat. Shapes, initial values and files have torch's order
// of the elements; get and set of ParameterInfo are where one becomes the other.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

namespace warpvae {

/// What a tensor holds before training: centre + U(-bound, bound).
struct Initial {
    double bound = 0;
    std::vector<double> centre;  ///< repeated over the tensor, in torch's order; empty: 0
    /// torch.nn.Linear's default, for weights and biases.
    static Initial torch(int fan_in);
    /// Lasagne's GlorotUniform for weights (Glorot and Bengio 2010), times `gain`.
    static Initial glorot(int fan_in, int fan_out, double gain = 1);
    static Initial constant(std::vector<double> values) { return {0, std::move(values)}; }
};

/// How a tensor lies in the arena, in torch's words.
enum class MemoryFormat {
    kContiguous,    ///< row-major in the order of its shape
    kChannelsLast,  ///< of the shape [out, in, k, k]: row-major as [out, k, k, in]
};

struct ParameterInfo {
    std::string name;                 ///< as torch.nn.Module.state_dict() would call it
    std::vector<std::int64_t> shape;  ///< as torch stores it: a dense layer's weight [out, in], bias [out]
    std::size_t offset, count;        ///< in elements, within one replica's P
    Initial initial;
    MemoryFormat format;

    /// Where in a replica's arena the tensor's element i lies, counted in torch's order; i < count.
    std::size_t position(std::size_t i) const;
    /// The tensor in torch's order, from one replica's arena [P].
    template <class T>
    std::vector<T> get(const std::vector<T>& arena) const {
        std::vector<T> values(count);
        for (std::size_t i = 0; i < count; ++i) values[i] = arena[position(i)];
        return values;
    }
    /// Its `values` in torch's order, into one replica's arena [P].
    template <class T>
    void set(std::vector<T>& arena, const std::vector<T>& values) const {
        for (std::size_t i = 0; i < count; ++i) arena[position(i)] = values[i];
    }
};

/// Where each tensor of one model lies. Tensors and P are padded to 256 bytes of float.
class ParameterLayout {
  public:
    /// Offset of the new tensor. Throws std::invalid_argument if the shape cannot have that format.
    std::size_t add(std::string name, std::vector<std::int64_t> shape, Initial initial,
                    MemoryFormat format = MemoryFormat::kContiguous);
    const std::vector<ParameterInfo>& tensors() const { return tensors_; }
    /// P: elements of one replica, padding included.
    std::size_t size() const { return size_; }
    /// The number of parameters, padding not counted.
    std::size_t count() const;
    /// The tensor that holds arena offset `element`.
    const ParameterInfo& at(std::size_t element) const;

  private:
    std::vector<ParameterInfo> tensors_;
    std::size_t size_ = 0;
};

template <class T>
class DeferredGradients;

template <class T>
class ParameterArena {
  public:
    ParameterArena() = default;
    ParameterArena(const ParameterLayout& layout, int R);

    /// Each tensor as its Initial says, replica r from seeds[r].
    void initialise(const std::vector<std::uint64_t>& seeds, Stream stream);

    T* values() { return values_.data(); }
    const T* values() const { return values_.data(); }
    T* gradients() { return gradients_.data(); }
    /// The tensor at `offset` of the layout, and its gradient: replica r's lies r * stride() further.
    const T* value(std::size_t offset) const { return values_.data() + offset; }
    T* gradient(std::size_t offset) { return gradients_.data() + offset; }
    std::size_t stride() const { return layout_.size(); }  ///< P
    /// One replica's P values, to and from the host, in the arena's order.
    std::vector<T> download(int replica) const;
    void upload(int replica, const std::vector<T>& values);
    std::vector<T> download_gradients(int replica) const;
    const ParameterLayout& layout() const { return layout_; }
    int replicas() const { return R_; }

    /// A layer's part of the gradients, computed now, or, while they are deferred, noted for whoever does that.
    void fill_gradient(const Matmul& matmul, const DenseWeightGradient<T>& layer);
    void fill_gradient(const Convolver& convolver, const ConvolutionWeightGradient<T>& layer);

  private:
    friend class DeferredGradients<T>;
    ParameterLayout layout_;
    int R_ = 0;
    DeviceBuffer<T> values_, gradients_;
    WeightLayers<T>* deferred_ = nullptr;
};

/// While one lives, layers leave their gradients to its owner, who can compute them together and hand them to the
/// optimiser on the way (ops/weight_gradients.h). The layers' dy and x must stay as they are until then.
template <class T>
class DeferredGradients {
  public:
    explicit DeferredGradients(ParameterArena<T>& arena) : arena_(arena) { arena.deferred_ = &layers_; }
    ~DeferredGradients() { arena_.deferred_ = nullptr; }
    DeferredGradients(const DeferredGradients&) = delete;
    DeferredGradients& operator=(const DeferredGradients&) = delete;
    const WeightLayers<T>& layers() const { return layers_; }

  private:
    ParameterArena<T>& arena_;
    WeightLayers<T> layers_;
};

}  // namespace warpvae
