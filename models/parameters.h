// The parameters of R models in one arena [R, P], described by a table of (name, shape, offset). Gradients and
// optimiser moments mirror it, so an optimiser step is one launch and a checkpoint is one copy.
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
    std::vector<double> centre;  ///< repeated over the tensor; empty: 0
    /// torch.nn.Linear's default, for weights and biases.
    static Initial torch(int fan_in);
    /// Lasagne's GlorotUniform for weights (Glorot and Bengio 2010), times `gain`.
    static Initial glorot(int fan_in, int fan_out, double gain = 1);
    static Initial constant(std::vector<double> values) { return {0, std::move(values)}; }
};

struct ParameterInfo {
    std::string name;                 ///< as torch.nn.Module.state_dict() would call it
    std::vector<std::int64_t> shape;  ///< as torch.nn.Linear stores it: weight [out, in], bias [out]
    std::size_t offset, count;        ///< in elements, within one replica's P
    Initial initial;
};

/// Where each tensor of one model lies. Tensors and P are padded to 256 bytes of float.
class ParameterLayout {
  public:
    /// Offset of the new tensor.
    std::size_t add(std::string name, std::vector<std::int64_t> shape, Initial initial);
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
    /// One replica's P values, to and from the host.
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
